//! Which products of a page can be changed in every place, and why the others cannot.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::boxes::{PriceBox, states, understand};
use super::reason::Reason;
use super::scan::{Extent, Noted, Notes, Region, is};
use super::text::{Span, decode};
use crate::page::{PageKind, ProductId};
use crate::rewrite::json::{Driver, InitScript, PrintedPrices, leading_id, links_are_free};
use crate::rewrite::plan::scripts::Scripts;
use crate::rewrite::price::PriceText;

mod words;

/// A product whose every price on the page can be changed.
#[derive(Clone, Debug)]
pub(crate) struct ProductPlan {
    pub(crate) id: ProductId,
    pub(crate) sku: Option<String>,
    /// Its final price.
    pub(crate) amount: Decimal,
    /// Its price boxes, in page order; at least one.
    pub(crate) boxes: Vec<PriceBox>,
    /// `content` of metas in the head that state its price.
    pub(crate) metas: Vec<Span>,
    /// Numbers in scripts that print its price.
    pub(crate) scripts: Vec<Span>,
}

/// Metas that state the price of the product that a page is about.
const PRICE_METAS: [&str; 3] = ["product:price:amount", "og:price:amount", "product:sale_price:amount"];

/// Types of products that are priced as simple ones, as the body's classes say.
const SIMPLE_TYPES: [&str; 3] = ["simple", "virtual", "downloadable"];

/// Names of form fields that choose something with a price of its own.
const OPTION_FIELDS: [&str; 6] =
    ["options[", "options_", "super_attribute[", "bundle_option", "super_group[", "giftcard_"];

/// The id of the list of a downloadable product's links.
const LINKS: &str = "downloadable-links-list";

/// Currencies that are shown without decimals.
const WHOLE_CURRENCIES: [&str; 16] =
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];

/// A price box with the product it belongs to.
struct Found {
    id: ProductId,
    open: Span,
    /// The whole box, as far as its end is known.
    extent: Extent,
    row: Option<u32>,
    understood: Result<PriceBox, Reason>,
}

/// Collects what is known of products while the page is judged.
pub(crate) struct Judge<'a> {
    page: &'a str,
    notes: &'a Notes,
    kind: PageKind,
    found: Vec<Found>,
    main: Option<ProductId>,
    left: BTreeMap<ProductId, Reason>,
}

impl<'a> Judge<'a> {
    /// Understands every price box of the page.
    pub(crate) fn new(page: &'a str, notes: &'a Notes, kind: PageKind) -> Self {
        let mut judge = Self { page, notes, kind, found: Vec::new(), main: None, left: BTreeMap::new() };
        judge.find_boxes();
        judge.find_main();
        judge
    }

    /// The boxes that were understood.
    pub(crate) fn boxes(&self) -> impl Iterator<Item = &PriceBox> {
        self.found.iter().filter_map(|found| found.understood.as_ref().ok())
    }

    /// Every product that can be changed, and every other with the reason.
    pub(crate) fn decide(
        mut self,
        scripts: &Scripts,
        currency: Option<&str>,
    ) -> (Vec<ProductPlan>, BTreeMap<ProductId, Reason>) {
        self.leave_by_boxes();
        self.leave_by_scripts(scripts);
        self.leave_by_widgets();
        self.leave_by_printed_prices(scripts);
        self.leave_by_options();
        self.leave_by_links();
        self.leave_by_loose_prices();
        self.leave_by_nameless_boxes();
        self.leave_by_words();
        self.leave_by_microdata();
        if self.kind == PageKind::Product {
            self.leave_main(scripts);
        } else if scripts.structured_price {
            self.leave_all(Reason::StructuredData);
        }
        self.leave_by_precision(scripts, currency);
        let left = std::mem::take(&mut self.left);
        (self.plans(&left, scripts), left)
    }

