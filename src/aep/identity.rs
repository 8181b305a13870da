//! Who Experience Platform takes a shopper for.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD_INDIFFERENT, URL_SAFE_NO_PAD_INDIFFERENT};
use percent_encoding::percent_decode;
use uuid::Uuid;

/// How many digits an ECID may have: Adobe's have 38.
const ECID_DIGITS: std::ops::RangeInclusive<usize> = 20..=64;

/// An Experience Cloud id. Never printed: whoever knows one passes for the shopper.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ecid(Box<str>);

/// What a shopper is looked up by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// His Experience Cloud id.
    Ecid(Ecid),
    /// The shop's own id of his browser (first-party device id), from which Adobe derives an ECID, always the same one.
    Fpid(Box<str>),
}

impl Ecid {
    /// Reads an id. Adobe's collector sends zeros when it has none: that is everybody's, so nobody's.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = ECID_DIGITS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits && text.bytes().any(|digit| digit != b'0')).then(|| Self(text.into()))
    }

    /// The id in the value of the Web SDK's identity cookie, or of the state entry of that name: the first field of a protobuf
    /// message in base64. The rest of the message changes from day to day.
    pub fn from_cookie(value: &[u8]) -> Option<Self> {
        let decoded: Vec<u8> = percent_decode(value).collect();
        let message = URL_SAFE_NO_PAD_INDIFFERENT.decode(&decoded);
        let message = message.or_else(|_| STANDARD_NO_PAD_INDIFFERENT.decode(&decoded)).ok()?;
        let (&[field, length], rest) = message.split_first_chunk::<2>()?;
        let id = rest.get(..usize::from(length)).filter(|_| field == 0x0a)?;
        Self::parse(std::str::from_utf8(id).ok()?)
    }

    /// The id in the value of the cookie from before the Web SDK (`AMCV_<ORG>`), such as `-637568504|MCMID|5475...|MCAID|NONE`.
    pub fn from_legacy_cookie(value: &[u8]) -> Option<Self> {
        let decoded = percent_decode(value).decode_utf8().ok()?;
        let mut fields = decoded.split('|');
        fields.find(|field| *field == "MCMID")?;
        Self::parse(fields.next()?)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Identity {
    /// Reads a first-party device id: a UUID, as Adobe asks for. Its letters' case makes no difference to Adobe.
    pub fn fpid(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        let hyphenated = text.len() == 36 && !uuid.is_nil();
        hyphenated.then(|| Self::Fpid(uuid.hyphenated().to_string().into()))
    }
}

impl fmt::Debug for Ecid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ecid(..)")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecid(_) => f.write_str("Ecid(..)"),
            Self::Fpid(_) => f.write_str("Fpid(..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::URL_SAFE;

    const COOKIE: &str = "CiY1NDc1ODIxNzIzODk5MDY5MzQzMTIzNjQ1NTczNzExNjE4OTA1MFINCLGOvszNLhABGAEgBKABsY6-zM0uqAGHz-z2y82cul3wAbGOvszNLg==";
    const ECID: &str = "54758217238990693431236455737116189050";

    fn ecid(text: &str) -> Option<Ecid> {
        Ecid::parse(text)
    }

    #[test]
    fn reads_adobes_own_example_however_it_is_encoded() {
        for value in [COOKIE, &COOKIE.replace('=', "%3D"), COOKIE.trim_end_matches('='), &COOKIE.replace('-', "+")] {
            assert_eq!(Ecid::from_cookie(value.as_bytes()), ecid(ECID), "{value}");
        }
    }

    #[test]
    fn takes_nothing_else_for_an_identity() {
        let message = |field: u8, id: &str| {
            let length = u8::try_from(id.len()).expect("a short id");
            URL_SAFE.encode([&[field, length][..], id.as_bytes()].concat())
        };
        assert_eq!(Ecid::from_cookie(message(0x0a, ECID).as_bytes()), ecid(ECID));
        let zeros = "0".repeat(38);
        for value in [
            String::new(),
            "=".into(),
            "Cg".into(),
            message(0x12, ECID),
            message(0x0a, &zeros),
            message(0x0a, "12345"),
            message(0x0a, &ECID.replace('5', "x")),
            URL_SAFE.encode([0x0a, 200, b'1']),
        ] {
            assert_eq!(Ecid::from_cookie(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn reads_the_cookie_from_before_the_web_sdk() {
        let value = format!("-637568504%7CMCIDTS%7C19000%7CMCMID%7C{ECID}%7CMCAID%7CNONE");
        assert_eq!(Ecid::from_legacy_cookie(value.as_bytes()), ecid(ECID));
        assert_eq!(Ecid::from_legacy_cookie(value.replace("%7C", "|").as_bytes()), ecid(ECID));
        for value in ["", "MCMID", "MCMID|", "MCMID|NONE", "XMCMID|54758217238990693431236455737116189050"] {
            assert_eq!(Ecid::from_legacy_cookie(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn reads_a_device_id_whatever_its_case_and_prints_none() {
        let id = "9C09C9B1-4B5D-4A5E-8F0B-2B5C3D0E1F22";
        assert_eq!(Identity::fpid(id), Identity::fpid(&id.to_lowercase()));
        for wrong in ["", "9c09c9b14b5d4a5e8f0b2b5c3d0e1f22", "00000000-0000-0000-0000-000000000000", "x"] {
            assert_eq!(Identity::fpid(wrong), None, "{wrong}");
        }
        let shown = format!("{:?} {:?}", Identity::fpid(id), ecid(ECID));
        assert!(!shown.to_uppercase().contains("9C09") && !shown.contains("5475"), "{shown}");
    }
}
