//! Prices as a page writes them: learnt from a text and the amount it stands for, and written back in the same way.

use std::fmt::{self, Write as _};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use crate::rewrite::plan::layer::{Layer, Spelt};
use crate::rewrite::plan::text::Span;

/// How Magento's scripts print prices: `priceFormat` in a page's script data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceFormat {
    /// The text around a number, which stands for `%s`, as in `$%s`.
    pub pattern: String,
    /// How many decimals are printed.
    pub precision: u32,
    /// What stands before the decimals.
    pub decimal_symbol: String,
    /// What stands between groups of digits.
    pub group_symbol: String,
    /// How many digits make a group.
    pub group_length: u32,
}

/// Above any price, and low enough that no arithmetic on prices overflows.
const HIGHEST: Decimal = Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0);

/// Reads an amount as attributes, metas and script data give it: a plain decimal number that is not below zero.
pub fn parse_amount(text: &str) -> Option<Decimal> {
    let text = text.trim();
    if let Some(amount) = short_amount(text) {
        return Some(amount);
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.starts_with(|ch: char| ch.is_ascii_digit())
        && !text.ends_with('.');
    let amount = plain.then(|| Decimal::from_str_exact(text).ok())??;
    (amount < HIGHEST).then_some(amount)
}

/// The same of so few digits that no bound has to be looked at. Nearly all amounts are as short, and there are thousands on a page.
fn short_amount(text: &str) -> Option<Decimal> {
    if text.len() > 15 {
        return None;
    }
    let (mut units, mut point) = (0_i64, None);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => units = units * 10 + i64::from(byte - b'0'),
            b'.' if at > 0 && point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |point| text.len() - point - 1);
    // A point without decimals, and no digits at all, are for the one who knows all rules.
    let is_whole = !text.is_empty() && (decimals > 0 || point.is_none());
    is_whole.then(|| Decimal::new(units, u32::try_from(decimals).unwrap_or_default()))
}

/// Writes an amount in the place of another, such as `19.20` for `24.00`: with as many decimals at least as were padded there.
pub(crate) fn amount_like(old: &str, amount: Decimal) -> String {
    let mut text = String::new();
    push_amount(&mut text, amount, padding_of(old));
    text
}

/// How many decimals a number is padded to with zeros.
pub(crate) fn padding_of(number: &str) -> usize {
    let number = number.trim();
    if !number.ends_with('0') {
        return 0;
    }
    number.split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

/// Writes an amount for machines, such as `21.09` or `20`, with so many decimals at least.
pub(crate) fn push_amount(text: &mut String, amount: Decimal, padding: usize) {
    let amount = amount.normalize();
    let decimals = padding.max(amount.scale() as usize);
    write!(text, "{amount:.decimals$}").expect("strings take any text");
}

/// The visible text of one price, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PriceText {
    /// Where the number is spelt.
    pub(crate) number: Span,
    /// How many decimals are shown.
    pub(crate) decimals: u32,
    /// Whether the amount had to be rounded to be shown.
    pub(crate) rounded: bool,
    /// How many digits stand before the decimals.
    pub(crate) whole_digits: usize,
    zero: char,
    spelling: Spelling,
    point: String,
    grouping: Grouping,
}

/// How a digit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// As itself.
    Plain,
    /// As JSON escapes it, such as `\u0663`.
    Escaped,
}

impl Spelling {
    fn of(digit: &Spelt<'_>) -> Option<Self> {
        if digit.raw.chars().eq([digit.shown]) {
            Some(Self::Plain)
        } else {
            (digit.raw == escaped(digit.shown)).then_some(Self::Escaped)
        }
    }
}

/// A character as PHP writes it in JSON.
fn escaped(shown: char) -> String {
    format!("\\u{:04x}", u32::from(shown))
}

/// How the digits before the decimals are grouped, as far as the text shows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Grouping {
    /// Not at all, or too few digits to tell.
    None,
    /// By threes.
    Thousands(String),
    /// The last three, then by twos.
    Indian(String),
}

