//! Customers: who they are, and how they log in and out.

use axum::extract::{Extension, Form, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use sha2::{Digest as _, Sha256};

use super::answer;
use super::cart::{back, has_form_key, within};
use super::choice::{Fields, field};
use super::layout;
use super::pages;
use super::session::{Session, cookie};
use super::template::{render, text};
use super::view::View;
use super::{Asked, Shop};

/// Magento's cookie by which its page cache keeps customers apart from guests.
const VARY: &str = "X-Magento-Vary";

/// Somebody with an account.
#[derive(Debug, PartialEq, Eq)]
pub struct Customer {
    /// Magento's id.
    pub id: u64,
    /// The customer group.
    pub group: u64,
    /// The group's name.
    pub group_name: &'static str,
    /// First name.
    pub first: &'static str,
    /// Last name.
    pub last: &'static str,
    /// The email address, with which he logs in.
    pub email: &'static str,
    /// The password, which the login page tells everybody.
    pub password: &'static str,
}

/// Everybody with an account, one in each of Magento's groups for customers that the shop's rules know.
pub static CUSTOMERS: [Customer; 2] = [
    Customer {
        id: 1,
        group: 1,
        group_name: "General",
        first: "Ada",
        last: "Lampwright",
        email: "ada@lumen-loom.example",
        password: "lantern-1921",
    },
    Customer {
        id: 2,
        group: 2,
        group_name: "Wholesale",
        first: "Bram",
        last: "Weaver",
        email: "bram@lumen-loom.example",
        password: "canvas-1921",
    },
];

impl Customer {
    /// Both names.
    pub fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// Whether a request comes from a customer as far as the page cache can tell.
pub fn is_customers(headers: &HeaderMap) -> bool {
    cookie(headers, VARY).is_some_and(|vary| !vary.is_empty())
}

/// `GET /customer/account/login/`
pub async fn login(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let (session, begun) = shop.sessions.with(&headers, |session| session.clone());
    if session.customer.is_some() {
        return back(&shop, &headers, &asked.view.url("/customer/account/"), begun);
    }
    let known: String =
        CUSTOMERS.iter().map(|customer| known_customer(asked.view, customer, &session.form_key)).collect();
    let values = [("form_key", session.form_key), ("known", known)];
    let body = render(asked.view, include_str!("templates/login.html"), &values);
    let page = pages::simple("Customer Login", "customer-account-login", &body);
    answer::private_page(layout::render(&shop, &asked, &page), begun)
}

fn known_customer(view: &View, customer: &Customer, form_key: &str) -> String {
    let values = [
        ("form_key", form_key.to_owned()),
        ("name", text(&customer.name())),
        ("group", text(customer.group_name)),
        ("email", text(customer.email)),
        ("password", text(customer.password)),
    ];
    render(view, include_str!("templates/login_known.html"), &values)
}

/// `POST /customer/account/loginPost/`
pub async fn log_in(
    State(shop): State<Shop>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let check = |session: &mut Session| {
        let customer = has_form_key(session, &headers, &fields).then(|| known(&fields))?;
        if customer.is_none() {
            session.say(
                "error",
                "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later.",
            );
        }
        customer
    };
    let (customer, begun) = shop.sessions.with(&headers, check);
    let Some(customer) = customer else {
        return back(&shop, &headers, &asked.view.url("/customer/account/login/"), begun);
    };
    let id = shop.sessions.log_in(&within(&headers, begun.as_deref()), customer);
    let mut response = back(&shop, &headers, &asked.view.url("/customer/account/"), id);
    answer::set_cookie(&mut response, VARY, vary(&shop, customer), true);
    forget_sections(&mut response);
    response
}

fn known(fields: &Fields) -> Option<&'static Customer> {
    let (email, password) = (field(fields, "login[username]")?, field(fields, "login[password]")?);
    CUSTOMERS.iter().find(|customer| customer.email.eq_ignore_ascii_case(email) && customer.password == password)
}

/// Whose pages are alike has the same value, which says nothing to anybody else.
fn vary(shop: &Shop, customer: &Customer) -> String {
    let digest = Sha256::digest(format!("customer_group={}|customer_logged_in=1|{}", customer.group, shop.form_key));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the browser keeps is another's from here on, which Magento's script learns from this cookie's end.
fn forget_sections(response: &mut Response) {
    answer::drop_cookie(response, "mage-cache-sessid");
}

/// `GET` and `POST /customer/account/logout/`
pub async fn log_out(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let id = shop.sessions.log_out(&headers);
    let mut response =
        answer::redirect(StatusCode::FOUND, &asked.view.url("/customer/account/logoutSuccess/"), id, Vec::new(), "");
    answer::drop_cookie(&mut response, VARY);
    forget_sections(&mut response);
    response
}

/// `GET /customer/account/logoutSuccess/`
pub async fn logged_out(State(shop): State<Shop>, Extension(asked): Extension<Asked>) -> Response {
    let body = format!("<p>You have signed out. <a href=\"{}\">Go to the start</a>.</p>", asked.view.url("/"));
    let page = pages::simple("You are signed out", "customer-account-logoutsuccess", &body);
    answer::private_page(layout::render(&shop, &asked, &page), None)
}

/// `GET /customer/account/`
pub async fn show(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let (customer, begun) = shop.sessions.with(&headers, |session| session.customer);
    let Some(customer) = customer else {
        return back(&shop, &headers, &asked.view.url("/customer/account/login/"), begun);
    };
    let values =
        [("name", text(&customer.name())), ("email", text(customer.email)), ("group", text(customer.group_name))];
    let body = render(asked.view, include_str!("templates/account.html"), &values);
    let page = pages::simple("My Account", "account customer-account-index", &body);
    answer::private_page(layout::render(&shop, &asked, &page), begun)
}
