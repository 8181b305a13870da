//! The sealed cookie: what Segue learnt about a shopper, kept in his browser where he can neither read nor change it.
//!
//! ```text
//! source 1 | learnt at 8 | expires at 8 | shopper key 16 | flags 1 | revision 8 when the first flag says cut | claim seen 4
//! | website (length 1, text) | datastream (length 1, text) | number of UUIDs 2 | UUIDs 16 each | other ids (length 1, text) to the end
//! ```
//!
//! The second flag says that Experience Platform is to be asked again. Numbers are big-endian. A UUID in lower case with hyphens takes 16 bytes; any other id stays as it is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::config::Config;
use super::keys::{NoRandomness, random};
use super::known::KnownAudiences;
use super::seal::{self, Content, OpenError, Purpose, put_text};
use super::{Membership, Source};
use crate::rule::AudienceId;

/// A `learnt_at` further ahead than clocks differ, in seconds, is not believed to be fresh.
const CLOCK_SKEW: i64 = 60;

/// A whole `Set-Cookie` line stays below this: browsers keep no longer cookie.
const LONGEST_LINE: usize = 4095;

const IS_CUT: u8 = 1;
const ASK_AGAIN: u8 = 2;

/// The longest `Max-Age` that the line must have room for, in seconds.
pub(super) const LONGEST_AGE: i64 = 99_999_999_999;

/// Tells one shopper from another; says nothing about who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShopperKey(pub [u8; 16]);

impl ShopperKey {
    /// A new shopper's key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        random().map(Self)
    }

    /// The key that belongs to what a shopper is known by, the same in every process.
    pub(crate) fn derive(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new_with_prefix(b"segue shopper");
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }

    /// A number that stays with the shopper, for rotation.
    pub fn bucket(self) -> u64 {
        self.half(0)
    }

    /// Whether the shopper is among the `percent` (0 to 100) of all that get Segue's pages. Independent of [`Self::bucket`].
    pub fn in_share(self, percent: u8) -> bool {
        self.half(8) % 100 < u64::from(percent)
    }

    fn half(self, start: usize) -> u64 {
        self.0[start..start + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// The content of a sealed cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What was learnt.
    pub membership: Membership,
    /// When it is forgotten, in seconds since 1970 UTC.
    pub expires_at: i64,
    /// Whose it is.
    pub shopper: ShopperKey,
    /// The code of the website that it was learnt for; empty when it holds on all of them.
    pub website: Arc<str>,
    /// The datastream that it was learnt by; empty when it was not learnt from the Edge Network.
    pub datastream: Arc<str>,
    /// Whether it is to be learnt again at once, however fresh.
    pub ask_again: bool,
    /// A digest of the browser's own claim when it was learnt, so that another claim is noticed; 0 without one.
    pub claim_seen: u32,
    /// When not all audiences fitted: the revision of the rules whose audiences were kept.
    pub cut_for: Option<u64>,
}

/// How far a sealed membership still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As good as just learnt.
    Fresh,
    /// To be learnt again, and good until then.
    Stale,
    /// No longer to be believed.
    Expired,
}

/// Why something could not be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system gave no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The website's code is past 255 bytes.
    #[error("the website's code is longer than 255 bytes")]
    WebsiteTooLong,
    /// These cannot be an audience's id.
    #[error(
        "`{0}` is no audience id: ids are visible ASCII without comma, semicolon, quote, percent sign and backslash"
    )]
    BadAudience(String),
    /// A simulation has more audiences than a cookie holds.
    #[error("more audiences than one cookie holds: name fewer")]
    TooManyAudiences,
    /// A simulation starts at a path of the shop.
    #[error("a simulation starts at a path of the shop, such as `/`, of at most 255 bytes")]
    BadTarget,
}

/// An opened cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its content.
    pub sealed: Sealed,
    /// The place of the key that sealed it: 0 is the key that seals now.
    pub key: usize,
}

impl Sealed {
    /// A membership to keep until it expires.
    pub fn new(config: &Config, membership: Membership, shopper: ShopperKey, website: Arc<str>) -> Self {
        let expires_at = membership.learnt_at.saturating_add(seconds(config.expires_after));
        let datastream = "".into();
        Self { membership, expires_at, shopper, website, datastream, ask_again: false, claim_seen: 0, cut_for: None }
    }

