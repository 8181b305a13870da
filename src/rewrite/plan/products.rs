//! Which products of a page can be changed in every place, and why the others cannot.

use std::collections::{BTreeMap, BTreeSet};

use super::boxes::{Copied, PriceBox, understand};
use super::build::{ProductPlan, Sources, build};
use super::extras::Notices;
use super::layer::Layer;
use super::reason::Reason;
use super::scan::{BoxNote, Extent, LINKS, Noted, Notes, Region};
use super::scripts::{Scripts, named_products};
use super::text::{Span, decode};
use crate::page::{PageKind, ProductFacts, ProductId};
use crate::rewrite::json::options::{self, Extra};
use crate::rewrite::json::structured::Stated;
use crate::rewrite::json::{leading_id, whole_id};
use crate::rewrite::price::PriceText;

mod listed;
mod words;

/// Metas that state the price of the product that a page is about.
const PRICE_METAS: [&str; 3] = ["product:price:amount", "og:price:amount", "product:sale_price:amount"];

/// Types of products that are understood, as the body's classes say.
const KNOWN_TYPES: [&str; 6] = ["simple", "virtual", "downloadable", "configurable", "bundle", "grouped"];

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

/// A product's attribute as the page shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute {
    pub(crate) product: ProductId,
    /// The classes of its element, among them its code.
    pub(crate) class: Span,
    /// Its value.
    pub(crate) text: Span,
}

/// Collects what is known of products while the page is judged.
pub(crate) struct Judge<'a> {
    page: &'a str,
    notes: &'a Notes,
    kind: PageKind,
    /// From the start to the end of price boxes, none within another.
    boxed: Vec<Span>,
    found: Vec<Found>,
    main: Option<ProductId>,
    left: BTreeMap<ProductId, Reason>,
}

impl<'a> Judge<'a> {
    /// Understands every price box of the page.
    pub(crate) fn new(page: &'a str, notes: &'a Notes, kind: PageKind) -> Self {
        let boxed = boxed(notes);
        let mut judge = Self { page, notes, kind, boxed, found: Vec::new(), main: None, left: BTreeMap::new() };
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
    ) -> (Vec<(ProductFacts, ProductPlan)>, BTreeMap<ProductId, Reason>) {
        let (notices, skus) = (self.notices(), self.skus());
        self.leave_by_boxes();
        self.leave_by_scripts(scripts);
        self.leave_by_widgets();
        self.leave_by_choices(scripts);
        self.leave_by_loose_prices(&notices);
        self.leave_by_nameless_boxes();
        self.leave_by_words();
        self.leave_by_microdata();
        if self.kind == PageKind::Product {
            self.leave_main(scripts);
        }
        self.leave_by_structured_data(scripts, &skus);
        self.leave_by_precision(scripts, currency);
        let plans = self.plans(scripts, &notices, &skus);
        (plans, self.left)
    }

    /// The products that are not left alone. Whatever does not fit together leaves its product.
    fn plans(
        &mut self,
        scripts: &Scripts,
        notices: &Notices,
        skus: &BTreeMap<ProductId, String>,
    ) -> Vec<(ProductFacts, ProductPlan)> {
        let links = self.links();
        let mut built = Vec::new();
        for id in self.ids().into_iter().filter(|id| !self.left.contains_key(id)) {
            built.push((id, build(&self.sources(id, scripts, notices, skus, &links))));
        }
        let mut plans = Vec::with_capacity(built.len());
        for (id, built) in built {
            match built {
                Ok(plan) => plans.push(plan),
                Err(reason) => self.leave(id, reason),
            }
        }
        plans
    }

