//! Numbers as shoppers read them: in any digits, grouped and pointed in any way.

use rust_decimal::{Decimal, RoundingStrategy};

/// The digit zero of the scripts that shops print prices in; the others follow it.
const ZEROS: [char; 4] = ['0', '\u{660}', '\u{6f0}', '\u{966}'];
/// What stands between the digits of one number.
const SEPARATORS: [char; 9] = ['.', ',', '\'', '’', '\u{a0}', '\u{202f}', '\u{2009}', '٫', '٬'];

/// A number in a text, which may be read in more than one way: `1,234` has three decimals or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    readings: Vec<(Decimal, usize)>,
}

impl Number {
    /// Whether this is how an amount looks, rounded half up to as many decimals as the text has.
    pub fn says(&self, amount: Decimal) -> bool {
        self.readings.iter().any(|(value, decimals)| *value == half_up(amount, *decimals))
    }

    /// Whether the number lies no further from an amount than its last digit can tell, and a little.
    pub fn is_near(&self, amount: Decimal, tolerance: Decimal) -> bool {
        self.readings.iter().any(|(value, decimals)| {
            let half = Decimal::new(5, u32::try_from(*decimals).expect("a few decimals") + 1);
            (*value - amount).abs() <= half + tolerance
        })
    }

    /// Whether two numbers may have as many decimals.
    pub fn is_written_like(&self, other: &Self) -> bool {
        self.readings.iter().any(|(_, own)| other.readings.iter().any(|(_, decimals)| own == decimals))
    }
}

/// Half up, which is half away from zero for prices.
pub fn half_up(amount: Decimal, decimals: usize) -> Decimal {
    let decimals = u32::try_from(decimals).expect("a few decimals");
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

pub fn cents(amount: Decimal) -> Decimal {
    half_up(amount, 2)
}

/// An amount of the data, as text: a plain decimal.
pub fn amount(text: &str) -> Option<Decimal> {
    text.trim().parse().ok()
}

/// The numbers of a decoded text, in order. A number that is grouped like none has no reading and says nothing.
pub fn numbers(text: &str) -> Vec<Number> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let end = end_of_number(&characters, at);
        if end > at {
            found.push(read(&characters[at..end]));
        }
        at = end.max(at + 1);
    }
    found
}

/// The only number of a text.
pub fn only_number(text: &str) -> Option<Number> {
    let mut found = numbers(text);
    (found.len() == 1).then(|| found.remove(0))
}

/// A text with its numbers taken out; what is left is pattern, currency and words.
pub fn without_numbers(text: &str) -> String {
    let characters: Vec<char> = spelt_out(text).chars().collect();
    let mut kept = String::new();
    let mut at = 0;
    while at < characters.len() {
        let end = end_of_number(&characters, at);
        if end > at {
            kept.push('\u{fffc}');
            at = end;
        } else {
            kept.push(characters[at]);
            at += 1;
        }
    }
    kept
}

/// Blanks that the page spells as entities, as the characters they are: they may stand within a number.
fn spelt_out(text: &str) -> String {
    let spellings =
        [("&nbsp;", "\u{a0}"), ("&#160;", "\u{a0}"), ("&#xA0;", "\u{a0}"), ("&#x202F;", "\u{202f}"), ("&#39;", "'")];
    spellings.iter().fold(text.to_owned(), |text, (spelt, blank)| text.replace(spelt, blank))
}

/// Whether a character is a digit of some script or stands between digits.
pub fn is_part_of_numbers(character: char) -> bool {
    digit(character).is_some() || SEPARATORS.contains(&character)
}

fn digit(character: char) -> Option<u32> {
    ZEROS.iter().find_map(|zero| u32::from(character).checked_sub(u32::from(*zero)).filter(|value| *value < 10))
}

