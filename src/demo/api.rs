//! Magento's APIs as far as carts need them.

mod carts;
mod graphql;
mod lines;
mod totals;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::answer::{self, Refusal};
use super::session::{SESSION, Session, cookie};
use super::view::View;
use super::{Asked, Shop};

pub use totals::checkout_config;

/// Beyond this, a body is none that the shop can want.
const MOST_BYTES: usize = 64 * 1024;

/// The paths. Store codes in them are taken off before.
pub fn router() -> Router<Shop> {
    let router = Router::new()
        .route("/rest/V1/guest-carts", post(carts::begin))
        .route("/rest/V1/customers/me", get(carts::customer))
        .route("/graphql", get(graphql::answer).post(graphql::answer));
    ["/rest/V1/guest-carts/{id}", "/rest/V1/carts/mine"].into_iter().fold(router, cart)
}

/// The paths of one cart.
fn cart(router: Router<Shop>, base: &str) -> Router<Shop> {
    let at = |rest: &str| format!("{base}{rest}");
    router
        .route(base, get(carts::show).post(carts::own))
        .route(&at("/totals"), get(carts::totals))
        .route(&at("/totals-information"), post(carts::totals_information))
        .route(&at("/estimate-shipping-methods"), post(carts::shipping_methods))
        .route(&at("/shipping-information"), post(carts::shipping_information))
        .route(&at("/set-payment-information"), post(carts::set_payment))
        .route(&at("/payment-information"), get(carts::payment_information).post(carts::order))
        .route(&at("/coupons"), get(carts::coupon).delete(carts::drop_coupon))
        .route(&at("/coupons/{code}"), put(carts::set_coupon))
        .route(&at("/items"), get(lines::list).post(lines::add))
        .route(&at("/items/{item}"), put(lines::change).delete(lines::remove))
}

/// The path of an API's request without its store code, and the view that the code names.
pub fn without_store(path: &str) -> Option<(&'static View, String)> {
    let (code, rest) = path.strip_prefix("/rest/")?.split_once('/')?;
    let is_code = code != "V1" && (rest == "V1" || rest.starts_with("V1/"));
    is_code.then(|| (View::with_code(code), format!("/rest/{rest}")))
}

/// Whose cart a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    /// The guest's with this id.
    Guests(String),
    /// The customer's who is logged in.
    Own,
}

/// A request to the API about a cart.
pub struct Call {
    shop: Shop,
    view: &'static View,
    whose: Whose,
    /// The last part of the path, decoded.
    last: String,
    headers: HeaderMap,
    body: Value,
}

impl FromRequest<Shop> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request, shop: &Shop) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let view = parts.extensions.get::<Asked>().map_or_else(|| View::with_code(""), |asked| asked.view);
        let path: Vec<String> = parts.uri.path().trim_end_matches('/').split('/').map(decoded).collect();
        let whose = match path.get(3).map(String::as_str) {
            Some("guest-carts") => Whose::Guests(path.get(4).cloned().unwrap_or_default()),
            _ => Whose::Own,
        };
        let bytes = to_bytes(body, MOST_BYTES).await.unwrap_or_else(|_| Bytes::from_static(b"?"));
        let body = match bytes.is_empty() {
            true => Ok(Value::Null),
            false => serde_json::from_slice(&bytes),
        };
        let Ok(body) = body else { return Err(bad_request("Decoding error: Syntax error")) };
        let last = path.last().cloned().unwrap_or_default();
        Ok(Self { shop: shop.clone(), view, whose, last, headers: parts.headers, body })
    }
}

fn decoded(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
}

impl Call {
    /// Answers with what `work` makes of the session whose cart it is, or with why there is none.
    fn answer(&self, work: impl FnOnce(&Self, &mut Session) -> Result<Value, Refusal>) -> Response {
        let done = match &self.whose {
            Whose::Guests(masked) => self.shop.sessions.with_cart(masked, |session| work(self, session)),
            Whose::Own => match self.is_scripts() {
                true => self.shop.sessions.with_known(&self.headers, |session| self.own(session, work)),
                false => Some(Err(unauthorized())),
            },
        };
        match (done, &self.whose) {
            (Some(Ok(value)), _) => self.json(&value),
            (Some(Err(refusal)), _) => refusal.into_response(),
            (None, Whose::Guests(masked)) => no_such_entity("cartId", masked).into_response(),
            (None, Whose::Own) => unauthorized().into_response(),
        }
    }

    fn own(
        &self,
        session: &mut Session,
        work: impl FnOnce(&Self, &mut Session) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        if session.customer.is_some() { work(self, session) } else { Err(unauthorized()) }
    }

    /// A session counts for requests of a page's own scripts only.
    fn is_scripts(&self) -> bool {
        self.headers.get("x-requested-with").is_some_and(|value| value == "XMLHttpRequest")
    }

    /// Whoever asks without a session is given one, as by every request to PHP; it has nothing to do with the cart.
    fn json(&self, value: &Value) -> Response {
        let begun = cookie(&self.headers, SESSION).is_none().then(|| super::session::random_text(26));
        answer::json(value, &self.headers, begun)
    }
}

fn unauthorized() -> Refusal {
    Refusal {
        status: StatusCode::UNAUTHORIZED,
        message: "The consumer isn't authorized to access %resources.",
        parameters: json!({ "resources": "self" }),
    }
}

fn no_such_entity(field: &str, value: &str) -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        message: "No such entity with %fieldName = %fieldValue",
        parameters: json!({ "fieldName": field, "fieldValue": value }),
    }
}

fn not_found(message: &'static str, parameters: Value) -> Refusal {
    Refusal { status: StatusCode::NOT_FOUND, message, parameters }
}

fn bad_request(message: &'static str) -> Refusal {
    Refusal { status: StatusCode::BAD_REQUEST, message, parameters: Value::Null }
}
