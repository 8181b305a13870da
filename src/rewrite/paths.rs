//! Paths that Segue never touches: administration, interfaces, checkout, payment, accounts and files.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use wildmatch::WildMatch;

/// What is never touched unless configured otherwise; a later line wins over an earlier one.
const DEFAULT: [&str; 41] = [
    "/admin*",
    "/rest",
    // Prices that widgets show; asked for with GET only.
    "!/rest/v1/products-render-info",
    "!/rest/*/v1/products-render-info",
    "/graphql",
    "/soap",
    "/oauth",
    "/swagger",
    "/setup",
    "/checkout",
    // The cart's page shows products beside the cart; its totals have no slot.
    "!/checkout/cart",
    "/multishipping",
    "/onestepcheckout",
    "/customer",
    // What the minicart and the wishlist block show.
    "!/customer/section/load",
    "/sales/order",
    "/sales/guest",
    "/sales/download",
    "/downloadable",
    "/vault",
    "/rma",
    "/negotiable_quote",
    "/paypal",
    "/payflow",
    "/braintree",
    "/adyen",
    "/amazon_payment",
    "/amazon_pay",
    "/klarna",
    "/stripe",
    "/mollie",
    "/static",
    "/media",
    "/pub",
    "/errors",
    "/page_cache",
    "/captcha",
    "/health_check.php",
    "/get.php",
    "/cron.php",
    "/.well-known",
];

/// Endings of files, in lower case. Magento's own pages end in `.html` or in nothing.
const FILE_ENDINGS: [&str; 36] = [
    "avif",
    "bmp",
    "css",
    "csv",
    "doc",
    "docx",
    "eot",
    "gif",
    "gz",
    "ico",
    "jpeg",
    "jpg",
    "js",
    "json",
    "map",
    "mjs",
    "mp3",
    "mp4",
    "ogg",
    "otf",
    "pdf",
    "png",
    "rss",
    "svg",
    "tgz",
    "ttf",
    "txt",
    "wasm",
    "webm",
    "webmanifest",
    "webp",
    "woff",
    "woff2",
    "xls",
    "xml",
    "zip",
];

/// Prefixes under which Magento serves the same pages again, apart from those of store views.
const FRONT_CONTROLLER: &str = "/index.php";

/// One line of the never-touched list: a path with everything below it. `*` stands for anything, a leading `!` takes paths out again.
#[derive(Clone, Debug, PartialEq)]
pub struct PathPattern {
    touched: bool,
    shape: Shape,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Literal(String),
    Wild { itself: WildMatch, below: WildMatch },
}

/// A line that is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" must be a path such as /admin* or, to take it out again, !/checkout/cart")]
pub struct PathPatternError(String);

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(line: &str) -> Result<Self, PathPatternError> {
        let (touched, path) = line.strip_prefix('!').map_or((false, line), |path| (true, path));
        if !path.starts_with('/') || path.contains(char::is_whitespace) {
            return Err(PathPatternError(line.to_owned()));
        }
        let path = path.trim_end_matches('/').to_ascii_lowercase();
        let shape = match path.contains(['*', '?']) {
            true => Shape::Wild { itself: WildMatch::new(&path), below: WildMatch::new(&format!("{path}/*")) },
            false => Shape::Literal(path),
        };
        Ok(Self { touched, shape })
    }
}

impl PathPattern {
    /// The list that holds unless another is configured.
    pub fn defaults() -> Vec<Self> {
        DEFAULT.iter().map(|line| line.parse().expect("every default line is a path")).collect()
    }

