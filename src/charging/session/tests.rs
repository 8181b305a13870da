use super::*;
use crate::audience::Keyring;
use http::header::COOKIE;

fn membership() -> Membership {
    Membership::new("shop", Keyring::ephemeral().expect("random bytes"))
}

fn ids(ids: &[&str]) -> BTreeSet<AudienceId> {
    ids.iter().map(|id| AudienceId::from(*id)).collect()
}

fn with_cart() -> Session {
    Session { has_cart: true, ..Session::new(ShopperKey([7; 16])) }
}

const MINUTE: i64 = 60;

fn instant() -> Config {
    Config { lost_audience: LostAudience::Instant, ..Config::default() }
}

#[test]
fn comes_back_from_the_browser_as_it_was() {
    let config = membership();
    let session = Session {
        shopper: ShopperKey([7; 16]),
        id: 99,
        has_cart: true,
        held: ids(&["5d2ae5ba-0b1f-4d6a-9e39-1f4a1c1f8e01", "vip"]),
        lost: vec![("new".into(), 5), ("gold".into(), -1)],
        checkout_at: Some(12),
        group: Some((8, 3)),
        coupon: Coupon {
            state: CouponState::Ours { offer: "welcome".into(), code: "SGABC".into(), wanted: "best".into() },
            known_at: 7,
            is_checked: true,
        },
        shown: vec![(1, 2), (3, 4)],
    };
    let line = session.set_cookie(&config, true).expect("a cookie");
    let line = line.to_str().expect("ASCII");
    assert!(line.starts_with("segue-session=") && !line.contains("Max-Age"), "{line}");
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, line.split(';').next().expect("a pair").parse().expect("a header value"));
    assert_eq!(Session::of(&config, &headers, session.shopper), session);
    let other = ShopperKey([8; 16]);
    assert_eq!(Session::of(&config, &headers, other), Session::new(other), "nobody gets another's");
    assert_eq!(Session::of(&membership(), &headers, session.shopper), Session::new(session.shopper));
    let gone = Session::new(other).set_cookie(&config, true).expect("a cookie");
    assert!(gone.to_str().is_ok_and(|line| line.starts_with("segue-session=;") && line.contains("Max-Age=0")));
}

#[test]
fn a_lost_audience_is_honoured_for_half_an_hour() {
    let config = Config::default();
    let mut session = with_cart();
    session.follow(ids(&["vip", "new"]), 0, &config);
    assert!(session.kept().is_empty());
    session.follow(ids(&["new"]), 100, &config);
    assert_eq!(session.kept(), ids(&["vip"]));
    session.follow(ids(&["new"]), 100 + 30 * MINUTE - 1, &config);
    assert_eq!(session.kept(), ids(&["vip"]), "since it was lost, not since the last page");
    session.follow(ids(&["new"]), 100 + 30 * MINUTE, &config);
    assert!(session.kept().is_empty());
    session.follow(ids(&[]), 5_000, &config);
    session.follow(ids(&["new"]), 5_001, &config);
    assert!(session.kept().is_empty() && session.lost.is_empty(), "it is his again");
}

#[test]
fn nothing_is_honoured_without_a_cart_or_where_it_is_to_go_at_once() {
    let mut session = Session::new(ShopperKey([7; 16]));
    session.follow(ids(&["vip"]), 0, &Config::default());
    session.follow(ids(&[]), 1, &Config::default());
    assert!(session.kept().is_empty());
    let mut session = with_cart();
    session.follow(ids(&["vip"]), 0, &instant());
    session.follow(ids(&[]), 1, &instant());
    assert!(session.kept().is_empty());
}

#[test]
fn on_the_way_to_pay_nothing_is_lost() {
    for config in [instant(), Config::default()] {
        let mut session = with_cart();
        session.follow(ids(&["vip"]), 0, &config);
        session.begin_checkout(10);
        session.follow(ids(&[]), 20, &config);
        assert_eq!(session.kept(), ids(&["vip"]));
        session.begin_checkout(20 * MINUTE);
        session.follow(ids(&[]), 10 + 30 * MINUTE - 1, &config);
        assert_eq!(session.kept(), ids(&["vip"]), "until half an hour after the first page of the checkout");
        session.follow(ids(&[]), 40 * MINUTE, &config);
        assert!(session.kept().is_empty());
        session.follow(ids(&["vip"]), 50 * MINUTE, &config);
        session.begin_checkout(50 * MINUTE);
        session.follow(ids(&[]), 51 * MINUTE, &config);
        session.succeed();
        session.follow(ids(&[]), 52 * MINUTE, &config);
        assert!(session.kept().is_empty() && session.is_empty(), "he has paid");
    }
}

#[test]
fn what_is_honoured_at_the_checkout_stays_until_the_end_of_it() {
    let config = Config::default();
    let mut session = with_cart();
    session.follow(ids(&["vip"]), 0, &config);
    session.follow(ids(&[]), 0, &config);
    session.begin_checkout(29 * MINUTE);
    session.follow(ids(&[]), 58 * MINUTE, &config);
    assert_eq!(session.kept(), ids(&["vip"]));
    session.follow(ids(&[]), 59 * MINUTE, &config);
    assert!(session.kept().is_empty());
}

#[test]
fn remembers_the_last_pages_that_showed_something_else() {
    let config = Config::default();
    let mut session = with_cart();
    session.show(1, 0);
    session.show(1, 5);
    assert!(!session.saw_another(1, 10, &config));
    session.show(2, 20);
    assert!(session.saw_another(2, 30, &config), "the page before may be what he goes by");
    assert!(!session.saw_another(2, 20 + 31 * MINUTE, &config));
    for decision in 3..9 {
        session.show(decision, 40);
    }
    assert_eq!(session.shown.len(), 3);
}

#[test]
fn a_cart_that_refused_a_coupon_gets_none_for_a_while() {
    let config = Config::default();
    let coupon = |state| Coupon { state, known_at: 0, is_checked: true };
    let ours = CouponState::Ours { offer: "a".into(), code: "b".into(), wanted: "a".into() };
    for state in [CouponState::Unknown, CouponState::Without { wanted: "".into() }, ours] {
        assert!(coupon(state).is_open(&config, 0));
    }
    assert!(!coupon(CouponState::Other).is_open(&config, 100_000));
    for state in [CouponState::Declined, CouponState::Refused] {
        assert!(!coupon(state.clone()).is_open(&config, 29 * MINUTE) && coupon(state).is_open(&config, 30 * MINUTE));
    }
}
