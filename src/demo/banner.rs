//! Dynamic blocks as Adobe Commerce has them: the widget on a page, what its script loads, and what GraphQL tells of them.

use std::collections::BTreeSet;

use axum::extract::{Extension, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::answer;
use super::membership::{VIP, claimed};
use super::session::now;
use super::view::View;
use super::{Asked, Shop};

/// A dynamic block.
struct Banner {
    id: u64,
    /// The audience that it is for, if not for everyone.
    audience: Option<&'static str>,
    html: &'static str,
    /// Its HTML in German, where it has one.
    german: Option<&'static str>,
}

/// The enabled ones, by id. The last one stands on no page, and holds what only Magento can resolve.
const BANNERS: [Banner; 3] = [
    Banner {
        id: 1,
        audience: None,
        html: "<style>#html-body [data-pb-style=WICK]{border-top:1px solid #b08a52;padding:24px 0}</style><div data-content-type=\"row\" data-appearance=\"contained\" data-element=\"main\"><div class=\"shop-note\" data-pb-style=\"WICK\"><img src=\"{{media url=wysiwyg/tile-gear.svg}}\" alt=\"\" width=\"160\" height=\"96\"><h2>A spare wick with every lantern</h2><p>Until the end of winter. <a href=\"{{store url=&quot;gear.html&quot;}}\">See the lamps</a></p></div></div>",
        german: Some(
            "<style>#html-body [data-pb-style=WICK]{border-top:1px solid #b08a52;padding:24px 0}</style><div data-content-type=\"row\" data-appearance=\"contained\" data-element=\"main\"><div class=\"shop-note\" data-pb-style=\"WICK\"><img src=\"{{media url=wysiwyg/tile-gear.svg}}\" alt=\"\" width=\"160\" height=\"96\"><h2>Ein Ersatzdocht zu jeder Laterne</h2><p>Bis zum Ende des Winters. <a href=\"{{store url=&quot;gear.html&quot;}}\">Zu den Lampen</a></p></div></div>",
        ),
    },
    Banner {
        id: 2,
        audience: Some(VIP),
        html: "<div class=\"shop-note\"><h2>An evening at the glassworks</h2><p>For our VIPs: watch a lantern being blown, and take it home.</p></div>",
        german: None,
    },
    Banner {
        id: 3,
        audience: None,
        html: "<div class=\"shop-note\"><h2>New this week</h2>{{widget type=\"Magento\\Catalog\\Block\\Product\\Widget\\NewWidget\" products_count=\"4\"}}</div>",
        german: None,
    },
];

impl Banner {
    fn uid(&self) -> String {
        STANDARD.encode(self.id.to_string())
    }

    fn html(&self, view: &View) -> &'static str {
        self.german.filter(|_| view.code == "de").unwrap_or(self.html)
    }

    fn is_for(&self, audiences: &[String]) -> bool {
        self.audience.is_none_or(|audience| audiences.iter().any(|id| id == audience))
    }
}

/// A widget that shows one block, as an Admin inserts it into a page. Its content comes by script.
pub fn widget(view: &View, id: u64) -> String {
    let Some(banner) = BANNERS.iter().find(|banner| banner.id == id) else { return String::new() };
    format!(
        "<div class=\"widget block block-banners\" data-bind=\"scope: 'banner'\" data-banner-id=\"{id:064x}\" data-types=\"\" \
         data-display-mode=\"fixed\" data-ids=\"{id}\" data-rotate=\"\" data-store-id=\"{}\" data-uids=\"{}\">\
         <ul class=\"banner-items\" data-bind=\"afterRender: registerBanner\"></ul></div>\n",
        view.id,
        banner.uid()
    )
}

/// `GET /banner/ajax/load/`: the blocks that a shopper sees, by membership as it arrives.
pub async fn load(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let audiences = claimed(&headers);
    let fixed: Map<String, Value> = BANNERS
        .iter()
        .filter(|banner| banner.is_for(&audiences))
        .map(|banner| {
            let content = banner.html(asked.view);
            let content = content.replace("{{media url=wysiwyg", "/media/wysiwyg").replace(".svg}}", ".svg");
            let content = content.replace("{{store url=&quot;gear.html&quot;}}", &asked.view.url("/gear.html"));
            (banner.id.to_string(), json!({ "content": content, "types": [], "id": banner.id }))
        })
        .collect();
    let (_, begun) = shop.sessions.with(&headers, |_| ());
    let banner = json!({
        "items": { "salesrule": [], "catalogrule": [], "fixed": fixed }, "store_id": asked.view.id.to_string(), "data_id": now(),
    });
    answer::json(&json!({ "banner": banner }), &headers, begun)
}

