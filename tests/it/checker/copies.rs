//! Every copy of a price on a page, found with an HTML parser: markup here, data of scripts in `data`.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use scraper::{ElementRef, Html, Selector};

use super::number::{amount, numbers};

/// How a copy of a price follows an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What one unit costs.
    Unit,
    /// What it cost before: stays.
    Regular,
    /// Stays for another reason, such as the fixed amount of an option.
    Kept,
    /// A price that Magento calls regular where it is the final one: stays or follows.
    Either,
    /// Is a percentage of the price: follows a percentage.
    PercentOption,
    /// A part of a bundle.
    Selection,
    /// A part of a downloadable product.
    Link,
}

/// One amount, as data, as text or as both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    pub raw: Option<String>,
    pub text: Option<String>,
}

/// One copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    pub role: Role,
    /// The amount as the page's prices are shown, with tax or without.
    pub shown: Option<Figure>,
    /// Its twin without tax.
    pub untaxed: Option<Figure>,
    /// What a price by quantity claims to save, in percent, and at which place the price is that it compares with.
    pub saves: Option<(String, Option<String>)>,
    /// Of a price in a box: where its regular price stands or would stand.
    pub regular_at: Option<String>,
    /// Of a regular price in a box: the classes of what holds it.
    pub classes: Vec<String>,
}

/// A bundle's parts.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    pub is_fixed: bool,
    /// Of each option, quantity and place of each selection.
    pub options: Vec<Vec<(Decimal, String)>>,
}

/// All copies of a page, by product and place, and what is needed to judge them.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    pub of: BTreeMap<u64, BTreeMap<String, Copy>>,
    pub bundles: BTreeMap<u64, Bundle>,
    /// Products with variants.
    pub configurables: BTreeSet<u64>,
    /// The product of a product page.
    pub main: Option<u64>,
    /// Whether links of a downloadable product can be ticked.
    pub links_to_tick: bool,
    /// Options that are a percentage of the price, by option and value.
    pub percent_options: BTreeSet<String>,
    /// Texts of prices that belong to no product: filters, totals, shipping.
    pub foreign: Vec<String>,
}

impl Figure {
    pub fn amount(&self) -> Option<Decimal> {
        self.raw.as_deref().and_then(amount)
    }
}

impl Copy {
    pub fn new(role: Role, shown: Option<Figure>, untaxed: Option<Figure>) -> Self {
        Self { role, shown, untaxed, saves: None, regular_at: None, classes: Vec::new() }
    }

    /// A copy without a twin.
    pub fn plain(role: Role, figure: Figure) -> Self {
        Self::new(role, Some(figure), None)
    }

    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.shown.iter().chain(&self.untaxed)
    }
}

impl Copies {
    /// All copies of a page.
    pub fn collect(page: &str) -> Self {
        let html = Html::parse_document(page);
        let mut copies = Self { main: main_product(&html), ..Self::default() };
        copies.links_to_tick =
            html.select(&select("input[type=checkbox][name^='links'], input[type=radio][name^='links']")).count() > 0;
        copies.scripts(&html);
        copies.amounts(&html);
        copies.metas(&html);
        copies.options(&html);
        let swallows =
            |price: &ElementRef<'_>| price.select(&select("[data-price-amount], .price-box")).next().is_some();
        let all = select("span.price");
        let prices = html.select(&all).filter(|price| is_foreign(*price) && !swallows(price));
        copies.foreign = prices.map(text_of).collect();
        copies
    }

    /// Adds a copy; of several at one place, each gets its own.
    pub fn add(&mut self, product: u64, place: impl Into<String>, copy: Copy) -> String {
        let own = self.of.entry(product).or_default();
        let place = place.into();
        let mut free = place.clone();
        for nth in 2.. {
            if !own.contains_key(&free) {
                break;
            }
            free = format!("{place} #{nth}");
        }
        own.insert(free.clone(), copy);
        free
    }

