//! Copies in the browser that were made under other offers: the cart and the wishlist that Magento's scripts keep are asked for again on
//! the page that is the first to show the change.
//!
//! Magento's `customer-data.js` loads a section again when its number in the cookie `section_data_ids` is another one than that of its
//! copy. Moving on these two alone loses nothing else of what the browser keeps.

use http::header::{HeaderValue, SET_COOKIE};
use http::{Response, request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::{Turn, is_html};
use crate::audience::consent::Consent;
use crate::audience::jar;
use crate::body::Body;
use crate::decision::decide::Decision;
use crate::mode::Mode;
use crate::rewrite::json::cursor::Cursor;
use crate::rewrite::skip::Skip;
use crate::rewrite::{Outcome, Rewriter, Wanted};
use crate::site::StoreView;

/// Magento's cookie with the number of every section's copy.
const SECTION_IDS: &str = "section_data_ids";

/// The sections that hold something of offers.
const SECTIONS: [&str; 2] = ["cart", "wishlist"];

/// By how much Magento's own scripts move a section on to make it load.
const STEP: u64 = 1000;

/// Browsers keep no longer cookie.
const LONGEST: usize = 4000;

/// What `encodeURIComponent` leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// What the browser of a request for a page holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The fingerprint of the offers that it was made under; empty without any.
    offers: Vec<u8>,
    section_ids: Option<Vec<u8>>,
}

impl Held {
    /// As a request has it. Only a page can bring news.
    pub(super) fn of(parts: &request::Parts, wanted: &Wanted, offers_cookie: &str, rewriter: &Rewriter) -> Self {
        if wanted.mode() != Mode::On || wanted.answer().is_some() {
            return Self::default();
        }
        let first = |name| jar::values(&parts.headers, name).next().map(<[u8]>::to_vec);
        let offers = first(offers_cookie).unwrap_or_default();
        // Where there is no rule, nobody has asked yet whether it is for a page.
        if wanted.skip() == Some(Skip::NoRule) && (offers.is_empty() || !rewriter.is_for_page(parts)) {
            return Self::default();
        }
        Self { offers, section_ids: first(SECTION_IDS) }
    }
}

impl Turn {
    /// The `Set-Cookie` lines of a page whose shopper gets other offers than those that his browser's copies were made under. Of a page
    /// that could not be read, the next one will do.
    pub(super) fn refreshed(&self, response: &Response<Body>, outcome: &Outcome) -> Vec<HeaderValue> {
        let is_judged = matches!(outcome, Ok(_) | Err(Skip::NoRule | Skip::NoDecision | Skip::Share));
        if !is_judged || !is_html(response) || sets_section_ids(response) {
            return Vec::new();
        }
        let decision = self.decision();
        let offers = match self.excluded || !self.may_keep() {
            true => "",
            false => decision.fingerprint(|| fingerprint(&decision, &self.view)),
        };
        if offers.as_bytes() == self.held.offers {
            return Vec::new();
        }
        let own = self.shop.identifier.set_offers_cookie(offers, self.client.secure);
        let sections = self.held.section_ids.as_deref().and_then(moved_on);
        own.into_iter().chain(sections).collect()
    }

    /// Whether his browser may be given something to keep.
    pub(super) fn may_keep(&self) -> bool {
        self.shopper.visitor.as_ref().is_none_or(|visitor| visitor.consent == Consent::Given)
    }
}

/// Magento itself has just numbered its sections; the next page will do.
fn sets_section_ids(response: &Response<Body>) -> bool {
    let mut lines = response.headers().get_all(SET_COOKIE).iter();
    lines.any(|line| line.as_bytes().strip_prefix(SECTION_IDS.as_bytes()).is_some_and(|rest| rest.starts_with(b"=")))
}

/// A short text that is the same as long as offers say the same on a store view, whatever else is published; empty without offers.
fn fingerprint(decision: &Decision, view: &StoreView) -> String {
    if !decision.has_offers() {
        return String::new();
    }
    let mut hash = Sha256::new_with_prefix(format!("{:?}\n", view.display));
    for offer in decision.offers() {
        let label = offer.labels.of(&view.code);
        let said = (
            offer.action,
            offer.amount.normalize(),
            offer.floor,
            &offer.products,
            &offer.charge,
            offer.is_label(),
            label,
        );
        hash.update(format!("{said:?} {} {}\n", offer.priority, offer.stop));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The `Set-Cookie` line that makes the browser load the sections of offers again; `None` where it has no copy of them, or a cookie that
/// nobody understands.
fn moved_on(cookie: &[u8]) -> Option<HeaderValue> {
    let ids = percent_decode(cookie).decode_utf8().ok()?;
    let mut moved = String::with_capacity(ids.len() + 8);
    let mut at = 0;
    let mut cursor = Cursor::new(&ids);
    cursor.object(|key, cursor| {
        if !SECTIONS.iter().any(|section| key.is(section)) {
            return Some(());
        }
        if let Some((range, id)) =
            cursor.skip().and_then(|range| Some((range.clone(), ids[range].parse::<u64>().ok()?)))
        {
            moved.push_str(&ids[at..range.start]);
            moved.push_str(&id.checked_add(STEP)?.to_string());
            at = range.end;
        }
        Some(())
    })?;
    // Whatever else it is must be JSON all the same.
    (cursor.is_done() && at > 0 && serde_json::from_str::<serde_json::Value>(&ids).is_ok()).then_some(())?;
    moved.push_str(&ids[at..]);
    let line = format!("{SECTION_IDS}={}; Path=/; Max-Age=3600; SameSite=Lax", utf8_percent_encode(&moved, PLAIN));
    HeaderValue::try_from(line).ok().filter(|line| line.len() < LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(ids: &str) -> Option<String> {
        let encoded = utf8_percent_encode(ids, PLAIN).to_string();
        let line = moved_on(encoded.as_bytes())?.to_str().expect("ASCII").to_owned();
        let (value, rest) = line.strip_prefix("section_data_ids=")?.split_once("; ")?;
        assert_eq!(rest, "Path=/; Max-Age=3600; SameSite=Lax");
        Some(percent_decode(value.as_bytes()).decode_utf8().expect("UTF-8").into_owned())
    }

    #[test]
    fn moves_the_sections_of_offers_on_and_leaves_the_others() {
        assert_eq!(
            moved(r#"{"messages":1795306753,"cart":1795306753,"wishlist" : 1795306700,"customer":0}"#).as_deref(),
            Some(r#"{"messages":1795306753,"cart":1795307753,"wishlist" : 1795307700,"customer":0}"#)
        );
        assert_eq!(moved(r#"{"cart":1}"#).as_deref(), Some(r#"{"cart":1001}"#));
        assert_eq!(moved(r#"{"cart":null,"wishlist":7}"#).as_deref(), Some(r#"{"cart":null,"wishlist":1007}"#));
    }

    #[test]
    fn leaves_alone_what_has_no_such_section_or_is_not_understood() {
        for ids in [
            "",
            "{}",
            "[]",
            "7",
            r#"{"messages":1}"#,
            r#"{"cart":1"#,
            r#"{"cart":1,}"#,
            r#"{"cart":"x"}"#,
            r#"{"cart":1} 2"#,
        ] {
            assert_eq!(moved(ids), None, "{ids}");
        }
        assert_eq!(moved_on(b"%7B%22cart%22%3A1%7D%ff"), None);
        let many = format!(r#"{{"cart":1,"x":"{}"}}"#, "x".repeat(4000));
        assert_eq!(moved(&many), None, "no browser keeps it");
    }
}
