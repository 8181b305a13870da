//! What a page lists of its products beside their prices: choices, prices by quantity, links, attributes, SKUs.

use std::collections::BTreeMap;

use super::{Attribute, Judge};
use crate::page::{PageKind, ProductId};
use crate::rewrite::json::options::{self, Extra};
use crate::rewrite::plan::extras::{Notices, Priced};
use crate::rewrite::plan::hidden::{HiddenPrice, prices_in};
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::plan::scan::{LINKS, Noted, Region};
use crate::rewrite::plan::text::{Span, decode};

impl Judge<'_> {
    /// What stands beside the choices in the main product's form.
    pub(super) fn notices(&self) -> Notices {
        let form = self.main_form().map(|form| self.notes.extent(form.extent));
        Notices::read(self.page, self.notes, |place| {
            form.is_some_and(|form| form.covers(place)) && !self.in_box(Span::at(place)) && !self.in_tier_list(place)
        })
    }

    pub(super) fn in_tier_list(&self, place: u32) -> bool {
        self.notes.regions(Region::TierList).any(|list| list.covers(place))
    }

    /// The items of the list of prices by quantity that stands above the main product's form; nothing if one cannot be read.
    pub(super) fn tiers(&self) -> Option<Vec<(Vec<Priced>, Option<Span>)>> {
        let lists = self.notes.regions(Region::TierList);
        let own = lists.filter(|list| self.is_of_main(list.open)).collect::<Vec<_>>();
        let mut items: Vec<(Vec<Priced>, Option<Span>)> = Vec::new();
        let is_own = |place: u32| own.iter().any(|list| list.covers(place));
        let place = |noted: &Noted| self.notes.extent(noted.extent).open.start;
        let percents: Vec<&Noted> = self.notes.percents.iter().filter(|it| is_own(place(it))).collect();
        let priced = self.notes.priced.iter().filter(|it| is_own(place(it)) && !self.in_box(Span::at(place(it))));
        for noted in priced {
            let noted = Priced::read(self.page, self.notes, noted)?;
            // Amounts with and without tax stand together; the percentage of an item follows them.
            let percent = percents.iter().find(|it| place(it) > noted.place);
            let percent = percent.and_then(|it| self.notes.extent(it.extent).inner());
            match items.last_mut().filter(|(_, of)| *of == percent && percent.is_some()) {
                Some((amounts, _)) => amounts.push(noted),
                None => items.push((vec![noted], percent)),
            }
        }
        Some(items)
    }

    /// The items of that list that are shown on a click. Outside of it, nobody reads them.
    pub(super) fn hidden_tiers(&self) -> Vec<Option<Vec<HiddenPrice>>> {
        let own = self.notes.hidden_tiers.iter().filter(|noted| {
            let open = self.notes.extent(noted.extent).open;
            self.in_tier_list(open.start) && self.is_of_main(open)
        });
        own.map(|noted| prices_in(self.page, noted.attributes.tier_price?, &["price"])).collect()
    }

    /// Whether a list of prices by quantity is the main product's: it stands in no row and in no table of members.
    pub(super) fn is_of_main(&self, open: Span) -> bool {
        self.inside(Region::Row, open).is_none() && self.inside(Region::GroupedTable, open).is_none()
    }

    /// The links of a downloadable product with what they add.
    pub(super) fn links(&self) -> Vec<Extra> {
        let is_list = |noted: &&Noted| noted.attributes.id.is_some_and(|id| id.of(self.page) == LINKS);
        let configs = self.notes.anchors.iter().filter(is_list).filter_map(|list| list.attributes.mage_init);
        configs.filter_map(|config| options::links(&Layer::of(self.page, config).html())).flatten().collect()
    }

    /// Whether links of a downloadable product can be ticked.
    pub(super) fn sells_links(&self) -> bool {
        let mut names = self.notes.fields.iter().filter_map(|field| field.attributes.name);
        names.any(|name| decode(name.of(self.page)).starts_with("links["))
    }

    /// The values of product attributes that the page shows.
    pub(crate) fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        for noted in &self.notes.attributes {
            let extent = self.notes.extent(noted.extent);
            let of_row = self.inside(Region::Row, extent.open);
            let row = of_row.and_then(|row| self.found.iter().find(|found| found.row == Some(row)));
            let product = row.map(|found| found.id).or(self.main.filter(|_| of_row.is_none()));
            let holds = |it: &&Noted| extent.covers(self.notes.extent(it.extent).open.start);
            let value = self.notes.attribute_values.iter().find(holds);
            let inner = value.and_then(|value| self.notes.extent(value.extent).inner());
            let price = self.notes.prices.iter().map(|it| self.notes.extent(it.extent));
            let mut price = price.filter(|it| inner.is_some_and(|inner| inner.holds(it.open)));
            let text = price.next().and_then(|it| it.inner()).or(inner);
            if let Some(((product, class), text)) = product.zip(noted.attributes.class).zip(text) {
                attributes.push(Attribute { product, class, text });
            }
        }
        attributes
    }

    /// SKUs by product; none where the page gives two.
    pub(super) fn skus(&self) -> BTreeMap<ProductId, String> {
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