    /// Everything with a `data-price-amount`: boxes, prices by quantity, notices of options.
    fn amounts(&mut self, html: &Html) {
        let boxes: Vec<_> = html.select(&select("[data-role=priceBox][data-product-id]")).collect();
        // By container, where the price with tax went whose twin without tax follows.
        let mut twins = BTreeMap::new();
        for wrapper in html.select(&select("[data-price-amount]")) {
            // A box that swallows a list or a form has none of what stands there.
            let ends = |above: &ElementRef<'_>| {
                has_class(*above, "prices-tier") || above.value().attr("id") == Some("product_addtocart_form")
            };
            let above = wrapper.ancestors().filter_map(ElementRef::wrap).take_while(|above| !ends(above));
            let price_box = above.into_iter().find(|above| {
                above.value().attr("data-role") == Some("priceBox") && above.value().attr("data-product-id").is_some()
            });
            let nth = price_box.and_then(|own| boxes.iter().position(|known| known.id() == own.id()));
            let product = owner(wrapper, price_box, &boxes).unwrap_or(self.main);
            let Some(product) = product else { continue };
            let kind = wrapper.value().attr("data-price-type").unwrap_or_default();
            let figure = Figure {
                raw: wrapper.value().attr("data-price-amount").map(str::to_owned),
                // Of an element that swallows others the text is not its own.
                text: wrapper
                    .select(&select("[data-price-amount], .price-box"))
                    .next()
                    .is_none()
                    .then(|| text_of(wrapper)),
            };
            let container = ancestor(wrapper, |above| has_class(above, "price-container")).map(|own| own.id());
            let untaxed = kind.starts_with("base") || has_class(wrapper, "price-excluding-tax");
            if untaxed && let Some((product, place)) = container.and_then(|id| twins.get(&id)) {
                let own: Option<&mut Copy> = self.of.get_mut(product).and_then(|own| own.get_mut::<String>(place));
                own.expect("a copy that was added").untaxed = Some(figure);
                continue;
            }
            let (place, role, holder) = self.placed(wrapper, nth, kind);
            let mut copy = if untaxed { Copy::new(role, None, Some(figure)) } else { Copy::plain(role, figure) };
            copy.classes =
                holder.map(|holder| holder.value().classes().map(str::to_owned).collect()).unwrap_or_default();
            copy.saves = saves(wrapper).map(|percent| (percent, None));
            let section = nth.filter(|_| copy.role == Role::Unit && kind != "weeePrice");
            copy.regular_at = section.map(|nth| format!("box {nth}{} regular", section_of(wrapper)));
            let place = self.add(product, place, copy);
            twins.extend(container.map(|id| (id, (product, place))));
        }
    }

    /// Place and role of an amount, and for a regular price what holds it.
    fn placed<'a>(
        &self,
        wrapper: ElementRef<'a>,
        nth: Option<usize>,
        kind: &str,
    ) -> (String, Role, Option<ElementRef<'a>>) {
        let in_form = |above: ElementRef<'_>| above.value().attr("id") == Some("product_addtocart_form");
        let in_form = nth.is_none() && ancestor(wrapper, in_form).is_some();
        let notice = ancestor(wrapper, |above| has_class(above, "price-notice")).filter(|_| nth.is_none());
        if let Some(notice) = notice.or_else(|| wrapper.parent().and_then(ElementRef::wrap).filter(|_| in_form)) {
            let (place, role) = self.notice(notice);
            return (place, role, None);
        }
        if nth.is_none() && ancestor(wrapper, |above| has_class(above, "prices-tier")).is_some() {
            let item = ancestor(wrapper, |above| above.value().name() == "li");
            let nth = item.map_or(0, |item| item.prev_siblings().filter(|node| node.value().is_element()).count());
            return (format!("tier {nth}"), Role::Unit, None);
        }
        let at = format!("box {}{}", nth.map_or("none".to_owned(), |nth| nth.to_string()), section_of(wrapper));
        let old = wrapper.ancestors().filter_map(ElementRef::wrap);
        let mut old = old.take_while(|above| above.value().attr("data-role") != Some("priceBox"));
        let old = old.find(|above| has_class(*above, "old-price"));
        match kind {
            _ if old.is_some() => (format!("{at} regular"), Role::Regular, old),
            "oldPrice" => (format!("{at} regular"), Role::Regular, wrapper.parent().and_then(ElementRef::wrap)),
            "weee" => (format!("{at} weee"), Role::Kept, None),
            kind => (format!("{at} {kind}"), Role::Unit, None),
        }
    }

    /// Whose amount a notice beside an option, a selection or a link tells.
    fn notice(&self, notice: ElementRef<'_>) -> (String, Role) {
        let controls = select("[name^='options'], [name^='bundle_option'], [name^='links']");
        let control = notice.ancestors().filter_map(ElementRef::wrap).find_map(|above| above.select(&controls).next());
        let Some(control) = control else { return ("notice".to_owned(), Role::Kept) };
        let (id, role) = self.control(control, control.value().attr("value").unwrap_or_default());
        (format!("notice {id}"), role)
    }

    /// A form's control, by the option and the value it stands for.
    fn control(&self, control: ElementRef<'_>, value: &str) -> (String, Role) {
        let name = control.value().attr("name").unwrap_or_default();
        let option: String = name.chars().filter(char::is_ascii_digit).collect();
        let id = if value.is_empty() { option } else { format!("{option}/{value}") };
        let role = match name {
            name if name.starts_with("bundle_option") => Role::Selection,
            name if name.starts_with("links") => Role::Link,
            _ if self.percent_options.contains(&id) => Role::PercentOption,
            _ => Role::Kept,
        };
        (id, role)
    }

    /// Amounts and texts of a select's options, and amounts of boxes to tick.
    fn options(&mut self, html: &Html) {
        let Some(main) = self.main else { return };
        for chooser in html.select(&select("select[name^='options'], select[name^='bundle_option']")) {
            for option in
                chooser.select(&select("option[value]")).filter(|option| option.value().attr("value") != Some(""))
            {
                let (id, role) = self.control(chooser, option.value().attr("value").unwrap_or_default());
                let text = text_of(option).rsplit_once('+').map(|(_, amount)| amount.trim().to_owned());
                let text = text.filter(|_| option.children().all(|node| node.value().is_text()));
                let raw = option.value().attr("price").map(str::to_owned);
                let apart = |text: &'_ str| {
                    text.split_once('(')
                        .or_else(|| text.split_once(' ').filter(|_| numbers(text).len() > 1))
                        .map(|(one, other)| (one.to_owned(), other.to_owned()))
                };
                let copy = match text.as_deref().and_then(apart) {
                    // Beside the price with tax, the attribute is the twin without.
                    Some((text, twin)) => {
                        let told = |text: &str| Some(text.trim().to_owned());
                        let shown = Figure { raw: None, text: told(&text) };
                        Copy::new(role, Some(shown), Some(Figure { raw, text: told(&twin) }))
                    }
                    None => Copy::plain(role, Figure { raw, text }),
                };
                self.add(main, format!("option {id}"), copy);
            }
        }
        for ticked in html.select(&select("input[name^='options'][price]")) {
            let (id, role) = self.control(ticked, ticked.value().attr("value").unwrap_or_default());
            let raw = ticked.value().attr("price").map(str::to_owned);
            self.add(main, format!("choice {id}"), Copy::plain(role, Figure { raw, text: None }));
        }
    }

    /// Microdata and Open Graph.
    fn metas(&mut self, html: &Html) {
        for meta in html.select(&select("meta[itemprop=price], meta[itemprop=lowPrice], meta[itemprop=highPrice]")) {
            let price_box = ancestor(meta, |above| above.value().attr("data-product-id").is_some());
            self.meta(owner(meta, price_box, &[]).unwrap_or(self.main), "microdata", meta);
        }
        for meta in html.select(&select("meta[property='product:price:amount'], meta[property='og:price:amount']")) {
            self.meta(self.main, "open graph", meta);
        }
    }

    fn meta(&mut self, product: Option<u64>, place: &str, meta: ElementRef<'_>) {
        let raw = meta.value().attr("content").map(str::to_owned);
        if let Some(product) = product {
            self.add(product, place, Copy::plain(Role::Unit, Figure { raw, text: None }));
        }
    }
}

