use std::cell::Cell;
use std::sync::Mutex;

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value;

use super::*;
use crate::cart::LineKind;
use crate::decision::select::{Deduction, Missing, MissingWhat, PriceChange};
use crate::page::{Amounts, ProductId, Whose};
use crate::site::{Display, MissingWords, Tax};

/// A bag (2 at $24.10) and a jacket ($60.00) in one of its variants, the jacket put in last.
const CART: &str = r#"{"cart":{"summary_count":3,"subtotalAmount":"108.2000","subtotal":"<span class=\"price\">$108.20<\/span>","items":[{"product_type":"configurable","options":[{"label":"Size","value":"S"}],"qty":1,"item_id":"9","product_id":"12","product_name":"Jacket","product_sku":"JK-S","product_url":"http:\/\/shop.example\/jacket.html","product_price":"\n    <span class=\"price-excluding-tax\" data-label=\"Excl.&#x20;Tax\">\n            <span class=\"price\">$60.00<\/span>\n        <\/span>\n","product_price_value":60,"message":""},{"product_type":"simple","options":[],"qty":2,"item_id":"8","product_id":"7","product_name":"Bag","product_sku":"BG-1","product_price":"\n    <span class=\"price-excluding-tax\" data-label=\"Excl.&#x20;Tax\">\n            <span class=\"price\">$24.10<\/span>\n        <\/span>\n","product_price_value":24.1,"message":""}],"extra_actions":"","subtotal_incl_tax":"<span class=\"price\">$108.20<\/span>","subtotal_excl_tax":"<span class=\"price\">$108.20<\/span>","data_id":1795306753},"messages":{"messages":[],"data_id":1795306753}}"#;

fn money(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn view(locale: &str, currency: &str) -> StoreView {
    StoreView {
        code: "default".into(),
        website: "base".into(),
        base_currency: currency.to_owned(),
        currency: currency.to_owned(),
        tax: Tax::default(),
        display: Display::default(),
        locale: locale.to_owned(),
        time_zone: jiff::tz::TimeZone::UTC,
        hosts: Vec::new(),
        path_prefix: None,
    }
}

fn no_price(_: &PageFacts) -> Selection {
    Selection::default()
}

fn deduction(amount: &str, labels: &[&str]) -> Option<Deduction> {
    let labels = labels.iter().map(|label| (*label).into()).collect();
    Some(Deduction { amount: money(amount), labels })
}

/// A cart section with what is said of it, and the facts that it was said of.
fn with_cart(answer: &str, view: &StoreView, said: &CartSelection) -> (Option<String>, CartFacts) {
    let seen = Mutex::new(None);
    let cart = |facts: &CartFacts| {
        *seen.lock().expect("nobody panicked") = Some(facts.clone());
        said.clone()
    };
    let choices = Choices { view, prices: &no_price, cart: &cart };
    let changed = change(AnswerKind::Sections, answer, &choices).expect("JSON");
    (changed, seen.into_inner().expect("nobody panicked").expect("the cart is understood"))
}

fn pointer<'v>(answer: &'v Value, path: &str) -> &'v str {
    answer.pointer(path).and_then(Value::as_str).expect("a text")
}