    /// How far the membership holds at `now` (seconds since 1970 UTC). One that was cut for other rules is stale.
    pub fn freshness(&self, config: &Config, known: &KnownAudiences, now: i64) -> Freshness {
        let age = now.saturating_sub(self.membership.learnt_at);
        let was_cut_for_others = self.cut_for.is_some_and(|revision| revision != known.revision());
        if now >= self.expires_at || age >= seconds(config.expires_after) {
            Freshness::Expired
        } else if self.is_ahead(now) || age >= seconds(config.fresh_for) || was_cut_for_others || self.ask_again {
            Freshness::Stale
        } else {
            Freshness::Fresh
        }
    }

    /// Whether it was learnt further ahead of `now` than clocks differ. Its time says nothing then.
    pub fn is_ahead(&self, now: i64) -> bool {
        now.saturating_sub(self.membership.learnt_at) < -CLOCK_SKEW
    }

    /// Whether the membership holds on the website with this code.
    pub fn holds_on(&self, website: &str) -> bool {
        self.website.is_empty() || *self.website == *website
    }

    /// Seals this as the cookie's value. With more audiences than fit, it keeps those that rules name first.
    ///
    /// # Errors
    /// When the system gives no random bytes, or the website's code is no such.
    pub fn seal(&self, config: &Config, known: &KnownAudiences) -> Result<String, SealError> {
        let content = self.encode(known, room(config, &config.cookie_name))?;
        Ok(seal::seal(&config.keys, Purpose::Cookie(&config.cookie_name), &config.site, &content)?)
    }

    /// Opens a cookie's value, however old.
    ///
    /// # Errors
    /// When it is not one that Segue sealed for this cookie and site.
    pub fn open(config: &Config, value: &[u8]) -> Result<Opened, OpenError> {
        let (content, key) = seal::open(&config.keys, Purpose::Cookie(&config.cookie_name), &config.site, value)?;
        let sealed = Self::decode(Content(&content)).ok_or(OpenError::Malformed)?;
        Ok(Opened { sealed, key })
    }

    fn encode(&self, known: &KnownAudiences, room: usize) -> Result<Vec<u8>, SealError> {
        let all = &self.membership.audiences;
        // Room for the revision is kept free, whether or not it is needed in the end.
        let fixed = self.head(Some(0))?.len();
        let (audiences, is_cut) = encode_audiences(known.named_first(all.iter()), room.saturating_sub(fixed));
        let cut_for = if is_cut { Some(known.revision()) } else { self.cut_for };
        Ok([self.head(cut_for)?, audiences].concat())
    }

    fn head(&self, cut_for: Option<u64>) -> Result<Vec<u8>, SealError> {
        let mut head = vec![self.membership.source.code()];
        head.extend(self.membership.learnt_at.to_be_bytes());
        head.extend(self.expires_at.to_be_bytes());
        head.extend(self.shopper.0);
        let cut = if cut_for.is_some() { IS_CUT } else { 0 };
        head.push(cut | if self.ask_again { ASK_AGAIN } else { 0 });
        head.extend(cut_for.map(u64::to_be_bytes).iter().flatten());
        head.extend(self.claim_seen.to_be_bytes());
        put_text(&mut head, &self.website).ok_or(SealError::WebsiteTooLong)?;
        put_text(&mut head, &self.datastream).expect("a datastream's id is at most 100 bytes long");
        Ok(head)
    }

    fn decode(mut content: Content<'_>) -> Option<Self> {
        let source = Source::from_code(content.byte()?)?;
        let learnt_at = content.seconds()?;
        let expires_at = content.seconds()?;
        let shopper = ShopperKey(content.take()?);
        let flags = content.byte().filter(|flags| flags & !(IS_CUT | ASK_AGAIN) == 0)?;
        let cut_for = match flags & IS_CUT {
            0 => None,
            _ => Some(u64::from_be_bytes(content.take()?)),
        };
        let ask_again = flags & ASK_AGAIN != 0;
        let claim_seen = u32::from_be_bytes(content.take()?);
        let (website, datastream) = (content.text()?.into(), content.text()?.into());
        let audiences = decode_audiences(&mut content)?;
        let membership = Membership { audiences, learnt_at, source };
        Some(Self { membership, expires_at, shopper, website, datastream, ask_again, claim_seen, cut_for })
    }
}

