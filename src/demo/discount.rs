//! What the shop's own cart price rules take off a cart, for the membership that arrives at the origin, as Magento with Adobe's extension does.
//!
//! The rules are applied by the engine that Segue itself promises by; that it charges as Magento does is proven by what a real store
//! charged, not by this shop.

use http::HeaderMap;

use super::judged;
use super::money::Cents;
use super::rules::{AUDIENCE_CONDITION, Rules};
use super::session::Session;
use super::view::View;
use crate::rule::cart_rule::{
    AudienceForm, AudienceType, AudienceTypes, Cart, CartRule, Charged, Coupon, LineCharge, Release, charge,
};

/// A cart as rules saw it, with what they took off.
#[derive(Debug)]
pub struct Discounts {
    cart: Cart,
    charged: Charged,
}

/// What is taken off a session's cart. `shipping` is what sending it costs in the view's and in base currency, where that was chosen.
pub fn of(
    rules: &Rules,
    session: &Session,
    view: &View,
    headers: &HeaderMap,
    shipping: Option<(Cents, Cents)>,
) -> Discounts {
    let cart = judged::cart(session, view, headers, rules, shipping);
    let types = AudienceType { class: AUDIENCE_CONDITION.to_owned(), form: AudienceForm::Ids };
    let types = AudienceTypes(vec![types]);
    let left = rules.left_for(session.customer);
    let mut left: Vec<CartRule> = left.iter().filter_map(|rule| CartRule::from_rest(rule, &types).ok()).collect();
    // Those that a customer has used up are not among them any more.
    left.iter_mut().for_each(|rule| rule.uses_per_customer = 0);
    let charged = loop {
        match charge(&left, &cart, Release::default()) {
            Ok(charged) => break charged,
            Err(undecided) => {
                tracing::warn!("the demo's shop leaves a rule out: {undecided}");
                let before = left.len();
                left.retain(|rule| rule.id != undecided.rule_id);
                if left.len() == before {
                    break Charged { lines: vec![LineCharge::default(); cart.lines.len()], ..Charged::default() };
                }
            }
        }
    };
    Discounts { cart, charged }
}

