//! Compiles a page once, so that it can be rendered for every audience: where its prices and anchors are, and what they say.

use std::borrow::Cow;
use std::collections::BTreeSet;

use lol_html::errors::RewritingError;

use crate::page::{PageFacts, PageKind, ProductFacts, ProductId, UnitFacts};
use crate::rewrite::banner::Anchors;
use crate::rewrite::price::PriceFormat;
use crate::site::StoreView;

mod attributes;
mod boxes;
mod build;
mod elsewhere;
mod extras;
mod hidden;
pub(crate) mod layer;
mod ledger;
mod products;
mod reason;
mod roles;
pub(crate) mod scan;
mod scripts;
pub(crate) mod text;

pub(crate) use boxes::{FrameForm, PriceBox, ShownPrice};
pub(crate) use build::{Place, PlaceKind, PlannedBox, PlannedFrame, ProductPlan, Writing};
pub use elsewhere::Elsewhere;
pub use reason::Reason;

use products::{Attribute, Judge};
use scan::{Notes, Region, has_class, scan};
use scripts::Scripts;
use text::{Span, decode};

/// A page, compiled: byte ranges into it and what is known of them. It holds no copy of the page.
#[derive(Debug)]
pub struct Plan {
    length: usize,
    facts: PageFacts,
    left_alone: Vec<LeftAlone>,
    elsewhere: Vec<Elsewhere>,
    store: StoreHints,
    format: Option<PriceFormat>,
    products: Vec<ProductPlan>,
    attributes: Vec<Attribute>,
    pub(crate) anchors: Anchors,
    pub(crate) words: Words,
    /// Whether the page groups numbers of four digits, where it shows any.
    pub(crate) four_grouped: Option<bool>,
    /// Where a stylesheet goes: at the end of the head.
    pub(crate) head_end: Option<u32>,
    /// Where a marker goes: at the end of the body.
    pub(crate) body_end: u32,
}

/// A product that stays as it is, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftAlone {
    /// Which product.
    pub product: ProductId,
    /// Why.
    pub reason: Reason,
}

/// What a page says of the store view that made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreHints {
    /// The code of the store view that the language or store switcher marks as current.
    pub view: Option<String>,
    /// `lang` of the `html` element.
    pub language: Option<String>,
    /// ISO codes of every currency in which the page states or shows prices, in alphabetical order.
    pub currencies: Vec<String>,
}

/// The shop's own words on prices, as HTML.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub(crate) special: Option<String>,
    pub(crate) regular: Option<String>,
}

/// Why a page cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Segue reads UTF-8 only.
    #[error("the page is not UTF-8 (first at byte {at})")]
    NotUtf8 {
        /// Where the first wrong byte is.
        at: usize,
    },
    /// The parser gave up, for want of memory.
    #[error("the HTML parser gave up")]
    Parser(#[source] RewritingError),
    /// So many elements are of interest that judging them would take too long.
    #[error("the page has {elements} elements with prices or regions")]
    TooComplex {
        /// How many.
        elements: usize,
    },
    /// Offsets are kept in 32 bits.
    #[error("the page has {bytes} bytes")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
}

/// Real pages have some hundreds of elements of interest. Judging compares them with each other, so that their square counts.
const MOST_ELEMENTS: usize = 6000;

/// Notes what is of interest in some HTML.
fn note(html: &str) -> Result<Notes, PlanError> {
    if u32::try_from(html.len()).is_err() {
        return Err(PlanError::TooLarge { bytes: html.len() });
    }
    let notes = scan(html).map_err(PlanError::Parser)?;
    let elements = notes.weight();
    if elements > MOST_ELEMENTS { Err(PlanError::TooComplex { elements }) } else { Ok(notes) }
}

impl Plan {
    /// Compiles an HTML page. Any UTF-8 gives a plan, if need be one in which nothing can be changed.
    pub fn compile(page: &[u8]) -> Result<Self, PlanError> {
        let page = std::str::from_utf8(page).map_err(|error| PlanError::NotUtf8 { at: error.valid_up_to() })?;
        let notes = note(page)?;
        let class = notes.body_class.map(|class| decode(class.of(page))).unwrap_or_default();
        let kind = PageKind::of_body_classes(&class);
        Ok(Self::of_notes(page, &notes, kind, StoreHints::read(page, &notes)))
    }

    /// Compiles a part of a page that a script puts into one of this kind and locale.
    pub(crate) fn compile_fragment(html: &str, kind: PageKind, locale: &str) -> Result<Self, PlanError> {
        let notes = note(html)?;
        let store = StoreHints { language: Some(locale.to_owned()), ..StoreHints::read(html, &notes) };
        Ok(Self::of_notes(html, &notes, kind, store))
    }

