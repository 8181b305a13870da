//! What a page says of choices that add to a price: the notices beside fields, and the prices by quantity above them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::boxes::{Side, is_blank};
use super::layer::Layer;
use super::scan::{Noted, Notes, has_class, is};
use super::text::{Span, decode};
use crate::rewrite::price::{PriceText, parse_amount};

/// What a field is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Choice {
    /// The name of the field without its brackets: `options`, `bundle_option` or `links`.
    pub(super) kind: &'static str,
    /// The option, or the link.
    pub(super) option: String,
    /// The value of the option that is chosen.
    pub(super) value: Option<String>,
}

impl Choice {
    /// Whether what is said of this choice is said of the other.
    fn includes(&self, other: &Self) -> bool {
        (other.kind, &other.option) == (self.kind, &self.option) && (self.value.is_none() || other.value == self.value)
    }
}

/// What stands beside a choice.
#[derive(Clone, Debug, Default)]
pub(super) struct Notice {
    /// Elements with an amount.
    pub(super) priced: Vec<Priced>,
    /// Text of `option` elements, and of the `price` attribute of what is chosen.
    pub(super) texts: Vec<Span>,
    /// `price` attributes.
    pub(super) attributes: Vec<Span>,
}

/// An element with an amount outside of price boxes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Priced {
    /// With or without tax.
    pub(super) side: Side,
    /// The value of `data-price-amount`.
    pub(super) amount_slot: Span,
    /// Its text, or the text of the one price in it.
    pub(super) text: Span,
    /// Where it begins.
    pub(super) place: u32,
}

/// Every notice of a page by what it is for.
#[derive(Debug, Default)]
pub(super) struct Notices {
    by_choice: BTreeMap<Choice, Notice>,
    /// Where the elements begin that belong to a notice.
    places: Vec<u32>,
    /// Whether it cannot be told what can be chosen in some field.
    has_unknown: bool,
}

/// Fields whose choices may cost something.
const KINDS: [&str; 3] = ["options", "bundle_option", "links"];

impl Notices {
    /// Reads the notices among the elements with amounts that may be one: those in a product's form and outside of its price boxes.
    pub(super) fn read(page: &str, notes: &Notes, may_be: impl Fn(u32) -> bool) -> Self {
        let mut notices = Self::default();
        let fields = Fields::read(page, notes);
        if fields.all.is_empty() {
            return notices;
        }
        for noted in &notes.priced {
            let Some(priced) = Priced::read(page, notes, noted).filter(|it| may_be(it.place)) else { continue };
            if let Some(choice) = fields.of_place(priced.place) {
                notices.places.push(priced.place);
                notices.by_choice.entry(choice.clone()).or_default().priced.push(priced);
            }
        }
        for (choice, field) in fields.all.iter().map(|field| (&field.choice, field.noted)) {
            let notice = notices.by_choice.entry(choice.clone()).or_default();
            notice.attributes.extend(field.attributes.price);
        }
        let is_open = |field: &Field<'_>| {
            is(field.noted.tag.of(page), "select") && notes.extent(field.noted.extent).inner().is_none()
        };
        notices.has_unknown = fields.all.iter().any(is_open);
        for (choice, option) in fields.options(page, notes) {
            let notice = notices.by_choice.entry(choice).or_default();
            notice.attributes.extend(option.attributes.price);
            let text = notes.extent(option.extent).inner();
            notices.has_unknown |= text.is_none();
            notice.texts.extend(text);
        }
        notices
    }

    /// What stands beside a choice. A field that is filled in has one value at most, whatever it is.
    pub(super) fn of<'a>(&'a self, choice: &'a Choice) -> impl Iterator<Item = &'a Notice> + 'a {
        self.by_choice.iter().filter(|(other, _)| choice.includes(other)).map(|(_, notice)| notice)
    }

    /// Whether there is a price beside a choice that is none of these.
    pub(super) fn has_others(&self, choices: &[Choice]) -> bool {
        let others = self.by_choice.iter().filter(|(other, _)| !choices.iter().any(|choice| choice.includes(other)));
        self.has_unknown
            || others.into_iter().any(|(other, notice)| {
                let chosen = other.kind == "bundle_option" && other.value.is_some() && !notice.texts.is_empty();
                chosen || !notice.priced.is_empty() || !notice.attributes.is_empty()
            })
    }

    /// Whether an element that begins here belongs to a notice.
    pub(super) fn holds(&self, place: u32) -> bool {
        self.places.contains(&place)
    }
}

impl Priced {
    /// Reads an element with an amount and a text.
    pub(super) fn read(page: &str, notes: &Notes, noted: &Noted) -> Option<Self> {
        let extent = notes.extent(noted.extent);
        let inner = extent.inner()?;
        let within = notes.prices.iter().filter(|price| {
            let open = notes.extent(price.extent).open;
            inner.start <= open.start && open.end <= inner.end
        });
        let text = match within.collect::<Vec<_>>()[..] {
            [] => inner,
            [price] => {
                let extent = notes.extent(price.extent);
                let whole = extent.whole()?;
                let around = [Span { end: whole.start, ..inner }, Span { start: whole.end, ..inner }];
                around.iter().all(|gap| is_blank(gap.of(page))).then(|| extent.inner())??
            }
            _ => return None,
        };
        let class = noted.attributes.class.map(|class| class.of(page)).unwrap_or_default();
        let kind = noted.attributes.price_type.map(|kind| decode(kind.of(page))).unwrap_or_default();
        let is_base = kind.starts_with("base") || has_class(class, "price-excluding-tax");
        let side = if is_base { Side::Base } else { Side::Final };
        Some(Self { side, amount_slot: noted.attributes.price_amount?, text, place: extent.open.start })
    }

