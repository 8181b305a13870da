//! Copies of prices in the data of scripts and of attributes, found with a JSON parser.

use scraper::{ElementRef, Html};
use serde_json::Value;

use super::copies::{Bundle, Copies, Copy, Figure, Role, select, text_of};
use super::number::amount;

/// The names under which amounts stand, with that of the twin without tax.
const TWINS: [(&str, &str); 3] =
    [("finalPrice", "basePrice"), ("minPrice", "baseMinPrice"), ("maxPrice", "baseMaxPrice")];
const REGULAR: [&str; 2] = ["oldPrice", "baseOldPrice"];

impl Copies {
    /// All scripts that are data, and all attributes that set widgets up.
    pub(super) fn scripts(&mut self, html: &Html) {
        for (nth, script) in html.select(&select("script")).enumerate() {
            let kind = script.value().attr("type").unwrap_or_default().trim().to_ascii_lowercase();
            let Ok(data) = serde_json::from_str::<Value>(&script.text().collect::<String>()) else { continue };
            match kind.as_str() {
                "text/x-magento-init" => {
                    for (selector, widgets) in data.as_object().into_iter().flatten() {
                        self.widgets(&format!("script {nth}"), selector, widgets);
                    }
                }
                "application/ld+json" => self.linked_data(&format!("script {nth} ld"), &data),
                _ => {}
            }
        }
        for element in html.select(&select("[data-mage-init]")) {
            let text = element.value().attr("data-mage-init").unwrap_or_default();
            if let Ok(widgets) = serde_json::from_str::<Value>(text) {
                self.widgets("attribute", "", &widgets);
                self.hidden_price(element, &widgets);
            }
        }
    }

    fn widgets(&mut self, place: &str, selector: &str, widgets: &Value) {
        if let Some(config) = widgets.pointer("/priceBox/priceConfig") {
            self.price_config(&format!("{place} priceConfig"), selector, config);
        }
        let variants = ["/Magento_Swatches~1js~1swatch-renderer/jsonConfig", "/configurable/spConfig"];
        for config in variants.iter().filter_map(|at| widgets.pointer(at)) {
            self.variants(&format!("{place} variants"), config);
        }
        if let Some(config) = widgets.pointer("/priceBundle/optionConfig") {
            self.bundle(&format!("{place} bundle"), config);
        }
        if let (Some(config), Some(main)) = (widgets.pointer("/priceOptions/optionConfig"), self.main) {
            self.priced_options(main, &format!("{place} options"), "", config);
        }
        if let (Some(links), Some(main)) = (widgets.pointer("/downloadable/config/links"), self.main) {
            for (id, link) in entries(links) {
                let copy = Copy::new(Role::Link, figure(&link["finalPrice"]), figure(&link["basePrice"]));
                self.add(main, format!("{place} link {id}"), copy);
            }
        }
        if let Some(items) = widgets.pointer("/Magento_Catalog~1js~1product~1view~1provider/data/items") {
            for (id, item) in entries(items) {
                if let Ok(product) = id.parse() {
                    self.price_info(product, &format!("{place} price_info"), &item["price_info"]);
                }
            }
        }
    }

    fn price_config(&mut self, place: &str, selector: &str, config: &Value) {
        let named = selector.rsplit_once("product-id-").map(|(_, id)| id.trim_end_matches(']').to_owned());
        let Some(product) = id(&config["productId"]).or_else(|| named?.parse().ok()) else { return };
        self.prices(product, place, &config["prices"], Role::Unit);
        self.tiers(product, place, &config["tierPrices"], Role::Unit, None);
    }

    fn variants(&mut self, place: &str, config: &Value) {
        let Some(product) = id(&config["productId"]) else { return };
        self.configurables.insert(product);
        self.prices(product, place, &config["prices"], Role::Unit);
        for (child, prices) in entries(&config["optionPrices"]) {
            let place = format!("{place}/{child}");
            self.prices(product, &place, prices, Role::Unit);
            self.tiers(product, &place, &prices["tierPrices"], Role::Unit, Some(format!("{place}/finalPrice")));
        }
    }

    fn bundle(&mut self, place: &str, config: &Value) {
        let Some(product) = id(&config["bundleId"]).or(self.main) else { return };
        self.prices(product, place, &config["prices"], Role::Unit);
        let mut bundle = Bundle { is_fixed: config["isFixedPrice"].as_bool() == Some(true), options: Vec::new() };
        for (option, options) in entries(&config["options"]) {
            let mut selections = Vec::new();
            for (selection, found) in entries(&options["selections"]) {
                let place = format!("{place}/{option}/{selection}");
                self.prices(product, &place, &found["prices"], Role::Selection);
                self.tiers(product, &place, &found["tierPrice"], Role::Selection, None);
                let quantity = figure(&found["qty"]).and_then(|figure| figure.amount()).unwrap_or_default();
                selections.push((quantity, format!("{place}/finalPrice")));
            }
            bundle.options.push(selections);
        }
        self.bundles.insert(product, bundle);
    }

    /// Amounts of custom options: each has a type, however deep it lies.
    fn priced_options(&mut self, product: u64, place: &str, id: &str, config: &Value) {
        for (key, found) in entries(config) {
            let id = if id.is_empty() { key } else { format!("{id}/{key}") };
            let Some(prices) = found.get("prices") else {
                if found.is_object() || found.is_array() {
                    self.priced_options(product, place, &id, found);
                }
                continue;
            };
            let is_percent = found["type"] == "percent";
            if is_percent {
                self.percent_options.insert(id.clone());
            }
            self.prices(
                product,
                &format!("{place}/{id}"),
                prices,
                if is_percent { Role::PercentOption } else { Role::Kept },
            );
        }
    }

