//! The shop's websites and store views, and how a request's store view is found.

use std::sync::Arc;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

/// One of Magento's store views (`store` in its tables), with what it takes from its website.
#[derive(Clone, Debug)]
pub struct StoreView {
    /// Magento's store code, such as `default` or `de`.
    pub code: Arc<str>,
    /// The code of the website that it belongs to.
    pub website: Arc<str>,
    /// ISO code of the website's base currency: cart price rules' fixed amounts are in it.
    pub base_currency: String,
    /// ISO code of the currency its prices are shown in by default.
    pub currency: String,
    /// How its prices and its cart treat tax.
    pub tax: Tax,
    /// How changed prices are presented.
    pub display: Display,
    /// Magento's locale, such as `de_DE`.
    pub locale: String,
    /// The time zone in which an offer's dates begin and end.
    pub time_zone: TimeZone,
    /// Host names (without port, lower case) that lead here.
    pub hosts: Vec<String>,
    /// The path prefix that leads here, such as `/de` (matches `/de` and `/de/...`).
    pub path_prefix: Option<String>,
}

/// Magento's tax settings (Stores > Configuration > Sales > Tax), as far as a cart rule's discount depends on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tax {
    /// "Display Product Prices In Catalog"
    pub shown: TaxShown,
    /// "Catalog Prices" include tax or not; `None` is unknown.
    pub catalog_prices: Option<TaxBasis>,
    /// "Apply Discount On Prices"; `None` is unknown.
    pub discount_on: Option<TaxBasis>,
    /// "Apply Customer Tax"; `None` is unknown.
    pub computed: Option<TaxComputed>,
    /// The rates of catalogue pages, in percent, where they are told. Others are learnt from pages that show both amounts.
    pub rates: Vec<Decimal>,
}

/// Which prices a catalogue page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TaxShown {
    /// Without tax.
    #[default]
    Excluding,
    /// With tax.
    Including,
    /// One beside the other.
    Both,
}

/// A price with or without tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaxBasis {
    /// Without.
    Excluding,
    /// With.
    Including,
}

/// When the cart computes tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaxComputed {
    /// On what is left after the discount.
    AfterDiscount,
    /// On the full price.
    BeforeDiscount,
}

/// How changed prices are presented on a store view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Display {
    /// The price that is shown beside a changed one where the page shows none.
    pub reference: Reference,
    /// What that price is called, plain text; `None` is the shop's own word for its regular price.
    pub reference_label: Option<String>,
    /// What is said of an amount that is deducted in the cart, plain text; `None` is Segue's own wording in the page's language.
    pub deducted: Option<String>,
    /// What is said of what a cart lacks for an offer.
    pub missing: MissingWords,
    /// What is said beside every changed price, plain text, such as that it is personalised.
    pub disclosure: Option<String>,
}

/// What is said of what a cart lacks, plain text; `None` is Segue's own wording in the page's language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MissingWords {
    /// With `{amount}`, such as "$12.00".
    pub amount: Option<String>,
    /// With `{units}`, a whole number.
    pub units: Option<String>,
    /// With `{units}` and `{free}`, whole numbers.
    pub units_for_free: Option<String>,
}

/// The price that a changed one is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reference {
    /// None is added.
    None,
    /// The price without the offer.
    #[default]
    Regular,
    /// What the page states in the product's attribute with this code, such as the lowest price of the last 30 days; none where it does
    /// not.
    Attribute(String),
}

/// All store views of a shop.
#[derive(Clone, Debug)]
pub struct Sites {
    views: Vec<Arc<StoreView>>,
    default: Arc<StoreView>,
}

impl Sites {
    /// The store views of a shop; `default` serves requests that nothing else assigns.
    pub fn new(views: Vec<Arc<StoreView>>, default: Arc<StoreView>) -> Self {
        Self { views, default }
    }

    /// Every store view.
    pub fn views(&self) -> &[Arc<StoreView>] {
        &self.views
    }

