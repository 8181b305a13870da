//! Listens to a body without touching it: every frame goes on as it came, when it came.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::NotComparable;
use crate::body::{Body, BoxError};
use crate::rewrite::hold::{Buffer, Permit};

/// The bytes of a body, or why they are not all there.
pub(super) type Heard = Result<(Bytes, Permit), NotComparable>;

/// Who waits for a body.
type Waiting = Box<dyn FnOnce(Heard) + Send>;

/// A body that is listened to.
pub(super) struct Tap {
    inner: Body,
    /// The copy and who waits for it; taken when there is nothing more to hear.
    ear: Option<(Buffer, Waiting)>,
}

impl Tap {
    /// Passes `inner` on and calls `done` once, after its last byte, or when it is certain that it will not be heard whole: past the
    /// bounds of `copy`, at an error, and when the client goes away.
    pub(super) fn new(inner: Body, copy: Buffer, done: impl FnOnce(Heard) + Send + 'static) -> Self {
        let mut tap = Self { inner, ear: Some((copy, Box::new(done))) };
        if tap.inner.is_end_stream() {
            tap.finish(Ok(()));
        }
        tap
    }

    fn hear(&mut self, chunk: &Bytes) {
        if let Some(Err(skip)) = self.ear.as_mut().map(|(copy, _)| copy.push(chunk)) {
            self.finish(Err(skip.into()));
        }
    }

    fn finish(&mut self, outcome: Result<(), NotComparable>) {
        if let Some((copy, done)) = self.ear.take() {
            done(outcome.map(|()| copy.finish()));
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.finish(Err(NotComparable::CutShort));
    }
}

impl HttpBody for Tap {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                frame.data_ref().into_iter().for_each(|chunk| this.hear(chunk));
                // Whoever sends a body of known length does not ask for more after its last byte.
                if this.inner.is_end_stream() {
                    this.finish(Ok(()));
                }
            }
            Poll::Ready(Some(Err(_))) => this.finish(Err(NotComparable::CutShort)),
            Poll::Ready(None) => this.finish(Ok(())),
            Poll::Pending => {}
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
    use std::sync::{Arc, Mutex};

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::rewrite::hold::Budget;

    type Ear = Arc<Mutex<Option<Result<Bytes, NotComparable>>>>;

    fn tapped(chunks: &[&'static str], most: usize) -> (Tap, Ear) {
        let head: VecDeque<Bytes> = chunks.iter().map(|chunk| Bytes::from_static(chunk.as_bytes())).collect();
        let ear = Ear::default();
        let hears = Arc::clone(&ear);
        let copy = Buffer::new(most, Budget::new(1 << 20).permit());
        let tap = Tap::new(Body::held(head, Body::empty()), copy, move |heard| {
            *hears.lock().expect("no panic") = Some(heard.map(|(bytes, _)| bytes));
        });
        (tap, ear)
    }

    fn heard(ear: &Ear) -> Option<Result<Bytes, NotComparable>> {
        ear.lock().expect("no panic").clone()
    }

    #[tokio::test]
    async fn hears_the_whole_and_passes_it_on() {
        let (tap, ear) = tapped(&["one ", "two"], 7);
        assert_eq!(tap.size_hint().exact(), Some(7));
        let passed = tap.collect().await.expect("no error").to_bytes();
        assert_eq!((&passed[..], heard(&ear)), (&b"one two"[..], Some(Ok("one two".into()))));
    }

    #[tokio::test]
    async fn has_heard_all_once_the_last_byte_is_out() {
        let (mut tap, ear) = tapped(&["one", "two"], 100);
        tap.frame().await.expect("a frame").expect("no error");
        assert_eq!(heard(&ear), None);
        tap.frame().await.expect("a frame").expect("no error");
        assert_eq!(heard(&ear), Some(Ok("onetwo".into())), "without being asked for more");
    }

    #[tokio::test]
    async fn a_body_beyond_the_bound_passes_whole_and_unheard() {
        let (tap, ear) = tapped(&["one", "two"], 5);
        assert_eq!(tap.collect().await.expect("no error").to_bytes(), "onetwo");
        assert_eq!(heard(&ear), Some(Err(NotComparable::TooLarge)));
    }

    #[tokio::test]
    async fn a_client_that_goes_away_leaves_half_an_answer() {
        let (mut tap, ear) = tapped(&["one", "two"], 100);
        tap.frame().await.expect("a frame").expect("no error");
        drop(tap);
        assert_eq!(heard(&ear), Some(Err(NotComparable::CutShort)));
    }
}