/// Below this many digits nobody groups, so that the text says nothing about grouping.
const GROUPED_FROM: usize = 4;

/// Zeros of the decimal digits that storefronts print: ASCII, Arabic, Persian, Devanagari, Bengali, full width.
const ZEROS: [char; 6] = ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{ff10}'];

/// What may stand between digits.
const SEPARATORS: [char; 11] =
    ['.', ',', '\'', ' ', '\u{a0}', '\u{202f}', '\u{2009}', '\u{2019}', '\u{66b}', '\u{66c}', '\u{ff0e}'];

/// The number in a text: digits, and the separators between them with their raw spelling.
struct Number<'a> {
    span: Span,
    zero: char,
    spelling: Spelling,
    digits: String,
    /// How many digits precede it, what is shown, how it is spelt.
    separators: Vec<(usize, char, &'a str)>,
}

impl PriceText {
    /// Understands the raw HTML text of a price that stands for `amount`; nothing unless writing the amount gives the very same bytes.
    pub(crate) fn learn(raw: &str, amount: Decimal) -> Option<Self> {
        Self::learn_in(raw, &Layer::of(raw, Span::new(0..raw.len())).html(), amount)
    }

    /// Understands the text of a price in a layer of the page likewise.
    pub(crate) fn learn_in(page: &str, text: &Layer<'_>, amount: Decimal) -> Option<Self> {
        let number = Number::find(page, text)?;
        let all_groups = number.separators.len();
        [all_groups, all_groups.wrapping_sub(1)]
            .into_iter()
            .filter(|groups| *groups <= all_groups)
            .find_map(|groups| number.read(groups, amount).filter(|text| text.proves(page, &number)))
    }

    /// Writes an amount in the way of this text. Nothing when the text does not show how such an amount is grouped.
    ///
    /// `four_grouped` says whether the page groups numbers of four digits: some languages start at five.
    pub(crate) fn write(&self, amount: Decimal, four_grouped: Option<bool>) -> Option<String> {
        let mut text = String::with_capacity(ROOM);
        self.write_to(&mut text, amount, four_grouped)?;
        Some(text)
    }

    /// The same, to the end of a text.
    pub(crate) fn write_to(&self, text: &mut String, amount: Decimal, four_grouped: Option<bool>) -> Option<()> {
        let mut plain = Plain { bytes: [0; ROOM], length: 0 };
        write!(plain, "{:.*}", self.decimals as usize, self.shown(amount)).ok()?;
        let (whole, decimals) = plain.parts();
        if whole.len() >= GROUPED_FROM && whole.len() > self.whole_digits {
            return None;
        }
        let ungrouped = whole.len() == GROUPED_FROM && self.whole_digits > GROUPED_FROM && four_grouped == Some(false);
        self.push_whole(text, whole, if ungrouped { &Grouping::None } else { &self.grouping });
        if !decimals.is_empty() {
            text.push_str(&self.point);
            decimals.iter().for_each(|digit| self.push(text, *digit));
        }
        Some(())
    }

    /// Reads the amount of another text that is written in the same way.
    pub(crate) fn read_like(&self, page: &str, text: &Layer<'_>) -> Option<Decimal> {
        let number = Number::find(page, text)?;
        let amount = number.value(self.decimals)?;
        (self.write(amount, None)? == number.span.of(page)).then_some(amount)
    }

    /// Whether this text shows that numbers of four digits are grouped, or that they are not.
    pub(crate) fn four_grouped(&self) -> Option<bool> {
        (self.whole_digits == GROUPED_FROM).then_some(self.grouping != Grouping::None)
    }

    /// What an amount is worth when it is shown like this.
    pub(crate) fn shown(&self, amount: Decimal) -> Decimal {
        amount.round_dp_with_strategy(self.decimals, RoundingStrategy::MidpointAwayFromZero)
    }