    fn of_notes(page: &str, notes: &Notes, kind: PageKind, mut store: StoreHints) -> Self {
        let scripts = Scripts::read(page, notes);
        let judge = Judge::new(page, notes, kind);
        if store.currencies.is_empty() {
            store.currencies = judge.shown_currencies(page, notes, store.language.as_deref());
        }
        let currency = only(&store.currencies);
        let words = Words::learn(page, judge.boxes());
        let four_grouped =
            agreed(judge.boxes().flat_map(|known| &known.prices).filter_map(|price| price.format.four_grouped()));
        let attributes = judge.attributes();
        let (products, left) = judge.decide(&scripts, currency.as_deref());
        let (facts, products) = products.into_iter().unzip();
        let body = notes.regions(Region::Body).next();
        let head = notes.regions(Region::Head).find_map(|head| head.close).map(|close| close.start);
        Self {
            length: page.len(),
            facts: PageFacts { kind, currencies: store.currencies.clone(), products: facts },
            left_alone: left.into_iter().map(|(product, reason)| LeftAlone { product, reason }).collect(),
            elsewhere: Elsewhere::find(page, notes),
            store,
            format: scripts.format().cloned(),
            products,
            attributes,
            anchors: Anchors::find(page, notes),
            words,
            four_grouped,
            head_end: head.or(body.map(|body| body.open.start)),
            body_end: body.and_then(|body| body.close).map_or(Span::new(0..page.len()).end, |close| close.start),
        }
    }

    /// What selecting needs to know of the page; its products are those whose every price can be changed.
    pub fn facts(&self) -> &PageFacts {
        &self.facts
    }

    /// Every other product that was seen, in ascending order.
    pub fn left_alone(&self) -> &[LeftAlone] {
        &self.left_alone
    }

    /// What on the page fetches prices from elsewhere, which no plan can change; each once, in ascending order.
    pub fn elsewhere(&self) -> &[Elsewhere] {
        &self.elsewhere
    }

    /// What the page says of its store view.
    pub fn store(&self) -> &StoreHints {
        &self.store
    }

    /// How the page's scripts print prices.
    pub fn format(&self) -> Option<&PriceFormat> {
        self.format.as_ref()
    }

    /// How many bytes the compiled page has.
    pub fn page_length(&self) -> usize {
        self.length
    }

    /// About how many bytes the plan takes in memory.
    pub fn weight(&self) -> usize {
        let boxes: usize = self.products.iter().map(|product| product.boxes.len()).sum();
        std::mem::size_of::<Self>()
            + boxes * size_of::<PlannedBox>()
            + self.products.iter().map(ProductPlan::weight).sum::<usize>()
            + self.facts.products.iter().map(weight_of_facts).sum::<usize>()
            + self.left_alone.len() * 16
            + self.attributes.len() * size_of::<Attribute>()
            + self.anchors.weight()
    }

    /// How many places show a price that can be changed.
    pub(crate) fn places(&self) -> usize {
        self.products.iter().map(|product| product.places.len()).sum()
    }

    /// Where the page shows an attribute of a product.
    pub(crate) fn attribute(&self, page: &str, product: ProductId, code: &str) -> Option<Span> {
        let is_it = |it: &&Attribute| it.product == product && has_class(it.class.of(page), code);
        self.attributes.iter().find(is_it).map(|it| it.text)
    }

    pub(crate) fn product(&self, id: ProductId) -> Option<&ProductPlan> {
        let at = self.products.binary_search_by_key(&id, |product| product.id).ok()?;
        self.products.get(at)
    }

    /// The product with what selecting knows of it.
    pub(crate) fn known(&self, id: ProductId) -> Option<(&ProductFacts, &ProductPlan)> {
        let product = self.product(id)?;
        let at = self.facts.products.binary_search_by_key(&id, |facts| facts.id).ok()?;
        Some((self.facts.products.get(at)?, product))
    }
}

impl ProductPlan {
    /// About how many bytes it takes in memory.
    fn weight(&self) -> usize {
        let texts = self.places.iter().filter(|place| matches!(place.writing, Writing::Text(..))).count();
        size_of::<Self>() + self.places.len() * size_of::<Place>() + texts * 120 + self.ledger.weight()
    }
}

/// About how many bytes they take in memory.
fn weight_of_facts(facts: &ProductFacts) -> usize {
    size_of::<ProductFacts>() + facts.units.len() * (size_of::<UnitFacts>() + 32)
}

impl Words {
    fn learn<'a>(page: &str, boxes: impl Iterator<Item = &'a PriceBox>) -> Self {
        let mut words = Self::default();
        for labels in boxes.filter(|known| known.labels.regular.is_some()).map(|known| known.labels) {
            let read = |span: Option<Span>| {
                span.map(|span| span.of(page).trim().to_owned()).filter(|text| !text.is_empty() && !text.contains('<'))
            };
            words.special = words.special.or_else(|| read(labels.special));
            words.regular = words.regular.or_else(|| read(labels.regular));
        }
        words
    }
}

impl StoreHints {
    /// Whether the page is of another store view than `view`: by the store view that it marks as current, else by its language.
    pub fn contradict(&self, view: &StoreView) -> bool {
        let language = |code: &str| code.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        match (&self.view, &self.language) {
            (Some(code), _) => **code != *view.code,
            (None, Some(lang)) => language(lang) != language(&view.locale),
            (None, None) => false,
        }
    }

