//! Where a dynamic block goes: its placement on a page, and the paths of its pages.

use std::fmt;

use wildmatch::WildMatchPattern;

/// Where on a page a dynamic block goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Placement {
    /// Before `main#maincontent`.
    PageTop,
    /// Before `div.columns`.
    ContentTop,
    /// At the end of `main#maincontent`.
    ContentBottom,
    /// At the start of `.sidebar-additional`.
    Sidebar,
    /// At the start of `.footer.content`.
    Footer,
    /// Instead of Commerce's own dynamic block widget with this uid.
    CommerceBlock(String),
    /// Instead of an element.
    Replace(Anchor),
    /// Right before an element.
    Before(Anchor),
    /// Right after an element.
    After(Anchor),
}

/// An element of a page that a merchandiser names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anchor {
    /// The element with this `id`.
    Id(String),
    /// The first element with this Page Builder `data-content-type`.
    ContentType(String),
}

impl Placement {
    /// The placement that a text names: `page-top`, `commerce-block:UID`, `replace:#id`, `after:[data-content-type=banner]`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "page-top" => return Some(Self::PageTop),
            "content-top" => return Some(Self::ContentTop),
            "content-bottom" => return Some(Self::ContentBottom),
            "sidebar" => return Some(Self::Sidebar),
            "footer" => return Some(Self::Footer),
            _ => {}
        }
        let (word, rest) = text.split_once(':')?;
        match word {
            "commerce-block" => is_uid(rest).then(|| Self::CommerceBlock(rest.to_owned())),
            "replace" => Anchor::parse(rest).map(Self::Replace),
            "before" => Anchor::parse(rest).map(Self::Before),
            "after" => Anchor::parse(rest).map(Self::After),
            _ => None,
        }
    }
}

fn is_uid(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    (1..=256).contains(&text.len()) && text.bytes().all(fits)
}

impl Anchor {
    /// The anchor that a text names: `#id` or `[data-content-type=banner]`, quoted or not.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(id) = text.strip_prefix('#') {
            // An id, not a selector: Luma has ids such as `store.menu`.
            let odd = |c: char| c.is_whitespace() || c.is_control() || "\"'<>[]#=".contains(c);
            return (!id.is_empty() && id.len() <= 256 && !id.contains(odd)).then(|| Self::Id(id.to_owned()));
        }
        let value = text.strip_prefix("[data-content-type=")?.strip_suffix(']')?;
        let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let fine = (1..=256).contains(&value.len()) && value.bytes().all(fits);
        fine.then(|| Self::ContentType(value.to_owned()))
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PageTop => f.write_str("page-top"),
            Self::ContentTop => f.write_str("content-top"),
            Self::ContentBottom => f.write_str("content-bottom"),
            Self::Sidebar => f.write_str("sidebar"),
            Self::Footer => f.write_str("footer"),
            Self::CommerceBlock(uid) => write!(f, "commerce-block:{uid}"),
            Self::Replace(anchor) => write!(f, "replace:{anchor}"),
            Self::Before(anchor) => write!(f, "before:{anchor}"),
            Self::After(anchor) => write!(f, "after:{anchor}"),
        }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "#{id}"),
            Self::ContentType(kind) => write!(f, "[data-content-type={kind}]"),
        }
    }
}

/// A pattern for a page's path in which `*` stands for anything, also for nothing and for `/`. Case counts.
#[derive(Clone)]
pub struct UrlPattern {
    text: String,
    // `?` is a plain character here, so the single wildcard is one that no path holds.
    pattern: WildMatchPattern<'*', '\0'>,
}

impl UrlPattern {
    /// The pattern; it must begin with `/` or `*` and say nothing of query or fragment.
    pub fn parse(text: &str) -> Option<Self> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '?' || c == '#';
        let fine = text.starts_with(['/', '*']) && text.len() <= 512 && !text.contains(odd);
        fine.then(|| Self { text: text.to_owned(), pattern: WildMatchPattern::new(text) })
    }

    /// Whether a path (as requested, without query) fits.
    pub fn matches(&self, path: &str) -> bool {
        self.pattern.matches(path)
    }
}

impl PartialEq for UrlPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for UrlPattern {}

impl fmt::Debug for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_round_trip_through_their_words() {
        for text in [
            "page-top",
            "content-top",
            "content-bottom",
            "sidebar",
            "footer",
            "commerce-block:MQ==",
            "replace:#store.menu",
            "before:[data-content-type=slider]",
            "after:#a",
        ] {
            assert_eq!(Placement::parse(text).map(|placement| placement.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn refuses_what_names_no_single_element() {
        for text in
            ["top", "replace:", "replace:#", "replace:.hero", "before:#a b", "commerce-block:", "commerce-block:a b"]
        {
            assert_eq!(Placement::parse(text), None, "{text}");
        }
        assert_eq!(Anchor::parse("[data-content-type=\"banner\"]"), Some(Anchor::ContentType("banner".into())));
        assert_eq!(Anchor::parse("[data-content-type='']"), None);
    }

    #[test]
    fn stars_match_anything_and_nothing_else_does() {
        let matches = |pattern: &str, path| UrlPattern::parse(pattern).expect("a pattern").matches(path);
        assert!(matches("/gear*", "/gear/bags.html"));
        assert!(matches("*", "/"));
        assert!(matches("*/bags.html", "/gear/bags.html"));
        assert!(!matches("/gear", "/gear/bags.html"));
        assert!(!matches("/Gear*", "/gear/bags.html"));
        assert!(UrlPattern::parse("gear").is_none());
        assert!(UrlPattern::parse("/gear?p=2").is_none());
    }
}
