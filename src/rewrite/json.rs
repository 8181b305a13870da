//! Prices and formats in the script data of a page: which widget gets which prices, and where in the page the numbers are.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::page::ProductId;
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::price::PriceFormat;

pub(crate) mod amounts;
pub(crate) mod bundle;
pub(crate) mod choices;
pub(crate) mod cursor;
pub(crate) mod options;
pub(crate) mod product_info;
pub(crate) mod shown;
pub(crate) mod structured;

use amounts::{PriceSet, Tier, tiers};
use bundle::Bundle;
use choices::Choices;
use cursor::Cursor;
use options::{Options, custom_options};
use product_info::ProductInfo;

/// What the widgets of one `text/x-magento-init` script, or of one element, are told of prices.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WidgetData {
    /// `priceBox`
    pub(crate) price_boxes: Vec<PriceConfig>,
    /// The choices of configurable products.
    pub(crate) choices: Vec<Choices>,
    /// `priceBundle`
    pub(crate) bundles: Vec<Bundle>,
    /// `priceOptions`
    pub(crate) options: Vec<Options>,
    /// What the browser is to keep of products, for widgets such as "recently viewed".
    pub(crate) infos: Vec<ProductInfo>,
    /// Products of which that could not be read.
    pub(crate) unread: Vec<ProductId>,
    /// Whether prices are told to a widget that is not known, or cannot be read.
    pub(crate) is_unknown: bool,
}

/// What a price box's widget is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PriceConfig {
    /// Whose box.
    pub(crate) product: Option<ProductId>,
    /// Prices that are printed over those of the box; none where the box's own are printed.
    pub(crate) prices: PriceSet,
    /// Prices from some quantity on.
    pub(crate) tiers: Vec<Tier>,
    /// How prices are printed.
    pub(crate) format: Option<PriceFormat>,
}

/// Words without which script data says nothing of prices.
static SIGNS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| ["Config\"", "product/view/provider"].map(Finder::new));

/// Whether script data may say something of prices.
pub(crate) fn concerns_prices(script: &str) -> bool {
    SIGNS.iter().any(|sign| sign.find(script.as_bytes()).is_some())
}

impl WidgetData {
    /// Reads an object of selectors, each with its widgets. Data that is broken says of itself that it is unknown; no browser runs it.
    pub(crate) fn of_script(page: &str, layer: &Layer<'_>) -> Self {
        let mut data = Self::default();
        let mut cursor = Cursor::new(layer.text());
        let read = cursor.object(|selector, cursor| data.widgets(page, &selector.text(), cursor, layer));
        data.is_unknown |= read.is_none() || !cursor.is_done();
        data
    }

    /// How the widgets print prices.
    pub(crate) fn format(&self) -> Option<&PriceFormat> {
        let boxes = self.price_boxes.iter().filter_map(|it| it.format.as_ref());
        let choices = self.choices.iter().filter_map(|it| it.format.as_ref());
        boxes.chain(choices).chain(self.bundles.iter().filter_map(|it| it.format.as_ref())).next()
    }

