//! Whether the rules that charge offers still say in Commerce what the rules file states.
//!
//! Compared is what the rules file states of a rule. It states no conditions, customer groups and coupons, and priorities only among its own
//! offers, so that these are left to the comparison of carts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::commerce::Book;
use crate::rule::cart_rule::{CartRule, CouponKind};
use crate::rule::{Charge, Offer, Ruleset};
use crate::site::{Sites, StoreView};

/// What differs, in words, by offer; nothing for an offer whose rule says the same.
pub type Drift = BTreeMap<Arc<str>, String>;

/// Compares the offers that the origin charges with what Commerce said of their rules.
pub fn drift(ruleset: &Ruleset, book: &Book, sites: &Sites, now: Timestamp) -> Drift {
    let differs = |offer: &Arc<Offer>| {
        let rule_id = offer.charge.rule_id()?;
        let said = match book.rule(rule_id) {
            Some(rule) => differences(offer, rule, book, sites, now),
            None => match book.unreadable.get(&rule_id) {
                Some(why) => vec![format!("rule {rule_id} of Commerce cannot be read: {why}")],
                None => vec![format!("Commerce has no rule {rule_id} any more")],
            },
        };
        (!said.is_empty()).then(|| (Arc::clone(&offer.id), said.join("; ")))
    };
    ruleset.offers.iter().filter_map(differs).collect()
}

fn differences(offer: &Offer, rule: &CartRule, book: &Book, sites: &Sites, now: Timestamp) -> Vec<String> {
    let id = rule.id;
    if !rule.is_active {
        return vec![format!("rule {id} is switched off in Commerce")];
    }
    let mut said = Vec::new();
    match (&offer.charge, rule.coupon) {
        (Charge::Coupon { .. }, CouponKind::None) => {
            said.push(format!("rule {id} needs no coupon in Commerce, and the offer's charge is \"coupon\""));
        }
        (Charge::Coupon { code: None, .. }, CouponKind::Specific) => {
            said.push(format!(
                "rule {id} has one code of its own in Commerce: the offer names no code, and needs \"Use Auto Generation\" there"
            ));
        }
        (Charge::Origin { .. }, coupon) if coupon != CouponKind::None => {
            said.push(format!("rule {id} needs a coupon in Commerce, and the offer's charge is \"origin\""));
        }
        _ => {}
    }
    let mut compare = |what: &str, here: String, there: String| {
        if here != there && offer.is_stated {
            said.push(format!("rule {id} has {what} {there} in Commerce, and the offer states {here}"));
        }
    };
    compare("the action", offer.action.as_str().to_owned(), rule.action.as_str().to_owned());
    compare("the amount", offer.amount.normalize().to_string(), rule.amount.normalize().to_string());
    let stops = |stop: bool| if stop { "on" } else { "off" }.to_owned();
    compare("\"discard subsequent rules\"", stops(offer.stop), stops(rule.stop));
    let views: Vec<&Arc<StoreView>> = sites.views().iter().filter(|view| is_for(offer, view)).collect();
    let missing: BTreeSet<&str> =
        views.iter().map(|view| &*view.website).filter(|code| !covers(rule, code, book)).collect();
    said.extend(missing.into_iter().map(|code| format!("rule {id} is not for website {code} in Commerce")));
    let days: BTreeSet<Date> = views.iter().map(|view| now.to_zoned(view.time_zone.clone()).date()).collect();
    said.extend(days.into_iter().filter(|today| offer.days.hold(*today)).find_map(|today| not_held(rule, today)));
    said
}

fn is_for(offer: &Offer, view: &StoreView) -> bool {
    (offer.websites.is_empty() || offer.websites.contains(&*view.website))
        && (offer.store_views.is_empty() || offer.store_views.contains(&*view.code))
}

/// Whether a rule is for a website; of one that Commerce does not name so, nobody can tell.
fn covers(rule: &CartRule, website: &str, book: &Book) -> bool {
    book.websites.get(website).is_none_or(|id| rule.websites.contains(id))
}

