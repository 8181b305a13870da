//! Answers to scripts of a page, on their way to the shopper whose page asked.

use std::sync::Arc;

use http::Response;

use super::{Shop, Turn, bring};
use crate::body::Body;
use crate::cart::CartFacts;
use crate::decision::select::{Scope, Selection, select, select_cart};
use crate::mode::Mode;
use crate::page::PageFacts;
use crate::rewrite::answers::{AnswerKind, Asked, Choices, RewrittenAnswer};
use crate::rewrite::skip::Skip;
use crate::rewrite::{Rewritten, headers};
use crate::site::StoreView;

impl Shop {
    /// The store view that a path names, where its own code says more than host, prefix and cookie.
    pub(super) fn view_of(&self, asked: &Asked) -> Option<&Arc<StoreView>> {
        let code = asked.store.as_deref()?;
        self.sites.views().iter().find(|view| view.code.eq_ignore_ascii_case(code))
    }

    /// Whether it is certain for which store view an answer is made. Without a code in the path, a number in the query says which one.
    pub(super) fn is_sure_of(&self, asked: &Asked) -> bool {
        match asked.store {
            _ if asked.kind == AnswerKind::Sections => true,
            Some(_) => self.view_of(asked).is_some(),
            None => self.sites.views().len() == 1,
        }
    }
}

impl Turn {
    pub(super) async fn rewrite_answer(&self, kind: AnswerKind, response: Response<Body>) -> Response<Body> {
        let RewrittenAnswer { mut response, outcome } = self.personal_answer(response).await;
        if !self.shopper.is_simulated() {
            self.shop.metrics.count_answer(Mode::On, kind, outcome);
        }
        // Pages come from Magento's own cache: that a session has ended is first seen on what their scripts load.
        if !headers::for_shared_cache(response.headers()) {
            let mut cookies = self.kept(&response);
            cookies.extend(self.kept_session(&response));
            bring(&mut response, cookies);
        }
        response
    }

    async fn personal_answer(&self, response: Response<Body>) -> RewrittenAnswer {
        let rewriter = &self.shop.rewriter;
        let decision = self.decision();
        let skip = self
            .wanted
            .skip()
            .or(self.excluded.then_some(Skip::Share))
            .or((!self.is_of_view).then_some(Skip::StoreMismatch))
            .or((!decision.has_offers()).then_some(Skip::NoDecision));
        if let Some(skip) = skip {
            let Rewritten { response, .. } = rewriter.pass(&self.wanted, skip, response);
            return RewrittenAnswer { response, outcome: Err(skip) };
        }
        let scope = Scope { view: &self.view, path: &self.path, bucket: self.shopper.key.bucket() };
        let prices = |facts: &PageFacts| Selection { blocks: Vec::new(), ..select(&decision, &scope, facts) };
        let cart =
            |facts: &CartFacts| select_cart(&decision, &self.view, facts, self.charged.held(&self.rules), self.now);
        let choices = Choices { view: &self.view, prices: &prices, cart: &cart };
        rewriter.rewrite_answer(&self.wanted, response, &choices).await
    }
}
