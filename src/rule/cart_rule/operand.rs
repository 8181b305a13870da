//! Comparing as Magento does, which is to say as PHP does: numeric texts as numbers, other texts without case, lists by what they share.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::Value;

/// How an attribute is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Is,
    /// `!=`
    IsNot,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
    /// `{}`
    Contains,
    /// `!{}`
    ContainsNot,
    /// `()`
    OneOf,
    /// `!()`
    NotOneOf,
    /// `<=>`: Magento shows it as "is undefined", and compares nothing.
    Undefined,
    /// One of somebody's extension.
    Unknown(String),
}

/// What an attribute is compared with, prepared once.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A single value.
    One(Scalar),
    /// Several.
    Many(Vec<Scalar>),
}

/// A text with what comparisons need of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    text: String,
    folded: String,
    number: Option<Decimal>,
}

/// What an attribute is.
#[derive(Clone, Debug, PartialEq)]
pub enum Actual<'a> {
    /// The product, the cart or the address has none.
    Missing,
    /// A text.
    Text(Cow<'a, str>),
    /// A number.
    Number(Decimal),
    /// Several values.
    List(&'a [String]),
    /// Several numbers.
    Ids(&'a std::collections::BTreeSet<u64>),
}

impl Operator {
    const WORDS: [(&'static str, Self); 11] = [
        ("==", Self::Is),
        ("!=", Self::IsNot),
        (">=", Self::AtLeast),
        ("<=", Self::AtMost),
        (">", Self::Above),
        ("<", Self::Below),
        ("{}", Self::Contains),
        ("!{}", Self::ContainsNot),
        ("()", Self::OneOf),
        ("!()", Self::NotOneOf),
        ("<=>", Self::Undefined),
    ];

    /// The operator that Magento writes so.
    pub fn parse(text: &str) -> Self {
        let known = Self::WORDS.into_iter().find(|(word, _)| *word == text);
        known.map_or_else(|| Self::Unknown(text.to_owned()), |(_, operator)| operator)
    }

    /// How Magento writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown(text) => text,
            known => Self::WORDS.iter().find(|(_, it)| it == known).map_or("", |(word, _)| word),
        }
    }

    /// Whether it compares with a list whatever the attribute is.
    pub fn takes_list(&self) -> bool {
        matches!(self, Self::OneOf | Self::NotOneOf)
    }

    fn is_negation(&self) -> bool {
        matches!(self, Self::IsNot | Self::Above | Self::Below | Self::ContainsNot | Self::NotOneOf)
    }
}

impl Scalar {
    /// Prepares a text.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { folded: text.to_lowercase(), number: numeric(&text), text }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// As a number, if PHP takes it for one.
    pub fn number(&self) -> Option<Decimal> {
        self.number
    }
}

impl Operand {
    /// Prepares the value of a condition: `of_list` says whether the attribute has several values or the operator takes a list. Magento
    /// splits texts at commas and semicolons then, but not a text that PHP takes for false.
    pub fn prepare(value: &Value, of_list: bool) -> Self {
        match value {
            Value::Array(items) if items.len() == 1 => Self::prepare(&items[0], of_list),
            Value::Array(items) => Self::Many(items.iter().map(|item| Scalar::new(text_of(item))).collect()),
            other => {
                let text = text_of(other);
                match of_list && is_truthy(&text) {
                    true => Self::Many(split(&text)),
                    false => Self::One(Scalar::new(text)),
                }
            }
        }
    }

    fn is_list(&self) -> bool {
        matches!(self, Self::Many(_))
    }

    fn scalars(&self) -> &[Scalar] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// Whether a text is another one but for case; `folded` is in lower case.
fn is_folded(text: &str, folded: &str) -> bool {
    match text.is_ascii() && folded.is_ascii() {
        true => text.eq_ignore_ascii_case(folded),
        false => text.to_lowercase() == folded,
    }
}

/// What PHP takes a text for in a condition.
pub(super) fn is_truthy(text: &str) -> bool {
    !matches!(text, "" | "0")
}

/// The text of a JSON value as PHP would print it.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(false) => String::new(),
        Value::Bool(true) => "1".to_owned(),
        other => other.to_string(),
    }
}

fn split(text: &str) -> Vec<Scalar> {
    let pieces: Vec<&str> = text.split([',', ';']).collect();
    let last = pieces.len() - 1;
    let trimmed = pieces.iter().enumerate().map(|(at, piece)| {
        // Blanks go with the separator: those at the ends of the whole text stay.
        let piece = if at > 0 { piece.trim_start() } else { piece };
        if at < last { piece.trim_end() } else { piece }
    });
    trimmed.filter(|piece| !piece.is_empty()).map(Scalar::new).collect()
}

