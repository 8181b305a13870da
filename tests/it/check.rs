//! Reads pages with an HTML parser of its own, to check what the rewrite made of them. Shares no code with it.

use std::collections::{BTreeMap, BTreeSet};

use scraper::{ElementRef, Html, Selector};
use serde_json::Value;

/// Every place that states a price of one product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// `data-price-amount` by price type, of every box, in page order.
    pub amounts: Vec<(String, String)>,
    /// The visible texts, likewise.
    pub texts: Vec<(String, String)>,
    /// `content` of metas with itemprop `price`.
    pub metas: Vec<String>,
    /// Amounts by price type that scripts print into the boxes, script by script.
    pub printed: Vec<(String, String)>,
}

/// A page, parsed.
pub struct Page {
    html: Html,
}

fn select(selector: &str) -> Selector {
    Selector::parse(selector).expect("a selector of this file")
}

impl Page {
    pub fn parse(bytes: &[u8]) -> Self {
        Self { html: Html::parse_document(std::str::from_utf8(bytes).expect("UTF-8")) }
    }

    /// All places of all products in price boxes.
    pub fn places(&self) -> BTreeMap<u64, Places> {
        let mut products: BTreeMap<u64, Places> = BTreeMap::new();
        for price_box in self.html.select(&select("[data-role=priceBox][data-product-id]")) {
            let id = price_box.value().attr("data-product-id");
            let Some(id) = id.and_then(|id| id.trim().parse().ok()) else {
                continue;
            };
            let places = products.entry(id).or_default();
            for wrapper in price_box.select(&select("[data-price-amount]")).filter(|inner| is_of(*inner, price_box)) {
                let kind = wrapper.value().attr("data-price-type").unwrap_or_default().to_owned();
                places
                    .amounts
                    .push((kind.clone(), wrapper.value().attr("data-price-amount").unwrap_or_default().to_owned()));
                places.texts.push((kind, own_text(wrapper, price_box)));
            }
            places.metas.extend(
                price_box
                    .select(&select("meta[itemprop=price]"))
                    .filter(|meta| is_of(*meta, price_box))
                    .filter_map(|meta| meta.value().attr("content"))
                    .map(str::to_owned),
            );
        }
        for (selector, config) in self.price_configs() {
            let Ok(selector) = Selector::parse(&selector) else {
                continue;
            };
            let boxes = self.html.select(&selector).filter_map(|one| one.value().attr("data-product-id"));
            for id in boxes.filter_map(|id| id.trim().parse().ok()).collect::<BTreeSet<u64>>() {
                products.entry(id).or_default().printed.extend(amounts(&config));
            }
        }
        products
    }

    /// The selector and `priceConfig` of every price box that a script sets up.
    fn price_configs(&self) -> Vec<(String, Value)> {
        let mut configs = Vec::new();
        for script in self.html.select(&select("script")).filter(|script| is_init(*script)) {
            let Ok(Value::Object(targets)) = serde_json::from_str(&script.text().collect::<String>()) else {
                continue;
            };
            for (selector, mut widgets) in targets {
                configs.extend(widgets.pointer_mut("/priceBox/priceConfig").map(|config| (selector, config.take())));
            }
        }
        configs
    }

    /// The tree as one line per node, without what a price change may alter.
    pub fn outline(&self) -> Vec<String> {
        let mut lines = Vec::new();
        outline(self.html.root_element(), 0, &mut lines);
        lines
    }
}

fn is_init(script: ElementRef<'_>) -> bool {
    script.value().attr("type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/x-magento-init"))
}

fn amounts(config: &Value) -> Vec<(String, String)> {
    let text = |price: &Value| match price.get("amount") {
        Some(Value::String(amount)) => amount.clone(),
        amount => amount.map(Value::to_string).unwrap_or_default(),
    };
    let prices = config.get("prices").and_then(Value::as_object).into_iter().flatten();
    prices.map(|(kind, price)| (kind.clone(), text(price))).collect()
}

/// A script's data without what a price change may alter.
fn without_amounts(script: &str) -> String {
    let Ok(mut data) = serde_json::from_str::<Value>(script) else {
        return script.trim().to_owned();
    };
    for widgets in data.as_object_mut().into_iter().flat_map(|targets| targets.values_mut()) {
        for kind in ["finalPrice", "basePrice"] {
            let amount = widgets.pointer_mut(&format!("/priceBox/priceConfig/prices/{kind}/amount"));
            amount.into_iter().for_each(|amount| *amount = Value::from(amount.is_string()));
        }
    }
    data.to_string()
}

/// The text of an element of a price box, without that of other boxes which broken markup puts into it, blanks made one.
fn own_text(element: ElementRef<'_>, price_box: ElementRef<'_>) -> String {
    let is_own = |parent: ElementRef<'_>| is_of(parent, price_box);
    let nodes = element.descendants().filter(|node| node.parent().and_then(ElementRef::wrap).is_some_and(is_own));
    let text: String = nodes.filter_map(|node| node.value().as_text()).map(|text| &**text).collect();
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether no other price box lies between an element and this one.
fn is_of(inner: ElementRef<'_>, price_box: ElementRef<'_>) -> bool {
    let mut boxes = inner
        .ancestors()
        .filter_map(ElementRef::wrap)
        .filter(|above| above.value().attr("data-role") == Some("priceBox"));
    boxes.next().is_some_and(|nearest| nearest.id() == price_box.id())
}

fn outline(element: ElementRef<'_>, depth: usize, lines: &mut Vec<String>) {
    let value = element.value();
    let has = |class: &str| value.classes().any(|own| own == class);
    if has("segue-offer") || has("segue-block") {
        return;
    }
    let in_box = element
        .ancestors()
        .filter_map(ElementRef::wrap)
        .any(|above| above.value().attr("data-role") == Some("priceBox"));
    // A regular price that was added has a parent with the offer's own look; compare what it wraps, not the wrapping.
    let wraps = in_box && (has("special-price") || has("old-price") || has("price-label"));
    if in_box && has("old-price") {
        return;
    }
    if !wraps {
        let mut attributes: Vec<String> = value
            .attrs()
            .filter(|(name, _)| !(in_box && *name == "data-price-amount"))
            .map(|(name, text)| format!("{name}={text}"))
            .collect();
        let is_price_meta = value.name() == "meta"
            && (value.attr("itemprop") == Some("price") || value.attr("property") == Some("product:price:amount"));
        attributes.retain(|attribute| !(is_price_meta && attribute.starts_with("content=")));
        attributes.sort();
        lines.push(format!("{depth} {} {}", value.name(), attributes.join(" ")));
    }
    let depth = if wraps { depth } else { depth + 1 };
    for child in element.children() {
        if let Some(child) = ElementRef::wrap(child) {
            outline(child, depth, lines);
        } else if let Some(text) = child.value().as_text() {
            let price = in_box && (has("price") || has("price-wrapper") || has("price-label"));
            if is_init(element) {
                lines.push(format!("{depth} data {}", without_amounts(text)));
            } else if !price && !text.trim().is_empty() {
                lines.push(format!("{depth} text {}", text.trim()));
            }
        } else if let Some(comment) = child.value().as_comment() {
            lines.push(format!("{depth} comment {}", &**comment));
        }
    }
}
