//! The envelope of cookies and tokens: XChaCha20-Poly1305 in base64url, bound to its format, its purpose and the site.
//!
//! ```text
//! base64url( version | key id | nonce, 24 bytes | ciphertext | tag, 16 bytes )
//! ```
//!
//! Version, key id, purpose and site are authenticated with the content, so a value moved to another cookie, another site or
//! another version does not open.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};

use super::keys::{Key, Keyring, NoRandomness, random};

/// The format's version: the first byte of every value.
const VERSION: u8 = 2;
const NONCE: usize = 24;
const TAG: usize = 16;
/// Version and key id.
const HEAD: usize = 2;

/// Bytes of an envelope besides its content.
pub(crate) const OVERHEAD: usize = HEAD + NONCE + TAG;

/// No value is longer: browsers keep no longer cookie.
pub(crate) const LONGEST: usize = 4096;

/// What a sealed value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose<'a> {
    /// The cookie of this name.
    Cookie(&'a str),
    /// A token that starts a simulation.
    SimulationToken,
}

/// Why a sealed value was not believed. To a shopper all are one: unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OpenError {
    /// Longer than any that Segue seals.
    #[error("longer than any sealed value")]
    TooLong,
    /// Not base64url.
    #[error("not base64url")]
    NotBase64,
    /// Shorter than an empty one.
    #[error("too short to be a sealed value")]
    Truncated,
    /// Of a format that this program does not know.
    #[error("of an unknown format version")]
    OtherFormat,
    /// Sealed with a key that is not configured.
    #[error("sealed with a key that is not configured")]
    UnknownKey,
    /// Changed after sealing, or sealed for another cookie or site.
    #[error("changed after sealing, or sealed for another cookie name or site")]
    Tampered,
    /// Genuine, but not readable by this program.
    #[error("genuine, but its content cannot be read")]
    Malformed,
    /// Genuine, but past its end.
    #[error("expired")]
    Expired,
    /// Genuine, but of another website of the shop.
    #[error("of another website")]
    OtherWebsite,
    /// Genuine, but learnt by a datastream that is not this store view's.
    #[error("learnt by another datastream")]
    OtherDatastream,
    /// Genuine, but of another shopper than the one whom this browser is at Adobe.
    #[error("of another identity")]
    OtherIdentity,
    /// Genuine, but the shopper no longer consents to its use.
    #[error("without consent")]
    NoConsent,
}

impl OpenError {
    /// The reason as metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotBase64 => "not_base64",
            Self::Truncated => "truncated",
            Self::OtherFormat => "other_format",
            Self::UnknownKey => "unknown_key",
            Self::Tampered => "tampered",
            Self::Malformed => "malformed",
            Self::Expired => "expired",
            Self::OtherWebsite => "other_website",
            Self::OtherDatastream => "other_datastream",
            Self::OtherIdentity => "other_identity",
            Self::NoConsent => "no_consent",
        }
    }
}

/// Seals `content` with the first key.
pub(crate) fn seal(keys: &Keyring, purpose: Purpose<'_>, site: &str, content: &[u8]) -> Result<String, NoRandomness> {
    let key = keys.first();
    let nonce: [u8; NONCE] = random()?;
    let aad = associated(key.id(), purpose, site);
    let sealed = cipher(key)
        .encrypt(&XNonce::from(nonce), Payload { msg: content, aad: &aad })
        .expect("fails only past the cipher's 256 GiB");
    Ok(URL_SAFE_NO_PAD.encode([&[VERSION, key.id()][..], &nonce, &sealed].concat()))
}

/// Opens a sealed value: its content, and the place of the key that sealed it.
pub(crate) fn open(
    keys: &Keyring,
    purpose: Purpose<'_>,
    site: &str,
    value: &[u8],
) -> Result<(Vec<u8>, usize), OpenError> {
    if value.len() > LONGEST {
        return Err(OpenError::TooLong);
    }
    let bytes = URL_SAFE_NO_PAD.decode(value).map_err(|_| OpenError::NotBase64)?;
    let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(OpenError::Truncated)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(OpenError::Truncated)?;
    let [version, key_id] = *head;
    if sealed.len() < TAG {
        return Err(OpenError::Truncated);
    }
    if version != VERSION {
        return Err(OpenError::OtherFormat);
    }
    let aad = associated(key_id, purpose, site);
    let mut why = OpenError::UnknownKey;
    for (place, key) in keys.with_id(key_id) {
        match cipher(key).decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad }) {
            Ok(content) => return Ok((content, place)),
            Err(_) => why = OpenError::Tampered,
        }
    }
    Err(why)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.bytes()).into())
}

