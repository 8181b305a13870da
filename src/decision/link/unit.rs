//! What a cart price rule does to one unit.

use rust_decimal::Decimal;

use crate::rule::Action;
use crate::rule::cart_rule::{CartAction, CartRule, Condition};

/// What a rule does to the price of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitEffect {
    /// It changes it.
    Price(Action, Decimal),
    /// Nothing that could raise it: an amount off the whole cart, units free beside others, free shipping.
    Nothing,
    /// Nobody can tell, or it may take back what earlier rules took off.
    Unsure,
}

/// What a rule does to a line of one unit.
pub(super) fn effect(rule: &CartRule) -> UnitEffect {
    let action = match rule.action {
        CartAction::ByPercent => Action::ByPercent,
        CartAction::ByFixed => Action::ByFixed,
        CartAction::ToPercent => Action::ToPercent,
        CartAction::ToFixed => Action::ToFixed,
        CartAction::CartFixed | CartAction::BuyXGetY => return without_unit(rule),
        CartAction::Unknown(_) => return UnitEffect::Unsure,
    };
    // A step of several units leaves none of one to discount, and Magento then takes earlier discounts back.
    let reaches_one = rule.step <= Decimal::ONE || !has_step(rule);
    let nothing = action == Action::ByPercent && rule.amount.is_zero();
    // With a maximum quantity the second unit of a line costs more than the first, and other rules' discounts are cut to it.
    match reaches_one && rule.most_units.is_none() {
        false => UnitEffect::Unsure,
        true if nothing => UnitEffect::Nothing,
        true => UnitEffect::Price(action, rule.amount),
    }
}

fn without_unit(rule: &CartRule) -> UnitEffect {
    if rule.most_units.is_none() { UnitEffect::Nothing } else { UnitEffect::Unsure }
}

fn has_step(rule: &CartRule) -> bool {
    matches!(rule.action, CartAction::ByPercent | CartAction::ToPercent | CartAction::ByFixed)
}

/// Whether a condition, or a part of it, is one of audiences.
pub(super) fn asks_for_audiences(condition: &Condition) -> bool {
    any_part(condition, &|part| matches!(part, Condition::Audience { .. }))
}

/// Whether a condition, or a part of it, is of a class that nobody knows.
pub(super) fn has_unknown_class(condition: &Condition) -> bool {
    any_part(condition, &|part| matches!(part, Condition::Unknown(_)))
}

/// Whether a condition asks how many units a line has, or what they cost with what was chosen: nobody knows of one unit on a page.
pub(super) fn asks_for_the_line(condition: &Condition) -> bool {
    any_part(condition, &|part| match part {
        Condition::Product { test, .. } => test.attribute().starts_with("quote_item_"),
        _ => false,
    })
}

/// Whether a condition asks for anything of a product.
pub(super) fn asks_for_products(condition: &Condition) -> bool {
    any_part(condition, &|part| matches!(part, Condition::Product { .. }))
}

fn any_part(condition: &Condition, is_one: &dyn Fn(&Condition) -> bool) -> bool {
    let parts = match condition {
        Condition::Combine(combine) | Condition::Found(combine) | Condition::Subselect { lines: combine, .. } => {
            combine.parts.as_slice()
        }
        _ => &[],
    };
    is_one(condition) || parts.iter().any(|part| any_part(part, is_one))
}