impl Source {
    fn code(self) -> u8 {
        match self {
            Self::Plain => 1,
            Self::Edge => 2,
            Self::Minted => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Plain, Self::Edge, Self::Minted].into_iter().find(|source| source.code() == code)
    }
}

/// Whole seconds, as many as fit.
pub(crate) fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Bytes of content for which the `Set-Cookie` line of the cookie `name` has room.
pub(crate) fn room(config: &Config, name: &str) -> usize {
    let mut cookie = config.cookie(name.to_owned(), String::new(), true);
    cookie.set_max_age(cookie::time::Duration::seconds(LONGEST_AGE));
    let value = LONGEST_LINE.saturating_sub(cookie.to_string().len());
    (value * 3 / 4).saturating_sub(seal::OVERHEAD)
}

/// Writes as many of the audiences as `room` bytes hold, in their order, and says whether any was left out.
pub(crate) fn encode_audiences(audiences: Vec<&AudienceId>, room: usize) -> (Vec<u8>, bool) {
    let mut left = room.saturating_sub(2);
    let mut is_cut = false;
    let (mut count, mut uuids, mut others) = (0_u16, Vec::new(), Vec::new());
    for id in audiences {
        let uuid = canonical_uuid(id);
        let size = uuid.map_or(1 + id.len(), |_| 16);
        if size > left || size > 256 || count == u16::MAX {
            is_cut = true;
            continue;
        }
        left -= size;
        match uuid {
            Some(uuid) => {
                count += 1;
                uuids.extend(uuid.as_bytes());
            }
            None => put_text(&mut others, id).expect("its length was looked at"),
        }
    }
    ([&count.to_be_bytes()[..], &uuids, &others].concat(), is_cut)
}

/// Reads audiences to the content's end.
pub(crate) fn decode_audiences(content: &mut Content<'_>) -> Option<BTreeSet<AudienceId>> {
    let count = u16::from_be_bytes(content.take()?);
    // A set made of a whole list sorts it once.
    let mut audiences: Vec<AudienceId> = Vec::with_capacity(usize::from(count).min(seal::LONGEST / 16));
    for _ in 0..count {
        let uuid = Uuid::from_bytes(content.take()?);
        audiences.push(AudienceId::from(&*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer())));
    }
    while !content.is_empty() {
        audiences.push(content.text()?.into());
    }
    Some(audiences.into_iter().collect())
}

