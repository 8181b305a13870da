//! The one body type of the request path.

mod timed;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

pub use timed::{Stalled, Timed};

/// Any error of a layer or a body; each layer keeps its own type behind it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request or answer body: known bytes, a stream from a peer, or bytes already read followed by the rest of their stream.
#[derive(Debug)]
pub enum Body {
    /// All bytes at hand; `None` once they were handed out, or for an empty body.
    Full(Option<Bytes>),
    /// A stream as it arrives from a peer.
    Incoming(Incoming),
    /// A stream as it arrives from a peer that may not fall silent for too long.
    Timed(Timed),
    /// What was held back, then the rest of the stream.
    Held {
        /// Chunks that were read and are yet to be sent.
        head: VecDeque<Bytes>,
        /// What follows them.
        rest: Box<Body>,
    },
    /// Any other body.
    Boxed(UnsyncBoxBody<Bytes, BoxError>),
}

impl Body {
    /// A body without a byte.
    pub fn empty() -> Self {
        Self::Full(None)
    }

    /// A body that sends `head`, then `rest`.
    pub fn held(head: VecDeque<Bytes>, rest: Body) -> Self {
        Self::Held { head, rest: Box::new(rest) }
    }

    /// Wraps a body of another type.
    pub fn boxed<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::Boxed(body.map_err(Into::into).boxed_unsync())
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full((!bytes.is_empty()).then_some(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<Incoming> for Body {
    fn from(incoming: Incoming) -> Self {
        Self::Incoming(incoming)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Incoming(incoming) => Pin::new(incoming).poll_frame(cx).map_err(Into::into),
            Self::Timed(timed) => Pin::new(timed).poll_frame(cx),
            Self::Held { head, rest } => match head.pop_front() {
                Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
                None => Pin::new(rest.as_mut()).poll_frame(cx),
            },
            Self::Boxed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Incoming(incoming) => incoming.is_end_stream(),
            Self::Timed(timed) => timed.is_end_stream(),
            Self::Held { head, rest } => head.is_empty() && rest.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Incoming(incoming) => incoming.size_hint(),
            Self::Timed(timed) => timed.size_hint(),
            Self::Held { head, rest } => {
                let held: u64 = head.iter().map(|chunk| chunk.len() as u64).sum();
                let rest = rest.size_hint();
                let mut hint = SizeHint::new();
                hint.set_lower(held.saturating_add(rest.lower()));
                if let Some(upper) = rest.upper() {
                    hint.set_upper(held.saturating_add(upper));
                }
                hint
            }
            Self::Boxed(body) => body.size_hint(),
        }
    }
}
