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
        "zh" if is_traditional(language) => "於購物車中扣除",
        "zh" => "在购物车中扣除",
        "ar" => "تُخصم في سلة التسوق",
        "he" => "ינוכה בעגלה",
        _ => return None,
    })
}

/// What a cart lacks for an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// With `{amount}`.
    pub amount: &'static str,
    /// With `{units}`.
    pub units: &'static str,
    /// With `{units}` and `{free}`.
    pub units_for_free: &'static str,
}

/// What a cart lacks, to stand behind an offer's label: "Buy 2, get 1 free: add 1 more and get 1 free". Nothing in languages that are not
/// listed. Wherever a language has several plurals, the words stand beside the number without one.
pub fn lacking(language: &str) -> Option<Lacking> {
    let code = language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let words = |amount, units, units_for_free| Some(Lacking { amount, units, units_for_free });
    match code.as_str() {
        "en" => words("{amount} to go", "add {units} more", "add {units} more and get {free} free"),
        "de" => words("noch {amount}", "noch {units} dazulegen", "noch {units} dazulegen, {free} davon gratis"),
        "fr" => {
            words("plus que {amount}", "encore {units} à ajouter", "encore {units} à ajouter, dont {free} offert(s)")
        }
        "es" => words("faltan {amount}", "añade {units} más", "añade {units} más y llévate {free} gratis"),
        "it" => words("mancano {amount}", "aggiungine {units}", "aggiungine {units}: {free} in omaggio"),
        "nl" => words("nog {amount}", "voeg er nog {units} toe", "voeg er nog {units} toe en krijg er {free} gratis"),
        "pt" => words("faltam {amount}", "adicione mais {units}", "adicione mais {units} e leve {free} grátis"),
        "pl" => words("brakuje {amount}", "dodaj jeszcze {units}", "dodaj jeszcze {units}, gratis: {free}"),
        "cs" => words("zbývá {amount}", "přidejte ještě {units}", "přidejte ještě {units}, zdarma: {free}"),
        "sk" => words("zostáva {amount}", "pridajte ešte {units}", "pridajte ešte {units}, zadarmo: {free}"),
        "hu" => words("még {amount}", "tegyen be még {units} db-ot", "tegyen be még {units} db-ot, ingyen: {free}"),
        "ro" => words("încă {amount}", "adăugați încă {units}", "adăugați încă {units}, gratuit: {free}"),
        "sv" => words("{amount} kvar", "lägg till {units} till", "lägg till {units} till och få {free} gratis"),
        "da" => words("{amount} tilbage", "læg {units} mere i kurven", "læg {units} mere i kurven og få {free} gratis"),
        "nb" | "no" => words("{amount} igjen", "legg til {units} til", "legg til {units} til og få {free} gratis"),
        "fi" => words("vielä {amount}", "lisää vielä {units}", "lisää vielä {units}, ilmaiseksi: {free}"),
        "el" => words("απομένουν {amount}", "προσθέστε άλλα {units}", "προσθέστε άλλα {units}, δωρεάν: {free}"),
        "tr" => words("{amount} kaldı", "{units} adet daha ekleyin", "{units} adet daha ekleyin, {free} adet bedava"),
        "uk" => words("залишилось {amount}", "додайте ще {units}", "додайте ще {units}, безкоштовно: {free}"),
        "ja" => words("あと{amount}", "あと{units}点追加", "あと{units}点追加で{free}点無料"),
        "ko" => words("{amount} 남음", "{units}개 더 담기", "{units}개 더 담으면 {free}개 무료"),
        "zh" if is_traditional(language) => {
            words("還差 {amount}", "再加 {units} 件", "再加 {units} 件，其中 {free} 件免費")
        }
        "zh" => words("还差 {amount}", "再加 {units} 件", "再加 {units} 件，其中 {free} 件免费"),
        "ar" => words("متبقٍ {amount}", "أضف {units} أخرى", "أضف {units} أخرى واحصل على {free} مجانًا"),
        "he" => words("חסרים {amount}", "הוסיפו עוד {units}", "הוסיפו עוד {units} וקבלו {free} בחינם"),
        _ => None,
    }
}

/// Whether Chinese is written in its traditional letters.
fn is_traditional(language: &str) -> bool {
    let language = language.to_ascii_lowercase();
    ["tw", "hk", "hant"].iter().any(|place| language.contains(place))
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

    #[test]
    fn every_language_says_what_a_cart_lacks_with_its_figures() {
        let languages = "en de fr es it nl pt pl cs sk hu ro sv da nb fi el tr uk ja ko zh zh_TW ar he";
        for language in languages.split(' ') {
            let words = lacking(language).expect("words");
            assert!(deducted(language).is_some() && words.amount.contains("{amount}"), "{language}");
            assert!(words.units.contains("{units}"), "{language}");
            assert!(words.units_for_free.contains("{units}") && words.units_for_free.contains("{free}"), "{language}");
        }
        assert_eq!(lacking("xx"), None);
    }
}
