//! Segue's one stylesheet: its address holds a hash of its content, so that browsers may keep it for ever.

use http::{HeaderValue, Response, header};
use sha2::{Digest as _, Sha256};

use crate::body::Body;

const CSS: &str = include_str!("segue.css");

/// The stylesheet and where it is served.
#[derive(Clone, Debug)]
pub struct Stylesheet {
    url: String,
}

impl Stylesheet {
    /// The stylesheet under a prefix such as `/.segue/`.
    pub fn under(prefix: &str) -> Self {
        let hash: String = Sha256::digest(CSS).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { url: format!("{prefix}segue-{hash}.css") }
    }

    /// Its address, a path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The stylesheet, if that is what the path names.
    pub fn answer(&self, path: &str) -> Option<Response<Body>> {
        (path == self.url).then(|| {
            let mut response = Response::new(Body::from(CSS));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
            let immutable = HeaderValue::from_static("public, max-age=31536000, immutable");
            headers.insert(header::CACHE_CONTROL, immutable);
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            response
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_address_answers() {
        let stylesheet = Stylesheet::under("/.segue/");
        let url = stylesheet.url().to_owned();
        assert!(url.starts_with("/.segue/segue-") && url.ends_with(".css"));
        assert!(stylesheet.answer(&url).is_some());
        assert!(stylesheet.answer("/.segue/segue-0000000000000000.css").is_none());
    }

    #[test]
    fn a_shop_can_override_labels_and_disclosures_by_one_class() {
        for class in ["segue-offer", "segue-disclosure"] {
            // What stands within `:where()` gives a rule no more weight.
            let rules: Vec<&str> =
                CSS.lines().filter(|line| line.contains(class) && !line.starts_with(":where(")).collect();
            assert_eq!(rules, [format!(".{class} {{")]);
        }
        assert!(!CSS.contains("!important"));
    }

    #[test]
    fn holds_nothing_but_segues_own_classes() {
        let selectors = CSS.lines().filter(|line| line.trim_end().ends_with(['{', ',']) && !line.contains([':', '@']));
        let selectors: Vec<&str> = selectors.map(str::trim).collect();
        assert!(selectors.len() > 10, "{selectors:?}");
        for selector in selectors {
            assert!(selector.contains(".segue-"), "{selector}");
        }
    }
}