/// GraphQL's `dynamicBlocks`, by its variables, with `storeConfig` beside it.
pub fn graphql(variables: &Value, view: &View, headers: &HeaderMap) -> Value {
    let error = |message: String| json!({ "errors": [{ "message": message, "extensions": { "category": "graphql-input" } }], "data": { "dynamicBlocks": null } });
    let number = |key: &str, otherwise: i64| variables[key].as_i64().unwrap_or(otherwise);
    let (size, page) = (number("pageSize", 20), number("currentPage", 1));
    if size < 1 {
        return error("pageSize value must be greater than 0.".to_owned());
    }
    let mut wanted = BTreeSet::new();
    for uid in variables["uids"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let id = STANDARD.decode(uid).ok().and_then(|id| String::from_utf8(id).ok()?.parse::<u64>().ok());
        let Some(id) = id else { return error(format!("Value of uid \"{uid}\" is incorrect.")) };
        wanted.insert(id);
    }
    let audiences: BTreeSet<&str> =
        variables["audience"]["in"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_wanted = |banner: &&Banner| {
        let is_told = match banner.audience {
            Some(audience) => audiences.contains(audience),
            None => audiences.is_empty(),
        };
        is_told && (wanted.is_empty() || wanted.contains(&banner.id))
    };
    let found: Vec<&Banner> = BANNERS.iter().filter(is_wanted).collect();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let pages = found.len().div_ceil(size);
    // A page past the end is the last one again.
    let at = usize::try_from(page.max(1)).unwrap_or(usize::MAX).min(pages.max(1)) - 1;
    let item = |banner: &&Banner| json!({ "uid": banner.uid(), "content": { "html": banner.html(view) }, "audience_id": Vec::from_iter(banner.audience) });
    let items: Vec<Value> = found.iter().skip(at.saturating_mul(size)).take(size).map(item).collect();
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    json!({ "data": {
        "dynamicBlocks": {
            "items": items, "page_info": { "page_size": size, "current_page": page, "total_pages": pages }, "total_count": found.len(),
        },
        "storeConfig": {
            "secure_base_url": format!("http://{host}{}", view.url("/")),
            "secure_base_media_url": format!("http://{host}/media/"),
        },
    } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &Value) -> Value {
        graphql(variables, View::with_code("de"), &HeaderMap::new())
    }

    #[test]
    fn guests_are_told_of_blocks_by_page_and_audience() {
        let uids = |variables: &Value| -> Vec<String> {
            let items = told(variables)["data"]["dynamicBlocks"]["items"].as_array().cloned().unwrap_or_default();
            items.iter().map(|item| item["uid"].as_str().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(uids(&json!({})), ["MQ==", "Mw=="]);
        assert_eq!(uids(&json!({ "audience": { "in": [VIP] } })), ["Mg=="]);
        assert_eq!(uids(&json!({ "pageSize": 1, "currentPage": 7 })), ["Mw=="], "the last one again");
        assert_eq!(uids(&json!({ "uids": ["MQ=="] })), ["MQ=="]);
        assert_eq!(told(&json!({ "uids": ["5"] }))["errors"][0]["message"], "Value of uid \"5\" is incorrect.");
        assert_eq!(told(&json!({ "pageSize": 0 }))["errors"][0]["message"], "pageSize value must be greater than 0.");
        assert!(
            told(&json!({}))["data"]["dynamicBlocks"]["items"][0]["content"]["html"]
                .as_str()
                .is_some_and(|html| html.contains("Ersatzdocht"))
        );
    }

    #[test]
    fn a_widget_names_its_block() {
        let widget = widget(View::with_code("default"), 2);
        assert!(widget.contains("data-ids=\"2\"") && widget.contains("data-uids=\"Mg==\""), "{widget}");
    }
}
