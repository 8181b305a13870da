//! Looking a page's shopper up: before the origin is asked for as long as the budget allows, and for nothing while it works.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, request};

use super::Turn;
use crate::aep::edge::StateItem;
use crate::audience::Learnt;
use crate::audience::adobe::cookie_domain;
use crate::audience::refresh::{Inquiry, Pending};
use crate::mode::Mode;

/// What became of looking a shopper up.
#[derive(Debug, Default)]
pub(super) struct LookedUp {
    pending: Option<Pending>,
    state: Option<Arc<[StateItem]>>,
    learnt: bool,
    minted: bool,
    /// Within how many seconds his audiences changed, where this page is the first to show it.
    changed_within: Option<i64>,
}

impl LookedUp {
    /// What the browser is to keep for Adobe.
    pub(super) fn state(&self) -> &[StateItem] {
        self.state.as_deref().unwrap_or_default()
    }

    /// Whether something was learnt for this answer.
    pub(super) fn has_learnt(&self) -> bool {
        self.learnt
    }

    /// Whether he got an identity by it, which only this answer can bring him.
    pub(super) fn is_minted(&self) -> bool {
        self.minted
    }
}

impl Turn {
    /// Takes in what the process learnt since his cookie was written, and looks him up where that is due.
    pub(super) async fn look_up(&mut self, parts: &request::Parts) {
        let shop = Arc::clone(&self.shop);
        let (Some(platform), Some(adobe)) = (&shop.platform, shop.identifier.adobe()) else { return };
        let refresher = &platform.refresher;
        refresher.heed(&self.shopper, &self.view.website);
        if self.wanted.skip().is_some() || self.excluded {
            return;
        }
        if let Some(newer) = refresher.newer(&self.shopper, &self.view.website, self.now.as_second()) {
            self.learn(&newer);
        }
        // The page that asks was looked up for, and what its scripts get is to be the same.
        if self.wanted.answer().is_some() {
            return;
        }
        let is_on = self.wanted.mode() == Mode::On;
        let inquiry = Inquiry {
            shopper: &self.shopper,
            website: &self.view.website,
            client: self.client.address,
            now: self.now.as_second(),
            may_mint: is_on && is_navigation(&parts.headers) && !shop.is_behind_cache() && !self.is_reckoned(),
        };
        let host = self.client.host.as_str();
        let domain = cookie_domain(host).or(shop.identifier.config().domain.as_deref()).unwrap_or(host);
        let question = || {
            let visitor = self.shopper.visitor.as_ref().expect("only a visitor is looked up");
            adobe.question(&parts.headers, visitor, domain.to_owned())
        };
        let Some(mut pending) = refresher.begin(&inquiry, question) else { return };
        // While merely watching, pages are not kept waiting.
        let learnt = if is_on { pending.within(refresher).await } else { pending.now() };
        match learnt {
            Some(learnt) => self.learn(&learnt),
            None => self.looked_up.pending = Some(pending),
        }
    }

    /// Takes in an answer that came while the origin was at work. Not on the way to the checkout.
    pub(super) fn take_late_answer(&mut self) {
        let Some(pending) = self.looked_up.pending.take() else { return };
        let is_stranger = self.shopper.visitor.as_ref().is_some_and(|visitor| visitor.identity.is_none());
        match pending.now() {
            Some(learnt) if !self.is_reckoned() => self.learn(&learnt),
            None if is_stranger && pending.is_under_way() => {
                self.shop.platform.iter().for_each(|platform| platform.refresher.pause_mints());
            }
            _ => {}
        }
    }

    /// Whether the origin has reckoned with what was known when it was asked.
    fn is_reckoned(&self) -> bool {
        self.path.contains("/checkout")
    }

    fn learn(&mut self, learnt: &Learnt) {
        let own = self.shopper.own.as_ref().filter(|own| !own.is_ahead(self.now.as_second()));
        let before = own.map(|own| own.membership.clone());
        // He may have logged in or out since the question was put.
        if before.as_ref().is_some_and(|before| before.learnt_at > learnt.learnt_at) {
            return;
        }
        let visitor = self.shopper.visitor.as_ref();
        self.looked_up.learnt = true;
        self.looked_up.minted = visitor.is_some_and(|visitor| visitor.identity.is_none());
        self.looked_up.state = learnt.audiences.is_some().then(|| Arc::clone(&learnt.state));
        self.shopper.learn(learnt, self.shop.identifier.config());
        let after = self.shopper.membership.as_ref();
        let changed = before.filter(|before| after.is_none_or(|after| after.audiences != before.audiences));
        self.looked_up.changed_within = changed.map(|before| self.now.as_second() - before.learnt_at);
    }

    /// Notes how old the membership is that a page is made by, and how soon it shows a change.
    pub(super) fn count_age(&self) {
        let (Some(platform), Some(membership)) = (&self.shop.platform, &self.shopper.membership) else { return };
        if self.shopper.is_simulated() {
            return;
        }
        let metrics = platform.refresher.metrics();
        metrics.used(self.now.as_second() - membership.learnt_at);
        if let Some(within) = self.looked_up.changed_within {
            metrics.changed(within);
        }
    }
}

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Headers by which browsers say that a page is loaded before anybody asked to see it.
const AHEAD: [HeaderName; 3] =
    [HeaderName::from_static("sec-purpose"), HeaderName::from_static("purpose"), HeaderName::from_static("x-moz")];

/// Whether somebody opens a page, as his browser says; who is silent about it is taken for a program.
fn is_navigation(headers: &HeaderMap) -> bool {
    let is = |name: &HeaderName, word: &str| {
        headers.get(name).map(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    };
    let ahead = AHEAD.iter().flat_map(|name| headers.get_all(name)).any(|value| {
        let words = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        words.contains("prefetch") || words.contains("prerender") || words.contains("preview")
    });
    is(&SEC_FETCH_DEST, "document") == Some(true) && is(&SEC_FETCH_MODE, "navigate") != Some(false) && !ahead
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_who_opens_a_page_from_who_loads_it_ahead() {
        let navigation = |lines: &[(&'static str, &str)]| {
            let headers: HeaderMap = lines
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("valid")))
                .collect();
            is_navigation(&headers)
        };
        let document = ("sec-fetch-dest", "document");
        assert!(navigation(&[document]));
        assert!(navigation(&[document, ("sec-fetch-mode", "navigate")]));
        assert!(!navigation(&[]));
        assert!(!navigation(&[("sec-fetch-dest", "empty")]));
        assert!(!navigation(&[document, ("sec-fetch-mode", "cors")]));
        for ahead in [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("x-moz", "prefetch")] {
            assert!(!navigation(&[document, ahead]), "{ahead:?}");
        }
    }
}