impl Discounts {
    /// What is taken off each line, its parts included, in the order of the cart, with its percentage.
    pub fn lines(&self) -> impl Iterator<Item = (Cents, Cents, Cents)> + '_ {
        self.cart.top_lines().map(|at| {
            let own = std::iter::once(at).chain(self.cart.children(at));
            let off = own.map(|at| self.charged.lines[at].discount);
            let (amount, base) =
                off.fold(Default::default(), |(amount, base), off| (amount + off.amount, base + off.base));
            (Cents::of(amount), Cents::of(base), Cents::of(self.charged.lines[at].percent))
        })
    }

    /// What is taken off shipping, in the view's and in base currency.
    pub fn off_shipping(&self) -> (Cents, Cents) {
        (Cents::of(self.charged.shipping.amount), Cents::of(self.charged.shipping.base))
    }

    /// The labels of the rules that applied, in order and each once.
    pub fn labels(&self) -> Vec<String> {
        self.charged.labels.clone()
    }

    /// The ids of these rules.
    pub fn rule_ids(&self) -> Vec<u64> {
        self.charged.applied.clone()
    }

    /// Whether the rule that the coupon unlocked is among them.
    pub fn has_coupon(&self) -> bool {
        matches!(self.cart.coupon, Coupon::Code { rule_id: Some(id), .. } if self.charged.applied.contains(&id))
    }

    /// Whether the cart is sent free of charge: a rule frees the shipment, or every line.
    pub fn is_sent_free(&self) -> bool {
        let frees =
            |at: usize| self.charged.lines[at].free_units.is_some_and(|units| units >= self.cart.lines[at].quantity);
        self.charged.is_shipment_free || (!self.cart.lines.is_empty() && self.cart.top_lines().all(frees))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::demo::catalog::product_by_key;
    use crate::demo::choice::{self, Fields};
    use crate::demo::membership::{NEW_VISITOR, VIP, WHOLESALE};

    /// Two totes at $64.00 and a lantern, with a rule of these fields beside the shop's own.
    fn charged(fields: Value) -> (Vec<i64>, i64) {
        let rules = Rules::default();
        let mut rule = json!({
            "name": "Test", "website_ids": [1], "customer_group_ids": [0, 1, 2, 3], "is_active": true, "sort_order": 1,
            "stop_rules_processing": false, "discount_step": 0, "apply_to_shipping": false, "coupon_type": "NO_COUPON",
            "simple_action": "by_percent", "discount_amount": 10, "simple_free_shipping": "0",
        });
        let all: Map<String, Value> = fields.as_object().expect("fields").clone();
        rule.as_object_mut().expect("an object").extend(all);
        rules.save(rule.as_object().expect("an object").clone());
        let mut session = Session::default();
        for (key, qty) in [("harbour-canvas-tote", 2), ("ember-camp-lantern", 1)] {
            let product = product_by_key(key).expect("a product");
            for one in choice::read(product, &Fields::default(), qty).expect("a plain product") {
                session.quote.add(one);
            }
        }
        let discounts = of(&rules, &session, View::with_code("default"), &HeaderMap::new(), None);
        let lines: Vec<i64> = discounts.lines().map(|(off, _, _)| off.0).collect();
        let sum = lines.iter().sum();
        (lines, sum)
    }

    fn conditions(class: &str, part: Value) -> Value {
        let class = format!("Magento\\SalesRule\\Model\\Rule\\Condition\\{class}");
        json!({ "condition_type": class, "aggregator_type": "all", "value": "1", "conditions": [part] })
    }

    #[test]
    fn the_cart_follows_every_kind_of_rule() {
        let tote = product_by_key("harbour-canvas-tote").expect("the tote").price().0;
        let lantern = product_by_key("ember-camp-lantern").expect("the lantern").price().0;
        let buy_one = json!({"simple_action": "buy_x_get_y", "discount_step": 1, "discount_amount": 1});
        assert_eq!(charged(buy_one).0, [tote, 0]);
        assert_eq!(charged(json!({"simple_action": "cart_fixed", "discount_amount": 12})).1, 1_200);
        let over = |amount: &str| {
            let part = json!({
                "condition_type": "Magento\\SalesRule\\Model\\Rule\\Condition\\Address", "attribute_name": "base_subtotal",
                "operator": ">=", "value": amount,
            });
            json!({ "condition": conditions("Combine", part) })
        };
        assert_eq!(charged(over("10")).1, (2 * tote + lantern + 5) / 10);
        assert_eq!(charged(over("100000")).1, 0);
        let bags = json!({
            "condition_type": "Magento\\SalesRule\\Model\\Rule\\Condition\\Product", "attribute_name": "category_ids",
            "operator": "()", "value": "3",
        });
        let of_bags = json!({ "action_condition": conditions("Product\\Combine", bags) });
        assert_eq!(charged(of_bags).0, [2 * tote / 10, 0]);
        assert_eq!(charged(json!({"simple_action": "gift"})).1, 0, "a rule that nobody knows is left out");
    }

    fn label(rule: &Value, view: &View) -> Option<String> {
        let labels = rule["store_labels"].as_array()?;
        let of = |id: u32| labels.iter().find(|one| one["store_id"] == id)?["store_label"].as_str();
        of(view.id).or_else(|| of(0)).map(str::to_owned)
    }

    #[test]
    fn charges_what_the_starter_rules_promise() {
        let promised: Value = serde_json::from_str(super::super::RULES).expect("the starter rules are JSON");
        let offers = promised["offers"].as_array().expect("a list of offers");
        let rules = Rules::default();
        for offer in offers {
            let rule = rules.get(offer["charge"]["rule_id"].as_u64().expect("an id")).expect("the shop has the rule");
            assert_eq!((&offer["action"], &offer["amount"]), (&rule["simple_action"], &rule["discount_amount"]));
            assert_eq!(offer["priority"], rule["sort_order"]);
            match offer["charge"]["type"].as_str() {
                // Whom codes are for Segue alone knows.
                Some("coupon") => assert_eq!(rule["use_auto_generation"], true),
                _ => assert_eq!(offer["audiences"]["any"][0], rule["condition"]["conditions"][0]["value"]),
            }
            for view in ["default", "de", "ar"] {
                assert_eq!(offer["labels"][view].as_str(), label(&rule, View::with_code(view)).as_deref());
            }
        }
        assert_eq!(offers.len(), 3, "one for every rule but the one of the public code");
    }

    #[test]
    fn starter_rules_name_the_audiences_of_the_cart() {
        let rules: Value = serde_json::from_str(super::super::RULES).expect("the starter rules are JSON");
        let ids: Vec<_> = rules["audiences"].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, [VIP, NEW_VISITOR, WHOLESALE]);
    }
}
