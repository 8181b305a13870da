//! Signs of currencies, for answers that show prices and name no currency.

/// Signs that only one currency has.
const SIGNS: [(&str, &str); 27] = [
    ("AED", "د.إ"),
    ("BRL", "R$"),
    ("CAD", "CA$"),
    ("AUD", "A$"),
    ("CNY", "CN¥"),
    ("CZK", "Kč"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("HKD", "HK$"),
    ("HUF", "Ft"),
    ("ILS", "₪"),
    ("INR", "₹"),
    ("JPY", "JP¥"),
    ("JPY", "￥"),
    ("JPY", "円"),
    ("KRW", "₩"),
    ("KWD", "د.ك"),
    ("MXN", "MX$"),
    ("NZD", "NZ$"),
    ("PHP", "₱"),
    ("PLN", "zł"),
    ("RON", "RON"),
    ("RUB", "₽"),
    ("TRY", "₺"),
    ("UAH", "₴"),
    ("USD", "US$"),
    ("VND", "₫"),
];

/// Signs that several currencies have, each with the regions where a currency has it for itself.
const LOCAL_SIGNS: [(&str, &str, &[&str]); 14] = [
    ("USD", "$", &["US", "PR", "EC", "SV"]),
    ("CAD", "$", &["CA"]),
    ("AUD", "$", &["AU"]),
    ("NZD", "$", &["NZ"]),
    ("SGD", "$", &["SG"]),
    ("HKD", "$", &["HK"]),
    ("TWD", "$", &["TW"]),
    ("MXN", "$", &["MX"]),
    ("CLP", "$", &["CL"]),
    ("COP", "$", &["CO"]),
    ("SEK", "kr", &["SE"]),
    ("NOK", "kr", &["NO"]),
    ("DKK", "kr", &["DK"]),
    ("CNY", "¥", &["CN"]),
];

/// Whether what stands beside the number of a price in a store view's locale (`en_US`) is the sign of this currency, and of no other.
pub(crate) fn is_of(beside: &str, currency: &str, locale: &str) -> bool {
    let unmarked: String = beside.chars().filter(|ch| !is_mark(*ch)).collect();
    let sign = unmarked.trim().trim_end_matches('.');
    if sign.eq_ignore_ascii_case(currency) || SIGNS.contains(&(currency, sign)) {
        return true;
    }
    let region = locale.split(['_', '-']).next_back().unwrap_or_default();
    LOCAL_SIGNS.iter().any(|(code, local, regions)| {
        *code == currency && *local == sign && regions.iter().any(|known| known.eq_ignore_ascii_case(region))
    })
}

/// Marks of the direction of writing are not seen.
fn is_mark(ch: char) -> bool {
    matches!(ch, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_whose_sign_it_is() {
        for (beside, currency, locale) in [
            ("$", "USD", "en_US"),
            ("$", "CAD", "en_CA"),
            ("US$", "USD", "en_AU"),
            ("\u{a0}€", "EUR", "de_DE"),
            ("CHF\u{a0}", "CHF", "de_CH"),
            ("\u{a0}kr", "SEK", "sv_SE"),
            ("\u{200f}\u{a0}د.ك.\u{200f}", "KWD", "ar_KW"),
            ("￥", "JPY", "ja_JP"),
        ] {
            assert!(is_of(beside, currency, locale), "{beside} {currency} {locale}");
        }
        for (beside, currency, locale) in [
            ("$", "USD", "en_CA"),
            ("$", "CAD", "en_US"),
            ("CA$", "USD", "en_US"),
            ("kr", "SEK", "da_DK"),
            ("¥", "JPY", "zh_CN"),
            ("", "USD", "en_US"),
            ("€", "USD", "en_US"),
        ] {
            assert!(!is_of(beside, currency, locale), "{beside} {currency} {locale}");
        }
    }
}
