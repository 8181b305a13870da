//! The shop's store views: language, currency, and whether prices are shown with tax.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::json;
use super::money::{Amount, Cents};
use super::phrases;

/// Which prices a store view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// Without tax.
    Excluding,
    /// With tax.
    Including,
    /// With tax, and without it beside.
    Both,
}

/// How a locale writes money.
#[derive(Debug)]
struct Format {
    before: &'static str,
    after: &'static str,
    decimal: &'static str,
    group: &'static str,
    /// The locale's zero; the other digits follow it.
    zero: char,
    /// How many decimals scripts print. The server prints two, whatever the currency has.
    script_decimals: u32,
}

/// One store view. Catalogue prices are in US dollars without tax.
#[derive(Debug)]
pub struct View {
    /// Magento's store code.
    pub code: &'static str,
    /// Magento's id.
    pub id: u32,
    /// What its paths begin with; nothing for the default view.
    pub prefix: &'static str,
    /// Its name in the language switcher.
    pub name: &'static str,
    /// Magento's locale.
    pub locale: &'static str,
    /// Its time zone, in which days begin.
    pub zone: &'static str,
    /// ISO code of its currency.
    pub currency: &'static str,
    /// The currency's name in the currency switcher.
    pub currency_name: &'static str,
    /// Ten-thousandths of its currency for a US dollar.
    rate: i64,
    /// Percent of tax that its carts charge.
    pub tax: i64,
    /// Which prices it shows.
    pub display: Display,
    format: Format,
}

/// Magento's id of the website that all views are of.
pub const WEBSITE: u64 = 1;

/// The store views, the default one first.
pub static VIEWS: [View; 4] = [
    View {
        code: "default",
        id: 1,
        prefix: "",
        name: "English",
        locale: "en_US",
        zone: "America/New_York",
        currency: "USD",
        currency_name: "US Dollar",
        rate: 10_000,
        tax: 0,
        display: Display::Excluding,
        format: Format { before: "$", after: "", decimal: ".", group: ",", zero: '0', script_decimals: 2 },
    },
    View {
        code: "de",
        id: 2,
        prefix: "/de",
        name: "Deutsch",
        locale: "de_DE",
        zone: "Europe/Berlin",
        currency: "EUR",
        currency_name: "Euro",
        rate: 9_200,
        tax: 19,
        display: Display::Including,
        format: Format { before: "", after: "\u{a0}€", decimal: ",", group: ".", zero: '0', script_decimals: 2 },
    },
    View {
        code: "b2b",
        id: 3,
        prefix: "/b2b",
        name: "Trade (EU)",
        locale: "en_IE",
        zone: "Europe/Dublin",
        currency: "EUR",
        currency_name: "Euro",
        rate: 9_200,
        tax: 19,
        display: Display::Both,
        format: Format { before: "€", after: "", decimal: ".", group: ",", zero: '0', script_decimals: 2 },
    },
    View {
        code: "ar",
        id: 4,
        prefix: "/ar",
        name: "العربية",
        locale: "ar_KW",
        zone: "Asia/Kuwait",
        currency: "KWD",
        currency_name: "دينار كويتي",
        rate: 3_072,
        tax: 0,
        display: Display::Excluding,
        format: Format {
            before: "\u{200f}",
            after: "\u{a0}د.ك.\u{200f}",
            decimal: "\u{66b}",
            group: "\u{66c}",
            zero: '٠',
            script_decimals: 3,
        },
    },
];

/// A price in a store view's currency. A bundle's is the sum of its parts', each with its own tax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price {
    /// Without tax.
    pub net: Cents,
    /// As the view shows it first.
    pub shown: Amount,
}

impl std::ops::Mul<u32> for Price {
    type Output = Self;

    fn mul(self, qty: u32) -> Self {
        Self { net: self.net * qty, shown: self.shown * qty }
    }
}

impl std::iter::Sum for Price {
    fn sum<I: Iterator<Item = Self>>(prices: I) -> Self {
        prices.fold(Self::default(), |sum, one| Self { net: sum.net + one.net, shown: sum.shown + one.shown })
    }
}

