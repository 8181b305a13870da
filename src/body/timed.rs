//! A stream from a peer, given up when the peer is silent for too long.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::BoxError;

/// The peer sent nothing for longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("nothing arrived for {} s", .0.as_secs())]
pub struct Stalled(pub Duration);

/// A stream that fails with [`Stalled`] when the next chunk takes longer than `limit` to arrive.
///
/// Only time spent waiting for the peer counts: a slow reader on the other side does not make the sender late.
#[derive(Debug)]
pub struct Timed {
    inner: Incoming,
    limit: Duration,
    waiting_since: Option<Instant>,
    // One timer serves the whole stream: it is moved on when it fires, not with every chunk.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    /// Bounds the silence in `inner` to `limit`.
    pub fn new(inner: Incoming, limit: Duration) -> Self {
        Self { inner, limit, waiting_since: None, timer: None }
    }

    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<Stalled> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let end = since + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= end {
                return Poll::Ready(Stalled(self.limit));
            }
            timer.as_mut().reset(end);
        }
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.waiting_since = None;
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => this.poll_limit(cx).map(|stalled| Some(Err(stalled.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