    /// The store view of requests that nothing else assigns.
    pub fn default_view(&self) -> &Arc<StoreView> {
        &self.default
    }

    /// The store view with this code.
    pub fn view(&self, code: &str) -> Option<&Arc<StoreView>> {
        self.views.iter().find(|view| *view.code == *code)
    }

    /// The store view a request is for: the `store` cookie picks among the views that host and path allow,
    /// the longest matching path prefix wins before a view without one, and the default view comes last.
    pub fn find(&self, host: &str, path: &str, store_cookie: Option<&str>) -> &Arc<StoreView> {
        let host = host_name(host);
        let candidates = || self.views.iter().filter(|view| view.serves_host(&host) && view.serves_path(path));
        let longest = candidates().map(|view| view.prefix_len()).max().unwrap_or(0);
        let by_cookie =
            candidates().filter(|view| view.prefix_len() == longest).find(|view| store_cookie == Some(&*view.code));
        by_cookie
            .or_else(|| candidates().find(|view| view.prefix_len() == longest && view.names(&host)))
            .or_else(|| candidates().find(|view| view.prefix_len() == longest && longest > 0))
            .unwrap_or(&self.default)
    }
}

impl StoreView {
    fn serves_host(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.names(host)
    }

    fn names(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own == host)
    }

    fn serves_path(&self, path: &str) -> bool {
        match &self.path_prefix {
            None => true,
            Some(prefix) => {
                path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            }
        }
    }

    fn prefix_len(&self) -> usize {
        self.path_prefix.as_ref().map_or(0, String::len)
    }
}

/// The host name of a `Host` header: lower case, without port.
fn host_name(host: &str) -> String {
    let name = match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(code: &str, hosts: &[&str], path_prefix: Option<&str>) -> Arc<StoreView> {
        Arc::new(StoreView {
            code: code.into(),
            website: "base".into(),
            base_currency: "USD".into(),
            currency: "USD".into(),
            tax: Tax::default(),
            display: Display::default(),
            locale: "en_US".into(),
            time_zone: TimeZone::UTC,
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path_prefix: path_prefix.map(str::to_owned),
        })
    }

    fn sites(views: &[Arc<StoreView>]) -> Sites {
        Sites::new(views.to_vec(), views[0].clone())
    }

    fn found<'a>(sites: &'a Sites, host: &str, path: &str, cookie: Option<&str>) -> &'a str {
        &sites.find(host, path, cookie).code
    }

    #[test]
    fn the_store_cookie_picks_among_views_of_one_host() {
        let sites = sites(&[view("default", &[], None), view("de", &[], None)]);
        assert_eq!(found(&sites, "shop.test", "/", None), "default");
        assert_eq!(found(&sites, "shop.test", "/", Some("de")), "de");
        assert_eq!(found(&sites, "shop.test", "/", Some("nonsense")), "default");
    }

    #[test]
    fn a_path_prefix_wins_over_the_cookie_and_ends_at_a_slash() {
        let sites =
            sites(&[view("default", &[], None), view("de", &[], Some("/de")), view("de_ch", &[], Some("/de/ch"))]);
        assert_eq!(found(&sites, "shop.test", "/de/bags.html", Some("default")), "de");
        assert_eq!(found(&sites, "shop.test", "/de", None), "de");
        assert_eq!(found(&sites, "shop.test", "/de/ch/bags.html", None), "de_ch");
        assert_eq!(found(&sites, "shop.test", "/deals.html", None), "default");
    }

    #[test]
    fn a_host_leads_to_its_own_view_whatever_its_port_and_case() {
        let sites = sites(&[view("default", &[], None), view("fr", &["shop.fr", "www.shop.fr"], None)]);
        assert_eq!(found(&sites, "WWW.Shop.fr:8443", "/", None), "fr");
        assert_eq!(found(&sites, "shop.fr.", "/", None), "fr");
        assert_eq!(found(&sites, "shop.de", "/", Some("fr")), "default");
        assert_eq!(found(&sites, "[::1]:8080", "/", None), "default");
    }
}