pub fn select(selector: &str) -> Selector {
    Selector::parse(selector).expect("a selector of this file")
}

/// The text of an element, blanks made one.
pub fn text_of(element: ElementRef<'_>) -> String {
    let of_script = element.value().name() == "script";
    let texts = element.descendants().filter_map(|node| {
        let parent = node.parent().and_then(ElementRef::wrap)?.value().name();
        (of_script || !["script", "style"].contains(&parent)).then(|| node.value().as_text().map(|text| &**text))?
    });
    let text: String = texts.collect();
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn main_product(html: &Html) -> Option<u64> {
    let input = html.select(&select("#product_addtocart_form input[name=product]")).next()?;
    // A form that swallowed the rows after it is no longer that of the page's product.
    if ancestor(input, |above| has_class(above, "product-item")).is_some() {
        return None;
    }
    let id = input.value().attr("value")?.trim().parse().ok();
    let described = html.select(&select(".product-info-main [data-role=priceBox]")).next();
    let described = described.and_then(|own| own.value().attr("data-product-id")?.trim().parse().ok());
    id.filter(|_| described.is_none() || described == id)
}

fn has_class(element: ElementRef<'_>, class: &str) -> bool {
    element.value().classes().any(|own| own == class)
}

fn ancestor<'a>(element: ElementRef<'a>, is: impl Fn(ElementRef<'a>) -> bool) -> Option<ElementRef<'a>> {
    element.ancestors().filter_map(ElementRef::wrap).find(|above| is(*above))
}

/// Which of several prices in a box an amount belongs to, for its place.
fn section_of(wrapper: ElementRef<'_>) -> &'static str {
    let sections = [
        ("price-from", " from"),
        ("price-to", " to"),
        ("minimal-price", " minimal"),
        ("minimal-price-link", " minimal"),
        ("price-as-configured", " configured"),
    ];
    sections
        .iter()
        .find(|(class, _)| {
            let above = wrapper.ancestors().filter_map(ElementRef::wrap);
            let mut in_box = above.take_while(|above| above.value().attr("data-role") != Some("priceBox"));
            in_box.any(|above| has_class(above, class))
        })
        .map_or("", |(_, section)| section)
}

/// What a price by quantity claims to save.
fn saves(wrapper: ElementRef<'_>) -> Option<String> {
    ancestor(wrapper, |above| has_class(above, "prices-tier"))?;
    let item = ancestor(wrapper, |above| above.value().name() == "li")?;
    item.select(&select(".percent")).next().map(text_of)
}

/// The product of an amount, if it stands in a box or in a row, or its id names a product that has a box.
fn owner(of: ElementRef<'_>, price_box: Option<ElementRef<'_>>, boxes: &[ElementRef<'_>]) -> Option<Option<u64>> {
    let id = |own: ElementRef<'_>| own.value().attr("data-product-id").and_then(|id| id.trim().parse().ok());
    let named = of.value().attr("id").and_then(|id| id.rsplit_once("price-")?.1.split('-').next()?.parse::<u64>().ok());
    let apart = |above: ElementRef<'_>| {
        has_class(above, "prices-tier") || above.value().attr("id") == Some("product_addtocart_form")
    };
    let described = |above: ElementRef<'_>| has_class(above, "product-info-main") || apart(above);
    let named = named.filter(|_| ancestor(of, apart).is_none());
    let named = named.filter(|named| boxes.iter().any(|own| id(*own) == Some(*named)));
    match price_box {
        Some(own) => Some(id(own)),
        None if named.is_some() => Some(named),
        None => {
            let row = Some(of).filter(|of| has_class(*of, "product-item"));
            let row = row.or_else(|| ancestor(of, |above| has_class(above, "product-item")));
            // Elsewhere on the page an amount is about nothing that could be told.
            let Some(row) = row else { return ancestor(of, described).is_none().then_some(None) };
            Some(row.select(&select("[data-role=priceBox][data-product-id]")).next().and_then(id))
        }
    }
}

/// Whether a price is none of a product's.
fn is_foreign(price: ElementRef<'_>) -> bool {
    let owns = |above: ElementRef<'_>| {
        above.value().attr("data-role") == Some("priceBox")
            || has_class(above, "prices-tier")
            || has_class(above, "price-notice")
            || above.value().attr("data-price-amount").is_some()
    };
    ancestor(price, owns).is_none()
}