#[test]
fn says_under_the_subtotal_and_each_line_what_the_cart_will_deduct() {
    let said = CartSelection {
        lines: vec![None, deduction("9.64", &["VIP", "Tom & Co"])],
        sum: deduction("9.64", &["VIP", "Tom & Co"]),
        missing: Vec::new(),
    };
    let (changed, facts) = with_cart(CART, &view("en_US", "USD"), &said);
    let changed = changed.expect("a change");
    let note = r#"<br><span class=\"segue-offer\">VIP, Tom &amp; Co -$9.64, deducted in the cart<\/span>"#;
    assert_eq!(changed.matches(note).count(), 3);
    assert_eq!(changed.replace(note, ""), CART, "nothing else changes");
    let read: Value = serde_json::from_str(&changed).expect("JSON");
    let line = "<br><span class=\"segue-offer\">VIP, Tom &amp; Co -$9.64, deducted in the cart</span>";
    for at in ["/cart/subtotal_incl_tax", "/cart/subtotal_excl_tax"] {
        assert_eq!(pointer(&read, at), format!("<span class=\"price\">$108.20</span>{line}"));
    }
    assert!(pointer(&read, "/cart/items/1/product_price").ends_with(&format!("</span>\n{line}")));
    assert_eq!(facts.order, [1, 0], "what was put in last is listed first");
    assert!(facts.is_complete && facts.in_base_currency);
    let bag = &facts.lines[1];
    assert_eq!((bag.product, &*bag.sku, bag.kind, bag.has_options), (ProductId(7), "BG-1", LineKind::Plain, false));
    assert_eq!(
        (bag.quantity, bag.excluding_tax, bag.including_tax),
        (2.into(), Some(money("24.10")), Some(money("24.10")))
    );
    assert_eq!((facts.lines[0].kind, facts.lines[0].has_options), (LineKind::Configurable, true));
}

#[test]
fn says_what_is_missing_behind_what_is_deducted() {
    let missing = |line, label: &str, what| Missing { line, label: label.into(), what };
    let (add, free) = (Decimal::ONE, Decimal::ONE);
    let said = CartSelection {
        lines: vec![None, deduction("9.64", &["VIP"])],
        sum: deduction("9.64", &["VIP"]),
        missing: vec![
            missing(Some(1), "Buy 2 & get 1", MissingWhat::UnitsForFree { add, free }),
            missing(Some(1), "Another", MissingWhat::Units(add)),
            missing(None, "10 % over $120", MissingWhat::Amount(money("11.8"))),
        ],
    };
    let read = |view: &StoreView| -> Value {
        serde_json::from_str(&with_cart(CART, view, &said).0.expect("a change")).expect("JSON")
    };
    let us = read(&view("en_US", "USD"));
    let deducted = "<br><span class=\"segue-offer\">VIP -$9.64, deducted in the cart</span>";
    let to_go = "<br><span class=\"segue-offer\">10 % over $120: $11.80 to go</span>";
    assert!(pointer(&us, "/cart/subtotal_excl_tax").ends_with(&format!("{deducted}{to_go}")));
    let more = "<br><span class=\"segue-offer\">Buy 2 &amp; get 1: add 1 more and get 1 free</span>";
    assert!(pointer(&us, "/cart/items/1/product_price").ends_with(&format!("{deducted}{more}")));
    assert!(!pointer(&us, "/cart/items/0/product_price").contains("segue-offer"));
    assert!(pointer(&read(&view("de_DE", "USD")), "/cart/subtotal_incl_tax").ends_with(": noch $11.80</span>"));
    assert!(!pointer(&read(&view("xx_XX", "USD")), "/cart/subtotal_incl_tax").contains("11.80"), "no words, no hint");
    let words = MissingWords { amount: Some("{amount} & off".to_owned()), ..MissingWords::default() };
    let own = StoreView { display: Display { missing: words, ..Display::default() }, ..view("xx_XX", "USD") };
    assert!(pointer(&read(&own), "/cart/subtotal_incl_tax").ends_with(": $11.80 &amp; off</span>"));
}

