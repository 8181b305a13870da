//! What an HTTP API destination of Real-Time CDP does: it says elsewhere that somebody's audiences changed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::Platform;

/// A listener that takes the time for an answer takes no more of ours.
const PATIENCE: Duration = Duration::from_secs(10);

/// Adobe's batches are no larger; beyond it the oldest change is lost.
const MOST_WAITING: usize = 1000;

/// Where changes are said.
#[derive(Clone, Debug)]
pub struct Target {
    /// An `http://` address on this machine.
    pub url: String,
    /// What the request is believed by.
    pub token: SecretString,
    /// How long a change takes to get there; changes within that time go together.
    pub delay: Duration,
}

/// One change.
pub fn message(ecid: &str, audience: &str, is_in: bool) -> Value {
    let status = if is_in { "realized" } else { "exited" };
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let segment = json!({ "lastQualificationTime": time, "status": status });
    json!({
        "identityMap": { "ECID": [{ "id": ecid }] },
        "segmentMembership": { "ups": { audience: segment } },
    })
}

/// What is still to be said.
#[derive(Debug, Default)]
pub struct Pushes {
    waiting: Mutex<Vec<Value>>,
}

impl Pushes {
    /// Says it after the target's delay, together with what came since, in the background: nobody waits for it, and what is lost is
    /// lost.
    pub fn send(&self, platform: &Platform, target: &Target, message: Value) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == MOST_WAITING {
            waiting.remove(0);
        }
        waiting.push(message);
        if waiting.len() > 1 {
            // The first one's task takes this one along.
            return;
        }
        let (platform, target) = (platform.clone(), target.clone());
        runtime.spawn(async move {
            tokio::time::sleep(target.delay).await;
            let messages = std::mem::take(&mut *platform.pushes.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            deliver(&target, messages).await;
        });
    }
}

/// One message goes by itself, several go as a list.
async fn deliver(target: &Target, mut messages: Vec<Value>) {
    let body = if messages.len() == 1 { messages.remove(0) } else { Value::Array(messages) };
    match tokio::time::timeout(PATIENCE, post(target, body.to_string())).await {
        Ok(Ok(status)) => tracing::info!(push.status = status, "told of a changed membership"),
        Ok(Err(reason)) => tracing::warn!(push.reason = reason, "could not tell of a changed membership"),
        Err(_) => tracing::warn!("nobody took word of a changed membership in time"),
    }
}

async fn post(target: &Target, body: String) -> Result<u16, String> {
    let mut token = HeaderValue::from_str(&format!("Bearer {}", target.token.expose_secret()))
        .map_err(|_| "the token is no header's value".to_owned())?;
    token.set_sensitive(true);
    let request = Request::post(&target.url)
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, token)
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let response = client.request(request).await.map_err(|error| error.to_string())?;
    Ok(response.status().as_u16())
}
