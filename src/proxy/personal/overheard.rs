//! A membership that went by, in an answer of the Edge Network to the page's own script.

use std::sync::Arc;

use http::HeaderValue;

use super::Shop;
use crate::aep::Identity;
use crate::audience::consent::Consent;
use crate::audience::{Learnt, RequestView, Scope, Shopper, ShopperKey, Source};
use crate::mode::Mode;
use crate::proxy::first_party::Reported;

impl Shop {
    /// Takes in what the Edge Network said about the shopper whose page asked it, as if Segue itself had asked. Gives the `Set-Cookie`
    /// line by which the answer that said it brings it home; `None` where his browser is to keep nothing.
    pub fn overhear(&self, reported: Reported<'_>) -> Option<HeaderValue> {
        let platform = self.platform.as_ref()?;
        let mode = self.modes.load().of(&reported.view.code);
        let known = self.known.load_full();
        let mut shopper = self.identifier.identify(&RequestView {
            headers: reported.headers,
            client: reported.client.address,
            website: &reported.view.website,
            datastream: platform.datastreams.of(reported.view),
            now: reported.asked_at.as_second(),
            known: &known,
        });
        let learnt = Arc::new(learnt(&shopper, &reported)?);
        if mode == Mode::Off || !shopper.key.in_share(self.share) {
            return None;
        }
        if platform.refresher.is_overtaken(&learnt.shopper, learnt.asked_at) {
            return None;
        }
        platform.refresher.keep(Arc::clone(&learnt));
        if mode == Mode::Observe {
            return None;
        }
        shopper.learn(&learnt, self.identifier.config());
        let line =
            self.identifier.set_cookie(&shopper.keep, reported.client.secure, reported.asked_at.as_second(), &known);
        line.unwrap_or_else(|error| {
            tracing::warn!(%error, "a membership could not be sealed");
            None
        })
    }
}

/// What there is to keep of a report about a shopper; `None` where nothing may be kept, or something better is there.
fn learnt(shopper: &Shopper, reported: &Reported<'_>) -> Option<Learnt> {
    let visitor = shopper.visitor.as_ref().filter(|visitor| visitor.consent == Consent::Given)?;
    let identity = Identity::Ecid(reported.report.ecid.clone());
    let learnt_at = reported.asked_at.as_second();
    let is_his = visitor.identity.as_ref() == Some(&identity);
    // What an operator minted, or a source that is believed said, is not for Experience Platform to change.
    let is_edges = |source: Source| source == Source::Edge;
    let replaceable = shopper.membership.as_ref().is_none_or(|own| is_edges(own.source) && own.learnt_at <= learnt_at);
    let website = Arc::clone(&reported.view.website);
    (is_his && replaceable && !shopper.is_simulated()).then(|| Learnt {
        audiences: Some(reported.report.audiences.clone()),
        learnt_at,
        asked_at: reported.begun,
        shopper: ShopperKey::of(&identity),
        scope: Scope { website, datastream: Arc::clone(&visitor.datastream) },
        claim_seen: shopper.claim_seen,
        state: Arc::default(),
    })
}