    fn sources<'b>(
        &'b self,
        id: ProductId,
        scripts: &'b Scripts,
        notices: &'b Notices,
        skus: &'b BTreeMap<ProductId, String>,
        links: &'b [Extra],
    ) -> Sources<'b> {
        let is_main = self.main == Some(id);
        let of_main = |named: Option<ProductId>| named == Some(id) || (named.is_none() && is_main);
        let options = scripts.widgets().flat_map(|data| &data.options).filter(|options| of_main(options.product));
        let options = options.flat_map(|options| &options.extras).map(|extra| ("options", extra));
        Sources {
            page: self.page,
            id,
            sku: skus.get(&id).cloned(),
            boxes: self.boxes_of(id).collect(),
            choices: scripts.widgets().flat_map(|data| &data.choices).filter(|it| of_main(it.product)).collect(),
            bundle: scripts.widgets().flat_map(|data| &data.bundles).find(|it| of_main(it.product)),
            configs: scripts.widgets().flat_map(|data| &data.price_boxes).filter(|it| it.product == Some(id)).collect(),
            extras: options.chain(links.iter().filter(|_| is_main).map(|link| ("links", link))).collect(),
            sells_links: is_main && self.sells_links(),
            notices: is_main.then_some(notices),
            tiers: if is_main { self.tiers() } else { Some(Vec::new()) },
            hidden_tiers: if is_main { self.hidden_tiers() } else { Vec::new() },
            metas: if is_main { self.stated_metas().flatten().collect() } else { Vec::new() },
            infos: scripts.widgets().flat_map(|data| &data.infos).filter(|it| it.product == id).collect(),
            stated: scripts.stated().filter(|stated| self.is_stated_of(stated, skus) == Some(id)).collect(),
        }
    }

    /// The product that structured data is about: by SKU, else the one that the page is about.
    fn is_stated_of(&self, stated: &Stated, skus: &BTreeMap<ProductId, String>) -> Option<ProductId> {
        let named = stated.skus.iter().find_map(|sku| skus.iter().find(|(_, known)| *known == sku));
        named.map(|(id, _)| *id).or(self.main)
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
        self.notes.innermost(kind, place.start)
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
            PageKind::Home
            | PageKind::Category
            | PageKind::Search
            | PageKind::Product
            | PageKind::Cms
            | PageKind::Compare
            | PageKind::Wishlist => true,
            PageKind::Cart => self.inside(Region::Crosssell, found.open).is_some(),
            _ => false,
        };
        let reason = |found: &Found| match &found.understood {
            _ if !touched(found) => Some(Reason::PageKind),
            Err(reason) => Some(*reason),
            Ok(_) => None,
        };
        let reasons: Vec<_> =
            self.found.iter().filter_map(|found| reason(found).map(|reason| (found.id, reason))).collect();
        for (id, reason) in reasons {
            self.leave(id, reason);
        }
    }

    /// Script data that is not understood could print its own prices over those of the products that it names, or of any.
    fn leave_by_scripts(&mut self, scripts: &Scripts) {
        for unknown in &scripts.unknown {
            match &unknown[..] {
                [] => self.leave_all(Reason::ScriptPrices),
                named => named.iter().for_each(|id| self.leave(*id, Reason::ScriptPrices)),
            }
        }
        for id in scripts.widgets().flat_map(|data| &data.unread) {
            self.leave(*id, Reason::ScriptPrices);
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
            let id = around.max_by_key(|found| found.open.start).map(|found| found.id);
            let config = widget.attributes.mage_init.map(|config| decode(config.of(self.page))).unwrap_or_default();
            // Links add to whatever box the page has, and what the browser is to keep is of the page's product.
            let is_of_page = ["downloadable", "provider"].iter().any(|name| config.contains(name));
            let of_main = self.main.filter(|_| is_of_page);
            named_products(&config)
                .into_iter()
                .chain(of_main)
                .for_each(|named| self.leave(named, Reason::ScriptPrices));
            if let Some(id) = id {
                self.leave(id, Reason::ScriptPrices);
            } else if !self.leave_row(open, Reason::ScriptPrices) {
                match self.main {
                    Some(main) => self.leave(main, Reason::ScriptPrices),
                    None => self.leave_all(Reason::ScriptPrices),
                }
            }
        }
    }

    fn boxes_of(&self, id: ProductId) -> impl Iterator<Item = &PriceBox> {
        self.found.iter().filter(move |found| found.id == id).filter_map(|found| found.understood.as_ref().ok())
    }

    /// Products with choices that no script data tells about.
    fn leave_by_choices(&mut self, scripts: &Scripts) {
        for swatch in &self.notes.swatches {
            let role = swatch.attributes.role.map(|role| role.of(self.page)).unwrap_or_default();
            if let Some(id) = role.rsplit('-').next().and_then(whole_id).filter(|id| !scripts.has_choices(*id)) {
                self.leave(id, Reason::Configurable);
            }
        }
        let Some(main) = self.main else { return };
        let is_list = |noted: &&Noted| noted.attributes.id.is_some_and(|id| id.of(self.page) == LINKS);
        let lists: Vec<_> = self.notes.anchors.iter().filter(is_list).collect();
        let unread = lists.len() > 1
            || lists.iter().any(|list| {
                let config = list.attributes.mage_init.map(|config| Layer::of(self.page, config));
                config.is_some_and(|config| options::links(&config.html()).is_none())
            });
        if unread || (self.sells_links() && self.links().is_empty()) {
            self.leave(main, Reason::Options);
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

    /// Products with a price that stands outside of their boxes, and of the places where it is known to stand.
    fn leave_by_loose_prices(&mut self, notices: &Notices) {
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
            if self.is_expected(open, notices) || self.is_of_attribute(noted, open) {
                continue;
            }
            let named =
                noted.attributes.price_amount.and(noted.attributes.id).and_then(|id| product_of_id(id.of(self.page)));
            if let Some(id) = named.filter(|id| self.found.iter().any(|found| found.id == *id)) {
                self.leave(id, Reason::LoosePrice);
            } else if !self.leave_row(open, Reason::LoosePrice) && !self.leave_member(open) {
                self.leave_main_by_loose_price(noted, open);
            }
        }
    }

    /// Leaves the member of a grouped product after whose box a price stands; says whether there is such a table.
    fn leave_member(&mut self, place: Span) -> bool {
        let Some(table) = self.inside(Region::GroupedTable, place) else {
            return false;
        };
        let before = self.found.iter().filter(|found| table < found.open.start && found.open.start < place.start);
        if let Some(id) = before.max_by_key(|found| found.open.start).map(|found| found.id) {
            self.leave(id, Reason::LoosePrice);
        }
        true
    }

    /// Whether a price stands where those of choices and quantities do, which are read there.
    fn is_expected(&self, open: Span, notices: &Notices) -> bool {
        let holder = |noted: &&Noted| {
            let extent = self.notes.extent(noted.extent);
            extent.inner().is_some_and(|inner| inner.holds(open))
        };
        let in_notice =
            || self.notes.priced.iter().filter(holder).any(|it| notices.holds(self.notes.extent(it.extent).open.start));
        let listed = self.in_tier_list(open.start) && self.is_of_main(open) && self.main.is_some();
        listed || notices.holds(open.start) || in_notice()
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
        let same = self.found.iter().filter(|found| found.id == main).any(|found| self.says_price_of(noted, found));
        if self.in_tier_list(open.start) {
            self.leave(main, Reason::TierPrices);
        } else if same || noted.attributes.price_amount.is_some() || self.inside(Region::ProductInfo, open).is_some() {
            self.leave(main, Reason::LoosePrice);
        }
    }

    /// Whether a price is the value of one of a product's attributes, such as its lowest price of late: that is another one and stays,
    /// unless it says what is charged.
    fn is_of_attribute(&self, noted: &Noted, open: Span) -> bool {
        let covers = |list: &[Noted]| list.iter().any(|it| self.notes.extent(it.extent).covers(open.start));
        covers(&self.notes.attributes)
            && covers(&self.notes.attribute_values)
            && !self.found.iter().any(|found| self.says_price_of(noted, found))
    }

    /// Whether an element says what a box shows as the price that is charged.
    fn says_price_of(&self, noted: &Noted, found: &Found) -> bool {
        let text = self.notes.extent(noted.extent).inner().map(|inner| inner.of(self.page)).unwrap_or_default();
        let current = found.understood.iter().flat_map(PriceBox::current);
        current.map(|price| price.amount).any(|amount| PriceText::learn(text, amount).is_some())
    }

    fn in_box(&self, place: Span) -> bool {
        let before = self.boxed.partition_point(|whole| whole.start <= place.start);
        before.checked_sub(1).is_some_and(|at| place.start < self.boxed[at].end)
    }

    /// Whether an element is a mere frame around a price box.
    fn holds_box(&self, noted: &Noted) -> bool {
        let inner = self.notes.extent(noted.extent).inner().filter(|_| noted.attributes.price_amount.is_none());
        inner.is_some_and(|inner| {
            let start = |note: &BoxNote| self.notes.extent(note.element.extent).open;
            let first = self.notes.boxes.partition_point(|note| start(note).start < inner.start);
            self.notes.boxes.get(first).is_some_and(|note| inner.holds(start(note)))
        })
    }

    /// What a product page says of its product elsewhere.
    fn leave_main(&mut self, scripts: &Scripts) {
        let Some(main) = self.main else {
            // Without a known product, what the page states could be about any of them.
            if scripts.stated().next().is_some() || self.stated_metas().next().is_some() {
                self.leave_all(Reason::Contradiction);
            }
            return;
        };
        let class = self.notes.body_class.map(|class| decode(class.of(self.page))).unwrap_or_default();
        let types: Vec<&str> =
            class.split_ascii_whitespace().filter_map(|class| class.strip_prefix("page-product-")).collect();
        for kind in types.iter().filter(|kind| !KNOWN_TYPES.contains(kind)) {
            self.leave(main, if kind.starts_with("gift") { Reason::GiftCard } else { Reason::Options });
        }
        let fields: Vec<&str> =
            self.main_form().map(|form| self.fields_in(form).map(|(name, _)| name).collect()).unwrap_or_default();
        let chooses = |prefix: &str| fields.iter().any(|name| name.starts_with(prefix));
        if chooses("giftcard_") {
            self.leave(main, Reason::GiftCard);
        }
        if (types.contains(&"configurable") || chooses("super_attribute[")) && !scripts.has_choices(main) {
            self.leave(main, Reason::Configurable);
        }
        if (chooses("options[") || chooses("options_")) && !scripts.has_options(main) {
            self.leave(main, Reason::Options);
        }
        if scripts.bundles(main) > 1
            || ((types.contains(&"bundle") || chooses("bundle_option")) && scripts.bundles(main) == 0)
        {
            self.leave(main, Reason::Bundle);
        }
        if self.loose_microdata().any(|place| self.inside(Region::Row, place).is_none()) {
            self.leave(main, Reason::StructuredData);
        }
        self.leave_by_metas(main);
    }

    /// Structured data that cannot be read, and that of products that the page does not name.
    fn leave_by_structured_data(&mut self, scripts: &Scripts, skus: &BTreeMap<ProductId, String>) {
        let nameless = scripts.stated().any(|stated| self.is_stated_of(stated, skus).is_none());
        match self.main.filter(|_| self.kind == PageKind::Product) {
            Some(main) if scripts.has_unknown_structure() => self.leave(main, Reason::StructuredData),
            Some(_) => {}
            None if nameless || scripts.has_unknown_structure() => self.leave_all(Reason::StructuredData),
            None => {}
        }
    }

    /// No meta may hold the price in words, or without a value.
    fn leave_by_metas(&mut self, main: ProductId) {
        if self.stated_metas().any(|content| content.is_none()) {
            self.leave(main, Reason::Contradiction);
        }
        let key = |noted: &Noted| noted.attributes.property.or(noted.attributes.name).map(|key| key.of(self.page));
        let worded =
            self.notes.metas.iter().filter(|noted| key(noted).is_some_and(|key| key.starts_with("twitter:data")));
        let amounts: Vec<_> = self.boxes_of(main).flat_map(PriceBox::current).map(|price| price.amount).collect();
        let said =
            |content: Span| amounts.iter().any(|amount| PriceText::learn(content.of(self.page), *amount).is_some());
        if worded.filter_map(|noted| noted.attributes.content).any(said) {
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
        let shown = || self.boxes().flat_map(|known| &known.prices);
        let rounding: BTreeSet<u32> =
            shown().filter(|price| price.format.rounded).map(|price| price.format.decimals).collect();
        let precision = scripts.format().map(|format| format.precision);
        let known = |decimals: u32| {
            decimals >= 2 || rounding.contains(&decimals) || precision == Some(decimals) || (whole && decimals == 0)
        };
        let unsure = |found: &&Found| {
            found.understood.as_ref().is_ok_and(|shown| !shown.prices.iter().all(|price| known(price.format.decimals)))
        };
        let unsure: Vec<_> = self.found.iter().filter(unsure).map(|found| found.id).collect();
        unsure.into_iter().for_each(|id| self.leave(id, Reason::UnknownPrecision));
    }
}

/// The stretches of a page that price boxes take, in page order.
fn boxed(notes: &Notes) -> Vec<Span> {
    let mut boxed: Vec<Span> = Vec::with_capacity(notes.boxes.len());
    for whole in notes.boxes.iter().filter_map(|note| notes.extent(note.element.extent).whole()) {
        match boxed.last_mut().filter(|last| whole.start < last.end) {
            Some(last) => last.end = last.end.max(whole.end),
            None => boxed.push(whole),
        }
    }
    boxed
}

/// The product in an id such as `product-price-12-widget` or `price-excluding-tax-product-price-12`.
fn product_of_id(id: &str) -> Option<ProductId> {
    id.rsplit_once("price-").and_then(|(_, rest)| leading_id(rest))
}

impl PriceBox {
    /// The prices that are charged, as far as the box shows one price.
    pub(super) fn current(&self) -> impl Iterator<Item = &super::boxes::ShownPrice> {
        self.prices.iter().filter(|price| price.copy == Copied::Current)
    }

    /// Whether it shows a price without discount.
    pub(super) fn has_old(&self) -> bool {
        self.prices.iter().any(|price| price.copy == Copied::Old)
    }
}