/// What is authenticated beside the content. The name's length goes before it, so that no two contexts share bytes.
fn associated(key_id: u8, purpose: Purpose<'_>, site: &str) -> Vec<u8> {
    let (kind, name) = match purpose {
        Purpose::Cookie(name) => (b'c', name),
        Purpose::SimulationToken => (b't', ""),
    };
    let length = (name.len() as u64).to_be_bytes();
    [b"segue\0", &[VERSION, key_id, kind][..], &length, name.as_bytes(), site.as_bytes()].concat()
}

/// Reads the binary content of an envelope front to back; each read is `None` past the end.
pub(crate) struct Content<'a>(pub(crate) &'a [u8]);

impl<'a> Content<'a> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn seconds(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    /// A text behind its length in one byte.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::from(self.byte()?);
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes a text behind its length in one byte; `None`, with nothing written, past 255 bytes.
pub(crate) fn put_text(content: &mut Vec<u8>, text: &str) -> Option<()> {
    content.push(u8::try_from(text.len()).ok()?);
    content.extend_from_slice(text.as_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    const COOKIE: Purpose<'static> = Purpose::Cookie("segue");

    fn ring() -> Keyring {
        Keyring::ephemeral().expect("random bytes")
    }

    #[test]
    fn opens_only_for_the_same_purpose_and_site() {
        let ring = ring();
        let value = seal(&ring, COOKIE, "shop", b"content").expect("sealed");
        assert_eq!(open(&ring, COOKIE, "shop", value.as_bytes()), Ok((b"content".to_vec(), 0)));
        let others = [
            (Purpose::Cookie("segue-sim"), "shop"),
            (Purpose::Cookie("segueshop"), ""),
            (Purpose::Cookie("segues"), "hop"),
            (Purpose::SimulationToken, "shop"),
            (COOKIE, "other"),
            (COOKIE, ""),
        ];
        for (purpose, site) in others {
            assert_eq!(open(&ring, purpose, site, value.as_bytes()), Err(OpenError::Tampered), "{purpose:?} {site}");
        }
    }

    #[test]
    fn every_key_opens_and_the_first_seals() {
        let [old, new] = [Key::generate(), Key::generate()].map(|key| key.expect("random bytes").export());
        let [old, new] = [old.expose_secret(), new.expose_secret()];
        let before = Keyring::parse([old]).expect("a ring");
        let both = Keyring::parse([new, old]).expect("a ring");
        let after = Keyring::parse([new]).expect("a ring");
        let value = seal(&before, COOKIE, "", b"x").expect("sealed");
        assert_eq!(open(&both, COOKIE, "", value.as_bytes()), Ok((b"x".to_vec(), 1)));
        let refused = open(&after, COOKIE, "", value.as_bytes()).expect_err("the key is gone");
        assert!(matches!(refused, OpenError::UnknownKey | OpenError::Tampered));
        let renewed = seal(&both, COOKIE, "", b"x").expect("sealed");
        assert_eq!(open(&after, COOKIE, "", renewed.as_bytes()), Ok((b"x".to_vec(), 0)));
    }

    #[test]
    fn every_single_bit_flip_is_refused() {
        let ring = ring();
        let value = seal(&ring, COOKIE, "shop", b"some content, not a multiple of three").expect("sealed");
        for place in 0..value.len() {
            for bit in 0..8 {
                let mut flipped = value.clone().into_bytes();
                flipped[place] ^= 1 << bit;
                assert!(open(&ring, COOKIE, "shop", &flipped).is_err(), "byte {place}, bit {bit}");
            }
        }
        let bytes = URL_SAFE_NO_PAD.decode(&value).expect("base64url");
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                let flipped = URL_SAFE_NO_PAD.encode(flipped);
                assert!(open(&ring, COOKIE, "shop", flipped.as_bytes()).is_err(), "byte {place}, bit {bit}");
            }
        }
    }

    #[test]
    fn every_cut_is_refused() {
        let ring = ring();
        let value = seal(&ring, COOKIE, "shop", b"content").expect("sealed");
        for length in 0..value.len() {
            assert!(open(&ring, COOKIE, "shop", &value.as_bytes()[..length]).is_err(), "{length}");
        }
        assert_eq!(open(&ring, COOKIE, "shop", b""), Err(OpenError::Truncated));
        assert_eq!(open(&ring, COOKIE, "shop", &[b'A'; LONGEST + 1]), Err(OpenError::TooLong));
        assert_eq!(open(&ring, COOKIE, "shop", format!("{value}=").as_bytes()), Err(OpenError::NotBase64));
    }

    proptest! {
        #[test]
        fn never_opens_nor_panics_on_random_bytes(value: Vec<u8>, sealed in prop::collection::vec(any::<u8>(), 0..300)) {
            let ring = ring();
            prop_assert!(open(&ring, COOKIE, "shop", &value).is_err());
            let sealed = [&[VERSION, ring.first().id()][..], &sealed].concat();
            prop_assert!(open(&ring, COOKIE, "shop", URL_SAFE_NO_PAD.encode(sealed).as_bytes()).is_err());
        }
    }
}
