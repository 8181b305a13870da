//! A cart as Magento's cart price rules see it.

use std::sync::Arc;

use http::HeaderMap;
use rust_decimal::Decimal;

use super::catalog::Product;
use super::catalog::facts::{self, ATTRIBUTE_SET, ROOT};
use super::catalog::kind::Child;
use super::choice::{Choice, Part};
use super::membership;
use super::money::Cents;
use super::quote::{self, Line, Quote};
use super::rules::Rules;
use super::session::Session;
use super::view::{View, WEBSITE};
use crate::page::ProductId;
use crate::rule::cart_rule::{
    Address, AttributeValue, Audiences, Cart, CartAddress, CartLine, CartTax, Coupon, LineFacts,
};
use crate::site::{TaxBasis, TaxComputed};

/// The tax settings of all store views: catalogue prices are without tax, and rules discount them so.
const TAX: CartTax = CartTax {
    catalog_prices: TaxBasis::Excluding,
    discount_on: TaxBasis::Excluding,
    computed: TaxComputed::AfterDiscount,
};

/// The cart of a session in a store view, for the membership that a request brings. `shipping` is what sending it costs in the view's and
/// in base currency, where that was chosen.
pub fn cart(
    session: &Session,
    view: &View,
    headers: &HeaderMap,
    rules: &Rules,
    shipping: Option<(Cents, Cents)>,
) -> Cart {
    let quote = &session.quote;
    let mut lines = Vec::new();
    for line in &quote.lines {
        push(&mut lines, line, view);
    }
    Cart {
        store_id: u64::from(view.id),
        website_id: WEBSITE,
        rate: view.rate(),
        tax: TAX,
        today: view.today(),
        customer_group: Some(session.group()),
        audiences: Some(Audiences {
            held: membership::claimed(headers).into_iter().map(Arc::from).collect(),
            ..Audiences::default()
        }),
        coupon: coupon(session, view, rules),
        address: address(quote, shipping),
        payment_method: Some(quote.payment_method.clone()),
        lines,
        is_complete: true,
        multiselects: Arc::default(),
    }
}

fn coupon(session: &Session, view: &View, rules: &Rules) -> Coupon {
    match &session.quote.coupon {
        Some(code) => {
            Coupon::Code { code: code.clone(), rule_id: rules.unlocked(code, session.customer, view.today()) }
        }
        None => Coupon::None,
    }
}

fn address(quote: &Quote, shipping: Option<(Cents, Cents)>) -> CartAddress {
    let Some(quote::Address { country, region, region_id, postcode }) = quote.address.clone() else {
        return CartAddress::None;
    };
    let (own, base) = shipping.unwrap_or_default();
    CartAddress::Known(Address {
        country,
        region,
        region_id,
        postcode,
        shipping_method: quote.shipping_method.clone(),
        shipping_amount: own.decimal(),
        base_shipping_amount: base.decimal(),
    })
}

/// A line and its children: a configurable's variant without a price, or a bundle's parts with theirs.
fn push(lines: &mut Vec<CartLine>, line: &Line, view: &View) {
    let at = lines.len();
    let own = CartLine {
        tax_percent: line.parts().is_empty().then(|| Decimal::from(view.tax)),
        facts: of_product(line.product),
        ..priced(view, (line.unit(view), line.base_unit()), line.qty)
    };
    lines.push(CartLine {
        product: Some(ProductId(line.product.id)),
        kind: line.product.kind.as_str().to_owned(),
        sku: line.choice.sku(line.product),
        product_sku: Some(line.product.sku.to_owned()),
        quantity: line.qty.into(),
        is_virtual: line.is_virtual(),
        ..own
    });
    match &line.choice {
        Choice::Child(_, child) => lines.push(variant(at, line.product, child)),
        Choice::Parts(parts) => lines.extend(parts.iter().map(|part| selection(at, part, line.qty, view))),
        _ => {}
    }
}

fn variant(parent: usize, product: &Product, child: &Child) -> CartLine {
    CartLine {
        parent: Some(parent),
        product: Some(ProductId(child.id)),
        kind: String::from("simple"),
        sku: child.sku.to_owned(),
        product_sku: Some(child.sku.to_owned()),
        quantity: Decimal::ONE,
        tax_percent: Some(Decimal::ZERO),
        facts: LineFacts {
            // Magento lists a product that is not visible by itself in the categories that it is assigned to only.
            categories: facts::categories(product).into_iter().collect(),
            ..known(facts::child_attributes(product, child))
        },
        ..unpriced()
    }
}

fn selection(parent: usize, part: &Part, bundles: u32, view: &View) -> CartLine {
    let base = part.product.price();
    CartLine {
        parent: Some(parent),
        product: Some(ProductId(part.product.id)),
        kind: part.product.kind.as_str().to_owned(),
        sku: part.product.sku.to_owned(),
        product_sku: Some(part.product.sku.to_owned()),
        quantity: part.qty.into(),
        tax_percent: Some(Decimal::from(view.tax)),
        is_virtual: part.product.kind.is_virtual(),
        facts: of_product(part.product),
        ..priced(view, (view.net(base), base), part.qty * bundles)
    }
}

/// A line with the amounts of so many units at a price in the view's and in base currency.
fn priced(view: &View, (own, base): (Cents, Cents), qty: u32) -> CartLine {
    let with_tax = |amount: Cents| Some(view.with_tax(amount).decimal());
    CartLine {
        unit_price: own.decimal(),
        base_unit_price: base.decimal(),
        unit_price_with_tax: with_tax(own),
        base_unit_price_with_tax: with_tax(base),
        row_total: (own * qty).decimal(),
        base_row_total: (base * qty).decimal(),
        row_total_with_tax: with_tax(own * qty),
        base_row_total_with_tax: with_tax(base * qty),
        ..unpriced()
    }
}