    /// Its amount, with the text that it is proven by.
    pub(super) fn learn(&self, page: &str) -> Option<(Decimal, PriceText)> {
        let amount = parse_amount(&decode(self.amount_slot.of(page)))?;
        Some((amount, PriceText::learn_in(page, &Layer::of(page, self.text).html(), amount)?))
    }
}

/// What stands before, between and after the prices in the text of an `option`.
const BETWEEN_PRICES: [char; 5] = ['+', '(', ')', ':', '\n'];

/// How many prices follow the last plus of a text such as `Gloss +€2.48 (Excl. tax: €2.08)`.
pub(super) fn prices_in(page: &str, text: Span) -> usize {
    let said = decode(text.of(page));
    let prices = said.rsplit_once('+').map(|(_, prices)| prices).unwrap_or_default();
    prices.split(BETWEEN_PRICES).filter(|piece| piece.contains(char::is_numeric)).count()
}

/// Finds the price in a text such as `Gloss +$2.25` or `Gloss +€2.48 (Excl. tax: €2.08)`.
pub(super) fn price_in(page: &str, text: Span, amount: Decimal) -> Option<PriceText> {
    let layer = Layer::of(page, text);
    let decoded = layer.html();
    let said = decoded.text();
    let mut at = 0;
    for piece in said.split_inclusive(BETWEEN_PRICES) {
        let end = at + piece.len();
        let piece = at..end - usize::from(piece.ends_with(BETWEEN_PRICES));
        if let Some(found) = PriceText::learn_in(page, &decoded.part(piece), amount) {
            return Some(found);
        }
        at = end;
    }
    None
}

struct Field<'a> {
    choice: Choice,
    noted: &'a Noted,
    place: u32,
}

/// The fields of choices, in page order.
struct Fields<'a> {
    all: Vec<Field<'a>>,
    /// Labels, by where they begin and end, with the field that they are for.
    labels: Vec<(Span, usize)>,
}

impl<'a> Fields<'a> {
    fn read(page: &str, notes: &'a Notes) -> Self {
        let mut all = Vec::new();
        let mut by_id = BTreeMap::new();
        for noted in &notes.fields {
            let name = noted.attributes.name.map(|name| decode(name.of(page))).unwrap_or_default();
            let value = noted.attributes.value.map(|value| decode(value.of(page)).into_owned());
            let Some(choice) = choice(&name, value.filter(|value| !value.is_empty())) else { continue };
            if let Some(id) = noted.attributes.id {
                by_id.insert(decode(id.of(page)).into_owned(), all.len());
            }
            all.push(Field { choice, noted, place: notes.extent(noted.extent).open.start });
        }
        let label = |noted: &Noted| {
            let field = by_id.get(&*decode(noted.attributes.of?.of(page)))?;
            Some((notes.extent(noted.extent).whole()?, *field))
        };
        let labels = notes.labels.iter().filter_map(label).collect();
        Self { all, labels }
    }

    /// The choice of an element that begins here: that of the label around it, else of the field that follows.
    fn of_place(&self, place: u32) -> Option<&Choice> {
        let labelled = self.labels.iter().find(|(label, _)| label.start <= place && place < label.end);
        let field = match labelled {
            Some((_, field)) => *field,
            None => self.all.iter().position(|field| field.place > place)?,
        };
        self.all.get(field).map(|field| &field.choice)
    }

    /// What can be chosen in the `select`s among the fields.
    fn options<'b>(&'b self, page: &'b str, notes: &'b Notes) -> impl Iterator<Item = (Choice, &'b Noted)> + 'b {
        self.all.iter().flat_map(move |field| {
            let inner = notes.extent(field.noted.extent).inner();
            let within = notes.choices.iter().filter(move |option| {
                let open = notes.extent(option.extent).open;
                inner.is_some_and(|inner| inner.holds(open))
            });
            within.filter_map(move |option| {
                let value = decode(option.attributes.value?.of(page)).into_owned();
                let choice = Choice { value: Some(value), ..field.choice.clone() };
                Some((choice, option)).filter(|(choice, _)| choice.value.as_deref() != Some(""))
            })
        })
    }
}

/// The choice of a field such as `options[2]` or `links[]`, or of `options_2_file`, which a file goes into.
fn choice(name: &str, value: Option<String>) -> Option<Choice> {
    if let Some(option) = name.strip_prefix("options_").and_then(|rest| rest.strip_suffix("_file")) {
        return Some(Choice { kind: "options", option: option.to_owned(), value: None });
    }
    let (kind, rest) = KINDS.iter().find_map(|known| Some((*known, name.strip_prefix(known)?)))?;
    if rest.starts_with(|ch: char| ch == '_' || ch.is_alphanumeric()) {
        return None;
    }
    // A name that is broken is that of no choice that a script knows.
    let option = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(rest, |(option, _)| option);
    match kind {
        "links" => Some(Choice { kind, option: value?, value: None }),
        _ => Some(Choice { kind, option: option.to_owned(), value }),
    }
}