    fn read(page: &str, notes: &Notes) -> Self {
        let in_switcher = |open: Span| {
            let mut switchers = notes.regions(Region::Switcher);
            switchers.any(|switcher| switcher.inner().is_some_and(|inner| inner.holds(open)))
        };
        let marked = |prefix: &str| -> BTreeSet<String> {
            let marks = notes.marks.iter().filter(|mark| in_switcher(notes.extent(mark.extent).open));
            let classes =
                marks.filter_map(|mark| mark.attributes.class).map(|class| decode(class.of(page)).into_owned());
            classes
                .flat_map(|class| {
                    class
                        .split_ascii_whitespace()
                        .filter_map(|class| class.strip_prefix(prefix))
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                })
                .collect()
        };
        let views = marked("view-").into_iter().collect::<Vec<_>>();
        let mut currencies = stated_currencies(page, notes);
        if currencies.is_empty() {
            currencies = marked("language-").into_iter().filter(|code| is_currency(code)).collect();
        }
        Self {
            view: only(&views),
            language: notes
                .html_lang
                .map(|lang| decode(lang.of(page)).trim().to_owned())
                .filter(|lang| !lang.is_empty()),
            currencies: currencies.into_iter().collect(),
        }
    }
}

/// Currencies that metas state prices in.
fn stated_currencies(page: &str, notes: &Notes) -> BTreeSet<String> {
    let states = |key: Option<Span>| {
        key.is_some_and(|key| {
            ["priceCurrency", "product:price:currency", "og:price:currency"].contains(&&*decode(key.of(page)))
        })
    };
    let stated = notes.metas.iter().filter(|meta| {
        let attributes = &meta.attributes;
        states(attributes.itemprop) || states(attributes.property) || states(attributes.name)
    });
    let contents =
        stated.filter_map(|meta| meta.attributes.content).map(|content| decode(content.of(page)).trim().to_owned());
    contents.filter(|code| is_currency(code)).collect()
}

/// Signs that no two currencies share.
const SIGNS: [(&str, &str); 6] =
    [("€", "EUR"), ("£", "GBP"), ("zł", "PLN"), ("₹", "INR"), ("CHF", "CHF"), ("د.ك", "KWD")];

/// Signs of currencies without decimals. Each has another currency that is written with decimals.
const WHOLE_SIGNS: [(&str, &str); 4] = [("¥", "JPY"), ("￥", "JPY"), ("₩", "KRW"), ("￦", "KRW")];

impl Judge<'_> {
    /// Currencies by the signs of visible prices, for pages that name none.
    fn shown_currencies(&self, page: &str, notes: &Notes, language: Option<&str>) -> Vec<String> {
        let texts: Vec<_> =
            self.boxes().flat_map(|known| &known.prices).map(|price| decode(price.text.of(page))).collect();
        let known = |text: &Cow<'_, str>| SIGNS.iter().find(|(sign, _)| text.contains(sign)).map(|(_, code)| *code);
        let codes: BTreeSet<_> = texts.iter().filter_map(known).collect();
        if codes.is_empty() {
            return whole_currency(page, notes, &texts, language).into_iter().map(str::to_owned).collect();
        }
        codes.into_iter().map(str::to_owned).collect()
    }
}

/// The one currency without decimals whose sign every price has, if no price with that sign on the page shows decimals.
fn whole_currency(page: &str, notes: &Notes, texts: &[Cow<'_, str>], language: Option<&str>) -> Option<&'static str> {
    let code = WHOLE_SIGNS.iter().find(|(sign, _)| texts.first().is_some_and(|text| text.contains(sign)))?.1;
    let signs = || WHOLE_SIGNS.iter().filter(|(_, other)| *other == code).map(|(sign, _)| *sign);
    let signed = |text: &str| signs().any(|sign| text.contains(sign));
    // To Chinese readers the plain sign of the yen is that of the yuan; to others it then has letters before it.
    let chinese = language.is_some_and(|language| language.to_ascii_lowercase().starts_with("zh"));
    let yuan = |text: &str| text.contains("CN") || (chinese && code == "JPY" && !text.contains("JP"));
    let other = notes.prices.iter().filter_map(|noted| notes.extent(noted.extent).inner());
    let decimals = |text: &str| signed(text) && shows_decimals(text);
    let sure = texts.iter().all(|text| signed(text) && !yuan(text) && !shows_decimals(text))
        && !other.map(|inner| decode(inner.of(page))).any(|text| decimals(&text));
    sure.then_some(code)
}

/// Whether the last group of digits of a price is no group of three.
fn shows_decimals(text: &str) -> bool {
    let number = text.trim_matches(|ch: char| !ch.is_numeric());
    let last = number.rsplit_once(|ch: char| !ch.is_numeric()).map(|(_, digits)| digits.chars().count());
    last.is_some_and(|digits| digits != 3)
}

fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn only(values: &[String]) -> Option<String> {
    if let [value] = values { Some(value.clone()) } else { None }
}

/// The value that all agree on.
fn agreed(mut values: impl Iterator<Item = bool>) -> Option<bool> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}
