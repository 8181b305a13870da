//! Holding a page back until it is whole, within three bounds: its size, the time it takes, and a budget for the whole process.
//! Past a bound, what was held and the rest of the stream go on as they came.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::body::{Body, BoxError};

use super::skip::Skip;

/// How many bytes of pages the process may hold at a time.
#[derive(Debug)]
pub(crate) struct Budget {
    max: usize,
    used: AtomicUsize,
    peak: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, used: AtomicUsize::new(0), peak: AtomicUsize::new(0) })
    }

    /// A permit for no byte yet.
    pub(crate) fn permit(self: &Arc<Self>) -> Permit {
        Permit { budget: Arc::clone(self), bytes: 0 }
    }

    /// Bytes held now.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The most bytes ever held at a time.
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.max);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.inspect(|used| _ = self.peak.fetch_max(used + bytes, Ordering::Relaxed)).is_ok()
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Permit {
    /// Takes `bytes` more, or `Busy` and nothing.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Skip> {
        if !self.budget.take(bytes) {
            return Err(Skip::Busy);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Gives back what goes beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.budget.used.fetch_sub(surplus, Ordering::Relaxed);
        self.bytes -= surplus;
    }

    /// A permit for no byte of the same budget.
    pub(crate) fn another(&self) -> Self {
        self.budget.permit()
    }

    /// Takes over what `other` holds.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// Bytes gathered within a bound and a budget. The budget counts capacity, so that it is memory that is bounded.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    max: usize,
    permit: Permit,
}

impl Buffer {
    pub(crate) fn new(max: usize, permit: Permit) -> Self {
        Self { bytes: Vec::new(), max, permit }
    }

    /// Makes room for a length that is known beforehand.
    pub(crate) fn expect(&mut self, length: usize) -> Result<(), Skip> {
        if length > self.max {
            return Err(Skip::TooLarge);
        }
        let more = length.saturating_sub(self.bytes.capacity());
        self.permit.grow(more)?;
        self.bytes.reserve_exact(length.saturating_sub(self.bytes.len()));
        Ok(())
    }

    /// Adds `chunk`, or nothing of it.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), Skip> {
        let length = self.bytes.len() + chunk.len();
        if length > self.bytes.capacity() {
            let doubled = length.max(self.bytes.capacity() * 2).max(16 * 1024);
            self.expect(if length > self.max { length } else { doubled.min(self.max) })?;
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes without spare capacity, and the permit for them.
    pub(crate) fn finish(mut self) -> (Bytes, Permit) {
        self.bytes.shrink_to_fit();
        self.permit.shrink_to(self.bytes.len());
        (self.bytes.into(), self.permit)
    }
}

/// A body that arrived whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) permit: Permit,
}

/// How far a body may be held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) max: usize,
    pub(crate) until: Instant,
    /// The length that the answer announced.
    pub(crate) announced: Option<u64>,
}

impl Bounds {
    /// Room for a body: an announced length is reserved at once, so that a body which cannot be held is not begun.
    pub(crate) fn buffer(&self, hint: &SizeHint, permit: Permit) -> Result<Buffer, Skip> {
        let max = u64::try_from(self.max).unwrap_or(u64::MAX);
        if hint.lower() > max {
            return Err(Skip::TooLarge);
        }
        let mut buffer = Buffer::new(self.max, permit);
        let length = self.announced.unwrap_or(hint.lower());
        buffer.expect(usize::try_from(length).map_err(|_| Skip::TooLarge)?)?;
        Ok(buffer)
    }

    /// Whether a body that ended after `length` bytes is the one that was announced.
    pub(crate) fn complete(&self, length: usize) -> bool {
        self.announced.is_none_or(|announced| u64::try_from(length).is_ok_and(|length| length == announced))
    }
}

/// The length that headers announce; `None` where they do not, or contradict themselves.
pub(crate) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(CONTENT_LENGTH).into_iter();
    let length = values.next()?.to_str().ok()?.trim().parse().ok()?;
    values.next().is_none().then_some(length)
}

/// Reads `body` to its end. Past a bound, or when the origin breaks off, answers with the reason and a body that sends what came and
/// what follows.
pub(crate) async fn hold(mut body: Body, bounds: Bounds, permit: Permit) -> Result<Whole, (Skip, Body)> {
    let mut buffer = match bounds.buffer(&body.size_hint(), permit) {
        Ok(buffer) => buffer,
        Err(skip) => return Err((skip, body)),
    };
    loop {
        match timeout_at(bounds.until, body.frame()).await {
            Err(_) => return Err((Skip::Slow, Resumed::after(buffer, None, Then::Rest(body)))),
            Ok(None) => return end(buffer, None, bounds),
            Ok(Some(Err(error))) => return Err((Skip::Truncated, Resumed::after(buffer, None, Then::Error(error)))),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(chunk) => {
                    if let Err(skip) = buffer.push(&chunk) {
                        return Err((skip, Resumed::after(buffer, Some(chunk), Then::Rest(body))));
                    }
                }
                Err(frame) => return end(buffer, frame.into_trailers().ok(), bounds),
            },
        }
    }
}