/// PHP's `is_numeric`, and the number.
pub(super) fn numeric(text: &str) -> Option<Decimal> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}');
    let body = text.trim_matches(blank);
    let unsigned = body.strip_prefix(['+', '-']).unwrap_or(body);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let good_exponent = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    if !is_number || !good_exponent {
        return None;
    }
    match exponent {
        None => body.trim_start_matches('+').parse().ok(),
        Some(_) => Decimal::from_scientific(body.trim_start_matches('+')).ok(),
    }
}

/// Magento's `Format::getNumber`: what a text means in a field for amounts.
pub(super) fn localized_number(text: &str) -> Decimal {
    let kept: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '^' | '.' | ',' | '-')).collect();
    let plain = match (kept.rfind(','), kept.rfind('.')) {
        (Some(comma), Some(dot)) if comma > dot => kept.replace('.', "").replace(',', "."),
        (Some(_), Some(_)) => kept.replace(',', ""),
        (Some(_), None) => kept.replace(',', "."),
        (None, _) => kept,
    };
    // PHP reads as far as it makes sense.
    let end = plain.char_indices().find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || (*c == '-' && *at == 0)));
    let mut prefix = &plain[..end.map_or(plain.len(), |(at, _)| at)];
    if let Some(second) = prefix.match_indices('.').nth(1) {
        prefix = &prefix[..second.0];
    }
    prefix.parse().unwrap_or_default()
}

