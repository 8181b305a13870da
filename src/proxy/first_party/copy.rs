//! A copy of a request's body, taken as it goes by.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::body::{Body, BoxError, Timed};
use crate::rewrite::hold::{Buffer, Permit};

/// Adobe takes no larger ones.
const MOST_BYTES: usize = 64 << 10;

/// A client that sends nothing for this long has left; the same for other uploads.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// What was seen of a body.
#[derive(Debug)]
enum Seen {
    Part(Buffer),
    Whole {
        bytes: Bytes,
        _permit: Permit,
    },
    /// Too large, or with trailers.
    Unfit,
}

/// The copy, once it is whole.
#[derive(Debug)]
pub(super) struct Copied(Arc<Mutex<Seen>>);

impl Copied {
    /// The body's bytes; `None` when not all of it went by, or it was not fit to be copied.
    pub(super) fn whole(&self) -> Option<Bytes> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Seen::Whole { bytes, .. } => Some(bytes.clone()),
            Seen::Part(_) | Seen::Unfit => None,
        }
    }
}

/// `body` with a copy that fills while it is read; `permit` counts the copy.
pub(super) fn copied(body: Body, permit: Permit) -> (Body, Copied) {
    let inner = match body {
        Body::Incoming(incoming) => Body::Timed(Timed::new(incoming, LONGEST_SILENCE)),
        other => other,
    };
    let seen = Arc::new(Mutex::new(Seen::Part(Buffer::new(MOST_BYTES, permit))));
    let mut copying = Copying { inner, seen: Arc::clone(&seen) };
    copying.note_end();
    (Body::boxed(copying), Copied(seen))
}

struct Copying {
    inner: Body,
    seen: Arc<Mutex<Seen>>,
}

impl Copying {
    fn note(&mut self, frame: &Frame<Bytes>) {
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = match (&mut *seen, frame.data_ref()) {
                (Seen::Part(buffer), Some(chunk)) => buffer.push(chunk).is_ok(),
                _ => false,
            };
            if !fits {
                *seen = Seen::Unfit;
            }
        }
        self.note_end();
    }

    /// Who reads a body of known length stops at its last byte, without asking for more.
    fn note_end(&mut self) {
        if self.inner.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*seen, Seen::Part(_))
            && let Seen::Part(buffer) = std::mem::replace(&mut *seen, Seen::Unfit)
        {
            let (bytes, permit) = buffer.finish();
            *seen = Seen::Whole { bytes, _permit: permit };
        }
    }
}

impl HttpBody for Copying {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => this.note(frame),
            Poll::Ready(None) => this.end(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::rewrite::hold::Budget;
    use http::HeaderMap;
    use http_body_util::BodyExt as _;

    /// Frames one after the other; `knows_its_end` as bodies of a known length do.
    struct Frames {
        frames: VecDeque<Frame<Bytes>>,
        knows_its_end: bool,
    }

    impl HttpBody for Frames {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(self.frames.pop_front().map(Ok))
        }

        fn is_end_stream(&self) -> bool {
            self.knows_its_end && self.frames.is_empty()
        }
    }

    fn copying(frames: impl IntoIterator<Item = Frame<Bytes>>, knows_its_end: bool) -> (Body, Copied, Arc<Budget>) {
        let budget = Budget::new(1 << 20);
        let frames = Frames { frames: frames.into_iter().collect(), knows_its_end };
        let (body, copied) = copied(Body::boxed(frames), budget.permit());
        (body, copied, budget)
    }

    fn data(bytes: &[u8]) -> Frame<Bytes> {
        Frame::data(Bytes::copy_from_slice(bytes))
    }

    #[tokio::test]
    async fn copies_what_goes_by() {
        let (body, copied, budget) = copying([data(b"{\"a\""), data(b":1}")], false);
        assert_eq!(copied.whole(), None, "nothing yet");
        assert_eq!(body.collect().await.expect("whole").to_bytes(), "{\"a\":1}");
        assert_eq!(copied.whole().expect("whole"), "{\"a\":1}");
        assert!(budget.used() > 0);
        drop(copied);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_body_of_known_length_is_whole_at_its_last_byte() {
        let (mut body, copied, _budget) = copying([data(b"{"), data(b"}")], true);
        let _first = body.frame().await;
        assert_eq!(copied.whole(), None, "half of it");
        let _last = body.frame().await;
        assert_eq!(copied.whole().expect("whole"), "{}");
        assert_eq!(copying([], true).1.whole().expect("whole"), "");
    }

    #[tokio::test]
    async fn keeps_nothing_of_what_is_not_fit_to_be_read() {
        let trailers = Frame::trailers(HeaderMap::new());
        let (body, copied, budget) = copying([data(b"{}"), trailers], false);
        assert!(body.collect().await.expect("whole").trailers().is_some());
        assert_eq!((copied.whole(), budget.used()), (None, 0));
        let half = vec![b'x'; MOST_BYTES / 2];
        let (body, copied, budget) = copying([data(&half), data(&half), data(b"x")], true);
        assert_eq!(body.collect().await.expect("whole").to_bytes().len(), MOST_BYTES + 1, "it passes all the same");
        assert_eq!((copied.whole(), budget.used()), (None, 0));
        let (body, copied, _budget) = copying([data(&half), data(&half)], true);
        drop(body.collect().await);
        assert_eq!(copied.whole().map(|bytes| bytes.len()), Some(MOST_BYTES));
    }
}