/// The UUID, when the id is written in the way that UUIDs are read back.
fn canonical_uuid(id: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(id).ok()?;
    (*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *id).then_some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::fixture::{VIP, config, known, set};
    use proptest::prelude::*;
    use std::time::Duration;

    fn sealed(audiences: BTreeSet<AudienceId>) -> Sealed {
        let membership = Membership { audiences, learnt_at: 1_000_000, source: Source::Minted };
        Sealed::new(&config(), membership, ShopperKey([7; 16]), "base".into())
    }

    fn uuids(count: u128) -> BTreeSet<AudienceId> {
        (0..count).map(|n| Uuid::from_u128(n << 64 | n).to_string().into()).collect()
    }

    #[test]
    fn keeps_every_id_as_it_is_written() {
        let ids =
            [VIP, &VIP.to_uppercase(), &VIP.replace('-', ""), &format!("{{{VIP}}}"), "external id", "\u{e9}", "vip"];
        let before = sealed(set(&ids));
        let config = config();
        let value = before.seal(&config, &known()).expect("sealed");
        assert_eq!(Sealed::open(&config, value.as_bytes()), Ok(Opened { sealed: before, key: 0 }));
    }

    #[test]
    fn keeps_the_audiences_of_rules_when_not_all_fit() {
        let config = Config { domain: Some("shop.example.com".into()), ..config() };
        let mut all = uuids(400);
        all.insert(VIP.into());
        all.insert("zzz-new".into());
        all.insert("x".repeat(300).as_str().into());
        let (before, known) = (sealed(all.clone()), known());
        let value = before.seal(&config, &known).expect("sealed");
        let mut line = config.cookie(config.cookie_name.clone(), value.clone(), true);
        line.set_max_age(cookie::time::Duration::seconds(LONGEST_AGE));
        let length = line.to_string().len();
        assert!((4060..4096).contains(&length), "{length}");
        let after = Sealed::open(&config, value.as_bytes()).expect("opened").sealed;
        assert_eq!(after.cut_for, Some(known.revision()));
        assert!(after.membership.audiences.contains(VIP), "a rule names it");
        assert!(after.membership.audiences.is_subset(&all));
        assert!((170..190).contains(&after.membership.audiences.len()));
        let again = Sealed::open(&config, after.seal(&config, &KnownAudiences::default()).expect("sealed").as_bytes());
        assert_eq!(again.expect("opened").sealed.cut_for, Some(known.revision()), "it stays cut");
    }

    #[test]
    fn grows_stale_then_expires() {
        let (config, known) = (config(), known());
        let cookie = sealed(set(&[VIP]));
        let learnt = cookie.membership.learnt_at;
        let month = 30 * 24 * 3600;
        for (age, freshness) in [
            (0, Freshness::Fresh),
            (59, Freshness::Fresh),
            (60, Freshness::Stale),
            (month - 1, Freshness::Stale),
            (month, Freshness::Expired),
            (-60, Freshness::Fresh),
            (-61, Freshness::Stale),
        ] {
            assert_eq!(cookie.freshness(&config, &known, learnt + age), freshness, "{age}");
        }
        let again = Sealed { ask_again: true, ..cookie.clone() };
        assert_eq!(again.freshness(&config, &known, learnt), Freshness::Stale);
        let cut = Sealed { cut_for: Some(known.revision() + 1), ..cookie.clone() };
        assert_eq!(cut.freshness(&config, &known, learnt), Freshness::Stale);
        let short = Sealed { expires_at: learnt + 10, ..cookie };
        assert_eq!(short.freshness(&config, &known, learnt + 10), Freshness::Expired);
        let lowered = Config { expires_after: Duration::from_secs(5), fresh_for: Duration::from_secs(1), ..config };
        assert_eq!(short.freshness(&lowered, &known, learnt + 5), Freshness::Expired, "a lowered limit holds at once");
        for extreme in [i64::MIN, i64::MAX] {
            let mut odd = short.clone();
            odd.membership.learnt_at = extreme;
            let _any = odd.freshness(&lowered, &known, -extreme.saturating_add(1));
        }
    }

    #[test]
    fn refuses_a_website_that_it_could_not_keep() {
        let mut cookie = sealed(set(&[]));
        cookie.website = "w".repeat(256).into();
        assert_eq!(cookie.seal(&config(), &known()), Err(SealError::WebsiteTooLong));
    }

    #[test]
    fn derives_one_key_for_one_shopper_everywhere() {
        assert_eq!(ShopperKey::derive(&[b"ecid", b"1"]).bucket(), ShopperKey::derive(&[b"ecid", b"1"]).bucket());
        assert_ne!(ShopperKey::derive(&[b"ecid", b"1"]), ShopperKey::derive(&[b"ecid1", b""]));
        let keys: Vec<ShopperKey> = (0..2000_u32).map(|n| ShopperKey::derive(&[b"t", &n.to_be_bytes()])).collect();
        let share = keys.iter().filter(|key| key.in_share(30)).count();
        assert!((500..700).contains(&share), "{share}");
        assert!(keys.iter().all(|key| key.in_share(100) && !key.in_share(0)));
    }

    proptest! {
        #[test]
        fn round_trips(
            ids in prop::collection::btree_set("([!-~]{1,30}|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12})", 0..60),
            learnt_at: i64, expires_at: i64, shopper: [u8; 16], website in "[a-z_]{0,40}", cut_for: Option<u64>, source in 1..=3_u8,
            datastream in "[a-z0-9-]{0,100}", ask_again: bool, claim_seen: u32,
        ) {
            let source = Source::from_code(source).expect("a source");
            let audiences = ids.into_iter().map(Into::into).collect();
            let membership = Membership { audiences, learnt_at, source };
            let (shopper, website, datastream) = (ShopperKey(shopper), website.into(), datastream.into());
            let before = Sealed { membership, expires_at, shopper, website, datastream, ask_again, claim_seen, cut_for };
            let config = config();
            let value = before.seal(&config, &known()).expect("sealed");
            prop_assert_eq!(Sealed::open(&config, value.as_bytes()).expect("opened").sealed, before);
        }

        #[test]
        fn takes_any_content(content: Vec<u8>) {
            let _any_sealed = Sealed::decode(Content(&content));
        }
    }
}
