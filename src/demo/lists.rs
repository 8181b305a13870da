//! The wish list and the comparison: two pages, and what changes them.

use axum::extract::{Extension, Form, State};
use axum::response::Response;
use http::HeaderMap;

use super::answer;
use super::cart::{back, has_form_key};
use super::catalog::{self, Product};
use super::choice::{Fields, field};
use super::layout::{self, Page};
use super::price::{self, Place};
use super::product;
use super::scripts;
use super::session::{List, Session, named_product};
use super::template::{attribute, render, text};
use super::view::View;
use super::{Asked, Shop};

/// `GET /wishlist/`
pub async fn wishlist(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let (session, begun) = shop.sessions.with(&headers, |session| session.clone());
    let view = asked.view;
    let items: String = catalog::products(&session.wishes).into_iter().map(|one| wished(view, &session, one)).collect();
    let main = match items.is_empty() {
        true => empty(view.phrase("You have no items in your wish list.")),
        false => render(view, include_str!("templates/wishlist.html"), &[("items", items)]),
    };
    let page = Page {
        title: view.phrase("My Wish List").to_owned(),
        body_class: String::from("account wishlist-index-index page-layout-1column"),
        title_block: layout::title_block(view.phrase("My Wish List")),
        main,
        ..Page::default()
    };
    answer::private_page(layout::render(&shop, &asked, &page), begun)
}

fn empty(words: &str) -> String {
    format!("<div class=\"message info empty\"><div>{}</div></div>\n", text(words))
}

fn wished(view: &View, session: &Session, product: &Product) -> String {
    let values = [
        ("id", product.id.to_string()),
        ("name", text(product.name)),
        ("name_attribute", attribute(product.name)),
        ("url", view.url(&product.path())),
        ("image", product.image()),
        ("price_box", price::configured_box(view, product.id, scripts::final_price(view, product), false)),
        ("form_key", session.form_key.clone()),
    ];
    render(view, include_str!("templates/wishlist_item.html"), &values)
}

/// `GET /catalog/product_compare/`
pub async fn comparison(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let (session, begun) = shop.sessions.with(&headers, |session| session.clone());
    let view = asked.view;
    let products = catalog::products(&session.compared);
    let cells = |cell: &dyn Fn(&Product) -> String| products.iter().map(|product| cell(product)).collect::<String>();
    let main = match products.is_empty() {
        true => empty(view.phrase("You have no items to compare.")),
        false => {
            let values = [
                ("removals", cells(&|product| removal(view, product))),
                ("products", cells(&|product| compared(&shop, view, product))),
                ("skus", cells(&|product| attribute_cell(product.sku))),
                ("texts", cells(&|product| attribute_cell(product.summary))),
            ];
            render(view, include_str!("templates/compare.html"), &values)
        }
    };
    let page = Page {
        title: view.phrase("Compare Products").to_owned(),
        body_class: String::from("catalog-product_compare-index page-layout-1column"),
        title_block: layout::title_block(view.phrase("Compare Products")),
        main,
        ..Page::default()
    };
    answer::private_page(layout::render(&shop, &asked, &page), begun)
}

fn removal(view: &View, product: &Product) -> String {
    render(view, include_str!("templates/compare_remove.html"), &[("id", product.id.to_string())])
}

fn compared(shop: &Shop, view: &View, product: &Product) -> String {
    let values = [
        ("id", product.id.to_string()),
        ("sku", text(product.sku)),
        ("name", text(product.name)),
        ("name_attribute", attribute(product.name)),
        ("url", view.url(&product.path())),
        ("image", product.image()),
        ("rating", product::rating(view, product, false)),
        ("price_box", price::price_box(view, product, Place::Compare)),
        ("form_key", shop.form_key.clone()),
    ];
    render(view, include_str!("templates/compare_item.html"), &values)
}

fn attribute_cell(value: &str) -> String {
    format!(
        "                                                <td class=\"cell product attribute\">\n                            <div class=\"attribute value\">\n                                {}                            </div>\n                        </td>\n",
        text(value)
    )
}

/// `POST /wishlist/index/add/`
pub async fn wish(shop: State<Shop>, asked: Extension<Asked>, headers: HeaderMap, form: Form<Fields>) -> Response {
    change(&shop, &asked, &headers, &form, List::Wishes, true)
}

/// `POST /wishlist/index/remove/`
pub async fn unwish(shop: State<Shop>, asked: Extension<Asked>, headers: HeaderMap, form: Form<Fields>) -> Response {
    change(&shop, &asked, &headers, &form, List::Wishes, false)
}

/// `POST /catalog/product_compare/add/`
pub async fn compare(shop: State<Shop>, asked: Extension<Asked>, headers: HeaderMap, form: Form<Fields>) -> Response {
    change(&shop, &asked, &headers, &form, List::Compared, true)
}

/// `POST /catalog/product_compare/remove/`
pub async fn uncompare(shop: State<Shop>, asked: Extension<Asked>, headers: HeaderMap, form: Form<Fields>) -> Response {
    change(&shop, &asked, &headers, &form, List::Compared, false)
}

/// Magento shows the wish list after it was added to, and the product again after it was put into the comparison.
fn change(shop: &Shop, asked: &Asked, headers: &HeaderMap, fields: &Fields, list: List, is_on: bool) -> Response {
    let view = asked.view;
    let product = field(fields, "product").and_then(named_product);
    let ((), begun) = shop.sessions.with(headers, |session| {
        let Some(product) = product.filter(|_| has_form_key(session, headers, fields)) else { return };
        session.list(list, product.id, is_on);
        let words = match (list, is_on) {
            (List::Wishes, true) => "%1 has been added to your Wish List.",
            (List::Wishes, false) => "%1 has been removed from your Wish List.",
            (List::Compared, true) => "You added product %1 to the comparison list.",
            (List::Compared, false) => "You removed product %1 from the comparison list.",
        };
        session.say("success", view.phrase(words).replace("%1", product.name));
    });
    let to = match (list, is_on, product) {
        (List::Compared, true, Some(product)) => product.path(),
        (List::Compared, ..) => String::from("/catalog/product_compare/"),
        (List::Wishes, ..) => String::from("/wishlist/"),
    };
    back(shop, headers, &view.url(&to), begun)
}
