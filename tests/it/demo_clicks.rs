//! Every kind of product of the demo, in every view: what its page shows after each click against what its cart charges, and against what
//! a shopper without an offer sees and pays after the same click.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use crate::demo::Visit;

/// What a shopper does: a selector with the value given to the field there, or nothing for a click. `BUY` is the whole cart's turn.
type Step = (&'static str, &'static str);

/// Puts what is chosen into an empty cart, reads what the cart's page charges, and empties it again.
const BUY: Step = ("buy", "");

/// Does the steps on the page, and says after each what is seen then.
const CLICKS: &str = r##"
    const [box, steps, done] = arguments;
    const besides = '.product-info-main .price-from, .product-info-main .price-to, #super-product-table .price-box';
    const find = (selector, root) => (root || document).querySelector(selector);
    const text = (selector, root) => (find(selector, root) || { textContent: '' }).textContent.trim();
    const post = (url, fields) => fetch(url, { method: 'POST', headers: { 'X-Requested-With': 'XMLHttpRequest' }, body: new URLSearchParams(fields) });
    const regular = () => [...document.querySelectorAll(box + ' [data-price-type=oldPrice]')].find((one) => one.checkVisibility());
    const seen = () => ({
        price: text(box + ' [data-price-type=finalPrice]'), net: text(box + ' [data-price-type=basePrice]'),
        regular: regular() ? regular().textContent.trim() : '',
        beside: [...document.querySelectorAll(besides)].map((one) => [text('[data-price-type]', one), text('.old-price .price', one)]),
    });
    const buy = async () => {
        const form = find('#product_addtocart_form');
        await post(form.action, new FormData(form));
        const cart = new DOMParser().parseFromString(await (await fetch(BASE_URL + 'checkout/cart/')).text(), 'text/html');
        const off = find('.totals .discount', cart);
        const subtotal = text('.totals.sub.excl .price', cart) || text('.totals.sub .price', cart);
        for (const line of cart.querySelectorAll('.action-delete')) {
            const { action, data } = JSON.parse(line.dataset.post);
            await post(action, { ...data, form_key: find('[name=form_key]').value });
        }
        return { total: text('.grand.totals .price', cart), subtotal: subtotal, off: off ? text('.price', off.closest('tr')) : '' };
    };
    const step = async ([selector, value]) => {
        if (selector === 'buy') {
            return { ...seen(), cart: await buy() };
        }
        const field = find(selector);
        if (!field) {
            throw new Error('there is no ' + selector);
        }
        if (value === '') {
            field.click();
        } else {
            field.value = value === 'nothing' ? '' : value;
            for (const kind of ['input', 'change']) { field.dispatchEvent(new Event(kind, { bubbles: true })); }
        }
        return seen();
    };
    (async () => {
        const all = [seen()];
        for (const one of steps) { all.push(await step(one)); }
        return all;
    })().then(done, (error) => done(String(error)));
"##;

/// The box of a product's own page; a bundle's summary has its own.
const MAIN: &str = ".product-info-main .price-box";
const SUMMARY: &str = ".price-configured_price";

/// The table of a grouped product, whose first row's price is read.
const ROWS: &str = "#super-product-table";

/// What is seen at a moment; `None` where nothing is.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    /// The price as it is written.
    text: String,
    price: Option<Decimal>,
    net: Option<Decimal>,
    regular: Option<Decimal>,
    /// The ends of a bundle's range, or the rows of a grouped product, with their regular prices.
    beside: Vec<(Decimal, Option<Decimal>)>,
    cart: Option<Charged>,
}

/// What the cart's page says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Charged {
    total: Decimal,
    /// Without tax.
    net: Decimal,
}

impl Seen {
    fn of(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let beside = value["beside"].as_array().into_iter().flatten();
        let cart = &value["cart"];
        let charged = || {
            let off = number(&text(&cart["off"])).unwrap_or_default();
            Some(Charged { total: number(&text(&cart["total"]))?, net: number(&text(&cart["subtotal"]))? - off })
        };
        Self {
            text: text(&value["price"]),
            price: number(&text(&value["price"])),
            net: number(&text(&value["net"])),
            regular: number(&text(&value["regular"])),
            beside: beside.filter_map(|one| Some((number(&text(&one[0]))?, number(&text(&one[1]))))).collect(),
            cart: charged(),
        }
    }

    fn price(&self) -> Decimal {
        self.price.expect("a price is shown")
    }

    fn total(&self) -> Decimal {
        self.cart.expect("something was bought").total
    }

    /// What is shown, in whole cents: the scripts print a dinar's thousandths, and the cart charges none.
    fn cents(&self) -> Decimal {
        self.price().round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
    }
}

