//! A name for every request, the same in logs, at the origin and in the answer.

use std::hash::BuildHasher as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// The request's name, an extension of request and response; in `X-Request-Id` towards both sides.
#[derive(Clone, Debug)]
pub struct RequestId(pub HeaderValue);

impl RequestId {
    /// A new one: 32 hexadecimal digits, unique but not secret.
    pub fn new() -> Self {
        let text = format!("{:016x}{:016x}", random(), random());
        Self(HeaderValue::from_str(&text).expect("hexadecimal digits are a header value"))
    }

    /// Takes what a trusted proxy calls the request, if that is fit to be logged.
    pub fn accept(value: &HeaderValue) -> Option<Self> {
        let fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
        let bytes = value.as_bytes();
        ((1..=128).contains(&bytes.len()) && bytes.iter().all(fit)).then(|| Self(value.clone()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

/// A number that no other call returns, here or in another process, but by a chance of 2^-64.
pub(super) fn random() -> u64 {
    static SEED: LazyLock<std::hash::RandomState> = LazyLock::new(std::hash::RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    SEED.hash_one(NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_every_request_its_own_name() {
        let (one, other) = (RequestId::new(), RequestId::new());
        assert_ne!(one.0, other.0);
        assert_eq!(one.as_str().len(), 32);
    }

    #[test]
    fn takes_no_name_that_could_forge_a_log_line() {
        let accepts = |text: &[u8]| RequestId::accept(&HeaderValue::from_bytes(text).expect("valid")).is_some();
        assert!(accepts(b"Root=1-67891233-abcdef012345678912345678"));
        for text in [&b""[..], b"a b", b"a\"b", b"a\tb", b"\xff", &[b'a'; 129]] {
            assert!(!accepts(text), "{text:?}");
        }
    }
}
