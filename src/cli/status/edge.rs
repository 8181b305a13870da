//! The Edge Network, asked about somebody who does not exist.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::Outcome;
use crate::aep::Identity;
use crate::aep::edge::{Answer, Edge, EdgeError, Profile, Question};

/// A device id that no browser has. It is always the same one, so that however often this is asked, Adobe counts one device.
const NOBODY: &str = "5e90e000-0000-4000-8000-000000000000";

/// Looks nobody up by a datastream.
pub(super) async fn edge_check(edge: &Edge, datastream: &Arc<str>, domain: &str) -> Outcome {
    let question = Question {
        identity: Identity::fpid(NOBODY),
        datastream: Arc::clone(datastream),
        domain: domain.to_owned(),
        state: Vec::new(),
        state_has_identity: false,
        hint: None,
        headers: HeaderMap::new(),
    };
    let asked = Instant::now();
    match edge.ask(&question).await {
        Ok(answer) => judge(&answer, asked.elapsed().as_millis()),
        Err(error) => Outcome::bad(describe(&error), advice(&error)),
    }
}

fn judge(answer: &Answer, milliseconds: u128) -> Outcome {
    let late = if answer.is_partial { "; some of Adobe's services gave no answer in time" } else { "" };
    match answer.profile {
        Profile::NoDestination if answer.is_partial => Outcome::bad(
            "answers, but the service that knows audiences gave no answer in time",
            "ask again; status.adobe.com says whether others have it too",
        ),
        Profile::NoDestination => Outcome::bad(
            "answers, but brings no audiences",
            "Data Collection → Datastreams → the datastream → Adobe Experience Platform: tick \"Edge Segmentation\" and \"Personalization \
             Destinations\"; Experience Platform → Destinations: a Custom Personalization destination must be on this datastream",
        ),
        Profile::NoConsent => Outcome::Good(format!(
            "answers in {milliseconds} ms, and asks for consent, which shoppers give by their cookies{late}"
        )),
        Profile::Known(_) | Profile::Unknown => Outcome::Good(format!("answers in {milliseconds} ms{late}")),
    }
}

fn describe(error: &EdgeError) -> String {
    match error {
        EdgeError::Token(reason) => format!("no token to ask with: {reason}"),
        error => error.to_string(),
    }
}

fn advice(error: &EdgeError) -> &'static str {
    match error {
        EdgeError::Token(reason) => reason.advice(),
        EdgeError::Call(_) | EdgeError::Timeout(_) => {
            "see whether this machine may connect to edge_domain (DNS, firewall, HTTPS_PROXY)"
        }
        EdgeError::Throttled { .. } | EdgeError::Unavailable { .. } => {
            "wait; status.adobe.com says whether others have it too"
        }
        EdgeError::Refused { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, .. } => {
            "Developer Console → your project: the credential needs the Experience Platform API with a product profile, and the \
             datastream must be in its organisation; or set authenticated = false, where the datastream allows that"
        }
        EdgeError::Refused { status, .. } if status.is_client_error() => {
            "Data Collection → Datastreams: compare the datastream's id, and see that it is enabled and in the sandbox"
        }
        EdgeError::Refused { .. } => "wait; status.adobe.com says whether others have it too",
        EdgeError::Garbage | EdgeError::TooLong => "see whether edge_domain is right and no proxy stands between",
    }
}
