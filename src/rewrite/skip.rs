//! Every reason for leaving a page as it came.

use std::fmt;

/// Why a page was left as the origin sent it. The word is the same in logs, metrics and `segue explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// Segue is switched off for this store view.
    ModeOff,
    /// No rule could change this page for anybody.
    NoRule,
    /// The shopper is outside the share of shoppers that Segue serves.
    Share,
    /// A declared crawler asked.
    Crawler,
    /// Neither GET nor HEAD.
    Method,
    /// A HEAD request: there is no body.
    Head,
    /// The path is one that is never touched, or the page turned out to be a checkout page.
    NotPage,
    /// The client did not ask for HTML.
    NotHtmlWanted,
    /// A script asked for a part of a page (`X-Requested-With: XMLHttpRequest`).
    Fragment,
    /// The origin answered with a part of a file.
    Partial,
    /// Nothing could be decided for this shopper.
    NoDecision,
    /// The origin answered 304.
    NotModified,
    /// The origin answered another status than 200.
    Status,
    /// The answer is not `text/html`.
    NotHtml,
    /// An answer for a script is not `application/json`, or no JSON.
    NotJson,
    /// The answer is a download.
    Attachment,
    /// The page says that it is in another charset than UTF-8.
    Charset,
    /// The page says that it is UTF-8, or nothing, and is not UTF-8.
    NotUtf8,
    /// The origin forbids changes (`Cache-Control: no-transform`).
    NoTransform,
    /// The answer is made for a shared cache between Segue and the shopper.
    SharedCacheInFront,
    /// A content coding that Segue does not read, or a broken one.
    Coding,
    /// The page, as it came or decoded, is above `max_page_bytes`.
    TooLarge,
    /// The page was not complete within `hold`.
    Slow,
    /// The budget for held pages (`max_held_bytes`) is used up.
    Busy,
    /// The origin broke off, or sent another length than it announced.
    Truncated,
    /// The body has no byte.
    Empty,
    /// Compiling, selecting or rendering failed.
    PlanFailed,
    /// The page is of another store view than the request seemed to be for.
    StoreMismatch,
}

impl Skip {
    /// Every reason, in the order of a request's way.
    pub const ALL: [Self; 28] = [
        Self::ModeOff,
        Self::NoRule,
        Self::Share,
        Self::Crawler,
        Self::Method,
        Self::Head,
        Self::NotPage,
        Self::NotHtmlWanted,
        Self::Fragment,
        Self::Partial,
        Self::NoDecision,
        Self::NotModified,
        Self::Status,
        Self::NotHtml,
        Self::NotJson,
        Self::Attachment,
        Self::Charset,
        Self::NotUtf8,
        Self::NoTransform,
        Self::SharedCacheInFront,
        Self::Coding,
        Self::TooLarge,
        Self::Slow,
        Self::Busy,
        Self::Truncated,
        Self::Empty,
        Self::PlanFailed,
        Self::StoreMismatch,
    ];

    /// The word for logs, metrics and `segue explain`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ModeOff => "mode-off",
            Self::NoRule => "no-rule",
            Self::Share => "share",
            Self::Crawler => "crawler",
            Self::Method => "method",
            Self::Head => "head",
            Self::NotPage => "not-page",
            Self::NotHtmlWanted => "not-html-wanted",
            Self::Fragment => "fragment",
            Self::Partial => "partial",
            Self::NoDecision => "no-decision",
            Self::NotModified => "not-modified",
            Self::Status => "status",
            Self::NotHtml => "not-html",
            Self::NotJson => "not-json",
            Self::Attachment => "attachment",
            Self::Charset => "charset",
            Self::NotUtf8 => "not-utf8",
            Self::NoTransform => "no-transform",
            Self::SharedCacheInFront => "shared-cache-in-front",
            Self::Coding => "coding",
            Self::TooLarge => "too-large",
            Self::Slow => "slow",
            Self::Busy => "busy",
            Self::Truncated => "truncated",
            Self::Empty => "empty",
            Self::PlanFailed => "plan-failed",
            Self::StoreMismatch => "store-mismatch",
        }
    }

    /// Whether an answer skipped for this reason is one that no audience would get changed, so that its caching headers are the
    /// origin's business. Every other reason may be another one on the next request.
    pub(super) fn holds_for_everyone(self) -> bool {
        matches!(
            self,
            Self::ModeOff
                | Self::NoRule
                | Self::Method
                | Self::NotPage
                | Self::NotModified
                | Self::Status
                | Self::NotHtml
                | Self::NotJson
                | Self::Attachment
                | Self::Charset
                | Self::NoTransform
                | Self::SharedCacheInFront
        )
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_its_own_word() {
        let words: BTreeSet<&str> = Skip::ALL.iter().map(|skip| skip.as_str()).collect();
        assert_eq!(words.len(), Skip::ALL.len());
    }
}
