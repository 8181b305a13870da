//! A client's body on its way to the origin.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use crate::body::{Body, BoxError, Timed};

/// The client's body broke off or fell silent; tells this from what the origin did wrong.
#[derive(Debug, thiserror::Error)]
#[error("the client's body broke off")]
pub(super) struct UploadError(#[source] BoxError);

/// When the origin last took a part of the client's body.
///
/// The origin's time to answer starts when it has the request, so that a slow upload does not use it up.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    start: Instant,
    millis: Arc<AtomicU64>,
}

impl Progress {
    fn start() -> Self {
        Self { start: Instant::now(), millis: Arc::default() }
    }

    fn mark(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    pub(super) fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// A body that marks its progress and names its errors as the client's.
#[derive(Debug)]
pub(super) struct Upload {
    inner: Body,
    progress: Progress,
}

impl Upload {
    /// Wraps a client's body, which may not fall silent for longer than `idle`.
    pub(super) fn new(body: Body, idle: Duration) -> (Self, Progress) {
        let inner = match body {
            Body::Incoming(incoming) => Body::Timed(Timed::new(incoming, idle)),
            other => other,
        };
        let progress = Progress::start();
        (Self { inner, progress: progress.clone() }, progress)
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        if polled.is_ready() {
            this.progress.mark();
        }
        polled.map_err(UploadError)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