    /// The products that are not left alone.
    fn plans(self, left: &BTreeMap<ProductId, Reason>, scripts: &Scripts) -> Vec<ProductPlan> {
        let metas = self.price_metas();
        let mut skus = self.skus();
        let mut plans: BTreeMap<ProductId, ProductPlan> = BTreeMap::new();
        for found in self.found.into_iter().filter(|found| !left.contains_key(&found.id)) {
            let Ok(understood) = found.understood else {
                continue;
            };
            let id = found.id;
            let plan = plans.entry(id).or_insert_with(|| ProductPlan {
                id,
                sku: skus.remove(&id),
                amount: understood.price.amount,
                boxes: Vec::new(),
                metas: if self.main == Some(id) { metas.clone() } else { Vec::new() },
                scripts: scripts.slots(id).collect(),
            });
            plan.boxes.push(understood);
        }
        plans.into_values().collect()
    }

    fn leave(&mut self, id: ProductId, reason: Reason) {
        self.left.entry(id).or_insert(reason);
    }

    fn leave_all(&mut self, reason: Reason) {
        for id in self.ids() {
            self.leave(id, reason);
        }
    }

    fn ids(&self) -> BTreeSet<ProductId> {
        self.found.iter().map(|found| found.id).collect()
    }

    fn find_boxes(&mut self) {
        for note in &self.notes.boxes {
            let extent = self.notes.extent(note.element.extent);
            let open = extent.open;
            if self.inside(Region::Template, open).is_some() {
                continue;
            }
            let attributes = &note.element.attributes;
            let by_id = attributes.product_id.and_then(|id| whole_id(&decode(id.of(self.page))));
            let by_box = attributes.price_box.map(|name| decode(name.of(self.page)));
            let by_box = by_box.map(|name| name.strip_prefix("product-id-").and_then(whole_id));
            let understood = match (by_id, by_box) {
                (Some(id), None) => (id, understand(self.page, self.notes, note)),
                (Some(id), Some(other)) if other == Some(id) => (id, understand(self.page, self.notes, note)),
                (Some(id), Some(other)) => {
                    self.left.extend(other.map(|other| (other, Reason::Contradiction)));
                    (id, Err(Reason::Contradiction))
                }
                (None, Some(Some(id))) => (id, Err(Reason::Contradiction)),
                (None, _) => continue,
            };
            let row = self.inside(Region::Row, open);
            self.found.push(Found { id: understood.0, open, extent, row, understood: understood.1 });
        }
    }

    /// The innermost region of a kind around a place, by the offset where it begins.
    fn inside(&self, kind: Region, place: Span) -> Option<u32> {
        self.notes.regions(kind).filter(|extent| extent.covers(place.start)).map(|extent| extent.open.start).max()
    }

    /// Finds the product that a product page is about.
    fn find_main(&mut self) {
        if self.kind != PageKind::Product {
            return;
        }
        let by_form = self.main_form().and_then(|form| self.form_product(form));
        let mut offers = self.found.iter().filter(|found| found.understood.as_ref().is_ok_and(|known| known.is_offer));
        let by_offer = offers.next().map(|found| found.id);
        let by_place = self
            .found
            .iter()
            .find(|found| found.row.is_none() && self.inside(Region::ProductInfo, found.open).is_some());
        let by_place = by_place.map(|found| found.id);
        self.main = by_form.or(by_offer).or(by_place);
        for other in [by_offer, by_place].into_iter().flatten() {
            if self.main.is_some_and(|main| main != other) {
                self.left.extend([(other, Reason::Contradiction)]);
                self.left.extend(self.main.map(|main| (main, Reason::Contradiction)));
            }
        }
    }