fn end(buffer: Buffer, trailers: Option<HeaderMap>, bounds: Bounds) -> Result<Whole, (Skip, Body)> {
    if !bounds.complete(buffer.len()) {
        // A server that trusts the announced length would leave the client waiting for the rest.
        return Err((Skip::Truncated, Resumed::after(buffer, None, Then::Error(Box::new(WrongLength)))));
    }
    let (bytes, permit) = buffer.finish();
    Ok(Whole { bytes, trailers, permit })
}

/// The origin announced another length than it sent.
#[derive(Debug, thiserror::Error)]
#[error("the origin's answer is not as long as its Content-Length says")]
struct WrongLength;

/// What follows the bytes that were held.
#[derive(Debug)]
enum Then {
    End,
    Trailers(HeaderMap),
    Error(BoxError),
    Rest(Body),
}

/// A body that sends what was held and then what follows.
#[derive(Debug)]
struct Resumed {
    held: VecDeque<Bytes>,
    then: Then,
}

impl Resumed {
    fn after(buffer: Buffer, last: Option<Bytes>, then: Then) -> Body {
        let (bytes, permit) = buffer.finish();
        let held =
            [Some(counted(bytes, permit)), last].into_iter().flatten().filter(|chunk| !chunk.is_empty()).collect();
        Body::boxed(Self { held, then })
    }
}

/// A body of bytes at hand, with the trailers that came with them. `permit` counts the bytes until they are gone.
pub(crate) fn whole_body(bytes: Bytes, trailers: Option<HeaderMap>, permit: Option<Permit>) -> Body {
    let bytes = match permit {
        Some(permit) => counted(bytes, permit),
        None => bytes,
    };
    match trailers {
        Some(trailers) => Body::boxed(Resumed { held: [bytes].into(), then: Then::Trailers(trailers) }),
        None => bytes.into(),
    }
}

/// Bytes that count as held wherever they go: a server keeps them in its own buffers while a slow client reads.
fn counted(bytes: Bytes, mut permit: Permit) -> Bytes {
    permit.shrink_to(bytes.len());
    Bytes::from_owner(Counted { bytes, _permit: permit })
}

struct Counted {
    bytes: Bytes,
    _permit: Permit,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Resumed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(chunk) = self.held.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if let Then::Rest(body) = &mut self.then {
            return Poll::Ready(ready!(Pin::new(body).poll_frame(cx)));
        }
        Poll::Ready(match std::mem::replace(&mut self.then, Then::End) {
            Then::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
            Then::Error(error) => Some(Err(error)),
            Then::End | Then::Rest(_) => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        let at_end = match &self.then {
            Then::End => true,
            Then::Trailers(_) | Then::Error(_) => false,
            Then::Rest(body) => body.is_end_stream(),
        };
        self.held.is_empty() && at_end
    }

    fn size_hint(&self) -> SizeHint {
        let held: u64 = self.held.iter().map(|chunk| chunk.len() as u64).sum();
        let mut hint = SizeHint::new();
        match &self.then {
            Then::End | Then::Trailers(_) => hint.set_exact(held),
            Then::Error(_) => hint.set_lower(held),
            Then::Rest(body) => {
                let rest = body.size_hint();
                hint.set_lower(held.saturating_add(rest.lower()));
                if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(held)) {
                    hint.set_upper(upper);
                }
            }
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_it_took() {
        let budget = Budget::new(100);
        let mut permit = budget.permit();
        assert_eq!(permit.grow(60), Ok(()));
        let mut other = permit.another();
        assert_eq!(other.grow(41), Err(Skip::Busy));
        assert_eq!(other.grow(40), Ok(()));
        permit.merge(other);
        assert_eq!(budget.used(), 100);
        permit.shrink_to(30);
        assert_eq!(budget.used(), 30);
        drop(permit);
        assert_eq!((budget.used(), budget.peak()), (0, 100));
    }

    #[test]
    fn a_buffer_takes_a_chunk_whole_or_not_at_all() {
        let budget = Budget::new(1000);
        let mut buffer = Buffer::new(10, budget.permit());
        assert_eq!(buffer.push(b"12345678"), Ok(()));
        assert_eq!(buffer.push(b"9ab"), Err(Skip::TooLarge));
        assert_eq!(buffer.push(b"9a"), Ok(()));
        let (bytes, permit) = buffer.finish();
        assert_eq!(bytes, "123456789a");
        assert_eq!(budget.used(), 10);
        drop(permit);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn reads_one_announced_length_only() {
        let mut headers = HeaderMap::new();
        assert_eq!(announced_length(&headers), None);
        headers.append(CONTENT_LENGTH, http::HeaderValue::from_static("12"));
        assert_eq!(announced_length(&headers), Some(12));
        headers.append(CONTENT_LENGTH, http::HeaderValue::from_static("13"));
        assert_eq!(announced_length(&headers), None);
    }
}
