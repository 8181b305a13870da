//! The shop's own words in the languages of its store views. Products are called the same everywhere.

/// An English phrase in a language; `None` where it stays English.
pub fn translated(language: &str, english: &str) -> Option<&'static str> {
    let (_, german, arabic) = PHRASES.iter().find(|(own, ..)| *own == english)?;
    match language {
        "de" => Some(german),
        "ar" => Some(arabic),
        _ => None,
    }
}

/// English, German, Arabic.
const PHRASES: &[(&str, &str, &str)] = &[
    (
        "%1 has been added to your Wish List.",
        "%1 steht jetzt auf Ihrem Wunschzettel.",
        "تمت إضافة %1 إلى قائمة أمنياتك.",
    ),
    (
        "%1 has been removed from your Wish List.",
        "%1 steht nicht mehr auf Ihrem Wunschzettel.",
        "تمت إزالة %1 من قائمة أمنياتك.",
    ),
    ("* Required Fields", "* Pflichtfelder", "* حقول مطلوبة"),
    ("-- Please Select --", "-- Bitte wählen --", "-- اختر من فضلك --"),
    ("About us", "Über uns", "من نحن"),
    ("Add to Cart", "In den Warenkorb", "أضف إلى السلة"),
    ("Add to Compare", "Vergleichen", "أضف إلى المقارنة"),
    ("Add to Wish List", "Auf den Wunschzettel", "أضف إلى قائمة الأمنيات"),
    ("Added", "Hinzugefügt", "تمت الإضافة"),
    ("Adding...", "Wird hinzugefügt...", "جارٍ الإضافة..."),
    ("Apply Discount", "Code einlösen", "تطبيق الخصم"),
    ("Apply Discount Code", "Rabattcode einlösen", "استخدام رمز الخصم"),
    ("As low as", "Ab", "ابتداءً من"),
    ("Availability", "Verfügbarkeit", "التوفر"),
    ("Bags", "Taschen", "حقائب"),
    ("Buy", "Ab", "اشترِ"),
    ("Cancel Coupon", "Code entfernen", "إلغاء الرمز"),
    ("Care", "Pflege", "العناية"),
    ("Cart Subtotal", "Zwischensumme", "المجموع الفرعي"),
    ("Choose a selection...", "Bitte wählen...", "اختر..."),
    ("Choose an Option...", "Option wählen...", "اختر خيارًا..."),
    ("Color", "Farbe", "اللون"),
    ("Compare Products", "Produkte vergleichen", "مقارنة المنتجات"),
    ("Continue Shopping", "Weiter einkaufen", "متابعة التسوق"),
    ("Currency", "Währung", "العملة"),
    ("Customize and Add to Cart", "Zusammenstellen und kaufen", "خصّص وأضف إلى السلة"),
    ("Details", "Einzelheiten", "التفاصيل"),
    ("Discount", "Rabatt", "الخصم"),
    ("Downloads", "Downloads", "التنزيلات"),
    ("Enter discount code", "Rabattcode eingeben", "أدخل رمز الخصم"),
    ("Excl. Tax", "Exkl. Steuern", "بدون الضريبة"),
    ("Excl. tax:", "Exkl. Steuern:", "بدون الضريبة:"),
    ("Free returns for 60 days", "60 Tage kostenlose Rückgabe", "إرجاع مجاني خلال ٦٠ يومًا"),
    ("From", "Von", "من"),
    ("Goes well with it", "Passt dazu", "يناسبه أيضًا"),
    ("Grid", "Raster", "شبكة"),
    ("Grouped product items", "Zusammengestellte Produkte", "منتجات مجمّعة"),
    ("Home", "Startseite", "الرئيسية"),
    ("In stock", "Auf Lager", "متوفر"),
    ("Incl. Tax", "Inkl. Steuern", "شامل الضريبة"),
    ("Item", "Artikel", "المنتج"),
    ("Items", "Artikel", "منتجات"),
    ("Language", "Sprache", "اللغة"),
    (
        "Lanterns, lamps and what goes with them, for the desk, the tent and the way home.",
        "Laternen, Lampen und was dazugehört: für den Schreibtisch, das Zelt und den Heimweg.",
        "فوانيس ومصابيح وكل ما يلزمها، للمكتب والخيمة وطريق العودة.",
    ),
    ("Learn More", "Mehr erfahren", "اعرف المزيد"),
    ("Letters at most:", "Höchstens Zeichen:", "أقصى عدد للحروف:"),
    ("Light & Gear", "Licht & Zubehör", "إضاءة ومعدات"),
    ("Links", "Links", "الروابط"),
    ("List", "Liste", "قائمة"),
    ("More Information", "Mehr Informationen", "مزيد من المعلومات"),
    ("My Cart", "Mein Warenkorb", "سلتي"),
    ("My Wish List", "Mein Wunschzettel", "قائمة أمنياتي"),
    ("One letter a month, about making things", "Ein Brief im Monat, über das Machen", "رسالة كل شهر عن صناعة الأشياء"),
    ("Order Total", "Gesamtsumme", "الإجمالي"),
    ("Place Order", "Bestellen", "تأكيد الطلب"),
    ("Position", "Position", "الموضع"),
    ("Price", "Preis", "السعر"),
    ("Privacy", "Datenschutz", "الخصوصية"),
    ("Proceed to Checkout", "Zur Kasse", "إتمام الشراء"),
    ("Product", "Produkt", "المنتج"),
    ("Product Name", "Produktname", "اسم المنتج"),
    ("Put it together", "Stellen Sie es zusammen", "ركّبها كما تحب"),
    ("Qty", "Menge", "الكمية"),
    ("Quantity", "Anzahl", "الكمية"),
    ("Rating:", "Bewertung:", "التقييم:"),
    ("Regular Price", "Normalpreis", "السعر العادي"),
    ("Remove Item", "Artikel entfernen", "إزالة المنتج"),
    ("Remove Product", "Produkt entfernen", "إزالة المنتج"),
    ("Remove item", "Artikel entfernen", "إزالة المنتج"),
    ("Reviews", "Bewertungen", "تقييمات"),
    ("Search results for:", "Suchergebnisse für:", "نتائج البحث عن:"),
    ("Search the shop", "Im Laden suchen", "ابحث في المتجر"),
    ("Shipping & Handling", "Versand", "الشحن والمناولة"),
    ("Shipping and returns", "Versand und Rückgabe", "الشحن والإرجاع"),
    ("Shop By", "Eingrenzen", "تسوق حسب"),
    ("Shopping Cart", "Warenkorb", "سلة التسوق"),
    ("Shopping Options", "Auswahl", "خيارات التسوق"),
    ("Sign In", "Anmelden", "تسجيل الدخول"),
    ("Sign Out", "Abmelden", "تسجيل الخروج"),
    ("Size", "Größe", "المقاس"),
    ("Sort By", "Sortieren nach", "ترتيب حسب"),
    ("Special Price", "Sonderpreis", "سعر خاص"),
    ("Starting at", "Ab", "يبدأ من"),
    ("Subscribe", "Abonnieren", "اشترك"),
    ("Subtotal", "Zwischensumme", "المجموع الفرعي"),
    ("Subtotal (Excl. Tax)", "Zwischensumme (exkl. Steuern)", "المجموع الفرعي (بدون الضريبة)"),
    ("Subtotal (Incl. Tax)", "Zwischensumme (inkl. Steuern)", "المجموع الفرعي (شامل الضريبة)"),
    ("Summary", "Zusammenfassung", "الملخص"),
    ("Tax", "Steuern", "الضريبة"),
    ("The Mills", "Die Webereien", "المعامل"),
    ("The coupon code \"%1\" is not valid.", "Der Code \"%1\" gilt nicht.", "رمز الخصم \"%1\" غير صالح."),
    ("To", "Bis", "إلى"),
    ("Update Shopping Cart", "Warenkorb aktualisieren", "تحديث السلة"),
    ("View and edit cart", "Warenkorb ansehen", "عرض السلة"),
    ("View as", "Ansicht", "عرض"),
    (
        "We can't add this item to your shopping cart right now.",
        "Dieser Artikel kann gerade nicht in den Warenkorb.",
        "لا يمكن إضافة هذا المنتج الآن.",
    ),
    ("We found nothing for that.", "Dazu haben wir nichts gefunden.", "لم نجد شيئًا."),
    ("Welcome, %1!", "Willkommen, %1!", "أهلًا، %1!"),
    (
        "Woven to be carried for years: canvas, wool and waxed cotton from three small mills.",
        "Gewebt, um jahrelang getragen zu werden: Segeltuch, Wolle und gewachste Baumwolle aus drei kleinen Webereien.",
        "منسوجة لتدوم سنوات: قماش وصوف وقطن مشمّع من ثلاثة معامل صغيرة.",
    ),
    ("You added %1 to your shopping cart.", "%1 liegt jetzt im Warenkorb.", "تمت إضافة %1 إلى سلة التسوق."),
    ("You added product %1 to the comparison list.", "%1 wird jetzt verglichen.", "تمت إضافة %1 إلى المقارنة."),
    ("You canceled the coupon code.", "Der Code wurde entfernt.", "تم إلغاء رمز الخصم."),
    ("You have no items in your shopping cart.", "Ihr Warenkorb ist leer.", "سلة التسوق فارغة."),
    ("You have no items in your wish list.", "Ihr Wunschzettel ist leer.", "قائمة أمنياتك فارغة."),
    ("You have no items to compare.", "Nichts zu vergleichen.", "لا توجد منتجات للمقارنة."),
    ("You may also like", "Das könnte Ihnen gefallen", "قد يعجبك أيضًا"),
    ("You need to choose options for your item.", "Bitte wählen Sie zuerst aus.", "يرجى اختيار الخيارات أولًا."),
    ("You removed product %1 from the comparison list.", "%1 wird nicht mehr verglichen.", "تمت إزالة %1 من المقارنة."),
    ("You used coupon code \"%1\".", "Der Code \"%1\" ist eingelöst.", "تم استخدام رمز الخصم \"%1\"."),
    ("Your Customization", "Ihre Zusammenstellung", "اختيارك"),
    ("Your email address", "Ihre E-Mail-Adresse", "بريدك الإلكتروني"),
    ("each and", "je Stück, das", "لكل قطعة،"),
    ("for", "Stück für", "مقابل"),
    ("item", "Artikel", "منتج"),
    ("items", "Artikel", "منتجات"),
    ("save", "spart", "ووفّر"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_of_a_template_is_translated() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/templates");
        for entry in std::fs::read_dir(folder).expect("the templates") {
            let text = std::fs::read_to_string(entry.expect("a template").path()).expect("text");
            for hole in text.split("[[").skip(1).filter_map(|after| after.split_once("]]")) {
                if let Some(phrase) = hole.0.strip_prefix(['_', '@']) {
                    assert!(translated("de", phrase).is_some() && translated("ar", phrase).is_some(), "{phrase}");
                }
            }
        }
        assert!(PHRASES.is_sorted_by(|one, next| one.0 < next.0), "in order, so that each is there once");
    }
}