fn not_held(rule: &CartRule, today: Date) -> Option<String> {
    let (id, days) = (rule.id, rule.days);
    match (days.from.filter(|from| today < *from), days.to.filter(|to| *to < today)) {
        (Some(from), _) => Some(format!("rule {id} begins on {from} in Commerce")),
        (_, Some(to)) => Some(format!("rule {id} ended on {to} in Commerce")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::commerce::shop::Rates;
    use crate::decision::samples::{now, offer, rules, sites};
    use crate::rule::cart_rule::AudienceTypes;

    /// A book of one rule, which says what the sample offer states but for `fields`.
    fn book(fields: Value) -> Book {
        let mut rule = json!({
            "rule_id": 1, "name": "Rule", "website_ids": [1, 2], "customer_group_ids": [0], "is_active": true,
            "simple_action": "by_percent", "discount_amount": 10, "stop_rules_processing": false, "sort_order": 7,
            "coupon_type": "NO_COUPON", "apply_to_shipping": false, "discount_step": 0, "simple_free_shipping": "0",
        });
        for (key, value) in fields.as_object().expect("fields") {
            rule[key] = value.clone();
        }
        Book {
            learnt_at: now(),
            rules: vec![CartRule::from_rest(&rule, &AudienceTypes::default()).expect("a rule")],
            unreadable: BTreeMap::new(),
            websites: [("base".to_owned(), 1), ("us".to_owned(), 2)].into(),
            store_views: BTreeMap::new(),
            customer_groups: BTreeMap::new(),
            rates: Rates::default(),
        }
    }

    fn said_of(offers: Value, book: &Book) -> Vec<String> {
        drift(&rules(offers, json!([])), book, &sites(), now()).into_values().collect()
    }

    fn said(fields: Value) -> Vec<String> {
        said_of(json!([offer("a", json!({}))]), &book(fields))
    }

    #[test]
    fn a_rule_that_says_the_same_is_no_drift() {
        assert_eq!(said(json!({})), Vec::<String>::new());
        assert_eq!(said(json!({"discount_amount": "10.0000", "from_date": "2026-11-22"})), Vec::<String>::new());
        let free = [offer("a", json!({"charge": "none", "amount": 50}))];
        assert_eq!(said_of(json!(free), &book(json!({}))), Vec::<String>::new(), "nobody charges it");
    }

    #[test]
    fn says_what_differs() {
        for (fields, expected) in [
            (
                json!({"coupon_type": "SPECIFIC_COUPON"}),
                "rule 1 needs a coupon in Commerce, and the offer's charge is \"origin\"",
            ),
            (json!({"is_active": false}), "rule 1 is switched off in Commerce"),
            (json!({"discount_amount": 15}), "rule 1 has the amount 15 in Commerce, and the offer states 10"),
            (
                json!({"simple_action": "by_fixed"}),
                "rule 1 has the action by_fixed in Commerce, and the offer states by_percent",
            ),
            (
                json!({"stop_rules_processing": true}),
                "rule 1 has \"discard subsequent rules\" on in Commerce, and the offer states off",
            ),
            (json!({"website_ids": [1]}), "rule 1 is not for website us in Commerce"),
            (json!({"from_date": "2026-11-23"}), "rule 1 begins on 2026-11-23 in Commerce"),
            (json!({"to_date": "2026-11-21"}), "rule 1 ended on 2026-11-21 in Commerce"),
            (json!({"rule_id": 2}), "Commerce has no rule 1 any more"),
        ] {
            assert_eq!(said(fields.clone()), [expected], "{fields}");
        }
        let mut unreadable = book(json!({}));
        unreadable.rules.clear();
        unreadable.unreadable.insert(1, "/discount_amount: must be a number".to_owned());
        let expected = "rule 1 of Commerce cannot be read: /discount_amount: must be a number";
        assert_eq!(said_of(json!([offer("a", json!({}))]), &unreadable), [expected]);
    }

    #[test]
    fn only_days_and_websites_of_the_offer_count() {
        let later = [offer("a", json!({"from": "2026-12-01"}))];
        assert_eq!(said_of(json!(later), &book(json!({"from_date": "2026-12-01"}))), Vec::<String>::new());
        let of_base = [offer("a", json!({"websites": ["base"]}))];
        assert_eq!(said_of(json!(of_base), &book(json!({"website_ids": [1]}))), Vec::<String>::new());
    }
}
