//! Segue's own words, where the shop has none: by language, as the first part of a locale names it.

/// That an amount is deducted in the cart, to stand behind it: "-$20.00, deducted in the cart". Nothing in languages that are not listed.
pub fn deducted(language: &str) -> Option<&'static str> {
    let code = language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    Some(match code.as_str() {
        "en" => "deducted in the cart",
        "de" => "wird im Warenkorb abgezogen",
        "fr" => "déduit dans le panier",
        "es" => "se descuenta en el carrito",
        "it" => "detratto nel carrello",
        "nl" => "wordt in de winkelwagen verrekend",
        "pt" => "descontado no carrinho",
        "pl" => "odliczane w koszyku",
        "cs" => "odečte se v košíku",
        "sk" => "odpočíta sa v košíku",
        "hu" => "a kosárban levonjuk",
        "ro" => "se scade în coș",
        "sv" => "dras av i varukorgen",
        "da" => "trækkes fra i kurven",
        "nb" | "no" => "trekkes fra i handlekurven",
        "fi" => "vähennetään ostoskorissa",
        "el" => "αφαιρείται στο καλάθι",
        "tr" => "sepette düşülür",
        "uk" => "віднімається в кошику",
        "ja" => "カートで値引きされます",
        "ko" => "장바구니에서 할인됩니다",
        "zh" => match language.to_ascii_lowercase() {
            traditional if ["tw", "hk", "hant"].iter().any(|place| traditional.contains(place)) => "於購物車中扣除",
            _ => "在购物车中扣除",
        },
        "ar" => "تُخصم في سلة التسوق",
        "he" => "ינוכה בעגלה",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_by_the_language_of_a_locale() {
        assert_eq!(deducted("de_CH"), deducted("de"));
        assert_eq!(deducted("en-US"), Some("deducted in the cart"));
        assert_eq!(deducted("zh_Hant_TW"), Some("於購物車中扣除"));
        assert_eq!(deducted("zh_Hans_CN"), Some("在购物车中扣除"));
        assert_eq!((deducted("xx"), deducted("")), (None, None));
    }
}