/// The amount of a price's text in any of the views. None of the demo's prices is long enough for groups.
fn number(text: &str) -> Option<Decimal> {
    let mut digits = text.char_indices().filter(|(_, sign)| sign.is_numeric());
    let (start, end) = (digits.clone().next()?.0, digits.next_back()?.0);
    let plain = |sign: char| match sign {
        '٠'..='٩' => char::from_digit(sign as u32 - '٠' as u32, 10).unwrap_or(sign),
        ',' | '٫' => '.',
        _ => sign,
    };
    let last = text[end..].chars().next()?;
    text[start..end].chars().chain([last]).map(plain).collect::<String>().parse().ok()
}

/// What is not a number's value in a price's text: what stands around and between its digits, and how many decimals there are.
fn manner(text: &str) -> (String, usize) {
    let decimals = text.chars().rev().skip_while(|sign| !sign.is_numeric()).take_while(|sign| sign.is_numeric());
    (text.chars().filter(|sign| !sign.is_numeric()).collect(), decimals.count())
}

const VIEWS: [&str; 4] = ["", "/de", "/b2b", "/ar"];

/// A view's product with what nobody in particular and what a VIP sees and pays, click by click.
struct Product<'a> {
    visit: &'a Visit,
    path: String,
    plain: Vec<Seen>,
    own: Vec<Seen>,
}

impl Visit {
    async fn is_somebody(&self, audience: &str) {
        self.browser.eval(&format!("document.cookie = 'segue-audiences={audience}; path=/'")).await;
    }

    /// Opens a page and does the steps there; the first of what is seen is before them.
    async fn does(&self, path: &str, prices: &str, steps: &[Step]) -> Vec<Seen> {
        self.see(path).await;
        self.browser.wait_for("document.querySelector('[data-rendered]')").await;
        let arguments = vec![Value::from(prices), json!(steps)];
        let all = self.browser.page.execute_async(CLICKS, arguments).await.expect("the script runs");
        all.as_array().unwrap_or_else(|| panic!("{path}: {all}")).iter().map(Seen::of).collect()
    }

    /// The same clicks as nobody and as a VIP, in every view.
    async fn compares(&self, page: &str, prices: &str, steps: &[Step]) -> Vec<Product<'_>> {
        let mut products = Vec::new();
        for view in VIEWS {
            let path = format!("{view}/{page}.html");
            self.is_somebody("none").await;
            let plain = self.does(&path, prices, steps).await;
            self.is_somebody(self.demo.audience("VIP")).await;
            let own = self.does(&path, prices, steps).await;
            products.push(Product { visit: self, path, plain, own });
            products.iter().for_each(Product::is_lower_and_written_alike);
        }
        products
    }
}

impl Product<'_> {
    fn is_lower_and_written_alike(&self) {
        for (nth, (plain, own)) in self.plain.iter().zip(&self.own).enumerate() {
            let place = format!("{} after {nth} steps: {plain:?} and {own:?}", self.path);
            assert!(own.price < plain.price, "{place}");
            assert_eq!(manner(&own.text), manner(&plain.text), "{place}");
            assert_eq!(own.net.is_some(), self.path.starts_with("/b2b"), "{place}");
            assert!(own.net.is_none_or(|net| net < own.price()), "{place}");
        }
    }

    /// Carts of one charge what was shown, as far as they do so to everybody: where parts are converted one by one, the demo's own
    /// sums are now and then a cent off. Of several amounts that scripts add up, the cart may round the sum otherwise by `slack`.
    fn charges_what_it_shows(&self, slack: Decimal) {
        let mut bought = 0;
        for (plain, own) in self.plain.iter().zip(&self.own) {
            let (Some(before), Some(cart)) = (plain.cart, own.cart) else { continue };
            let place = format!("{}: {plain:?} and {own:?}", self.path);
            let off = (plain.cents() - before.total).abs() + slack;
            assert!((own.cents() - cart.total).abs() <= off, "{place}");
            assert!(own.net.is_none_or(|net| net == cart.net), "{place}");
            bought += 1;
        }
        assert!(bought > 0, "{}", self.path);
    }

    /// What everybody else pays, or was told to be the regular price, stands beside; only not where a step says that it is hidden.
    fn names_the_regular_price(&self, hidden: &[usize]) {
        for (nth, (plain, own)) in self.plain.iter().zip(&self.own).enumerate() {
            let expected = plain.regular.or(plain.price).filter(|_| !hidden.contains(&nth));
            assert_eq!(own.regular, expected, "{} after {nth} steps: {plain:?} and {own:?}", self.path);
        }
    }

    /// The least that any of these purchases cost.
    fn cheapest(&self, purchases: &[usize]) -> Decimal {
        purchases.iter().map(|nth| self.own[*nth].total()).min().expect("a purchase")
    }
}

