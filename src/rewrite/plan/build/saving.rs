//! How much a price by quantity saves.

use rust_decimal::Decimal;
use rust_decimal::RoundingStrategy;

use super::Rounding;
use crate::page::Amounts;

impl Rounding {
    /// How a percentage was rounded, if it says how much less the one is than the other.
    pub(super) fn learn(stated: Decimal, full: Amounts, reduced: Amounts) -> Option<Self> {
        let known = [Self::Nearest, Self::Up];
        known.into_iter().find(|rounding| rounding.saving(full, reduced) == Some(stated.normalize()))
    }

    /// How many percent a price is below another, by the amounts without tax where those are known, as Magento reckons it.
    pub(crate) fn saving(self, full: Amounts, reduced: Amounts) -> Option<Decimal> {
        let pair = full.base_price.zip(reduced.base_price).or(full.final_price.zip(reduced.final_price))?;
        let (full, reduced) = pair;
        if full.is_zero() {
            return None;
        }
        let percent = Decimal::ONE_HUNDRED - Decimal::ONE_HUNDRED / full * reduced;
        Some(match self {
            Self::Nearest => percent.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero),
            Self::Up => percent.ceil(),
        })
    }
}