    fn main_form(&self) -> Option<&'a Noted> {
        let is_main = |form: &&Noted| form.attributes.id.is_some_and(|id| id.of(self.page) == "product_addtocart_form");
        self.notes.forms.iter().find(is_main)
    }

    fn fields_in(&self, form: &Noted) -> impl Iterator<Item = (&'a str, &'a Noted)> + use<'_, 'a> {
        let extent = self.notes.extent(form.extent);
        let end = extent.ended.unwrap_or(u32::MAX);
        let first =
            self.notes.fields.partition_point(|field| self.notes.extent(field.extent).open.start < extent.open.end);
        let fields =
            self.notes.fields[first..].iter().take_while(move |field| self.notes.extent(field.extent).open.start < end);
        fields.filter_map(|field| Some((field.attributes.name?.of(self.page), field)))
    }

    fn form_product(&self, form: &Noted) -> Option<ProductId> {
        let (_, field) = self.fields_in(form).find(|(name, _)| *name == "product")?;
        whole_id(&decode(field.attributes.value?.of(self.page)))
    }

    fn leave_by_boxes(&mut self) {
        let touched = |found: &Found| match self.kind {
            PageKind::Home | PageKind::Category | PageKind::Search | PageKind::Product | PageKind::Cms => true,
            PageKind::Cart => self.inside(Region::Crosssell, found.open).is_some(),
            _ => false,
        };
        let mut first: BTreeMap<ProductId, (Decimal, Option<Decimal>)> = BTreeMap::new();
        let mut reasons = Vec::new();
        for found in &self.found {
            let reason = match &found.understood {
                _ if !touched(found) => Some(Reason::PageKind),
                _ if self.inside(Region::GroupedTable, found.open).is_some() => Some(Reason::Grouped),
                Err(reason) => Some(*reason),
                Ok(known) => {
                    let prices = (known.price.amount, known.regular.as_ref().map(|regular| regular.amount));
                    (*first.entry(found.id).or_insert(prices) != prices).then_some(Reason::Contradiction)
                }
            };
            reasons.extend(reason.map(|reason| (found.id, reason)));
        }
        for (id, reason) in reasons {
            self.leave(id, reason);
        }
    }

    fn leave_by_scripts(&mut self, scripts: &Scripts) {
        for InitScript { driver, products, .. } in &scripts.init {
            let reason = match driver {
                None => continue,
                Some(Driver::Prices | Driver::Unreadable) => Reason::ScriptPrices,
                Some(Driver::Tiers) => Reason::TierPrices,
                Some(Driver::Choices) => Reason::Options,
            };
            match (&products[..], self.main) {
                ([], Some(main)) if *driver == Some(Driver::Choices) => self.leave(main, reason),
                ([], _) => self.leave_all(reason),
                (named, _) => named.iter().for_each(|id| self.leave(*id, reason)),
            }
        }
    }

    /// Prices that an element's own configuration has a script print are not read: they go into the box or row that the element stands in.
    fn leave_by_widgets(&mut self) {
        for widget in &self.notes.price_widgets {
            let open = self.notes.extent(widget.extent).open;
            if self.inside(Region::Template, open).is_some() {
                continue;
            }
            let around = self.found.iter().filter(|found| found.extent.covers(open.start));
            if let Some(id) = around.max_by_key(|found| found.open.start).map(|found| found.id) {
                self.leave(id, Reason::ScriptPrices);
            } else if !self.leave_row(open, Reason::ScriptPrices) {
                match self.main {
                    Some(main) => self.leave(main, Reason::ScriptPrices),
                    None => self.leave_all(Reason::ScriptPrices),
                }
            }
        }
    }

    /// Prices that scripts print must be those of the boxes that they print them into.
    fn leave_by_printed_prices(&mut self, scripts: &Scripts) {
        for printed in &scripts.printed {
            let agreed = self.boxes_of(printed.product).all(|known| agrees(printed, known));
            if !agreed {
                self.leave(printed.product, Reason::Contradiction);
            }
        }
    }

    fn boxes_of(&self, id: ProductId) -> impl Iterator<Item = &PriceBox> {
        self.found.iter().filter(move |found| found.id == id).filter_map(|found| found.understood.as_ref().ok())
    }

    /// Links of a downloadable product that are sold separately add their prices to its own, unless they cost nothing.
    fn leave_by_links(&mut self) {
        let Some(main) = self.main else {
            return;
        };
        let is_list = |noted: &&Noted| noted.attributes.id.is_some_and(|id| id.of(self.page) == LINKS);
        let lists: Vec<_> = self.notes.anchors.iter().filter(is_list).collect();
        let named = self.notes.fields.iter().filter_map(|field| field.attributes.name);
        let mut named = named.map(|name| decode(name.of(self.page)));
        let sold = named.any(|name| name.starts_with("links[")) || lists.iter().any(|list| self.sells_links(list));
        let free = |list: &&Noted| {
            let config = list.attributes.mage_init();
            config.is_some_and(|config| links_are_free(&decode(config.of(self.page))))
        };
        if sold && (lists.is_empty() || !lists.iter().all(free)) {
            self.leave(main, Reason::Options);
        }
    }

    /// Whether a list of links has one that can be ticked, or a price beside one.
    fn sells_links(&self, list: &Noted) -> bool {
        let inner = self.notes.extent(list.extent).inner().map(|inner| inner.of(self.page).to_ascii_lowercase());
        inner.is_none_or(|inner| {
            ["<input", "<select", "price-notice", "data-price-"].iter().any(|mark| inner.contains(mark))
        })
    }

    /// Products whose button leads to a page where options are chosen, and those with swatches.
    fn leave_by_options(&mut self) {
        for chooser in &self.notes.choosers {
            let open = self.notes.extent(chooser.extent).open;
            self.leave_row(open, Reason::Options);
            let form = Some(*chooser).filter(|chooser| is(chooser.tag.of(self.page), "form"));
            if let Some(id) = form.and_then(|form| self.form_product(&form)) {
                self.leave(id, Reason::Options);
            }
        }
        for swatch in &self.notes.swatches {
            let role = swatch.attributes.role.map(|role| role.of(self.page)).unwrap_or_default();
            if let Some(id) = role.rsplit('-').next().and_then(whole_id) {
                self.leave(id, Reason::Configurable);
            }
        }
    }

    /// Leaves the products of the row around a place; says whether there is such a row.
    fn leave_row(&mut self, place: Span, reason: Reason) -> bool {
        let Some(row) = self.inside(Region::Row, place) else {
            return false;
        };
        let ids: Vec<_> = self.found.iter().filter(|found| found.row == Some(row)).map(|found| found.id).collect();
        ids.into_iter().for_each(|id| self.leave(id, reason));
        true
    }

    /// Products with a price that stands outside of their boxes.
    fn leave_by_loose_prices(&mut self) {
        for noted in &self.notes.loose_boxes {
            let id = noted.attributes.product_id.and_then(|id| whole_id(&decode(id.of(self.page))));
            let open = self.notes.extent(noted.extent).open;
            if let Some(id) = id.filter(|_| !self.in_box(open)) {
                self.leave(id, Reason::UnknownMarkup);
            }
        }
        for noted in self.notes.priced.iter().chain(&self.notes.prices) {
            let open = self.notes.extent(noted.extent).open;
            if self.in_box(open) || self.holds_box(noted) || self.inside(Region::Template, open).is_some() {
                continue;
            }
            let named =
                noted.attributes.price_amount.and(noted.attributes.id).and_then(|id| product_of_id(id.of(self.page)));
            if let Some(id) = named.filter(|id| self.found.iter().any(|found| found.id == *id)) {
                self.leave(id, Reason::LoosePrice);
            } else if !self.leave_row(open, Reason::LoosePrice) {
                self.leave_main_by_loose_price(noted, open);
            }
        }
    }

    /// A price box that names no product is a copy of one that does: of the row's, or of the main product's.
    fn leave_by_nameless_boxes(&mut self) {
        let named = |noted: &&Noted| noted.attributes.product_id.is_some() || noted.attributes.price_box.is_some();
        let boxes = self.notes.boxes.iter().filter(|note| !note.nested).map(|note| &note.element);
        let loose = self.notes.loose_boxes.iter().filter(|noted| !self.holds_box(noted));
        let nameless = boxes.chain(loose).filter(|noted| !named(noted));
        let places: Vec<_> = nameless.map(|noted| self.notes.extent(noted.extent).open).collect();
        for place in places {
            let known = self.found.iter().any(|found| found.extent.covers(place.start));
            if known || self.inside(Region::Template, place).is_some() || self.leave_row(place, Reason::LoosePrice) {
                continue;
            }
            if let Some(main) = self.main {
                self.leave(main, Reason::LoosePrice);
            }
        }
    }

    /// Outside of rows, a price is the main product's where the page describes that product, or where it is the same price.
    fn leave_main_by_loose_price(&mut self, noted: &Noted, open: Span) {
        let Some(main) = self.main else {
            return;
        };
        let text = self.notes.extent(noted.extent).inner().map(|inner| inner.of(self.page)).unwrap_or_default();
        let same = self.found.iter().filter(|found| found.id == main).any(|found| {
            let amount = found.understood.as_ref().map(|known| known.price.amount);
            amount.is_ok_and(|amount| PriceText::learn(text, amount).is_some())
        });
        if self.inside(Region::TierList, open).is_some() {
            self.leave(main, Reason::TierPrices);
        } else if same || noted.attributes.price_amount.is_some() || self.inside(Region::ProductInfo, open).is_some() {
            self.leave(main, Reason::LoosePrice);
        }
    }

    fn in_box(&self, place: Span) -> bool {
        let wholes = self.notes.boxes.iter().filter_map(|note| self.notes.extent(note.element.extent).whole());
        wholes.into_iter().any(|whole| whole.start <= place.start && place.start < whole.end)
    }

    /// Whether an element is a mere frame around a price box.
    fn holds_box(&self, noted: &Noted) -> bool {
        let inner = self.notes.extent(noted.extent).inner().filter(|_| noted.attributes.price_amount.is_none());
        inner.is_some_and(|inner| {
            self.notes.boxes.iter().any(|note| inner.holds(self.notes.extent(note.element.extent).open))
        })
    }

    /// What a product page says of its product elsewhere.
    fn leave_main(&mut self, scripts: &Scripts) {
        let Some(main) = self.main else {
            // Without a known product, what the page states could be about any of them.
            if scripts.structured_price || self.stated_metas().next().is_some() {
                self.leave_all(Reason::Contradiction);
            }
            return;
        };
        let class = self.notes.body_class.map(|class| decode(class.of(self.page))).unwrap_or_default();
        let types = class.split_ascii_whitespace().filter_map(|class| class.strip_prefix("page-product-"));
        for kind in types.filter(|kind| !SIMPLE_TYPES.contains(kind)) {
            self.leave(main, reason_for_product_type(kind));
        }
        if self.main_form().is_some_and(|form| self.fields_in(form).any(|(name, _)| chooses(name))) {
            self.leave(main, Reason::Options);
        }
        let stated = self.loose_microdata().any(|place| self.inside(Region::Row, place).is_none());
        if scripts.structured_price || stated {
            self.leave(main, Reason::StructuredData);
        }
        if self.notes.regions(Region::TierList).any(|list| self.inside(Region::Row, list.open).is_none()) {
            self.leave(main, Reason::TierPrices);
        }
        self.leave_by_metas(main);
    }

    /// Metas must agree with the main product's price, and none may hold it in words.
    fn leave_by_metas(&mut self, main: ProductId) {
        let amount =
            self.found.iter().filter(|found| found.id == main).find_map(|found| found.understood.as_ref().ok());
        let amount = amount.map(|known| known.price.amount);
        let agrees = |content: &Option<Span>| {
            content.zip(amount).is_some_and(|(content, amount)| states(content.of(self.page), amount))
        };
        if !self.stated_metas().all(|content| agrees(&content)) {
            self.leave(main, Reason::Contradiction);
        }
        let key = |noted: &Noted| noted.attributes.property.or(noted.attributes.name).map(|key| key.of(self.page));
        let worded =
            self.notes.metas.iter().filter(|noted| key(noted).is_some_and(|key| key.starts_with("twitter:data")));
        let mut worded = worded.filter_map(|noted| noted.attributes.content.zip(amount));
        if worded.any(|(content, amount)| PriceText::learn(content.of(self.page), amount).is_some()) {
            self.leave(main, Reason::LoosePrice);
        }
    }

    /// `content` of every meta that states the main product's price.
    fn stated_metas(&self) -> impl Iterator<Item = Option<Span>> + '_ {
        let states_price = |noted: &&Noted| {
            let key = noted.attributes.property.or(noted.attributes.name).map(|key| decode(key.of(self.page)));
            key.is_some_and(|key| PRICE_METAS.contains(&&*key))
        };
        self.notes.metas.iter().filter(states_price).map(|noted| noted.attributes.content)
    }

    fn price_metas(&self) -> Vec<Span> {
        self.stated_metas().flatten().collect()
    }

    /// Where microdata states a price outside of price boxes.
    fn loose_microdata(&self) -> impl Iterator<Item = Span> + use<'_, 'a> {
        let states_price = |noted: &&Noted| {
            let prop = noted.attributes.itemprop.map(|prop| decode(prop.of(self.page))).unwrap_or_default();
            let mut props = prop.split_ascii_whitespace();
            props.any(|prop| ["price", "lowPrice", "highPrice"].contains(&prop))
        };
        let places = self.notes.items.iter().filter(states_price).map(|noted| self.notes.extent(noted.extent).open);
        places.filter(|open| !self.in_box(*open))
    }

    /// Microdata in a row is about the row's product.
    fn leave_by_microdata(&mut self) {
        let places: Vec<_> = self.loose_microdata().collect();
        for place in places {
            self.leave_row(place, Reason::StructuredData);
        }
    }

    /// Leaves products whose text has fewer than two decimals, unless the page is known to round to that.
    fn leave_by_precision(&mut self, scripts: &Scripts, currency: Option<&str>) {
        let whole = currency.is_some_and(|code| WHOLE_CURRENCIES.contains(&code));
        let shown = || self.boxes().flat_map(|known| [Some(&known.price), known.regular.as_ref()]).flatten();
        let rounding: BTreeSet<u32> =
            shown().filter(|price| price.format.rounded).map(|price| price.format.decimals).collect();
        let precision = scripts.format().map(|format| format.precision);
        let known = |decimals: u32| {
            decimals >= 2 || rounding.contains(&decimals) || precision == Some(decimals) || (whole && decimals == 0)
        };
        let unsure = |found: &&Found| found.understood.as_ref().is_ok_and(|shown| !known(shown.price.format.decimals));
        let unsure: Vec<_> = self.found.iter().filter(unsure).map(|found| found.id).collect();
        unsure.into_iter().for_each(|id| self.leave(id, Reason::UnknownPrecision));
    }

    /// SKUs by product; none where the page gives two.
    fn skus(&self) -> BTreeMap<ProductId, String> {
        let mut skus: BTreeMap<ProductId, Option<String>> = BTreeMap::new();
        let mut add = |id: ProductId, sku: &str| {
            let known = skus.entry(id).or_insert_with(|| Some(sku.to_owned()));
            if known.as_deref() != Some(sku) {
                *known = None;
            }
        };
        for form in &self.notes.forms {
            let sku = form.attributes.product_sku.map(|sku| decode(sku.of(self.page)));
            if let Some((id, sku)) = self.form_product(form).zip(sku.filter(|sku| !sku.is_empty())) {
                add(id, &sku);
            }
        }
        let stated = self
            .notes
            .items
            .iter()
            .filter(|noted| noted.attributes.itemprop.is_some_and(|prop| prop.of(self.page) == "sku"));
        for (noted, main) in stated.zip(self.main).filter(|_| self.kind == PageKind::Product) {
            let inner =
                self.notes.extent(noted.extent).inner().map(|inner| decode(inner.of(self.page))).unwrap_or_default();
            if !inner.trim().is_empty() && !inner.contains('<') {
                add(main, inner.trim());
            }
        }
        skus.into_iter().filter_map(|(id, sku)| Some((id, sku?))).collect()
    }
}

/// The id, if the whole text is one.
fn whole_id(text: &str) -> Option<ProductId> {
    let text = text.trim();
    leading_id(text).filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The product in an id such as `product-price-12-widget`.
fn product_of_id(id: &str) -> Option<ProductId> {
    id.split_once("price-").and_then(|(_, rest)| leading_id(rest.trim_start_matches("product-price-")))
}

/// Whether a script prints into a box what stands there.
fn agrees(printed: &PrintedPrices, known: &PriceBox) -> bool {
    let regular = known.regular.as_ref().map_or(known.price.amount, |regular| regular.amount);
    printed.final_price == known.price.amount && printed.old_price.is_none_or(|old| old == regular)
}

fn chooses(field: &str) -> bool {
    OPTION_FIELDS.iter().any(|prefix| field.starts_with(prefix))
}

fn reason_for_product_type(kind: &str) -> Reason {
    match kind {
        "configurable" => Reason::Configurable,
        "bundle" => Reason::Bundle,
        "grouped" => Reason::Grouped,
        _ => Reason::Options,
    }
}