    fn matches(&self, path: &str) -> bool {
        match &self.shape {
            Shape::Literal(literal) => {
                path.strip_prefix(literal.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Shape::Wild { itself, below } => itself.matches(path) || below.matches(path),
        }
    }
}

/// The never-touched list together with the prefixes that lead to store views.
#[derive(Clone, Debug)]
pub(super) struct NeverTouched {
    patterns: Vec<PathPattern>,
    prefixes: Vec<String>,
}

impl NeverTouched {
    pub(super) fn new(patterns: Vec<PathPattern>, store_prefixes: &[String]) -> Self {
        let prefixes = store_prefixes.iter().map(|prefix| normalised(prefix)).filter(|prefix| prefix != "/").collect();
        Self { patterns, prefixes }
    }

    /// Whether the path of a request, as it arrived, is one that is never touched. Under a store view's prefix or the front
    /// controller the rest of the path counts as well.
    pub(super) fn covers(&self, path: &str) -> bool {
        self.readings(path).iter().any(|path| self.listed(path) || is_file(path))
    }

    /// The path of a request, in lower case, and what is left of it without each prefix.
    pub(super) fn readings(&self, path: &str) -> Vec<String> {
        let path = normalised(path);
        std::iter::successors(Some(path.as_str()), |path| self.without_prefix(path)).map(str::to_owned).collect()
    }

    fn listed(&self, path: &str) -> bool {
        self.patterns.iter().rev().find(|pattern| pattern.matches(path)).is_some_and(|pattern| !pattern.touched)
    }

    fn without_prefix<'p>(&self, path: &'p str) -> Option<&'p str> {
        let prefixes = self.prefixes.iter().map(String::as_str).chain([FRONT_CONTROLLER, locale_prefix(path)]);
        prefixes
            .filter(|prefix| !prefix.is_empty())
            .find_map(|prefix| path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')))
    }
}

/// The first segment where it looks like a locale (`/de`, `/de_ch`, `/en-us`): most shops name store views so, also ones that the
/// configuration does not know.
fn locale_prefix(path: &str) -> &str {
    let end = path[1..].find('/').map_or(path.len(), |at| at + 1);
    let letters = |part: &[u8]| part.len() == 2 && part.iter().all(u8::is_ascii_lowercase);
    match &path.as_bytes()[1..end] {
        code if letters(code) => &path[..end],
        [a, b, b'_' | b'-', c, d] if letters(&[*a, *b]) && letters(&[*c, *d]) => &path[..end],
        _ => "",
    }
}

fn is_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(_, ending)| FILE_ENDINGS.contains(&ending))
}

/// The path as the origin will understand it: percent-decoded, without empty, `.` and `..` segments, in lower case, with a slash in
/// front and none at the end.
fn normalised(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy().to_ascii_lowercase();
    let mut segments = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> NeverTouched {
        NeverTouched::new(PathPattern::defaults(), &["/shop/berlin".to_owned(), "/wholesale/".to_owned()])
    }

    #[test]
    fn leaves_what_is_not_a_page_alone() {
        for path in [
            "/checkout",
            "/checkout/",
            "/checkout/onepage/success",
            "/CHECKOUT/#",
            "/%63heckout/",
            "//checkout/",
            "/women/../checkout/",
            "/women/%2e%2e/checkout",
            "/index.php/checkout/",
            "/de/checkout/",
            "/de_ch/checkout/",
            "/index.php/wholesale/checkout",
            "/wholesale/index.php/checkout",
            "/shop/berlin/customer/account/",
            "/admin",
            "/admin_1x2y3z/dashboard",
            "/rest/V1/products",
            "/graphql",
            "/static/version1/frontend/x",
            "/media/catalog/product/a/b",
            "/downloads/manual.PDF",
            "/sitemap.xml",
            "/health_check.php",
            "/sales/order/view/order_id/1",
            "/page_cache/block/esi/blocks/x",
        ] {
            assert!(never().covers(path), "{path}");
        }
    }

    #[test]
    fn lets_pages_through() {
        for path in [
            "/",
            "",
            "/women/tops-women.html",
            "/checkout/cart",
            "/checkout/cart/",
            "/de/checkout/cart/",
            "/restaurant.html",
            "/sales",
            "/customer-favourites.html",
            "/collections/media-walls",
            "/gear/static",
            "/caf%C3%A9.html",
            "/100%",
            "/%",
            "/é",
            "/de",
            "/index.php",
        ] {
            assert!(!never().covers(path), "{path}");
        }
    }

    #[test]
    fn a_later_line_wins() {
        let lines = ["/checkout", "!/checkout/cart", "/checkout/cart/configure"];
        let patterns = lines.iter().map(|line| line.parse().expect("a path")).collect();
        let never = NeverTouched::new(patterns, &[]);
        assert!(never.covers("/checkout/cart/configure/id/7"));
        assert!(!never.covers("/checkout/cart"));
    }

    #[test]
    fn refuses_lines_that_are_no_paths() {
        assert_eq!("checkout".parse::<PathPattern>(), Err(PathPatternError("checkout".to_owned())));
        assert!("!checkout".parse::<PathPattern>().is_err());
        assert!("/check out".parse::<PathPattern>().is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_judged_without_a_panic(path in "\\PC*") {
            let escaped: String = path.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let judged = never().covers(&format!("/{path}"));
            if !path.contains('%') {
                proptest::prop_assert_eq!(judged, never().covers(&format!("/{escaped}")));
            }
        }
    }
}
