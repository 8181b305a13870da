//! What happens on one client connection, and when it has to end.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Config;

/// How long frames of a stream that failed may take to leave before its reset overtakes them.
const FRAMES_LEAVE: Duration = Duration::from_millis(50);

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    /// Nothing is under way: say goodbye and close.
    Close,
    /// The client is stuck, or holds a connection without sending a request.
    Cut,
}

/// The clocks of one connection; all times are milliseconds since it began, 0 meaning "not now".
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    requests: AtomicUsize,
    multiplexed: AtomicBool,
    last_io: AtomicU64,
    head_since: AtomicU64,
    write_blocked_since: AtomicU64,
    /// Rings when nothing waits to be written.
    flushed: Notify,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            requests: AtomicUsize::new(0),
            multiplexed: AtomicBool::new(false),
            last_io: AtomicU64::new(1),
            // The first request is due from the start.
            head_since: AtomicU64::new(1),
            write_blocked_since: AtomicU64::new(0),
            flushed: Notify::new(),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Notes a request; it is under way until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, multiplexed: bool) -> UnderWay {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        if multiplexed {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        UnderWay(Arc::clone(self))
    }

    fn read(&self) {
        let now = self.now();
        self.last_io.store(now, Ordering::Relaxed);
        // HTTP/2 has frames between requests, and bounds heads by its own means.
        if self.requests.load(Ordering::Relaxed) == 0 && !self.multiplexed.load(Ordering::Relaxed) {
            let _ = self.head_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn wrote(&self, blocked: bool) {
        let now = self.now();
        if blocked {
            let _ = self.write_blocked_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        } else {
            self.last_io.store(now, Ordering::Relaxed);
            self.write_blocked_since.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn verdict(&self, config: &Config) -> Verdict {
        let now = self.now();
        let passed = |since: u64, limit: Duration| since != 0 && u128::from(now - since.min(now)) >= limit.as_millis();
        if passed(self.write_blocked_since.load(Ordering::Relaxed), config.write_timeout) {
            return Verdict::Cut;
        }
        if self.requests.load(Ordering::Relaxed) > 0 {
            return Verdict::Keep;
        }
        let last_io = self.last_io.load(Ordering::Relaxed);
        if passed(self.head_since.load(Ordering::Relaxed), config.header_timeout)
            || passed(last_io, config.keep_alive + config.header_timeout)
        {
            Verdict::Cut
        } else if passed(last_io, config.keep_alive) {
            Verdict::Close
        } else {
            Verdict::Keep
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Activity>);

impl UnderWay {
    /// Ends when what the connection was given so far is written, as far as can be told.
    pub(super) fn written(&self) -> impl Future<Output = ()> + Send + use<> {
        let activity = Arc::clone(&self.0);
        async move {
            if activity.multiplexed.load(Ordering::Relaxed) {
                // A stream does not learn when its frames have left: other streams write and flush as well.
                tokio::time::sleep(FRAMES_LEAVE).await;
            } else {
                activity.flushed.notified().await;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A client's stream that notes when bytes move.
#[derive(Debug)]
pub(super) struct Watched<I> {
    inner: I,
    activity: Arc<Activity>,
}

impl<I> Watched<I> {
    pub(super) fn new(inner: I, activity: Arc<Activity>) -> Self {
        Self { inner, activity }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.read();
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.activity.wrote(polled.is_pending());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.activity.wrote(polled.is_pending());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        if polled.is_ready() {
            self.activity.flushed.notify_waiters();
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            header_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_secs(60),
            ..Config::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn cuts_a_client_that_sends_no_request() {
        let activity = Activity::new();
        tokio::time::advance(Duration::from_secs(9)).await;
        activity.read();
        assert_eq!(activity.verdict(&config()), Verdict::Keep);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(activity.verdict(&config()), Verdict::Cut);
    }

    #[tokio::test(start_paused = true)]
    async fn closes_an_idle_connection_but_none_with_a_request_under_way() {
        let activity = Activity::new();
        let request = activity.begin(false);
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(activity.verdict(&config()), Verdict::Keep);
        activity.wrote(false);
        drop(request);
        tokio::time::advance(Duration::from_secs(74)).await;
        assert_eq!(activity.verdict(&config()), Verdict::Keep);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(activity.verdict(&config()), Verdict::Close);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(activity.verdict(&config()), Verdict::Cut);
    }

    #[tokio::test(start_paused = true)]
    async fn cuts_a_second_request_that_drips() {
        let activity = Activity::new();
        drop(activity.begin(false));
        tokio::time::advance(Duration::from_secs(50)).await;
        for _ in 0..10 {
            activity.read();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(activity.verdict(&config()), Verdict::Cut);
    }

    #[tokio::test(start_paused = true)]
    async fn cuts_a_client_that_stops_reading() {
        let activity = Activity::new();
        let _request = activity.begin(true);
        activity.wrote(true);
        tokio::time::advance(Duration::from_secs(59)).await;
        activity.wrote(true);
        assert_eq!(activity.verdict(&config()), Verdict::Keep);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(activity.verdict(&config()), Verdict::Cut);
        activity.wrote(false);
        assert_eq!(activity.verdict(&config()), Verdict::Keep);
    }
}
