//! The keys that seal cookies and tokens. They are never printed by `Debug`, and erased from memory when dropped.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE_NO_PAD, URL_SAFE_NO_PAD_INDIFFERENT};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};

/// One sealing key: 32 random bytes, and an id that travels in clear so that the right key is tried first.
pub struct Key {
    id: u8,
    bytes: SecretBox<[u8; 32]>,
}

/// Why a configured key cannot be used. Never holds the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no key at all.
    #[error("no key: make one with `segue keys new`")]
    Missing,
    /// Key number `.0` (from 0) is not base64url of 32 bytes.
    #[error("key {} is not 32 bytes in base64url: make one with `segue keys new`", .0 + 1)]
    Malformed(usize),
    /// Key number `.0` (from 0) is there twice.
    #[error("key {} is there twice: remove one", .0 + 1)]
    Repeated(usize),
}

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

/// `N` random bytes from the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

impl Key {
    /// A new random key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self::from_bytes(Zeroizing::new(random()?)))
    }

    /// Reads a key from base64url, with or without padding; spaces around it are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD_INDIFFERENT.decode(text.trim()).ok()?);
        Some(Self::from_bytes(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?)))
    }

    /// The key in base64url without padding, as configuration takes it.
    pub fn export(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.bytes.expose_secret()).into()
    }

    /// The first byte of the key's SHA-256: tells keys apart, and says nothing useful about the key.
    pub fn id(&self) -> u8 {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.bytes.expose_secret()
    }

    fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        let id = Sha256::digest(bytes.as_slice())[0];
        Self { id, bytes: SecretBox::init_with_mut(|own: &mut [u8; 32]| own.copy_from_slice(bytes.as_slice())) }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The configured keys, never none: the first seals, all open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<[Key]>);

impl Keyring {
    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Reads keys from base64url.
    ///
    /// # Errors
    /// Every mistake: a key that is not 32 bytes, one that is there twice, or no key at all.
    pub fn parse<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<KeyError>> {
        let mut ring: Vec<Key> = Vec::new();
        let mut mistakes = Vec::new();
        for (place, text) in keys.into_iter().enumerate() {
            match Key::parse(text) {
                None => mistakes.push(KeyError::Malformed(place)),
                Some(key) if ring.iter().any(|known| known.bytes() == key.bytes()) => {
                    mistakes.push(KeyError::Repeated(place));
                }
                Some(key) => ring.push(key),
            }
        }
        if ring.is_empty() && mistakes.is_empty() {
            mistakes.push(KeyError::Missing);
        }
        if mistakes.is_empty() { Ok(Self(ring.into())) } else { Err(mistakes) }
    }

    /// A ring of one new random key: what it seals is lost with the process. For the demo and tests.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn ephemeral() -> Result<Self, NoRandomness> {
        Ok(Self(Arc::new([Key::generate()?])))
    }

    /// The key that seals.
    pub(super) fn first(&self) -> &Key {
        &self.0[0]
    }

    /// The keys with this id, with their place in the ring.
    pub(super) fn with_id(&self, id: u8) -> impl Iterator<Item = (usize, &Key)> {
        self.0.iter().enumerate().filter(move |(_, key)| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_exports_with_and_without_padding() {
        let key = Key::generate().expect("random bytes");
        let text = key.export();
        assert_eq!(text.expose_secret().len(), 43);
        for text in [text.expose_secret().to_owned(), format!(" {}=\n", text.expose_secret())] {
            assert_eq!(Key::parse(&text).expect("a key").bytes(), key.bytes());
        }
    }

    #[test]
    fn names_every_bad_key_without_showing_it() {
        let good = Key::generate().expect("random bytes").export();
        let good = good.expose_secret();
        let mistakes = Keyring::parse(["secretish", good, good, "AAAA"]).expect_err("three are bad");
        assert_eq!(mistakes, [KeyError::Malformed(0), KeyError::Repeated(2), KeyError::Malformed(3)]);
        assert!(mistakes[0].to_string().starts_with("key 1 "));
        assert!(!mistakes.iter().any(|mistake| mistake.to_string().contains("secretish")));
        assert_eq!(Keyring::parse([]).expect_err("no key"), [KeyError::Missing]);
    }

    #[test]
    fn never_prints_a_key() {
        let key = Key::generate().expect("random bytes");
        let ring = Keyring::parse([key.export().expose_secret()]).expect("one key");
        let shown = format!("{ring:?}");
        assert_eq!(shown, format!("Keyring([Key {{ id: {}, .. }}])", key.id()));
    }
}
