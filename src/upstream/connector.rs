//! Connections to the origin: TCP or TLS, a bound on the time to open one, and what was last seen on it.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::Service;

use super::{BuildError, Config};
use crate::body::BoxError;

/// No connection to the origin within the time allowed for it.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} ms", .0.as_millis())]
pub(super) struct ConnectTimeout(Duration);

/// Opens connections to the origin.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(config: &Config) -> Result<Self, BuildError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let tls = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls(config)?).https_or_http();
        let inner = match &config.tls_name {
            Some(name) => {
                let name = ServerName::try_from(name.clone()).map_err(|_| BuildError::TlsName(name.clone()))?;
                tls.with_server_name_resolver(FixedServerNameResolver::new(name)).enable_http1().wrap_connector(tcp)
            }
            None => tls.enable_http1().wrap_connector(tcp),
        };
        Ok(Self { inner, limit: config.connect_timeout })
    }
}

fn tls(config: &Config) -> Result<rustls::ClientConfig, BuildError> {
    use hyper_rustls::ConfigBuilderExt as _;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BuildError::Tls)?;
    let Some(pem) = &config.ca else {
        // An http origin needs no roots, and a minimal container has none.
        return match builder.clone().with_native_roots() {
            Ok(builder) => Ok(builder.with_no_client_auth()),
            Err(error) if config.origin.scheme_str() == Some("https") => Err(BuildError::NativeRoots(error)),
            Err(_) => Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()),
        };
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|_| BuildError::Ca)?).map_err(|_| BuildError::Ca)?;
    }
    if roots.is_empty() {
        return Err(BuildError::Ca);
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

impl Service<Uri> for Connector {
    type Response = TokioIo<OriginIo>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            let io = tokio::time::timeout(limit, connecting).await.map_err(|_| ConnectTimeout(limit))??;
            Ok(TokioIo::new(OriginIo { inner: TokioIo::new(io), seen: Seen::default() }))
        })
    }
}

/// The most bytes of one read. hyper doubles its buffer when a read fills it, up to the largest head that is allowed, and a client
/// that takes nothing makes us hold three such buffers.
const MOST_AT_ONCE: usize = 32 << 10;

const ANSWERED_BEFORE: u8 = 1;
const ANSWERING: u8 = 2;

/// What came from the origin on one connection, for the question whether a failed request may be sent again.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<AtomicU8>);

impl Seen {
    /// True when the connection had served before and closed without a byte of an answer to the last request: the
    /// origin had given the connection up, most likely before it saw the request.
    pub(super) fn closed_before_answer(&self) -> bool {
        self.0.load(Ordering::Acquire) == ANSWERED_BEFORE
    }

    fn sent(&self) {
        self.0.fetch_and(!ANSWERING, Ordering::AcqRel);
    }

    fn received(&self) {
        self.0.store(ANSWERED_BEFORE | ANSWERING, Ordering::Release);
    }
}

/// A connection to the origin that remembers what it has seen.
#[derive(Debug)]
pub(super) struct OriginIo {
    inner: TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>,
    seen: Seen,
}

impl Connection for OriginIo {
    fn connected(&self) -> Connected {
        self.inner.inner().connected().extra(self.seen.clone())
    }
}

impl AsyncRead for OriginIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buf.remaining().min(MOST_AT_ONCE);
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        let polled = Pin::new(&mut self.inner).poll_read(cx, &mut part);
        let read = part.filled().len();
        buf.advance(read);
        if read > 0 {
            self.seen.received();
        }
        polled
    }
}

impl AsyncWrite for OriginIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.seen.sent();
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.seen.sent();
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn reads_no_more_at_once_than_may_be_held() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let origin = format!("http://{}", listener.local_addr().expect("bound"));
        let sent: Vec<u8> = (0..1_u32 << 20).map(|number| number.to_le_bytes()[1]).collect();
        let expected = sent.clone();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("loopback accepts");
            stream.write_all(&sent).await.expect("somebody reads");
        });
        let config = Config::new(origin.parse().expect("a URL"));
        let io = Connector::new(&config).expect("valid").call(config.origin.clone()).await.expect("somebody listens");
        let (mut io, mut came, mut most) = (io.into_inner(), Vec::new(), 0);
        loop {
            let mut space = vec![0; 512 << 10];
            let count = io.read(&mut space).await.expect("open");
            most = most.max(count);
            came.extend_from_slice(&space[..count]);
            if count == 0 {
                break;
            }
        }
        assert!(came == expected);
        assert!(most <= MOST_AT_ONCE, "{most}");
    }
}
