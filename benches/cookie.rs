//! What sealing and opening the audience cookie cost, and saying who sent a request: without Experience Platform and with it.

use std::collections::BTreeSet;
use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use segue::aep::{Ecid, Identity, OrgId};
use segue::audience::adobe::Adobe;
use segue::audience::{
    Config, Identifier, Keyring, KnownAudiences, Membership, RequestView, Sealed, ShopperKey, Source, consent,
};
use segue::rule::AudienceId;
use uuid::Uuid;

/// As the server does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn cookie(c: &mut Criterion) {
    let config = Config::new("shop", Keyring::ephemeral().expect("random bytes"));
    let known = KnownAudiences::default();
    let mut group = c.benchmark_group("cookie");
    for count in [5_u128, 60] {
        let audiences: BTreeSet<AudienceId> = (0..count).map(|n| Uuid::from_u128(n).to_string().into()).collect();
        let membership = Membership { audiences, learnt_at: 1_000_000, source: Source::Edge };
        let sealed = Sealed::new(&config, membership, ShopperKey([7; 16]), "base".into());
        let value = sealed.seal(&config, &known).expect("sealed");
        group.bench_function(BenchmarkId::new("seal", count), |b| b.iter(|| black_box(&sealed).seal(&config, &known)));
        group.bench_function(BenchmarkId::new("open", count), |b| {
            b.iter(|| Sealed::open(&config, black_box(value.as_bytes())));
        });
    }
    group.finish();
}

/// A request with a membership in its cookie, among the cookies that Magento, Adobe and a consent banner set.
fn identify(c: &mut Criterion) {
    const NOW: i64 = 1_000_030;
    let config = Config::new("shop", Keyring::ephemeral().expect("random bytes"));
    let known = KnownAudiences::default();
    let ecid = "54758217238990693431236455737116189050";
    let identity = Identity::Ecid(Ecid::parse(ecid).expect("an ECID"));
    let audiences = (0..5_u128).map(|n| Uuid::from_u128(n).to_string().into()).collect();
    let membership = |source| Membership { audiences: BTreeSet::clone(&audiences), learnt_at: 1_000_000, source };
    let org = OrgId::parse("53A16ACB5CC1D3760A495C99@AdobeOrg").expect("an organisation");
    let message = URL_SAFE.encode([&[0x0a, 38][..], ecid.as_bytes(), &[0x52, 2, 8, 1]].concat());
    let request = |sealed: &Sealed| {
        let value = sealed.seal(&config, &known).expect("sealed");
        let line = format!(
            "PHPSESSID=3f0c6b8e1d2a49f7; form_key=Yb3kq9Zt1LmN4xRv; mage-cache-storage=%7B%7D; mage-cache-sessid=true; \
             mage-messages=; private_content_version=8f14e45fceea167a5a36dedd4bea2543; section_data_ids=%7B%22cart%22%3A1%7D; \
             X-Magento-Vary=9bf9a599123e6402b85cde67144717a08b817412; OptanonConsent=isGpcEnabled=0&datestamp=x; \
             kndctr_53A16ACB5CC1D3760A495C99_AdobeOrg_identity={message}; \
             kndctr_53A16ACB5CC1D3760A495C99_AdobeOrg_consent=general=in; \
             kndctr_53A16ACB5CC1D3760A495C99_AdobeOrg_cluster=irl1; segue={value}"
        );
        let mut headers = HeaderMap::new();
        headers.insert("cookie", line.parse().expect("a header value"));
        headers
    };
    let base = Sealed::new(&config, membership(Source::Minted), ShopperKey::of(&identity), "base".into());
    let mut edges = Sealed { membership: membership(Source::Edge), ..base.clone() };
    edges.datastream = "stream".into();
    let datastream = "stream".into();
    let without = (Identifier::new(config.clone()), request(&base), None);
    let with_it = Identifier::new(config.clone()).with_adobe(Adobe::new(&org, consent::Config::default()));
    let with_it = (with_it, request(&edges), Some(&datastream));
    let mut group = c.benchmark_group("identify");
    for (name, (identifier, headers, datastream)) in [("without_platform", &without), ("with_platform", &with_it)] {
        let client = std::net::Ipv4Addr::LOCALHOST.into();
        let view = RequestView { headers, client, website: "base", datastream: *datastream, now: NOW, known: &known };
        assert!(identifier.identify(&view).membership.is_some(), "{name} measures a shopper who is known");
        group.bench_function(name, |b| b.iter(|| identifier.identify(black_box(&view))));
    }
    group.finish();
}

criterion_group!(benches, cookie, identify);
criterion_main!(benches);
