//! The HTML of a dynamic block, and what of it may reach a page.
//!
//! A block that is not trusted goes through [`ammonia`] with this allow-list; everything else is dropped, and tags left open are closed:
//!
//! - elements: `a abbr b blockquote br caption cite code dd div dl dt em figcaption figure h1`..`h6 hr i img li ol p picture s section
//!   small source span strong sub sup table tbody td tfoot th thead tr u ul`; other elements lose their tags and keep their text, but
//!   `script style iframe object embed noscript noembed noframes template textarea select title xmp svg math` go with all they hold;
//! - attributes everywhere: `class` (without the token `price-box`), `title`, `role`, `aria-*`, `data-content-type`, `data-appearance`,
//!   `style` (only the properties of [`STYLE_PROPERTIES`]);
//! - `a`: `href target rel`; `img`: `src srcset sizes alt width height loading decoding`; `source`: `src srcset sizes media type width height`;
//!   `td` and `th`: `colspan rowspan scope`;
//! - URLs are relative or `http(s)`.
//!
//! There is no `id` (it could shadow a name of the page's scripts), no handler, and none of what Luma's scripts bind to (`data-role`,
//! `data-price-type`, `data-price-amount`, `data-mage-init`, `data-bind`, the class `price-box`): a foreign price box before the real one
//! makes Luma's own throw. Comments are dropped.
//!
//! A trusted block goes out as it is, so [`flaws`] says at parse time why it must not: scripts, handlers, or markup that would swallow
//! what follows it on the page.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, OnceLock};

use ammonia::{Builder, UrlRelative};

pub use flaws::flaws;

mod flaws;

const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "picture",
    "s",
    "section",
    "small",
    "source",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
];

const DROPPED_WITH_CONTENT: &[&str] = &[
    "script", "style", "iframe", "object", "embed", "noscript", "noembed", "noframes", "template", "textarea",
    "select", "title", "xmp", "svg", "math",
];

/// The CSS properties that a `style` attribute may set: looks of its own box and text, nothing that loads, positions or covers.
pub const STYLE_PROPERTIES: &[&str] = &[
    "aspect-ratio",
    "background-color",
    "border",
    "border-color",
    "border-radius",
    "border-style",
    "border-width",
    "color",
    "display",
    "font-size",
    "font-style",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-height",
    "max-width",
    "min-height",
    "object-fit",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "text-align",
    "text-decoration",
    "text-transform",
    "vertical-align",
    "width",
];

/// A block's HTML as its author wrote it, with what is shown of it.
pub struct Html {
    text: Arc<str>,
    trusted: bool,
    shown: OnceLock<Arc<str>>,
}

impl Html {
    /// HTML that is sanitised before it is shown, unless it is `trusted`.
    pub fn new(text: impl Into<Arc<str>>, trusted: bool) -> Self {
        Self { text: text.into(), trusted, shown: OnceLock::new() }
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.text
    }

    /// Whether it goes out as it is.
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// What goes onto pages. The first call sanitises, later ones answer at once.
    pub fn shown(&self) -> &Arc<str> {
        let make = || if self.trusted { Arc::clone(&self.text) } else { sanitise(&self.text).into() };
        self.shown.get_or_init(make)
    }
}

impl PartialEq for Html {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.trusted) == (&other.text, other.trusted)
    }
}

impl Eq for Html {}

impl std::fmt::Debug for Html {
    /// Says nothing of what was computed: a ruleset's revision is made of this.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Html").field("text", &self.text).field("trusted", &self.trusted).finish()
    }
}

/// Reduces HTML to the allow-list of this module. What comes out is read by a browser just as it stands there.
pub fn sanitise(html: &str) -> String {
    let mut shown = SANITISER.clean(html).to_string();
    // Some trees, such as a link within a link's table, are not read back from their own text: a browser would move their parts and leave
    // an end tag over, which might close an element of the page. Once more through the parser they are as a browser has them.
    for _ in 0..MAX_ROUNDS {
        let again = SANITISER.clean(&shown).to_string();
        if again == shown {
            return shown;
        }
        shown = again;
    }
    String::new()
}