#[test]
fn writes_in_the_language_and_the_manner_of_the_store_view() {
    let taxed = CART
        .replace("price-excluding-tax", "price-including-tax")
        .replace("$60.00", r"60,00\u00a0\u20ac")
        .replace("$24.10", r"24,10\u00a0\u20ac")
        .replace("$108.20", r"108,20\u00a0\u20ac");
    let said = CartSelection { lines: vec![None, None], sum: deduction("10.8", &["Für Sie"]), missing: Vec::new() };
    let (changed, facts) = with_cart(&taxed, &view("de_DE", "EUR"), &said);
    let note = r#"F\u00fcr Sie -10,80\u00a0\u20ac, wird im Warenkorb abgezogen<\/span>"#;
    assert_eq!(changed.expect("a change").matches(note).count(), 2);
    assert!(facts.in_base_currency);

    let own =
        StoreView { display: Display { deducted: Some("folgt".into()), ..Display::default() }, ..view("de_DE", "EUR") };
    assert!(with_cart(&taxed, &own, &said).0.expect("a change").contains(r"-10,80\u00a0\u20ac, folgt<"));
    let unknown = with_cart(&taxed, &view("xx_XX", "USD"), &said);
    assert!(unknown.0.expect("a change").contains(r"-10,80\u00a0\u20ac<\/span>"));
    assert!(!unknown.1.in_base_currency, "euros are no dollars");
    let unlabelled = CartSelection { sum: deduction("10.8", &[]), ..said };
    let (changed, _) = with_cart(&taxed, &view("de_DE", "EUR"), &unlabelled);
    assert!(changed.expect("a change").contains(r#"\"segue-offer\">-10,80\u00a0"#));

    let arabic = CART.replace("$108.20", r"\u0661\u0660\u0668\u066b\u0662\u0660 \u062f.\u0643.\u200f");
    let said = CartSelection { lines: vec![None, None], sum: deduction("9.5", &["VIP"]), missing: Vec::new() };
    let (changed, facts) = with_cart(&arabic, &view("ar_KW", "KWD"), &said);
    let note = r"VIP -\u0669\u066b\u0665\u0660 \u062f.\u0643.\u200f, ";
    assert!(changed.expect("a change").contains(note));
    assert!(facts.in_base_currency);
}

#[test]
fn knows_both_prices_where_a_cart_shows_both() {
    let html = r#"\n<span class=\"price-including-tax\"><span class=\"price\">$71.40<\/span><\/span>\n<span class=\"price-excluding-tax\"><span class=\"price\">$60.00<\/span><\/span>"#;
    let one = r#"\n    <span class=\"price-excluding-tax\" data-label=\"Excl.&#x20;Tax\">\n            <span class=\"price\">$60.00<\/span>\n        <\/span>\n"#;
    let both = CART
        .replace(one, html)
        .replace(r#""product_price_value":60"#, r#""product_price_value":{"incl_tax":"71.4000","excl_tax":60}"#)
        .replace(
            r#""subtotal_incl_tax":"<span class=\"price\">$108.20"#,
            r#""subtotal_incl_tax":"<span class=\"price\">$119.60"#,
        );
    let (_, facts) = with_cart(&both, &view("en_US", "USD"), &CartSelection::default());
    assert_eq!((facts.lines[0].excluding_tax, facts.lines[0].including_tax), (Some(money("60")), Some(money("71.4"))));
    assert_eq!(
        (facts.lines[1].excluding_tax, facts.lines[1].including_tax),
        (Some(money("24.1")), None),
        "it is taxed"
    );
}

#[test]
fn believes_no_price_that_the_line_does_not_show() {
    for (old, new) in [
        ("$24.10", "$24.20"),
        (r#""product_price_value":24.1"#, r#""product_price_value":24.104"#),
        (r#""product_price_value":24.1"#, r#""product_price_value":null"#),
        (
            r#"price-excluding-tax\" data-label=\"Excl.&#x20;Tax\">\n            <span class=\"price\">$24.10"#,
            r#"x\"><span>$24.10"#,
        ),
        ("$24.10<", "2 for $24.10<"),
    ] {
        assert!(CART.contains(old), "{old}");
        let changed = CART.replacen(old, new, 1);
        let section = change(
            AnswerKind::Sections,
            &changed,
            &Choices {
                view: &view("en_US", "USD"),
                prices: &no_price,
                cart: &|facts: &CartFacts| {
                    assert_eq!(facts.lines[1].excluding_tax, None, "{new}");
                    CartSelection::default()
                },
            },
        );
        assert_eq!(section, Ok(None), "{new}");
    }
    let (_, facts) =
        with_cart(&CART.replace("\"108.2000\"", "108.95"), &view("en_US", "USD"), &CartSelection::default());
    assert!(!facts.is_complete, "something is in the cart that is not listed");
}

#[test]
fn leaves_other_answers_as_they_are() {
    let said = |_: &CartFacts| CartSelection { lines: Vec::new(), sum: deduction("1", &["VIP"]), missing: Vec::new() };
    let us = view("en_US", "USD");
    let choices = Choices { view: &us, prices: &no_price, cart: &said };
    let outcome = |answer: &str| change(AnswerKind::Sections, answer, &choices);
    for nothing in
        ["{}", r#"{"messages":{}}"#, r#"{"cart":[]}"#, r#"{"cart":{"items":[]}}"#, r#"{"cart":{},"cart":{}}"#]
    {
        assert_eq!(outcome(nothing), Ok(None), "{nothing}");
    }
    for broken in ["", "[]", "<p>", r#"{"cart":{}"#, r#"{"cart":{}} x"#] {
        assert_eq!(outcome(broken), Err(Skip::NotJson), "{broken}");
    }
    let twice = CART.replacen(r#""messages":"#, r#""cart":{},"messages":"#, 1);
    assert_eq!(outcome(&twice), Ok(None));
    let unproven = CART.replace("$108.20", "$108.30").replace("$60.00", "free").replace("$24.10", "free");
    assert_eq!(outcome(&unproven), Ok(None), "no price shows how amounts are written");
    let too_fine =
        |_: &CartFacts| CartSelection { lines: Vec::new(), sum: deduction("0.5", &["VIP"]), missing: Vec::new() };
    let yen = CART.replace("$108.20", "¥108").replace("108.2000", "108");
    let choices = Choices { cart: &too_fine, ..choices };
    assert_eq!(change(AnswerKind::Sections, &yen, &choices), Ok(None), "half a yen cannot be written");
}

const WISHLIST: &str = r#"{"wishlist":{"counter":"1 item","items":[{"product_sku":"BG-1","product_id":"7","product_name":"Bag","product_price":"<div class=\"price-box price-final_price\" data-role=\"priceBox\" data-product-id=\"7\" data-price-box=\"product-id-7\">\n\n<span class=\"price-container price-final_price&#x20;tax&#x20;weee\"\n        >\n        <span  id=\"product-price-7\"                data-price-amount=\"24.1\"\n        data-price-type=\"finalPrice\"\n        class=\"price-wrapper \"\n    ><span class=\"price\">$24.10<\/span><\/span>\n        <\/span>\n\n<\/div>","product_has_required_options":false}],"data_id":7}}"#;

fn twenty_percent_off(facts: &PageFacts) -> Selection {
    let lower = |amount: Option<Decimal>| amount.map(|amount| crate::rule::discount::cents(amount * money("0.8")));
    let change = |product: &crate::page::ProductFacts| PriceChange {
        product: product.id,
        units: product
            .units
            .iter()
            .map(|unit| Amounts {
                final_price: lower(unit.amounts.final_price),
                base_price: lower(unit.amounts.base_price),
            })
            .collect(),
        labels: Vec::new(),
    };
    Selection { prices: facts.products.iter().map(change).collect(), ..Selection::default() }
}

fn nothing_said(_: &CartFacts) -> CartSelection {
    CartSelection::default()
}

fn lowered(kind: AnswerKind, answer: &str, view: &StoreView) -> Option<String> {
    let choices = Choices { view, prices: &twenty_percent_off, cart: &nothing_said };
    change(kind, answer, &choices).expect("JSON")
}

#[test]
fn the_wishlist_follows_like_a_page() {
    let changed = lowered(AnswerKind::Sections, WISHLIST, &view("en_US", "USD")).expect("a change");
    let read: Value = serde_json::from_str(&changed).expect("JSON");
    let html = pointer(&read, "/wishlist/items/0/product_price");
    assert!(html.contains("data-price-amount=\"19.28\"") && html.contains(">$19.28<"), "{html}");
    assert!(html.contains("Regular Price") && html.contains("$24.10"), "{html}");
    assert!(changed.contains(r#"<span class=\"price\">$19.28<\/span>"#), "escaped as before: {changed}");
    let (before, after) = WISHLIST.split_once("<div").expect("HTML");
    let after = after.rsplit_once("div>").expect("HTML").1;
    assert!(changed.starts_with(before) && changed.ends_with(after));
    let german = lowered(AnswerKind::Sections, WISHLIST, &view("de_DE", "USD")).expect("a change");
    assert!(!german.contains("Regular Price"), "no English on a German page: {german}");
}

#[test]
fn a_wishlist_is_in_the_currency_whose_sign_it_bears() {
    let krona = WISHLIST.replace("$24.10", r"24,10\u00a0kr");
    let canadian = WISHLIST.replace("$24.10", "CA$24.10");
    for (answer, locale, expected) in [
        (WISHLIST, "en_US", "USD"),
        (WISHLIST, "en_CA", "XXX"),
        (&krona, "en_US", "XXX"),
        (&krona, "sv_SE", "XXX"),
        (&canadian, "en_US", "XXX"),
    ] {
        let seen = Mutex::new(Vec::new());
        let prices = |facts: &PageFacts| {
            seen.lock().expect("nobody panicked").push(facts.currencies.clone());
            Selection::default()
        };
        let choices = Choices { view: &view(locale, "USD"), prices: &prices, cart: &nothing_said };
        assert_eq!(change(AnswerKind::Sections, answer, &choices), Ok(None));
        assert_eq!(seen.into_inner().expect("nobody panicked"), [[expected]], "{locale}");
    }
}

#[test]
fn a_wishlist_that_is_escaped_otherwise_stays() {
    let otherwise = WISHLIST.replace(r"<\/", "</");
    assert_eq!(lowered(AnswerKind::Sections, &otherwise, &view("en_US", "USD")), None);
}

fn item(id: u32, kind: &str, rest: &str) -> String {
    format!(
        r#"{{"price_info":{{"final_price":47.6,"max_price":47.6,"max_regular_price":47.6,"minimal_regular_price":59.5,"special_price":null,"minimal_price":47.6,"regular_price":59.5,"formatted_prices":{{"final_price":"<span class=\"price\">47,60\u00a0\u20ac<\/span>","max_price":"<span class=\"price\">47,60\u00a0\u20ac<\/span>","minimal_price":"<span class=\"price\">47,60\u00a0\u20ac<\/span>","regular_price":"<span class=\"price\">59,50\u00a0\u20ac<\/span>"}},"extension_attributes":{{"tax_adjustments":{{"final_price":40,"special_price":40,"minimal_price":40,"max_price":40,"regular_price":50,"formatted_prices":{{"special_price":"<span class=\"price\">40,00\u00a0\u20ac<\/span>"}}}},"weee_attributes":[],"weee_adjustment":"<span class=\"price\">47,60\u00a0\u20ac<\/span>"{rest}}}}},"id":{id},"type":"{kind}","currency_code":"EUR"}}"#
    )
}

#[test]
fn render_info_follows_with_and_without_tax() {
    let answer = format!(r#"{{"items":[{}]}}"#, item(7, "simple", ""));
    let changed = lowered(AnswerKind::RenderInfo, &answer, &view("de_DE", "EUR")).expect("a change");
    let read: Value = serde_json::from_str(&changed).expect("JSON");
    let prices = &read["items"][0]["price_info"];
    let adjusted = &prices["extension_attributes"]["tax_adjustments"];
    for key in ["final_price", "max_price", "minimal_price", "max_regular_price"] {
        assert_eq!(prices[key], 38.08, "{key}");
    }
    for key in ["final_price", "max_price", "minimal_price", "special_price"] {
        assert_eq!(adjusted[key], 32, "{key}");
    }
    for key in ["regular_price", "minimal_regular_price"] {
        assert_eq!(prices[key], 59.5, "{key} stays");
    }
    assert_eq!(changed.matches(r"47,60\u00a0\u20ac").count(), 0);
    assert_eq!((changed.matches(r"38,08\u00a0\u20ac").count(), changed.matches(r"32,00\u00a0\u20ac").count()), (4, 1));
    assert!(changed.contains(r"59,50\u00a0\u20ac"));
}

#[test]
fn render_info_leaves_alone_what_it_does_not_understand() {
    let of = |items: &[String]| format!(r#"{{"items":[{}]}}"#, items.join(","));
    let german = view("de_DE", "EUR");
    let good = item(7, "simple", "");
    let lone = lowered(AnswerKind::RenderInfo, &of(std::slice::from_ref(&good)), &german).expect("a change");
    for other in [
        item(8, "simple", "").replacen("47,60", "47,06", 1),
        item(8, "simple", "").replacen(r#""max_price":47.6"#, r#""max_price":9"#, 1).replacen("47,60", "9,00", 2),
        item(8, "gift-card", ""),
        item(8, "simple", "").replace(r#""weee_attributes":[]"#, r#""weee_attributes":[{}]"#),
        item(8, "simple", "").replace(r#","currency_code":"EUR""#, ""),
        "null".to_owned(),
    ] {
        let changed = lowered(AnswerKind::RenderInfo, &of(&[good.clone(), other.clone()]), &german).expect("a change");
        assert_eq!(changed, of(&[lone[10..lone.len() - 2].to_owned(), other]));
    }
    assert_eq!(lowered(AnswerKind::RenderInfo, &of(&[good.clone(), good]), &german), None, "one product twice");
    assert_eq!(lowered(AnswerKind::RenderInfo, r#"{"items":[]}"#, &german), None);
}

#[test]
fn render_info_says_whose_prices_they_are() {
    let kinds = Cell::new(0);
    for (kind, whose) in [
        ("virtual", Whose::Product),
        ("configurable", Whose::SomeVariant),
        ("grouped", Whose::SomeMember),
        ("bundle", Whose::SomeComponents),
    ] {
        let seen = |facts: &PageFacts| {
            assert_eq!(facts.products[0].units.len(), 1);
            assert_eq!(facts.products[0].units[0].whose, whose, "{kind}");
            assert_eq!(facts.currencies, ["EUR"]);
            Selection::default()
        };
        let choices = Choices { view: &view("de_DE", "EUR"), prices: &seen, cart: &nothing_said };
        assert_eq!(
            change(AnswerKind::RenderInfo, &format!(r#"{{"items":[{}]}}"#, item(7, kind, "")), &choices),
            Ok(None)
        );
        kinds.set(kinds.get() + 1);
    }
    assert_eq!(kinds.get(), 4);
}

/// A real answer, where the shared ones are at hand.
fn shared(name: &str) -> Option<String> {
    let folder = std::env::var("SEGUE_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let path = std::path::Path::new(&folder).join("json").join(name);
    let text = std::fs::read_to_string(&path);
    text.inspect_err(|_| eprintln!("skipped: no {}", path.display())).ok()
}

#[test]
fn real_carts_are_understood_to_the_last_line() {
    for (name, locale, currency, amount, shown) in [
        ("guest-section-load-cart.json", "en_US", "USD", "51.16", "-$51.16"),
        ("guest-section-load-cart-coupon.json", "en_US", "USD", "51.16", "-$51.16"),
        ("guest-section-load-all.json", "en_US", "USD", "51.16", "-$51.16"),
        ("guest-de-section-load-cart.json", "de_DE", "EUR", "54.41", r"-54,41\u00a0\u20ac"),
    ] {
        let Some(answer) = shared(name) else { continue };
        let said = CartSelection {
            lines: vec![deduction("1", &["VIP"]); 3],
            sum: deduction(amount, &["VIP"]),
            missing: Vec::new(),
        };
        let (changed, facts) = with_cart(&answer, &view(locale, currency), &said);
        assert!(facts.is_complete && facts.in_base_currency, "{name}: {facts:?}");
        assert!(facts.lines.iter().all(|line| line.excluding_tax.or(line.including_tax).is_some()), "{name}");
        assert_eq!(facts.order, [2, 1, 0], "{name}");
        let changed = changed.expect("a change");
        assert_eq!(changed.matches(shown).count(), 2, "{name}");
        let mut left = changed.clone();
        while let Some(start) = left.find(r#"<br><span class=\"segue-offer\""#) {
            let end = start + left[start..].find(r"<\/span>").expect("an end") + r"<\/span>".len();
            left.replace_range(start..end, "");
        }
        assert!(left == answer, "{name}: nothing else changes");
    }
}

#[test]
fn real_render_info_changes_every_item() {
    let Some(answer) = shared("rest-products-render-info.json") else { return };
    let changed = lowered(AnswerKind::RenderInfo, &answer, &view("en_US", "USD")).expect("a change");
    let (before, after): (Value, Value) =
        (serde_json::from_str(&answer).expect("JSON"), serde_json::from_str(&changed).expect("JSON"));
    let items = |value: &Value| value["items"].as_array().expect("items").clone();
    for (old, new) in items(&before).iter().zip(items(&after)) {
        let price = |value: &Value, key: &str| money(&value["price_info"][key].to_string());
        let wanted = crate::rule::discount::cents(price(old, "final_price") * money("0.8"));
        assert_eq!(price(&new, "final_price"), wanted);
        let text = new["price_info"]["formatted_prices"]["final_price"].as_str().expect("a text");
        assert_eq!(text, format!("<span class=\"price\">${wanted:.2}</span>"));
        assert_eq!(old["price_info"]["regular_price"], new["price_info"]["regular_price"]);
        assert_eq!(old["extension_attributes"], new["extension_attributes"]);
    }
}

proptest! {
    #[test]
    fn a_mutated_answer_stays_the_json_it_was(
        at in 0_usize..2000,
        length in 0_usize..12,
        with in "[\\[\\]{}\",:\\\\0-9a$<>/ ]{0,6}",
        which in 0_usize..3,
    ) {
        let render_info = format!(r#"{{"items":[{},{}]}}"#, item(7, "simple", ""), item(8, "grouped", ""));
        let (kind, answer) = [
            (AnswerKind::Sections, CART),
            (AnswerKind::Sections, WISHLIST),
            (AnswerKind::RenderInfo, &*render_info),
        ][which];
        let mut mutated = answer.to_owned();
        let start = at.min(mutated.len());
        mutated.replace_range(start..(start + length).min(answer.len()), &with);
        let cart = |facts: &CartFacts| CartSelection {
            lines: facts.lines.iter().map(|_| deduction("1", &["\"<VIP>\""])).collect(),
            sum: deduction("2.50", &["é"]),
            missing: vec![Missing { line: None, label: "\"<é>\"".into(), what: MissingWhat::Amount(money("2.50")) }],
        };
        let us = view("en_US", "USD");
        let choices = Choices { view: &us, prices: &twenty_percent_off, cart: &cart };
        let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        if let Ok(Some(changed)) = change(kind, &mutated, &choices) {
            prop_assert_eq!(is_json(&changed), is_json(&mutated), "{}", changed);
        }
    }
}
