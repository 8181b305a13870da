//! Widgets that fetch prices from elsewhere in the browser: those prices never pass by Segue.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::scan::Notes;
use super::text::Span;

/// A service of Adobe's whose widgets print prices that they fetch themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Elsewhere {
    /// Live Search: the popover below the search field, and its list of products.
    LiveSearch,
    /// Product Recommendations.
    ProductRecommendations,
    /// Catalog Service, asked by scripts of the theme.
    CatalogService,
}

/// What tells of a service in a script's address or text: names of hosts, Magento modules and globals. All of a line have its first text in
/// common, so that a script without it is read once for the line.
const MARKS: [(&str, &[&str], Elsewhere); 5] = [
    ("LiveSearch", &["Magento_LiveSearch", "LiveSearchAutocomplete", "LiveSearchPLP"], Elsewhere::LiveSearch),
    (".magento-d", &["livesearch-autocomplete.", "plp-widgets-ui"], Elsewhere::LiveSearch),
    ("ecommendations", &["ProductRecommendations", "recommendations-sdk"], Elsewhere::ProductRecommendations),
    ("recs-sdk", &["magento-recs-sdk"], Elsewhere::ProductRecommendations),
    ("catalog-service", &["catalog-service.adobe.io", "catalog-service-sandbox.adobe.io"], Elsewhere::CatalogService),
];

/// Page Builder's element for a unit of recommendations.
const CONTENT_TYPE: &str = "product_recommendations";

static FINDERS: LazyLock<[Finder<'static>; MARKS.len()]> =
    LazyLock::new(|| MARKS.map(|(common, ..)| Finder::new(common)));

impl Elsewhere {
    /// The word in metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LiveSearch => "live-search",
            Self::ProductRecommendations => "product-recommendations",
            Self::CatalogService => "catalog-service",
        }
    }

    /// The service of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::LiveSearch, Self::ProductRecommendations, Self::CatalogService]
            .into_iter()
            .find(|it| it.as_str() == word)
    }

    /// Adobe's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LiveSearch => "Live Search",
            Self::ProductRecommendations => "Product Recommendations",
            Self::CatalogService => "Catalog Service",
        }
    }

    /// Which of them the page's scripts load, each once.
    pub(super) fn find(page: &str, notes: &Notes) -> Vec<Self> {
        let mut found = Vec::new();
        let is_unit = |content_type: Span| content_type.of(page) == CONTENT_TYPE;
        if notes.anchors.iter().filter_map(|noted| noted.attributes.content_type).any(is_unit) {
            found.push(Self::ProductRecommendations);
        }
        for noted in &notes.scripts {
            let extent = notes.extent(noted.extent);
            // Its address is in the start tag.
            let script = extent.whole().unwrap_or(extent.open).of(page);
            for (finder, (_, marks, what)) in FINDERS.iter().zip(MARKS) {
                let is_told = || marks.iter().any(|mark| script.contains(mark));
                if !found.contains(&what) && finder.find(script.as_bytes()).is_some() && is_told() {
                    found.push(what);
                }
            }
        }
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::plan::Plan;

    fn found(body: &str) -> Vec<&'static str> {
        let plan = Plan::compile(format!("<html><body class=\"cms-index-index\">{body}</body></html>").as_bytes());
        plan.expect("a page").elsewhere().iter().map(|what| what.as_str()).collect()
    }

    #[test]
    fn addresses_and_calls_of_scripts_tell() {
        assert_eq!(
            found("<script async src=https://plp-widgets-ui.magento-ds.com/v2/search.js></script>"),
            ["live-search"]
        );
        assert_eq!(found("<script>new window.LiveSearchAutocomplete({})</script>"), ["live-search"]);
        let module = r#"<script type="text/x-magento-init">{"*":{"Magento_LiveSearchStorefrontPopover\/js\/popover":{}}}</script>"#;
        assert_eq!(found(module), ["live-search"]);
        assert_eq!(
            found("<script src='https://recommendations-sdk.adobe.io/v2/index.js'></script>"),
            ["product-recommendations"]
        );
        assert_eq!(found("<script>fetch('https://catalog-service.adobe.io/graphql')</script>"), ["catalog-service"]);
    }

    #[test]
    fn a_unit_of_page_builder_tells() {
        assert_eq!(found("<div data-content-type=\"product_recommendations\"></div>"), ["product-recommendations"]);
    }

    #[test]
    fn each_is_told_once() {
        let both = "<script>LiveSearchPLP</script><script>\"ProductRecommendations\"</script>";
        assert_eq!(found(&both.repeat(2)), ["live-search", "product-recommendations"]);
    }

    #[test]
    fn what_scripts_do_not_say_is_no_sign() {
        let text = "<p>We love LiveSearchAutocomplete</p><a href=\"https://catalog-service.adobe.io/\">docs</a>";
        assert_eq!(found(text), [""; 0]);
        assert_eq!(found("<script>ajaxLiveSearch()</script><script src=/catalog-service.js></script>"), [""; 0]);
        assert_eq!(found("<script src=\"https://commerce.adobedtm.com/v5/events.js\"></script>"), [""; 0]);
        assert_eq!(found("<div data-content-type=\"products\"></div>"), [""; 0]);
    }

    #[test]
    fn words_lead_back() {
        for what in [Elsewhere::LiveSearch, Elsewhere::ProductRecommendations, Elsewhere::CatalogService] {
            assert_eq!(Elsewhere::of_word(what.as_str()), Some(what));
        }
    }
}