/// Where the number ends that begins at `at`; `at` itself if none does.
fn end_of_number(characters: &[char], at: usize) -> usize {
    let is_digit = |at: usize| characters.get(at).is_some_and(|character| digit(*character).is_some());
    let mut end = at;
    while is_digit(end)
        || (end > at && SEPARATORS.contains(&characters[end.min(characters.len() - 1)]) && is_digit(end + 1))
    {
        end += 1;
    }
    end
}

fn read(number: &[char]) -> Number {
    let digits: String = number.iter().filter_map(|character| char::from_digit(digit(*character)?, 10)).collect();
    let separators: Vec<char> = number.iter().copied().filter(|character| digit(*character).is_none()).collect();
    let groups: Vec<usize> = number.split(|character| digit(*character).is_none()).map(<[char]>::len).collect();
    let mut readings = Vec::new();
    let begins_with_zero = digits.starts_with('0') && groups[0] > 1 || digits.starts_with('0') && groups.len() > 2;
    if begins_with_zero {
        return Number { readings };
    }
    let mut read_with = |decimals: usize| {
        let value = digits
            .parse()
            .ok()
            .and_then(|units: i128| Decimal::try_from_i128_with_scale(units, u32::try_from(decimals).ok()?).ok());
        readings.extend(value.map(|value| (value, decimals)));
    };
    if is_grouped(&groups, &separators) {
        read_with(0);
    }
    if let ([whole @ .., decimals], [between @ .., point]) = (&groups[..], &separators[..])
        && is_grouped(whole, between)
        && !between.contains(point)
    {
        read_with(*decimals);
    }
    Number { readings }
}

/// Whether digits in groups of these sizes are a whole number: thousands, or hundreds before the last thousand.
fn is_grouped(groups: &[usize], separators: &[char]) -> bool {
    let [first, rest @ ..] = groups else { return false };
    let Some((last, middle)) = rest.split_last() else { return true };
    let regular = |step: usize| (1..=step).contains(first) && middle.iter().all(|group| *group == step);
    *last == 3 && separators.windows(2).all(|pair| pair[0] == pair[1]) && (regular(3) || regular(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str, raw: &str) -> bool {
        only_number(text).is_some_and(|number| number.says(amount(raw).expect("a decimal")))
    }

    #[test]
    fn reads_prices_of_every_format() {
        for (text, raw) in [
            ("$24.00", "24"),
            ("$1,234,567.89", "1234567.89"),
            ("49,43\u{a0}€", "49.432601"),
            ("1\u{202f}234,50 €", "1234.5"),
            ("CHF\u{a0}1’091’604.93", "1091604.93"),
            ("￥9,082.20", "9082.2"),
            ("￥6,812", "6811.65"),
            ("₹12,34,567.89", "1234567.89"),
            ("١٣٫٨٢ د.ك.\u{200f}", "13.82"),
            ("١٬٢٣٤٫٥٠", "1234.5"),
            ("1.234 KWD", "1.234"),
            ("$0.13", "0.125"),
            ("$24.01", "24.0051"),
        ] {
            assert!(says(text, raw), "{text}");
        }
    }

    #[test]
    fn tells_other_amounts_and_broken_groups_apart() {
        for (text, raw) in [
            ("$24.00", "24.01"),
            ("$0.12", "0.125"),
            ("$1,23.00", "123"),
            ("$1234,567.00", "1234567"),
            ("$1.234.50", "1234.5"),
            ("0.987,60", "987.6"),
            ("$012.00", "12"),
            ("2 for $24.00", "24"),
            ("free", "0"),
        ] {
            assert!(!says(text, raw), "{text}");
        }
    }

    #[test]
    fn takes_numbers_out_of_texts() {
        assert_eq!(without_numbers("ab 1&nbsp;234,50&nbsp;&euro;"), "ab \u{fffc}\u{a0}&euro;");
        assert_eq!(without_numbers("$1.00 "), without_numbers("$1,222.50 "));
        assert_ne!(without_numbers("$1.00"), without_numbers("€1.00"));
    }
}