impl Actual<'_> {
    /// Whether the comparison holds; `None` for an operator that nobody knows.
    pub fn compare(&self, operator: &Operator, operand: &Operand, of_list: bool) -> Option<bool> {
        if let Operator::Unknown(_) = operator {
            return None;
        }
        if (of_list || operator.takes_list()) != operand.is_list() {
            return Some(false);
        }
        let Some(holds) = self.holds(operator, operand) else { return Some(false) };
        Some(holds != operator.is_negation())
    }

    /// Before negation; `None` where Magento says no either way.
    fn holds(&self, operator: &Operator, operand: &Operand) -> Option<bool> {
        match operator {
            Operator::Is | Operator::IsNot => self.equals(operand),
            Operator::AtMost | Operator::Above => self.orders(operand).map(Ordering::is_le),
            Operator::AtLeast | Operator::Below => self.orders(operand).map(Ordering::is_ge),
            Operator::Contains | Operator::ContainsNot => self.contains(operand),
            Operator::OneOf | Operator::NotOneOf => Some(self.is_one_of(operand)),
            Operator::Undefined | Operator::Unknown(_) => Some(false),
        }
    }

    fn equals(&self, operand: &Operand) -> Option<bool> {
        match (operand, self.is_list()) {
            (Operand::Many(_), false) => None,
            (Operand::Many(many), true) => Some(self.shares(many)),
            (Operand::One(one), true) => Some(self.items().eq([one.text()])),
            (Operand::One(one), false) => Some(self.is_like(one)),
        }
    }

    fn orders(&self, operand: &Operand) -> Option<Ordering> {
        if self.is_list() || *self == Actual::Missing {
            return None;
        }
        // PHP has every list above every text.
        let Operand::One(one) = operand else { return Some(Ordering::Less) };
        match (self.number(), one.number()) {
            (Some(ours), Some(theirs)) => Some(ours.cmp(&theirs)),
            _ => Some(self.text().as_ref().cmp(one.text())),
        }
    }

    fn contains(&self, operand: &Operand) -> Option<bool> {
        match (operand, self.is_list()) {
            (Operand::Many(many), true) => Some(self.shares(many)),
            (Operand::Many(many), false) => match self {
                Actual::Missing => None,
                _ => {
                    let text = self.text().to_lowercase();
                    Some(many.iter().any(|one| text.contains(&one.folded)))
                }
            },
            (Operand::One(one), true) => Some(self.items().any(|item| item == one.text())),
            (Operand::One(one), false) => Some(self.text().to_lowercase().contains(&one.folded)),
        }
    }

    fn is_one_of(&self, operand: &Operand) -> bool {
        match self.is_list() {
            true => self.shares(operand.scalars()),
            false => operand.scalars().iter().any(|one| self.is_like(one)),
        }
    }

    /// Numbers as numbers, texts without case.
    fn is_like(&self, one: &Scalar) -> bool {
        match (self.number(), one.number()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => is_folded(&self.text(), &one.folded),
        }
    }

    fn shares(&self, many: &[Scalar]) -> bool {
        self.items().any(|item| many.iter().any(|one| one.text == item))
    }

    fn is_list(&self) -> bool {
        matches!(self, Actual::List(_) | Actual::Ids(_))
    }

    fn items(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let (texts, ids): (&[String], _) = match self {
            Actual::List(items) => (items, None),
            Actual::Ids(ids) => (&[], Some(ids)),
            _ => (&[], None),
        };
        let ids = ids.into_iter().flat_map(|ids| ids.iter()).map(|id| Cow::Owned(id.to_string()));
        texts.iter().map(|text| Cow::Borrowed(text.as_str())).chain(ids)
    }

    fn number(&self) -> Option<Decimal> {
        match self {
            Actual::Number(number) => Some(*number),
            Actual::Text(text) => numeric(text),
            _ => None,
        }
    }

    fn text(&self) -> Cow<'_, str> {
        match self {
            Actual::Text(text) => Cow::Borrowed(text),
            Actual::Number(number) => Cow::Owned(number.normalize().to_string()),
            _ => Cow::Borrowed(""),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compares(actual: Actual<'_>, operator: &str, value: Value, of_list: bool) -> Option<bool> {
        let operator = Operator::parse(operator);
        let operand = Operand::prepare(&value, of_list || operator.takes_list());
        actual.compare(&operator, &operand, of_list)
    }

    fn text(actual: &str, operator: &str, value: &str) -> bool {
        compares(Actual::Text(actual.into()), operator, json!(value), false).expect("a known operator")
    }

    #[test]
    fn numeric_texts_are_numbers_and_others_ignore_case() {
        for (actual, value) in
            [("10115", "010115"), ("10115", "1.0115e4"), ("Paris", "pARIS"), (" 5", "5 "), ("é", "É")]
        {
            assert!(text(actual, "==", value) && !text(actual, "!=", value), "{actual} {value}");
        }
        assert!(!text("10 115", "==", "10115") && !text("Paris", "==", "Par"));
        assert!(text("9", "<", "10") && text("9", ">", "10a"), "one that is no number makes a text of the other");
        assert!(text("50", ">=", "1,000"), "so that a thousand with a comma is a text");
    }

    #[test]
    fn containing_is_a_part_without_wildcards() {
        assert!(text("24-MB01", "{}", "mb") && !text("24-MB01", "{}", "m%") && text("24-MB01", "!{}", "xy"));
        assert!(text("anything", "{}", ""), "nothing is in everything");
    }

    #[test]
    fn lists_are_split_at_commas_and_semicolons_and_trimmed_between() {
        assert!(text("b", "()", "a , b;c") && text("x", "!()", "a,b") && !text("a", "!()", "a,b"));
        assert!(!text("a", "()", " a,b"), "blanks at the ends belong to the values");
        assert!(!text("0", "()", "0") && !text("0", "!()", "0"), "PHP takes 0 for no list, and says no either way");
    }

    #[test]
    fn what_is_missing_is_like_nothing_and_in_no_order() {
        let missing = |operator: &str, value: &str| compares(Actual::Missing, operator, json!(value), false);
        assert_eq!((missing("==", ""), missing("!=", "x"), missing("==", "x")), (Some(true), Some(true), Some(false)));
        assert_eq!(
            (missing("<", "5"), missing(">=", "0"), missing("!{}", "9")),
            (Some(false), Some(false), Some(true))
        );
        let several = |operator: &str| compares(Actual::Missing, operator, json!("9,11"), true);
        assert_eq!((several("!{}"), several("!()"), several("==")), (Some(false), Some(true), Some(false)));
    }

    #[test]
    fn attributes_with_several_values_share_or_do_not() {
        let own = ["9".to_owned(), "11".to_owned()];
        let several = |operator: &str, value: &str| compares(Actual::List(&own), operator, json!(value), true);
        assert_eq!(
            (several("{}", "9"), several("()", "4,11"), several("==", "11")),
            (Some(true), Some(true), Some(true))
        );
        assert_eq!(
            (several("!{}", "9"), several("!()", "4,5"), several("<", "9")),
            (Some(false), Some(true), Some(false))
        );
    }

    #[test]
    fn undefined_never_matches_and_nobody_knows_what_others_mean() {
        assert!(!text("x", "<=>", "x"));
        assert_eq!(compares(Actual::Missing, "~", json!("x"), false), None);
    }

    #[test]
    fn amounts_are_read_as_magentos_form_does() {
        for (text, amount) in [
            ("$25.61", "25.61"),
            ("1.234,50", "1234.50"),
            ("1,234.50", "1234.50"),
            ("34,7", "34.7"),
            ("abc", "0"),
            ("-5", "-5"),
            ("1.2.3", "1.2"),
        ] {
            assert_eq!(localized_number(text), amount.parse::<Decimal>().expect("a decimal"), "{text}");
        }
    }
}