    fn widgets(&mut self, page: &str, selector: &str, cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<()> {
        if cursor.peek()? != b'{' {
            return Some(());
        }
        cursor.object(|name, cursor| {
            if cursor.peek()? != b'{' {
                return Some(());
            }
            match &*name.text() {
                "priceBox" => self.price_box(selector, cursor, layer),
                "priceBundle" => self.price_bundle(cursor, layer),
                "priceOptions" => self.price_options(cursor, layer),
                "Magento_Catalog/js/product/view/provider" => self.provider(page, cursor, layer),
                _ => self.other(cursor, layer),
            }
        })
    }

    fn price_box(&mut self, selector: &str, cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<()> {
        let mut config = PriceConfig { product: product_of_selector(selector), ..PriceConfig::default() };
        cursor.object(|key, cursor| {
            if !key.is("priceConfig") {
                // Prices beside the configuration, or templates of other markup, are nothing that Magento writes.
                self.is_unknown |= !key.is("priceTemplate");
                return Some(());
            }
            let mut named = None;
            cursor.object(|key, cursor| {
                match &*key.text() {
                    "productId" => named = Some(id_of(cursor)?),
                    "prices" => config.prices = PriceSet::read(cursor, layer)?,
                    "tierPrices" => config.tiers = tiers(cursor, layer)?,
                    "priceFormat" => config.format = format(cursor),
                    _ => {}
                }
                Some(())
            })?;
            if config.product.is_some() && named.is_some_and(|named| config.product != Some(named)) {
                self.is_unknown = true;
            }
            config.product = config.product.or(named);
            Some(())
        })?;
        // Without a product, its prices are printed into whatever boxes the selector finds.
        self.is_unknown |=
            config.product.is_none() && (config.prices != PriceSet::default() || !config.tiers.is_empty());
        self.price_boxes.push(config);
        Some(())
    }

    fn price_bundle(&mut self, cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<()> {
        cursor.object(|key, cursor| {
            if key.is("optionConfig") {
                self.bundles.push(Bundle::read(cursor, layer)?);
            }
            Some(())
        })
    }

    fn price_options(&mut self, cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<()> {
        let mut options = Options::default();
        cursor.object(|key, cursor| {
            match &*key.text() {
                "optionConfig" => options.extras = custom_options(cursor, layer)?,
                "priceHolderSelector" => options.product = holder(cursor),
                _ => {}
            }
            Some(())
        })?;
        self.options.push(options);
        Some(())
    }

    /// What the browser is to keep, in `data.items` by product.
    fn provider(&mut self, page: &str, cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<()> {
        cursor.object(|key, cursor| {
            if !key.is("data") || cursor.peek()? != b'{' {
                return Some(());
            }
            cursor.object(|key, cursor| {
                if !key.is("items") || cursor.peek()? != b'{' {
                    return Some(());
                }
                cursor.object(|id, cursor| {
                    let item = cursor.skip()?;
                    let named = whole_id(&id.text());
                    match ProductInfo::read(page, layer, item) {
                        Some(info) if named == Some(info.product) => self.infos.push(info),
                        other => self.unread.extend(named.into_iter().chain(other.map(|info| info.product))),
                    }
                    Some(())
                })
            })
        })
    }

    /// Any other widget: those of choices go by the names of their data, since shops put their own widgets in the place of Magento's.
    fn other(&mut self, cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<()> {
        cursor.object(|key, cursor| {
            match &*key.text() {
                "jsonConfig" | "spConfig" if cursor.peek()? == b'{' => self.choices.push(Choices::read(cursor, layer)?),
                "priceConfig" | "optionConfig" if !is_empty(cursor)? => self.is_unknown = true,
                _ => {}
            }
            Some(())
        })
    }
}

/// Whether the value that follows says nothing.
fn is_empty(cursor: &mut Cursor<'_>) -> Option<bool> {
    let range = cursor.skip()?;
    let text: String = cursor.text()[range].split_ascii_whitespace().collect();
    Some(matches!(&*text, "[]" | "{}" | "null" | "\"\"" | "false"))
}

/// The product id that follows, as a number or as text.
fn id_of(cursor: &mut Cursor<'_>) -> Option<ProductId> {
    let range = cursor.number()?;
    whole_id(&cursor.text()[range])
}

/// The product of a selector such as `[data-product-id='7'][data-role=priceBox]`.
fn holder(cursor: &mut Cursor<'_>) -> Option<ProductId> {
    let selector = cursor.string().map(|range| &cursor.text()[range])?;
    let (_, id) = selector.split_once("data-product-id=")?;
    leading_id(id.trim_start_matches(['\'', '"', '\\']))
}

/// How prices are printed, where the value that follows says so.
fn format(cursor: &mut Cursor<'_>) -> Option<PriceFormat> {
    let range = cursor.clone().skip()?;
    serde_json::from_str(&cursor.text()[range]).ok()
}

/// The product of the selector that Magento writes for a price box.
fn product_of_selector(selector: &str) -> Option<ProductId> {
    let (_, id) = selector.split_once("product-id-")?;
    leading_id(id)
}

/// The product id that a text begins with.
pub(crate) fn leading_id(text: &str) -> Option<ProductId> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..length].parse().ok().map(ProductId)
}

/// The id, if the whole text is one.
pub(crate) fn whole_id(text: &str) -> Option<ProductId> {
    let text = text.trim();
    leading_id(text).filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
