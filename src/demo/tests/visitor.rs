//! Somebody whose browser keeps cookies.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

/// A browser with its cookies.
pub struct Visitor {
    pub shop: Router,
    pub cookies: BTreeMap<String, String>,
}

impl Visitor {
    /// Somebody with a session and these products in his cart.
    pub async fn with_cart(shop: Router, products: &[(u64, u32)]) -> Self {
        let mut visitor = Self { shop, cookies: BTreeMap::from([(String::from("form_key"), "k".repeat(16))]) };
        visitor.get("/checkout/cart/").await;
        for (product, qty) in products {
            visitor.post("/checkout/cart/add/", &format!("product={product}&qty={qty}")).await;
        }
        visitor
    }

    pub async fn send(&mut self, request: http::request::Builder, body: String) -> Response<String> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(COOKIE, cookies.join("; ")).header("x-requested-with", "XMLHttpRequest");
        let answer = ask(&self.shop, request.body(Body::from(body)).expect("a request")).await;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let text = cookie.to_str().expect("text");
            let (name, rest) = text.split_once('=').expect("a pair");
            let value = rest.split(';').next().unwrap_or_default();
            match text.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    pub async fn get(&mut self, path: &str) -> Response<String> {
        self.send(Request::get(path), String::new()).await
    }

    /// Sends a form with the key that the cookie says.
    pub async fn post(&mut self, path: &str, form: &str) -> Response<String> {
        let form = format!("{form}&form_key={}", self.cookies["form_key"]);
        self.send(Request::post(path).header("content-type", "application/x-www-form-urlencoded"), form).await
    }

    /// Asks the API, and answers with the status and what it said.
    pub async fn api(&mut self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let answer = self.send(request, text).await;
        (answer.status().as_u16(), serde_json::from_str(answer.body()).unwrap_or_else(|_| json!(answer.body())))
    }

    /// The messages that no page has shown yet; they are gone then.
    pub fn messages(&mut self) -> Value {
        let said = self.cookies.remove("mage-messages").unwrap_or_default();
        let text = percent_encoding::percent_decode_str(&said).decode_utf8_lossy();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The last of these.
    pub fn last_message(&mut self) -> Value {
        self.messages().as_array_mut().and_then(Vec::pop).unwrap_or_default()
    }

    /// What the cart's page tells its scripts.
    pub async fn config(&mut self) -> Value {
        let page = self.get("/checkout/cart/").await.into_body();
        let after = page.split_once("window.checkoutConfig = ").expect("the configuration").1;
        serde_json::from_str(after.split_once(";</script>").expect("its end").0).expect("JSON")
    }

    /// The public id of a guest's cart.
    pub async fn cart_id(&mut self) -> String {
        self.config().await["quoteData"]["entity_id"].as_str().expect("an id").to_owned()
    }
}
