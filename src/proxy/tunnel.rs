//! Requests to switch protocols: refused, or, for WebSockets, tunnelled.

use http::{HeaderValue, Method, Version, header, request, response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::headers::connection_options;
use crate::upstream::AsksUpgrade;

/// What happens to requests to switch protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrades {
    /// The wish is dropped and the request goes on without it, as RFC 9110 (7.8) lets a server do. Magento has no
    /// WebSockets, and `h2c` that some clients wish for is between them and us.
    #[default]
    Refuse,
    /// `websocket` is passed on; when the origin agrees, bytes flow both ways unread.
    Tunnel,
}

/// Takes the client's end of a tunnel from a request that asks for one and may have it.
pub(super) fn asked(parts: &mut request::Parts, upgrades: Upgrades) -> Option<OnUpgrade> {
    let end = parts.extensions.remove::<OnUpgrade>();
    let wanted = upgrades == Upgrades::Tunnel
        && parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && parts.headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && connection_options(&parts.headers).any(|option| option.eq_ignore_ascii_case(b"upgrade"));
    end.filter(|_| wanted)
}

/// Asks the origin for a WebSocket.
pub(super) fn ask(parts: &mut request::Parts) {
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    parts.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    parts.extensions.insert(AsksUpgrade);
}

/// Joins both ends once the answer has gone to the client.
pub(super) fn join(client: OnUpgrade, parts: &mut response::Parts) {
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    parts.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let Some(origin) = parts.extensions.remove::<OnUpgrade>() else { return };
    tokio::spawn(async move {
        let outcome = async {
            let (client, origin) = tokio::try_join!(client, origin)?;
            let (mut client, mut origin) = (TokioIo::new(client), TokioIo::new(origin));
            Ok::<_, crate::body::BoxError>(tokio::io::copy_bidirectional(&mut client, &mut origin).await?)
        };
        if let Err(error) = outcome.await {
            tracing::debug!(error, "a tunnel ended");
        }
    });
}
