//! Comparing what was charged with what the rules come to.

use std::fmt;

use super::*;

/// What became of one scenario.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Both are the same.
    Agreed,
    /// They differ in these.
    Differed(Vec<Difference>),
    /// The rules cannot be decided.
    Undecided(Undecided),
}

/// One figure or text that is not what was charged.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Which.
    pub what: String,
    /// What the file says.
    pub expected: String,
    /// What the rules come to.
    pub computed: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, computed {}", self.what, self.expected, self.computed)
    }
}

impl Scenario {
    /// Applies the rules as a release of Magento does, and compares.
    pub fn judge(&self, release: Release) -> Verdict {
        let charged = match charge(&self.rules, &self.cart, release) {
            Ok(charged) => charged,
            Err(undecided) => return Verdict::Undecided(undecided),
        };
        let mut all = Differences::default();
        let lines = self.expected.lines.iter().zip(&charged.lines);
        for (at, (expected, line)) in lines.enumerate() {
            let sku = &self.cart.lines[at].sku;
            all.money(&format!("item {} ({sku}) discount", at + 1), *expected, line.discount);
        }
        all.money("shipping discount", self.expected.shipping, charged.shipping);
        all.money("total discount", self.expected.total, charged.total());
        all.text("label", &self.expected.labels, &charged.labels.join(", "));
        if let Some(taken) = self.expected.is_coupon_taken {
            all.text("coupon taken", &taken.to_string(), &self.takes_coupon(&charged).to_string());
        }
        if all.0.is_empty() { Verdict::Agreed } else { Verdict::Differed(all.0) }
    }

    fn takes_coupon(&self, charged: &Charged) -> bool {
        let Coupon::Code { rule_id: Some(id), .. } = &self.cart.coupon else { return false };
        charged.applied.contains(id)
    }
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn money(&mut self, what: &str, expected: Money, computed: Money) {
        self.text(what, &text(expected.amount), &text(computed.amount));
        self.text(&format!("{what} in base currency"), &text(expected.base), &text(computed.base));
    }

    fn text(&mut self, what: &str, expected: &str, computed: &str) {
        if expected != computed {
            let (what, expected, computed) = (what.to_owned(), expected.to_owned(), computed.to_owned());
            self.0.push(Difference { what, expected, computed });
        }
    }
}

/// Magento prints two digits.
fn text(amount: Decimal) -> String {
    let cents = crate::rule::discount::cents(amount);
    if cents.is_zero() { "0.00".to_owned() } else { format!("{cents:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_what_a_real_cart_charged() {
        let shared = std::env::var("SEGUE_SHARED").unwrap_or_else(|_| "../shared".to_owned());
        let path = std::path::Path::new(&shared).join("vectors/magento-2.4.6-p1.json");
        let Ok(json) = std::fs::read(&path) else {
            eprintln!("skipped: no {}", path.display());
            return;
        };
        let scenarios = read(&json).expect("vectors");
        let judged = scenarios.iter().filter(|scenario| scenario.excluded.is_none());
        let (mut agreed, mut differed) = (0, Vec::new());
        for scenario in judged {
            match scenario.judge(Release::default()) {
                Verdict::Agreed => agreed += 1,
                other => differed.push((&scenario.id, other)),
            }
        }
        for (id, verdict) in &differed {
            eprintln!("{id}: {verdict:?}");
        }
        assert!(agreed > 1000 && differed.is_empty(), "{agreed} agreed, {} differed", differed.len());
    }
}