/// Two rounds settle all that authors write; what does not settle by then was made not to.
const MAX_ROUNDS: usize = 8;

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(set(ELEMENTS))
        .clean_content_tags(set(DROPPED_WITH_CONTENT))
        .generic_attributes(set(&["class", "title", "role", "style", "data-content-type", "data-appearance"]))
        .generic_attribute_prefixes(set(&["aria-"]))
        .tag_attributes(HashMap::from([
            ("a", set(&["href", "target", "rel"])),
            ("img", set(&["src", "srcset", "sizes", "alt", "width", "height", "loading", "decoding"])),
            ("source", set(&["src", "srcset", "sizes", "media", "type", "width", "height"])),
            ("td", set(&["colspan", "rowspan", "scope"])),
            ("th", set(&["colspan", "rowspan", "scope"])),
        ]))
        .filter_style_properties(set(STYLE_PROPERTIES))
        .url_schemes(set(&["http", "https"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(None)
        .strip_comments(true)
        .attribute_filter(|_, attribute, value| filter_attribute(attribute, value));
    builder
});

fn set(words: &[&'static str]) -> HashSet<&'static str> {
    words.iter().copied().collect()
}

fn filter_attribute<'v>(attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    match attribute {
        "class" if value.split_ascii_whitespace().any(is_price_box) => {
            let kept: Vec<&str> = value.split_ascii_whitespace().filter(|token| !is_price_box(token)).collect();
            (!kept.is_empty()).then(|| kept.join(" ").into())
        }
        "srcset" if !value.split(',').all(is_plain_candidate) => None,
        _ => Some(value.into()),
    }
}

/// In quirks mode classes match without case.
fn is_price_box(token: &str) -> bool {
    token.eq_ignore_ascii_case("price-box")
}

/// Whether one candidate of a `srcset` is relative or `http(s)`; the sanitiser itself looks at single URLs only.
fn is_plain_candidate(candidate: &str) -> bool {
    let url = candidate.split_ascii_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let scheme = url.split(['/', '?', '#']).next().and_then(|start| start.split_once(':'));
    scheme.is_none_or(|(scheme, _)| matches!(scheme, "http" | "https"))
}

/// Writes plain text as HTML text or a quoted attribute value.
pub fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            ch => html.push(ch),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_a_banner_needs() {
        for html in [
            "<div class=\"hero\" data-content-type=\"banner\" data-appearance=\"poster\"><h2>20 % off</h2></div>",
            "<a href=\"/sale.html\" target=\"_blank\" rel=\"noopener\"><img src=\"/media/a.jpg\" srcset=\"/a.jpg 1x, https://cdn.test/b.jpg 2x\" alt=\"A\" width=\"4\" height=\"3\" loading=\"lazy\"></a>",
            "<picture><source srcset=\"/a.webp\" media=\"(min-width: 1px)\"><img src=\"/a.png\" alt=\"\"></picture>",
            "<table><tbody><tr><td colspan=\"2\">a</td></tr></tbody></table>",
            "<p aria-label=\"x\" role=\"note\">Grüße &amp; ¥</p>",
        ] {
            assert_eq!(parts(&sanitise(html)), parts(html));
        }
    }

    /// Attributes may change their order.
    fn parts(html: &str) -> Vec<String> {
        let mut parts: Vec<String> = html.split(['<', '>', ' ']).map(str::to_owned).collect();
        parts.sort();
        parts
    }

    #[test]
    fn drops_what_could_run_or_bind() {
        for (html, shown) in [
            ("a<script>alert(1)</script>b", "ab"),
            ("<style>p{}</style><p onclick=\"x()\">a</p>", "<p>a</p>"),
            ("<a href=\"javascript:x()\">a</a>", "<a>a</a>"),
            ("<a href=\"/x\" id=\"checkout\">a</a>", "<a href=\"/x\">a</a>"),
            ("<img src=\"/a.png\" srcset=\"javascript:x 1x\" onerror=x>", "<img src=\"/a.png\">"),
            (
                "<div class=\"price-box hero\" data-role=\"priceBox\" data-price-type=\"finalPrice\">a</div>",
                "<div class=\"hero\">a</div>",
            ),
            ("<span data-bind=\"html: x\" data-mage-init=\"{}\" data-price-amount=\"1\">a</span>", "<span>a</span>"),
            ("<iframe src=\"/x\">a</iframe><form action=\"/\">b</form>", "b"),
            ("a<!-- ko -->b", "ab"),
            ("<svg><a xlink:href=\"javascript:x\">a</a></svg>b", "b"),
        ] {
            assert_eq!(sanitise(html), shown);
        }
    }

    #[test]
    fn closes_what_was_left_open() {
        assert_eq!(sanitise("<div><b>a"), "<div><b>a</b></div>");
        assert_eq!(sanitise("a</div></section>"), "a");
        assert_eq!(sanitise("<div class=\"a"), "");
        assert_eq!(sanitise("<a><table><a></table></a>"), "<a></a><a></a><table></table>");
    }

    #[test]
    fn keeps_only_harmless_style() {
        let shown = sanitise("<p style=\"color:red;position:fixed;background-image:url(//x)\">a</p>");
        assert!(shown.contains("color:red") && !shown.contains("position") && !shown.contains("url"), "{shown}");
    }

    #[test]
    fn shows_trusted_html_as_it_is() {
        assert_eq!(&**Html::new("<p id=\"a\">a</p>", true).shown(), "<p id=\"a\">a</p>");
        assert_eq!(&**Html::new("<p id=\"a\">a</p>", false).shown(), "<p>a</p>");
    }

    fn soup() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("<"),
            Just(">"),
            Just("\""),
            Just("'"),
            Just("="),
            Just(" "),
            Just("/"),
            Just("<!--"),
            Just("-->"),
            Just("&lt;"),
            Just("script"),
            Just("<script>"),
            Just("</script>"),
            Just("<p"),
            Just("<div>"),
            Just("</div>"),
            Just("<img"),
            Just("src"),
            Just("onerror"),
            Just("href"),
            Just("javascript:"),
            Just("<a "),
            Just("<svg>"),
            Just("<math>"),
            Just("<table>"),
            Just("<textarea>"),
            Just("<style>"),
            Just("</style>"),
            Just("<noscript>"),
            Just("<template>"),
            Just("x"),
            Just("ä"),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn whatever_goes_in_what_comes_out_is_harmless(html in soup()) {
            let shown = sanitise(&html);
            prop_assert_eq!(flaws(&shown), Vec::<String>::new(), "{}", shown);
            prop_assert_eq!(sanitise(&shown), shown);
        }
    }
}