fn unpriced() -> CartLine {
    CartLine {
        parent: None,
        product: None,
        kind: String::new(),
        sku: String::new(),
        product_sku: None,
        quantity: Decimal::ZERO,
        unit_price: Decimal::ZERO,
        base_unit_price: Decimal::ZERO,
        unit_price_with_tax: None,
        base_unit_price_with_tax: None,
        row_total: Decimal::ZERO,
        base_row_total: Decimal::ZERO,
        row_total_with_tax: None,
        base_row_total_with_tax: None,
        tax_percent: None,
        // The shop weighs nothing.
        weight: Some(None),
        is_virtual: false,
        facts: LineFacts::default(),
    }
}

fn of_product(product: &Product) -> LineFacts {
    LineFacts {
        categories: facts::categories(product).into_iter().chain([ROOT]).collect(),
        ..known(facts::attributes(product))
    }
}

fn known(attributes: Vec<(&'static str, String)>) -> LineFacts {
    let attributes = attributes.into_iter().map(|(code, value)| (code.to_owned(), AttributeValue::One(value)));
    LineFacts {
        is_known: true,
        attribute_set: Some(ATTRIBUTE_SET),
        attributes: attributes.collect(),
        ..LineFacts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::catalog::product_by_key;
    use crate::demo::choice::{self, Fields};
    use crate::demo::membership::{MEMBERSHIP, VIP};

    fn with(key: &str, fields: &[(&str, &str)], qty: u32) -> Session {
        let fields: Fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let wanted = choice::read(product_by_key(key).expect("a product"), &fields, qty).expect("something is chosen");
        let mut session = Session::default();
        for one in wanted {
            session.quote.add(one);
        }
        session
    }

    fn judged(session: &Session, view: &str) -> Cart {
        cart(session, View::with_code(view), &HeaderMap::new(), &Rules::default(), None)
    }

    #[test]
    fn a_configurable_has_its_price_on_the_line_and_its_variant_below() {
        let pack = with("dune-day-pack", &[("super_attribute[143]", "166"), ("super_attribute[93]", "52")], 2);
        let lines = judged(&pack, "de").lines;
        assert_eq!((lines.len(), lines[1].parent, lines[1].row_total), (2, Some(0), Decimal::ZERO));
        assert_eq!((lines[0].sku.as_str(), lines[0].product_sku.as_deref()), ("LL-BA06-18-RUST", Some("LL-BA06")));
        assert_eq!(
            (lines[0].unit_price.to_string(), lines[0].base_row_total.to_string()),
            ("53.36".to_owned(), "116.00".to_owned())
        );
        assert_eq!(lines[0].row_total_with_tax.map(|amount| amount.to_string()), Some("127.00".to_owned()));
        assert_eq!((lines[0].facts.categories.len(), lines[1].facts.categories.len()), (2, 1));
        assert_eq!(lines[1].facts.attributes["color"], AttributeValue::One("52".to_owned()));
    }

    #[test]
    fn a_bundle_is_the_sum_of_its_parts_rounded_in_the_views_currency() {
        let fields = [("bundle_option[1]", "3"), ("bundle_option[2]", "4"), ("bundle_option[3]", "7")];
        let lines = judged(&with("first-evening-set", &fields, 2), "ar").lines;
        assert_eq!(lines.iter().map(|line| line.parent).collect::<Vec<_>>(), [None, Some(0), Some(0), Some(0)]);
        let parts: Decimal = lines[1..].iter().map(|line| line.row_total).sum();
        assert_eq!((lines[0].row_total, lines[3].quantity), (parts, Decimal::TWO));
        assert_eq!(lines[0].product_sku.as_deref(), Some("LL-SET1"));
    }

    #[test]
    fn address_coupon_group_and_audiences_are_what_the_shop_knows() {
        let mut session = with("harbour-canvas-tote", &[], 1);
        let view = View::with_code("de");
        let mut headers = HeaderMap::new();
        headers.insert(MEMBERSHIP, VIP.parse().expect("a header value"));
        let rules = Rules::default();
        let known = |session: &Session| cart(session, view, &headers, &rules, Some((Cents(460), Cents(500))));
        let first = known(&session);
        assert_eq!((first.address, first.coupon, first.customer_group), (CartAddress::None, Coupon::None, Some(0)));
        assert!(first.audiences.is_some_and(|audiences| audiences.held.contains(VIP)));
        session.quote.coupon = Some("lantern10".to_owned());
        session.quote.address = Some(quote::Address { country: "DE".to_owned(), ..quote::Address::default() });
        session.customer = Some(&crate::demo::account::CUSTOMERS[1]);
        let second = known(&session);
        assert_eq!(second.coupon, Coupon::Code { code: "lantern10".to_owned(), rule_id: Some(3) });
        let CartAddress::Known(address) = second.address else { panic!("an address") };
        assert_eq!((address.country.as_str(), address.base_shipping_amount), ("DE", Cents(500).decimal()));
        session.quote.coupon = Some("unheard-of".to_owned());
        assert_eq!(known(&session).coupon, Coupon::Code { code: "unheard-of".to_owned(), rule_id: None });
        assert_eq!(second.customer_group, Some(2));
    }
}