    /// What the page hands on to lists of products seen before.
    fn price_info(&mut self, product: u64, place: &str, info: &Value) {
        let untaxed = &info["extension_attributes"]["tax_adjustments"];
        let said = |info: &Value, key: &str| {
            let raw = figure(&info[key]).and_then(|figure| figure.raw);
            let text = info["formatted_prices"][key].as_str().map(markup_text);
            (raw.is_some() || text.is_some()).then_some(Figure { raw, text })
        };
        let keys = [
            ("final_price", Role::Unit),
            ("minimal_price", Role::Unit),
            ("max_price", Role::Unit),
            ("special_price", Role::Unit),
            ("regular_price", Role::Regular),
            ("max_regular_price", Role::Either),
            ("minimal_regular_price", Role::Either),
        ];
        for (key, role) in keys {
            let copies = match role {
                // Of such a price Magento may call the one regular and the other final.
                Role::Either => vec![Copy::new(role, said(info, key), None), Copy::new(role, None, said(untaxed, key))],
                _ => vec![Copy::new(role, said(info, key), said(untaxed, key))],
            };
            for copy in copies.into_iter().filter(|copy| copy.figures().count() > 0) {
                self.add(product, format!("{place}/{key}"), copy);
            }
        }
        let more = [("/weee_adjustment", Role::Unit), ("/msrp/msrp_price", Role::Kept)];
        for (at, role) in more {
            if let Some(text) = info["extension_attributes"].pointer(at).and_then(Value::as_str) {
                let figure = Figure { raw: None, text: Some(markup_text(text)) };
                self.add(product, format!("{place}{at}"), Copy::plain(role, figure));
            }
        }
    }

    /// Prices that only show on a click, under the manufacturer's rules.
    fn hidden_price(&mut self, element: ElementRef<'_>, widgets: &Value) {
        let price_box =
            element.ancestors().filter_map(ElementRef::wrap).find_map(|above| above.value().attr("data-product-id"));
        let Some(product) = price_box.and_then(|id| id.trim().parse().ok()) else { return };
        for config in widgets.as_object().into_iter().flat_map(|widgets| widgets.values()) {
            for (key, role) in [("realPrice", Role::Unit), ("msrpPrice", Role::Kept)] {
                let text = config[key].as_str().map(markup_text).filter(|text| !text.is_empty());
                if let Some(text) = text {
                    self.add(
                        product,
                        format!("attribute {key}"),
                        Copy::plain(role, Figure { raw: None, text: Some(text) }),
                    );
                }
            }
        }
    }

    /// Offers of the page's product in data for crawlers, in any nesting.
    fn linked_data(&mut self, place: &str, data: &Value) {
        let Some(main) = self.main else { return };
        for (key, value) in entries(data) {
            match key.as_str() {
                "price" | "lowPrice" | "highPrice" => {
                    let kind = data["priceType"].as_str().unwrap_or_default();
                    let regular =
                        ["ListPrice", "StrikethroughPrice", "SRP", "MSRP"].iter().any(|word| kind.ends_with(word));
                    let role = if regular { Role::Regular } else { Role::Unit };
                    if let Some(figure) = figure(value) {
                        self.add(main, format!("{place}/{key}"), Copy::plain(role, figure));
                    }
                }
                // What it costs to have it sent is nothing of the product's.
                "shippingDetails" | "shippingRate" | "isRelatedTo" | "isSimilarTo" => {}
                _ => self.linked_data(&format!("{place}/{key}"), value),
            }
        }
    }

    /// Amounts by type; those of the twins make one copy.
    fn prices(&mut self, product: u64, place: &str, prices: &Value, role: Role) {
        let amount = |kind: &str| prices.get(kind).and_then(|price| figure(price.get("amount").unwrap_or(price)));
        for (shown, untaxed) in TWINS {
            let copy = Copy::new(role, amount(shown), amount(untaxed));
            if copy.figures().count() > 0 {
                self.add(product, format!("{place}/{shown}"), copy);
            }
        }
        let regular = if role == Role::PercentOption { Role::Either } else { Role::Regular };
        for (kind, role) in REGULAR.map(|kind| (kind, regular)).into_iter().chain([("msrpPrice", Role::Kept)]) {
            if let Some(figure) = amount(kind) {
                self.add(product, format!("{place}/{kind}"), Copy::plain(role, figure));
            }
        }
    }

    /// Prices by quantity: amounts alone, or with twin and saving.
    fn tiers(&mut self, product: u64, place: &str, tiers: &Value, role: Role, of: Option<String>) {
        for (nth, tier) in entries(tiers) {
            let shown = figure(tier).or_else(|| figure(tier.get("price")?));
            let untaxed = tier.get("basePrice").and_then(figure);
            let mut copy = Copy::new(role, shown, untaxed);
            let percent = tier.get("percentage").and_then(figure).and_then(|figure| figure.raw);
            copy.saves = percent.map(|percent| (percent, of.clone()));
            if copy.figures().count() > 0 {
                self.add(product, format!("{place}/tier {nth}"), copy);
            }
        }
    }
}

/// An amount, whether it stands as number or as text.
fn figure(value: &Value) -> Option<Figure> {
    let raw = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if amount(text).is_some() => text.clone(),
        _ => return None,
    };
    Some(Figure { raw: Some(raw), text: None })
}

fn id(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// What an object or a list holds, by name or number: PHP writes a list where names are 0, 1, 2.
fn entries(value: &Value) -> Vec<(String, &Value)> {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(nth, value)| (nth.to_string(), value)).collect(),
        _ => Vec::new(),
    }
}

/// The text of markup that stands in data.
fn markup_text(markup: &str) -> String {
    text_of(Html::parse_fragment(markup).root_element())
}
