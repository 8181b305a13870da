//! Prices that the manufacturer lets be shown only to who asks for them (MSRP, MAP): Magento keeps them as HTML in the JSON of an attribute.

use std::ops::Range;
use std::sync::Arc;

use super::boxes::{Copied, Labels, PriceBox, Shape, ShownPrice, Side};
use super::layer::Layer;
use super::reason::Reason;
use super::scan::{BoxNote, Notes};
use super::text::Span;
use crate::rewrite::json::cursor::Cursor;
use crate::rewrite::price::{PriceText, parse_amount};

/// A price in hidden HTML.
#[derive(Clone, Debug)]
pub(super) struct HiddenPrice {
    /// The value of `data-price-type`.
    pub(super) kind: String,
    /// With or without tax.
    pub(super) side: Side,
    /// The value of `data-price-amount`.
    pub(super) amount_slot: Span,
    /// That value, read.
    pub(super) amount: rust_decimal::Decimal,
    /// How the text is written.
    pub(super) format: Arc<PriceText>,
    /// The text that is shown.
    pub(super) text: Span,
}

/// Understands a box that shows the manufacturer's price, and its own on a click.
pub(super) fn understand(page: &str, notes: &Notes, note: &BoxNote) -> Result<PriceBox, Reason> {
    let extent = notes.extent(note.element.extent);
    let (whole, inner) = extent.whole().zip(extent.inner()).ok_or(Reason::BrokenMarkup)?;
    let configs = note.nodes.iter().filter_map(|node| node.attributes.mage_init);
    let blobs = configs.filter_map(|config| prices_in(page, config, &["addToCart", "realPrice"])).collect::<Vec<_>>();
    // Without one the price is nowhere in the box; with several, nobody knows which is shown.
    let [blob] = &blobs[..] else { return Err(Reason::Msrp) };
    let prices = blob.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    let leads = prices.iter().filter(|price| price.copy == Copied::Current && price.side == Side::Final).count();
    if leads != 1 || prices.len() > 4 {
        return Err(Reason::Msrp);
    }
    Ok(PriceBox {
        whole,
        end: inner.end,
        shape: Shape::Own,
        prices,
        metas: Vec::new(),
        frames: Vec::new(),
        labels: Labels::default(),
        is_offer: false,
        is_hidden: true,
    })
}

fn shown(price: &HiddenPrice) -> Result<ShownPrice, Reason> {
    let copy = match price.kind.as_str() {
        "finalPrice" | "basePrice" => Copied::Current,
        "oldPrice" => Copied::Old,
        _ => return Err(Reason::Msrp),
    };
    Ok(ShownPrice {
        copy,
        side: price.side,
        format: Arc::clone(&price.format),
        text: price.text,
        amount_slot: price.amount_slot,
        amount: price.amount,
        fixed_tax: rust_decimal::Decimal::ZERO,
    })
}

/// The prices of the HTML under a path of keys in an attribute's JSON; nothing where there is none, or where one cannot be read.
pub(super) fn prices_in(page: &str, attribute: Span, path: &[&str]) -> Option<Vec<HiddenPrice>> {
    let raw = Layer::of(page, attribute);
    let json = raw.html();
    let mut string = None;
    find(&mut Cursor::new(json.text()), path, &mut string)?;
    let string = json.part(string?);
    let html = string.json()?;
    prices(page, &html)
}

fn find(cursor: &mut Cursor<'_>, path: &[&str], found: &mut Option<Range<usize>>) -> Option<()> {
    let (first, rest) = path.split_first()?;
    cursor.object(|key, cursor| {
        if !key.is(first) {
            return Some(());
        }
        match rest {
            [] => *found = Some(cursor.string()?),
            rest => find(cursor, rest, found)?,
        }
        Some(())
    })
}

/// Every element with an amount, with the text that it shows.
fn prices(page: &str, html: &Layer<'_>) -> Option<Vec<HiddenPrice>> {
    let text = html.text();
    let mut prices = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("data-price-amount=\"") {
        let start = at + found + "data-price-amount=\"".len();
        let end = start + text[start..].find('"')?;
        let open = text[..start].rfind('<')?;
        let close = end + text[end..].find('>')?;
        let tag = &text[open..close];
        let kind = attribute(tag, "data-price-type").unwrap_or_default().to_owned();
        let is_base =
            kind.starts_with("base") || attribute(tag, "class").is_some_and(|it| it.contains("price-excluding-tax"));
        let amount = parse_amount(&text[start..end])?;
        let shown = text_after(text, close + 1)?;
        let shown = html.part(shown);
        let format = PriceText::learn_in(page, &shown.html(), amount)?;
        prices.push(HiddenPrice {
            kind,
            side: if is_base { Side::Base } else { Side::Final },
            amount_slot: html.span(start..end),
            amount,
            format: Arc::new(format),
            text: shown.whole(),
        });
        at = close;
    }
    if prices.is_empty() { None } else { Some(prices) }
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

/// The first text after a place that is not blank, past the start tags before it.
fn text_after(text: &str, mut at: usize) -> Option<Range<usize>> {
    loop {
        let rest = text.get(at..)?;
        let end = at + rest.find('<')?;
        if !text[at..end].trim().is_empty() {
            return Some(at..end);
        }
        if text[end..].starts_with("</") {
            return None;
        }
        at = end + text[end..].find('>')? + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = r##"<a href="#" class="action map-show-info" data-mage-init='{"addToCart":{"origin":"msrp","realPrice":"<span class=\"price-container price-final_price&#x20;tax&#x20;weee\"\n        >\n        <span  id=\"product-price-7\"                data-price-amount=\"24\"\n        data-price-type=\"finalPrice\"\n        class=\"price-wrapper \"\n    ><span class=\"price\">$24.00<\/span><\/span>\n        <\/span>\n","isSaleable":true}}'>Click for price</a>"##;

    fn read(page: &str) -> Option<Vec<HiddenPrice>> {
        let start = page.find("init='").expect("there") + "init='".len();
        let end = start + page[start..].find('\'').expect("there");
        prices_in(page, Span::new(start..end), &["addToCart", "realPrice"])
    }

    #[test]
    fn finds_the_price_within_html_within_json_within_an_attribute() {
        let prices = read(LINK).expect("readable");
        let [price] = &prices[..] else { panic!("one price: {prices:?}") };
        assert_eq!((&*price.kind, price.amount_slot.of(LINK), price.text.of(LINK)), ("finalPrice", "24", "$24.00"));
        assert_eq!(price.format.number.of(LINK), "24.00");
        let coded = LINK.replace("$24.00", r"24,00\u00a0\u20ac");
        let prices = read(&coded).expect("readable");
        assert_eq!((prices[0].format.number.of(&coded), prices[0].text.of(&coded)), ("24,00", r"24,00\u00a0\u20ac"));
    }

    #[test]
    fn declines_what_it_cannot_read() {
        for (old, new) in [
            ("$24.00", "$25.00"),
            ("data-price-amount", "data-amount"),
            ("\"realPrice\"", "\"price\""),
            ("isSaleable\":true}}", ""),
        ] {
            assert!(LINK.contains(old));
            assert!(read(&LINK.replace(old, new)).is_none(), "{old}");
        }
    }
}
