//! Watching a page go by: the client gets the origin's bytes as they come, and a bounded copy is judged after the last one.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use crate::body::{Body, BoxError};

use super::hold::{Bounds, Buffer, Permit, Whole};
use super::skip::Skip;

/// What to do with the copy, or with the reason why there is none. Called once.
pub(super) type Judge = Box<dyn FnOnce(Result<Whole, Skip>) + Send>;

/// Passes a body on and keeps a copy.
struct Watched {
    body: Body,
    bounds: Bounds,
    /// Taken when the copy is judged.
    copy: Option<(Buffer, Judge)>,
}

/// A body like `body`, whose copy goes to `judge` within the same bounds under which a page is held.
pub(super) fn watch(body: Body, bounds: Bounds, permit: Permit, judge: Judge) -> Body {
    match bounds.buffer(&body.size_hint(), permit) {
        Ok(buffer) => Body::boxed(Watched { body, bounds, copy: Some((buffer, judge)) }),
        Err(skip) => {
            judge(Err(skip));
            body
        }
    }
}

impl Watched {
    fn see(&mut self, chunk: &[u8]) {
        let Some((buffer, _)) = &mut self.copy else { return };
        let kept = if Instant::now() > self.bounds.until { Err(Skip::Slow) } else { buffer.push(chunk) };
        match kept {
            Err(skip) => self.finish(Some(skip)),
            // A server that has sent the announced length need not ask for the end.
            Ok(()) if self.body.is_end_stream() => self.finish(None),
            Ok(()) => {}
        }
    }

    fn finish(&mut self, skip: Option<Skip>) {
        let Some((buffer, judge)) = self.copy.take() else { return };
        let skip = skip.or_else(|| (!self.bounds.complete(buffer.len())).then_some(Skip::Truncated));
        judge(match skip {
            Some(skip) => Err(skip),
            None => {
                let (bytes, permit) = buffer.finish();
                Ok(Whole { bytes, trailers: None, permit })
            }
        });
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(chunk) = frame.data_ref() {
                    self.see(chunk);
                }
            }
            Poll::Ready(Some(Err(_))) => self.finish(Some(Skip::Truncated)),
            Poll::Ready(None) => self.finish(None),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    /// The client has gone, or its server saw the announced length and asked no further.
    fn drop(&mut self) {
        let Some((buffer, _)) = &self.copy else { return };
        let whole = self.bounds.announced.is_some() && self.bounds.complete(buffer.len());
        self.finish((!whole).then_some(Skip::Truncated));
    }
}
