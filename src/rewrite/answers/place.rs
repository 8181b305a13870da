//! Which requests are for an answer that Segue changes.

use crate::rewrite::paths::NeverTouched;

/// An answer that Segue changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnswerKind {
    /// `/customer/section/load`: what the browser keeps of its shopper.
    Sections,
    /// `/rest/<store>/V1/products-render-info`: what widgets show of products.
    RenderInfo,
}

impl AnswerKind {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sections => "sections",
            Self::RenderInfo => "render-info",
        }
    }
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which answer.
    pub kind: AnswerKind,
    /// For which store view, where the path names one by its code; in lower case.
    pub store: Option<String>,
}

impl Asked {
    /// Reads a path as it was sent; `None` for every other path, and for one that is never touched.
    pub(in crate::rewrite) fn by(path: &str, never: &NeverTouched) -> Option<Self> {
        if never.covers(path) {
            return None;
        }
        never.readings(path).iter().find_map(|path| Self::exactly(path))
    }

    fn exactly(path: &str) -> Option<Self> {
        if path == "/customer/section/load" {
            return Some(Self { kind: AnswerKind::Sections, store: None });
        }
        let rest = path.strip_prefix("/rest/")?.strip_suffix("v1/products-render-info")?;
        let store = match rest.strip_suffix('/') {
            None if rest.is_empty() => None,
            Some(code) if !code.is_empty() && !code.contains('/') => Some(code.to_owned()),
            _ => return None,
        };
        Some(Self { kind: AnswerKind::RenderInfo, store })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::paths::PathPattern;

    fn asked(path: &str) -> Option<(AnswerKind, Option<String>)> {
        let never = NeverTouched::new(PathPattern::defaults(), &["/shop/berlin".to_owned()]);
        Asked::by(path, &never).map(|asked| (asked.kind, asked.store))
    }

    #[test]
    fn knows_the_answers_that_change() {
        for path in
            ["/customer/section/load/", "/de/customer/section/load", "/index.php/shop/berlin/customer/section/load/"]
        {
            assert_eq!(asked(path), Some((AnswerKind::Sections, None)), "{path}");
        }
        let of_view = Some((AnswerKind::RenderInfo, Some("de_ch".to_owned())));
        assert_eq!(asked("/rest/de_CH/V1/products-render-info"), of_view);
        assert_eq!(asked("/rest/V1/products-render-info"), Some((AnswerKind::RenderInfo, None)));
    }

    #[test]
    fn nothing_else_of_the_interfaces_is_touched() {
        for path in [
            "/customer/section/load/x",
            "/customer/section",
            "/customer/account",
            "/rest/V1/products-render-info/1",
            "/rest/default/V1/products",
            "/rest/a/b/V1/products-render-info",
            "/rest//products-render-info",
            "/rest/V2/products-render-info",
            "/admin/customer/section/load",
            "/women.html",
        ] {
            assert_eq!(asked(path), None, "{path}");
        }
        let own = PathPattern::defaults().into_iter().chain(["/customer/section".parse().expect("a path")]).collect();
        assert_eq!(Asked::by("/customer/section/load/", &NeverTouched::new(own, &[])), None, "a shop may forbid it");
    }
}