impl View {
    /// The view of a request's path, and the path within it.
    pub fn of_path(path: &str) -> (&'static Self, &str) {
        let within = |view: &'static Self| {
            let rest = path.strip_prefix(view.prefix).filter(|_| !view.prefix.is_empty())?;
            match rest {
                "" => Some((view, "/")),
                rest if rest.starts_with('/') => Some((view, rest)),
                _ => None,
            }
        };
        VIEWS.iter().find_map(within).unwrap_or((&VIEWS[0], path))
    }

    /// The view with this store code; the default one for codes that no view has.
    pub fn with_code(code: &str) -> &'static Self {
        VIEWS.iter().find(|view| view.code == code).unwrap_or(&VIEWS[0])
    }

    /// The language, as HTML names it.
    pub fn language(&self) -> &'static str {
        &self.locale[..2]
    }

    /// In which direction its language is written, as HTML says it.
    pub fn direction(&self) -> &'static str {
        if self.language() == "ar" { "rtl" } else { "ltr" }
    }

    /// A path of the shop as this view's links name it.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// A catalogue price in this view's currency, without tax. A cart charges it.
    pub fn net(&self, base: Cents) -> Cents {
        base.parts(self.rate)
    }

    /// Units of its currency for a US dollar.
    pub fn rate(&self) -> Decimal {
        Decimal::new(self.rate, 4)
    }

    /// Today, where its shoppers are.
    pub fn today(&self) -> Date {
        let zone = TimeZone::get(self.zone).unwrap_or(TimeZone::UTC);
        Timestamp::now().to_zoned(zone).date()
    }

    /// A catalogue price in this view.
    pub fn price(&self, base: Cents) -> Price {
        let net = self.net(base);
        Price { net, shown: self.shown(net) }
    }

    /// A price of this view's currency without tax as the view shows it first.
    fn shown(&self, net: Cents) -> Amount {
        match self.display {
            Display::Excluding => net.into(),
            Display::Including | Display::Both => Amount::taxed(net, self.tax),
        }
    }

    /// An amount of a cart with tax, in whole cents.
    pub fn with_tax(&self, amount: Cents) -> Cents {
        amount.parts(10_000 + self.tax * 100)
    }

    /// A price as the server prints it: two decimals, whatever the currency has.
    pub fn text(&self, amount: impl Into<Amount>) -> String {
        let cents = amount.into().cents().0;
        let format = &self.format;
        let digits = |plain: String| -> String { plain.chars().map(|digit| self.digit(digit)).collect() };
        let whole = (cents.abs() / 100).to_string();
        let mut groups = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                groups.push_str(format.group);
            }
            groups.push(self.digit(digit));
        }
        let decimals = digits(format!("{:02}", cents.abs() % 100));
        let sign = if cents < 0 { "-" } else { "" };
        format!("{sign}{}{groups}{}{decimals}{}", format.before, format.decimal, format.after)
    }

    fn digit(&self, digit: char) -> char {
        let value = digit.to_digit(10).unwrap_or_default();
        char::from_u32(self.format.zero as u32 + value).unwrap_or(digit)
    }

    /// What scripts are told about this view's prices, as JSON.
    pub fn price_format(&self) -> String {
        let Format { before, after, decimal, group, script_decimals, .. } = self.format;
        json::object([
            ("pattern", json::string(&format!("{before}%s{after}"))),
            ("precision", script_decimals.to_string()),
            ("requiredPrecision", script_decimals.to_string()),
            ("decimalSymbol", json::string(decimal)),
            ("groupSymbol", json::string(group)),
            ("groupLength", String::from("3")),
            ("integerRequired", String::from("false")),
        ])
    }

    /// The pattern of a price for scripts' own templates, as JSON.
    pub fn pattern(&self, hole: &str) -> String {
        json::string(&format!("{}{hole}{}", self.format.before, self.format.after))
    }

    /// An English phrase of the shop in this view's language.
    pub fn phrase(&self, english: &'static str) -> &'static str {
        phrases::translated(self.language(), english).unwrap_or(english)
    }

    /// The same for a text that may not be a phrase.
    pub fn phrase_of<'a>(&self, english: &'a str) -> &'a str {
        phrases::translated(self.language(), english).unwrap_or(english)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(code: &str) -> &'static View {
        View::with_code(code)
    }

    #[test]
    fn prints_as_the_server_does() {
        assert_eq!(view("default").text(Cents(123_456_750)), "$1,234,567.50");
        assert_eq!(view("default").text(Cents(-500)), "-$5.00");
        assert_eq!(view("default").text(Cents(7)), "$0.07");
        assert_eq!(view("de").text(Cents(123_456)), "1.234,56\u{a0}€");
        assert_eq!(view("b2b").text(Cents(99_900)), "€999.00");
        assert_eq!(view("ar").text(Cents(1_382)), "\u{200f}١٣٫٨٢\u{a0}د.ك.\u{200f}");
        assert_eq!(view("ar").text(Cents(123_456)), "\u{200f}١٬٢٣٤٫٥٦\u{a0}د.ك.\u{200f}");
    }

    #[test]
    fn a_prefix_ends_at_a_slash() {
        let found = |path| {
            let (view, rest) = View::of_path(path);
            (view.code, rest.to_owned())
        };
        assert_eq!(found("/de"), ("de", String::from("/")));
        assert_eq!(found("/de/bags.html"), ("de", String::from("/bags.html")));
        assert_eq!(found("/desk.html"), ("default", String::from("/desk.html")));
        assert_eq!(found("/"), ("default", String::from("/")));
    }

    #[test]
    fn shows_prices_with_and_without_tax() {
        assert_eq!(view("default").shown(Cents(4_800)).raw(), "48");
        assert_eq!(view("b2b").net(Cents(4_800)), Cents(4_416));
        assert_eq!(view("de").shown(Cents(4_416)).raw(), "52.550401");
        assert_eq!(view("ar").net(Cents(4_800)), Cents(1_475));
    }

    #[test]
    fn the_format_for_scripts_is_json() {
        for view in &VIEWS {
            let format: serde_json::Value = serde_json::from_str(&view.price_format()).expect("JSON");
            assert!(format["pattern"].as_str().is_some_and(|pattern| pattern.contains("%s")), "{format}");
        }
        assert!(view("de").price_format().starts_with("{\"pattern\":\"%s\\u00a0\\u20ac\","));
    }
}
