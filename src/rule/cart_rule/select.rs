//! Which rules a cart is up for, before any discount.

use std::cmp::Ordering;

use super::{Cart, CartRule, Coupon, CouponKind, Truth};

impl CartRule {
    /// Whether Commerce considers the rule for a cart at all: active, of its website and customer group, in its days, with its coupon.
    pub fn is_selected(&self, cart: &Cart) -> Truth {
        if !self.is_active || !self.websites.contains(&cart.website_id) || !self.days.hold(cart.today) {
            return Truth::False;
        }
        let group = match cart.customer_group {
            Some(group) => Truth::from(self.customer_groups.contains(&group)),
            None if self.customer_groups.is_empty() => Truth::False,
            None => Truth::Unknown,
        };
        group.and(self.has_coupon(cart)).and(self.is_below_limits(cart))
    }

    fn has_coupon(&self, cart: &Cart) -> Truth {
        match (self.coupon, &cart.coupon) {
            (CouponKind::None, _) => Truth::True,
            (_, Coupon::Unknown) => Truth::Unknown,
            (_, Coupon::None) => Truth::False,
            (_, Coupon::Code { rule_id, .. }) => Truth::from(*rule_id == Some(self.id)),
        }
    }

    /// How often a customer has used a rule is known to Commerce alone; guests are not counted.
    fn is_below_limits(&self, cart: &Cart) -> Truth {
        match cart.customer_group {
            Some(0) => Truth::True,
            _ if self.uses_per_customer == 0 => Truth::True,
            _ => Truth::Unknown,
        }
    }

    /// The order in which Magento goes through rules: by priority; where that is the same, those without a coupon first, older ones first.
    pub fn order(&self, other: &Self) -> Ordering {
        let place = |rule: &Self| (rule.priority, rule.coupon != CouponKind::None, rule.id);
        place(self).cmp(&place(other))
    }
}