#[tokio::test]
async fn prices_of_products_with_variants_follow_every_click_in_every_view() {
    let Some(visit) = Visit::begin(1280, 1400).await else { return };
    visit.see("/about-us/").await;
    let (small, large) = (("[data-option-id='166']", ""), ("[data-option-id='167']", ""));
    let (ink, rust, moss) =
        (("[data-option-id='49']", ""), ("[data-option-id='52']", ""), ("[data-option-id='56']", ""));
    let steps = [small, ink, BUY, rust, BUY, moss, BUY, moss, large, ink, BUY, rust, BUY, rust, large];
    for pack in visit.compares("dune-day-pack", MAIN, &steps).await {
        pack.charges_what_it_shows(Decimal::ZERO);
        // The shop itself has a regular price on this page, and hides it until something is chosen.
        pack.names_the_regular_price(&[0]);
        let shown = |nth: usize| pack.own[nth].cents();
        let (all, of_small, of_large) = (&[3, 5, 7, 11, 13][..], &[3, 5, 7][..], &[11, 13][..]);
        assert_eq!([shown(0), shown(15)], [pack.cheapest(all); 2], "nothing chosen, and nothing chosen any more");
        assert_eq!([shown(1), shown(8)], [pack.cheapest(of_small); 2], "only small ones");
        assert_eq!([shown(9), shown(14)], [pack.cheapest(of_large); 2], "only large ones");
        pack.is_the_same_in_its_row().await;
    }
    let (shade, cable) = ("#attribute151", "#attribute152");
    let steps = [
        vec![(shade, "201"), (cable, "211"), BUY],
        vec![(cable, "212"), BUY, (shade, "202"), (cable, "212"), BUY],
        vec![(shade, "203"), (cable, "211"), BUY, (cable, "nothing"), (shade, "nothing")],
    ];
    for lamp in visit.compares("heron-desk-lamp", MAIN, &steps.concat()).await {
        lamp.charges_what_it_shows(Decimal::ZERO);
        // As long as not all is chosen, the script of dropdowns hides every regular price, that of the shop itself too.
        lamp.names_the_regular_price(&[1, 6, 9, 12, 13]);
        let shown = |nth: usize| lamp.own[nth].cents();
        assert_eq!([shown(0), shown(13)], [lamp.cheapest(&[3, 5, 8, 11]); 2], "nothing chosen");
        assert_eq!([shown(1), shown(12)], [lamp.own[3].total(), lamp.own[11].total()], "only the shade");
    }
    visit.end().await;
}

impl Product<'_> {
    /// A category's row of the day pack says after the same clicks what its page says.
    async fn is_the_same_in_its_row(&self) {
        let large = ("#product-item-info_11 [data-option-id='167']", "");
        let ink = ("#product-item-info_11 [data-option-id='49']", "");
        let category = self.path.replace("dune-day-pack", "bags");
        let row = self.visit.does(&category, "#product-item-info_11", &[large, ink, ink, large]).await;
        let [none, of_large, of_ink] = [15, 9, 11].map(|nth: usize| (&self.own[nth].text, self.own[nth].regular));
        let row: Vec<_> = row.iter().map(|seen| (&seen.text, seen.regular)).collect();
        assert_eq!(row, [none, of_large, of_ink, of_large, none], "{category}");
    }
}

#[tokio::test]
async fn prices_of_parts_options_quantities_rows_and_links_follow_every_click_in_every_view() {
    let Some(visit) = Visit::begin(1280, 1400).await else { return };
    visit.see("/about-us/").await;
    bundles(&visit).await;
    options(&visit).await;
    quantities(&visit).await;
    rows(&visit).await;
    links(&visit).await;
    visit.end().await;
}

async fn bundles(visit: &Visit) {
    let (lamp, bag, nets, care) =
        ("#bundle-option-1-2", "#bundle-option-2", "#bundle-option-3-qty-input", "#bundle-option-4");
    let steps = [BUY, (lamp, ""), (bag, "5"), (care, "8"), BUY, (nets, "3"), BUY, (nets, "2"), (care, "nothing"), BUY];
    for set in visit.compares("first-evening-set", SUMMARY, &steps).await {
        set.charges_what_it_shows(Decimal::ZERO);
        for (plain, own) in set.plain.iter().zip(&set.own) {
            let ends: Vec<_> = own.beside.iter().map(|(price, _)| *price).collect();
            assert_eq!(ends, [set.own[1].total(), set.own[5].total()], "{}: the cheapest and the dearest", set.path);
            let regular: Vec<_> = own.beside.iter().map(|(_, regular)| *regular).collect();
            let expected: Vec<_> = plain.beside.iter().map(|(price, regular)| regular.or(Some(*price))).collect();
            assert_eq!(regular, expected, "{}", set.path);
        }
    }
}

