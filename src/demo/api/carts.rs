//! Carts of guests and customers.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};

use super::totals::{cart_json, totals_json};
use super::{Call, Whose, bad_request, not_found, unauthorized};
use crate::demo::answer;
use crate::demo::checkout;
use crate::demo::coupon;
use crate::demo::quote::Address;
use crate::demo::session::Session;
use crate::demo::shipping::{self, Method};
use crate::demo::totals::Totals;
use crate::demo::{Shop, session};

/// `POST /V1/guest-carts`: a new cart's id.
pub async fn begin(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    let begun = session::cookie(&headers, session::SESSION).is_none().then(|| session::random_text(26));
    answer::json(&json!(shop.sessions.begin_cart()), &headers, begun)
}

/// `POST /V1/carts/mine`: the number of the customer's cart, which every customer has.
pub async fn own(call: Call) -> Response {
    call.answer(|call, session| match call.whose {
        Whose::Own => Ok(json!(session.quote.id)),
        Whose::Guests(_) => Err(bad_request("Request does not match any route.")),
    })
}

/// `GET`: the cart.
pub async fn show(call: Call) -> Response {
    call.answer(|call, session| Ok(cart_json(session, call.view)))
}

/// `GET /totals`
pub async fn totals(call: Call) -> Response {
    call.answer(|call, session| Ok(call.totals(session)))
}

/// `POST /totals-information`: the totals as if the cart went there. The cart stays as it is.
pub async fn totals_information(call: Call) -> Response {
    call.answer(|call, session| {
        let mut there = session.clone();
        let told = &call.body["addressInformation"];
        there.quote.address = Some(address(&told["address"]));
        there.quote.shipping_method = chosen_method(told);
        Ok(call.totals(&there))
    })
}

/// `POST /estimate-shipping-methods`
pub async fn shipping_methods(call: Call) -> Response {
    call.answer(|call, session| {
        let mut there = session.clone();
        there.quote.address = Some(address(&call.body["address"]));
        let totals = Totals::of(&call.shop, &there, call.view, &call.headers);
        let methods = shipping::methods(&there.quote, totals.is_sent_free);
        Ok(methods.into_iter().map(|method| call.method_json(method, &totals)).collect())
    })
}

/// `POST /shipping-information`: keeps address and method, and answers with what can be paid with and what is due.
pub async fn shipping_information(call: Call) -> Response {
    call.answer(|call, session| {
        let told = &call.body["addressInformation"];
        let method = chosen_method(told);
        let is_known = method.as_deref().is_some_and(|code| Method::with_code(code).is_some());
        if !is_known && !session.quote.is_virtual() {
            return Err(bad_request("Carrier with such method not found: %1, %2"));
        }
        session.quote.address = Some(address(&told["shipping_address"]));
        session.quote.shipping_method = method;
        coupon::collect(&call.shop, session, call.view, &call.headers);
        Ok(call.payment(session))
    })
}

/// `POST /set-payment-information`
pub async fn set_payment(call: Call) -> Response {
    call.answer(|call, session| {
        call.choose_payment(session);
        Ok(json!(true))
    })
}

/// `GET /payment-information`
pub async fn payment_information(call: Call) -> Response {
    call.answer(|call, session| Ok(call.payment(session)))
}

/// `POST /payment-information`: orders, and answers with the order's number.
pub async fn order(call: Call) -> Response {
    call.answer(|call, session| {
        call.choose_payment(session);
        let placed = checkout::place(&call.shop, session, call.view, &call.headers);
        placed.map(|order| json!(order)).ok_or_else(|| {
            bad_request("A server error stopped your order from being placed. Please try to place your order again.")
        })
    })
}

/// `GET /coupons`: the code, or PHP's nothing.
pub async fn coupon(call: Call) -> Response {
    call.answer(|_, session| Ok(session.quote.coupon.as_ref().map_or_else(|| json!([]), |code| json!(code))))
}

/// `PUT /coupons/CODE`. As in the form, a code that does not hold takes the place of one that did.
pub async fn set_coupon(call: Call) -> Response {
    call.answer(|call, session| {
        if session.quote.lines.is_empty() {
            let number = json!([session.quote.id.to_string()]);
            return Err(not_found("The \"%1\" Cart doesn't contain products.", number));
        }
        match coupon::set(&call.shop, session, call.view, &call.headers, Some(&call.last)) {
            true => Ok(json!(true)),
            false => Err(not_found("The coupon code isn't valid. Verify the code and try again.", Value::Null)),
        }
    })
}

/// `DELETE /coupons`
pub async fn drop_coupon(call: Call) -> Response {
    call.answer(|call, session| {
        coupon::set(&call.shop, session, call.view, &call.headers, None);
        Ok(json!(true))
    })
}

/// `GET /V1/customers/me`
pub async fn customer(call: Call) -> Response {
    call.answer(|call, session| {
        let customer = session.customer.ok_or_else(unauthorized)?;
        Ok(json!({
            "id": customer.id,
            "group_id": customer.group,
            "email": customer.email,
            "firstname": customer.first,
            "lastname": customer.last,
            "store_id": call.view.id,
            "website_id": crate::demo::view::WEBSITE,
            "addresses": [],
        }))
    })
}

impl Call {
    fn totals(&self, session: &Session) -> Value {
        totals_json(session, self.view, &Totals::of(&self.shop, session, self.view, &self.headers))
    }

    fn payment(&self, session: &Session) -> Value {
        json!({ "payment_methods": [{ "code": "checkmo", "title": "Check / Money order" }], "totals": self.totals(session) })
    }

    fn choose_payment(&self, session: &mut Session) {
        let method = self.body["paymentMethod"]["method"].as_str().map(str::to_owned);
        session.quote.payment_method = method.or_else(|| session.quote.payment_method.take());
    }

    fn method_json(&self, method: Method, totals: &Totals) -> Value {
        let price = totals.sent_by(method, self.view);
        json!({
            "carrier_code": method.carrier,
            "method_code": method.method,
            "carrier_title": method.carrier_title,
            "method_title": method.method_title,
            "amount": price.own.json(),
            "base_amount": price.base.json(),
            "available": true,
            "error_message": "",
            "price_excl_tax": price.own.json(),
            "price_incl_tax": price.own.json(),
        })
    }
}

/// An address as scripts write it, in either of their two spellings.
fn address(told: &Value) -> Address {
    let text = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| told[*name].as_str().or_else(|| told[*name]["region"].as_str()))
            .unwrap_or_default()
            .to_owned()
    };
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    Address {
        country: text(["country_id", "countryId"]),
        region: text(["region", "region"]),
        region_id: number(&told["region_id"]).or_else(|| number(&told["regionId"])),
        postcode: text(["postcode", "postcode"]),
    }
}

fn chosen_method(told: &Value) -> Option<String> {
    let part = |names: [&str; 2]| names.iter().find_map(|name| told[*name].as_str()).filter(|code| !code.is_empty());
    let carrier = part(["shipping_carrier_code", "shippingCarrierCode"])?;
    Some(format!("{carrier}_{}", part(["shipping_method_code", "shippingMethodCode"])?))
}