    fn proves(&self, page: &str, number: &Number<'_>) -> bool {
        number.value(self.decimals).and_then(|value| self.write(value, None)).as_deref() == Some(number.span.of(page))
    }

    fn push(&self, text: &mut String, ascii: u8) {
        let digit = localised(ascii, self.zero);
        match self.spelling {
            Spelling::Plain => text.push(digit),
            Spelling::Escaped => text.push_str(&escaped(digit)),
        }
    }

    fn push_whole(&self, text: &mut String, whole: &[u8], grouping: &Grouping) {
        let (symbol, upper) = match grouping {
            Grouping::None => ("", 3),
            Grouping::Thousands(symbol) => (&**symbol, 3),
            Grouping::Indian(symbol) => (&**symbol, 2),
        };
        for (at, digit) in whole.iter().enumerate() {
            let left = whole.len() - at;
            if at > 0 && left >= 3 && (left - 3).is_multiple_of(upper) {
                text.push_str(symbol);
            }
            self.push(text, *digit);
        }
    }
}

/// A number as `Decimal` writes it, without an allocation: there are several for every price.
struct Plain {
    bytes: [u8; ROOM],
    length: usize,
}

/// More than any amount below [`HIGHEST`] takes with the decimals that a text can show.
const ROOM: usize = 64;

impl Plain {
    /// The digits before the decimals, and the decimals.
    fn parts(&self) -> (&[u8], &[u8]) {
        let number = &self.bytes[..self.length];
        match memchr::memchr(b'.', number) {
            Some(point) => (&number[..point], &number[point + 1..]),
            None => (number, &[]),
        }
    }
}

impl fmt::Write for Plain {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl<'a> Number<'a> {
    fn find(page: &'a str, text: &Layer<'_>) -> Option<Self> {
        let mut number: Option<Self> = None;
        let mut between: Vec<(char, &str)> = Vec::new();
        for glyph in text.glyphs(page) {
            let Some((zero, digit)) = digit(glyph.shown) else {
                between.push((glyph.shown, glyph.raw));
                continue;
            };
            let spelling = Spelling::of(&glyph)?;
            let number = number.get_or_insert_with(|| {
                between.clear();
                Self { span: glyph.span, zero, spelling, digits: String::new(), separators: Vec::new() }
            });
            if number.zero != zero || number.spelling != spelling || between.len() > 1 {
                return None;
            }
            if let Some((shown, spelt)) = between.pop() {
                SEPARATORS.contains(&shown).then(|| number.separators.push((number.digits.len(), shown, spelt)))?;
            }
            number.digits.push(digit);
            number.span.end = glyph.span.end;
        }
        // A minus sign anywhere makes it a price that nobody pays.
        number.filter(|_| !text.text().contains(['-', '\u{2212}', '(']))
    }

    /// The text, if the first `groups` separators group digits and one that follows stands before the decimals.
    fn read(&self, groups: usize, amount: Decimal) -> Option<PriceText> {
        let point = self.separators.get(groups);
        let whole_digits = point.map_or(self.digits.len(), |(at, ..)| *at);
        let decimals = u32::try_from(self.digits.len() - whole_digits).ok()?;
        let value = self.value(decimals)?;
        let half_a_unit = Decimal::try_from_i128_with_scale(5, decimals + 1).ok()?;
        // Magento rounds half up, some versions of its number formatter half to even: both are this amount.
        if (value - amount).abs() > half_a_unit {
            return None;
        }
        let grouping = grouping(&self.separators[..groups], whole_digits, point.map(|(_, shown, _)| *shown))?;
        Some(PriceText {
            number: self.span,
            decimals,
            rounded: value != amount,
            whole_digits,
            zero: self.zero,
            spelling: self.spelling,
            point: point.map_or_else(String::new, |(.., spelt)| (*spelt).to_owned()),
            grouping,
        })
    }