/// Fixed amounts of options stay as they are, though the cart takes its percentage off them too: never is less shown than charged.
async fn options(visit: &Visit) {
    let (text, finish, rim, wrap) = ("#options_1_text", "#select_2", "#select_3", "#options_4_2");
    let steps = [
        vec![(finish, "1"), BUY, (rim, "3"), BUY, (rim, "4"), BUY],
        vec![(finish, "2"), BUY, (text, "AB"), BUY, (wrap, ""), BUY],
        vec![(wrap, ""), (text, "nothing"), (finish, "1"), (rim, "nothing"), BUY],
    ];
    for mug in visit.compares("initial-enamel-mug", MAIN, &steps.concat()).await {
        mug.names_the_regular_price(&[]);
        for nth in [2, 4, 6, 17] {
            assert_eq!(mug.own[nth].cents(), mug.own[nth].total(), "{} after {nth} steps", mug.path);
        }
        assert_eq!(mug.own[17].price, mug.own[0].price, "{}", mug.path);
        let (cent, fifth) = (Decimal::new(1, 2), Decimal::new(2, 1));
        for nth in [8, 10, 12] {
            let place = format!("{} after {nth} steps: {:?}", mug.path, mug.own[nth]);
            let fixed = mug.plain[nth].price() - mug.plain[6].price();
            assert!((mug.own[nth].price() - mug.own[6].price() - fixed).abs() <= cent, "{place}");
            let above = mug.own[nth].cents() - mug.own[nth].total();
            assert!(above.is_sign_positive() && (above - fixed * fifth).abs() <= cent, "{place}");
        }
    }
}

async fn quantities(visit: &Visit) {
    let steps: Vec<Step> = ["1", "5", "6", "24", "7", "1"].iter().flat_map(|qty| [("#qty", *qty), BUY]).collect();
    for candle in visit.compares("beeswax-candle", MAIN, &steps).await {
        let bought = |nth: usize| &candle.own[2 * nth + 2];
        for (nth, quantity) in [1, 5, 6, 24, 7, 1].map(Decimal::from).into_iter().enumerate() {
            let off = bought(nth).price() * quantity - bought(nth).total();
            // The cart rounds the discount and the tax of a line and not of each of its pieces.
            let line = quantity * Decimal::new(11, 3);
            assert!(off.abs() <= line, "{} for {quantity}: {:?}", candle.path, bought(nth));
        }
        let [one, five, six, dozens, seven, again] = [0, 1, 2, 3, 4, 5].map(|nth| bought(nth).price());
        assert!(one == five && one == again && six < one && six == seven && dozens < six, "{:?}", candle.own);
        assert!(candle.own.iter().all(|own| own.regular == candle.plain[0].price), "{:?}", candle.own);
    }
}

async fn rows(visit: &Visit) {
    let [first, second, third] = ["[name='super_group[8]']", "[name='super_group[7]']", "[name='super_group[15]']"];
    let steps = [
        vec![(first, "1"), BUY, (first, "0"), (second, "1"), BUY],
        vec![(second, "0"), (third, "1"), BUY, (first, "1"), (second, "1"), BUY],
    ];
    for shelf in visit.compares("lamplighters-shelf", ROWS, &steps.concat()).await {
        let prices: Vec<_> = shelf.own[0].beside.iter().map(|(price, _)| *price).collect();
        let charged: Vec<_> = [2, 5, 8].iter().map(|nth| shelf.own[*nth].total()).collect();
        assert_eq!(prices, charged, "{}", shelf.path);
        let off = prices.iter().copied().sum::<Decimal>() - shelf.own[11].total();
        assert!(off.abs() <= Decimal::new(15, 3), "{}: rows together are rounded together", shelf.path);
        for ((_, regular), (price, before)) in shelf.own[0].beside.iter().zip(&shelf.plain[0].beside) {
            assert_eq!(*regular, before.or(Some(*price)), "{}", shelf.path);
        }
    }
}

async fn links(visit: &Visit) {
    let [spring, summer, autumn, winter] = ["#links_1", "#links_2", "#links_3", "#links_4"].map(|link| (link, ""));
    let steps = [spring, BUY, winter, BUY, summer, autumn, BUY, spring, BUY];
    for maps in visit.compares("four-season-star-maps", MAIN, &steps).await {
        maps.charges_what_it_shows(Decimal::new(1, 2));
        // A regular price would stay that of the sheet alone, below the price of what is chosen.
        assert!(maps.own.iter().all(|own| own.regular.is_none()), "{}: {:?}", maps.path, maps.own);
    }
}
