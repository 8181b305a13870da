//! What sealing and opening the audience cookie cost.

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use segue::audience::{Config, Keyring, KnownAudiences, Membership, Sealed, ShopperKey, Source};
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

criterion_group!(benches, cookie);
criterion_main!(benches);