    fn value(&self, decimals: u32) -> Option<Decimal> {
        let units: i128 = self.digits.parse().ok()?;
        Decimal::try_from_i128_with_scale(units, decimals).ok()
    }
}

/// How separators at these positions group digits, or nothing if they do not.
fn grouping(separators: &[(usize, char, &str)], whole_digits: usize, point: Option<char>) -> Option<Grouping> {
    let Some((_, shown, spelt)) = separators.first() else {
        return Some(Grouping::None);
    };
    if separators.iter().any(|(_, other, _)| other != shown || point == Some(*other)) {
        return None;
    }
    let lefts: Vec<usize> = separators.iter().rev().map(|(at, ..)| whole_digits - at).collect();
    let regular = |step: usize| lefts.iter().enumerate().all(|(nth, left)| *left == 3 + nth * step);
    if regular(3) {
        Some(Grouping::Thousands((*spelt).to_owned()))
    } else if regular(2) {
        Some(Grouping::Indian((*spelt).to_owned()))
    } else {
        None
    }
}

fn digit(shown: char) -> Option<(char, char)> {
    ZEROS.into_iter().find_map(|zero| {
        let value = u32::from(shown).checked_sub(u32::from(zero)).filter(|value| *value < 10)?;
        Some((zero, char::from_digit(value, 10)?))
    })
}

fn localised(ascii: u8, zero: char) -> char {
    let value = ascii.checked_sub(b'0').filter(|value| *value < 10);
    value.and_then(|value| char::from_u32(u32::from(zero) + u32::from(value))).unwrap_or(char::from(ascii))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> Decimal {
        parse_amount(text).expect("an amount")
    }

    fn rewritten(raw: &str, old: &str, new: &str) -> Option<String> {
        let text = PriceText::learn(raw, amount(old))?;
        let number = text.write(amount(new), None)?;
        let range = text.number.range();
        Some(format!("{}{number}{}", &raw[..range.start], &raw[range.end..]))
    }

    proptest! {
        #[test]
        fn short_amounts_are_read_as_others_are(text in "[0-9]{0,9}(\\.[0-9]{0,5})?|[0-9. -]{0,8}") {
            if let Some(amount) = short_amount(&text) {
                let exact = Decimal::from_str_exact(&text).expect("a number");
                prop_assert_eq!((amount, amount.scale()), (exact, exact.scale()));
            }
        }
    }

    #[test]
    fn writes_as_the_page_writes() {
        for (raw, old, new, wanted) in [
            ("$24.00", "24", "19.2", "$19.20"),
            ("$1,234,567.89", "1234567.89", "987654.31", "$987,654.31"),
            ("49,43\u{a0}€", "49.432601", "39.55", "39,55\u{a0}€"),
            ("1\u{202f}234,50 €", "1234.5", "1000", "1\u{202f}000,00 €"),
            ("1&nbsp;234,50&nbsp;&euro;", "1234.5", "1187.6", "1&nbsp;187,60&nbsp;&euro;"),
            ("CHF\u{a0}1’091’604.93", "1091604.93", "91604.9", "CHF\u{a0}91’604.90"),
            ("￥9,082.20", "9082.2", "7265.76", "￥7,265.76"),
            ("￥6,812", "6811.65", "5449.32", "￥5,449"),
            ("₹12,34,567.89", "1234567.89", "1034567.8", "₹10,34,567.80"),
            ("₹1,23,456.00", "123456", "98765", "₹98,765.00"),
            ("١٣٫٨٢ د.ك.\u{200f}", "13.82", "11.06", "١١٫٠٦ د.ك.\u{200f}"),
            ("$1,234", "1234", "999", "$999"),
            ("1.234 KWD", "1.234", "0.99", "0.990 KWD"),
            ("R$\u{a0}1.234.567,89", "1234567.89", "1.5", "R$\u{a0}1,50"),
            ("$1234.50", "1234.5", "1100.1", "$1100.10"),
            ("kr 2.12", "2.125", "2", "kr 2.00"),
        ] {
            assert_eq!(rewritten(raw, old, new).as_deref(), Some(wanted), "{raw}");
        }
    }

    #[test]
    fn declines_what_it_cannot_prove() {
        for (raw, old) in [
            ("$24.00", "25"),
            ("$24.00 / 100 g", "24"),
            ("2 for $24.00", "24"),
            ("$1,23.00", "123"),
            ("-$24.00", "24"),
            ("$024.00", "24"),
            ("$1.234.50", "1234.5"),
            ("$1,234.567,89", "1234567.89"),
            ("free", "24"),
            ("$2٤.00", "24"),
            ("$24--00", "24"),
            ("", "24"),
        ] {
            assert_eq!(PriceText::learn(raw, amount(old)), None, "{raw}");
        }
    }

    #[test]
    fn declines_an_amount_that_needs_more_groups_than_it_has_seen() {
        let text = PriceText::learn("$999.00", amount("999")).expect("a price");
        assert_eq!(text.write(amount("1000"), None), None);
    }

    #[test]
    fn writes_in_the_way_of_the_json_around_it() {
        let page = r#""<span class=\"price\">\u0661\u0663\u066b\u0668\u0662 \u062f.\u0643<\/span>""#;
        let json = Layer::of(page, Span::new(1..page.len() - 1));
        let html = json.json().expect("good escapes");
        let text = html.part(20..html.text().len() - "</span>".len());
        let price = PriceText::learn_in(page, &text, amount("13.82")).expect("a price");
        assert_eq!(price.number.of(page), r"\u0661\u0663\u066b\u0668\u0662");
        assert_eq!(price.write(amount("9.5"), None).as_deref(), Some(r"\u0669\u066b\u0665\u0660"));
    }

    #[test]
    fn pads_where_the_old_amount_was_padded() {
        for (old, new, wanted) in [
            ("24", "19.2", "19.2"),
            ("24.00", "19.2", "19.20"),
            ("24.10", "19", "19.00"),
            ("24.1", "19", "19"),
            ("30.0000", "24", "24.0000"),
            ("20", "16.00", "16"),
        ] {
            assert_eq!(amount_like(old, amount(new)), wanted, "{old}");
        }
    }

    #[test]
    fn leaves_four_digits_ungrouped_where_the_page_does() {
        let text = PriceText::learn("12.345,00 €", amount("12345")).expect("a price");
        assert_eq!(text.write(amount("9876"), Some(false)).as_deref(), Some("9876,00"));
        assert_eq!(text.write(amount("9876"), Some(true)).as_deref(), Some("9.876,00"));
    }

    #[test]
    fn amounts_are_plain_decimals() {
        for text in ["", "1.", "-1", "+1", "1e3", ".5", "1,5", "NaN", "1.2.3", "99999999999999999999999999999999"] {
            assert_eq!(parse_amount(text), None, "{text}");
        }
        assert_eq!(amount_like("5", amount("20.00")), "20");
        assert_eq!(amount_like("5", amount("21.090")), "21.09");
        assert_eq!(amount_like("5", amount("1000")), "1000");
    }

    proptest! {
        #[test]
        fn learning_is_total(raw in "\\PC{0,24}", units in 1i64..1_000_000_000) {
            let _ = PriceText::learn(&raw, Decimal::new(units, 2));
        }

        #[test]
        fn writing_reads_back(units in 1i64..10_000_000_000, off in 0i64..100) {
            let old = Decimal::new(units, 2);
            let digits = old.trunc().to_string();
            let mut grouped = String::new();
            for (at, digit) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at).is_multiple_of(3) {
                    grouped.push('.');
                }
                grouped.push(digit);
            }
            let raw = format!("{grouped},{:02} €", units % 100);
            let text = PriceText::learn(&raw, old).expect("a price as Germans write it");
            let new = (old * Decimal::new(100 - off, 2)).round_dp(2);
            let number = text.write(new, None).expect("a smaller number");
            prop_assert_eq!(Decimal::from_str_exact(&number.replace('.', "").replace(',', ".")).ok(), Some(new));
        }
    }
}
