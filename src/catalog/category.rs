//! The categories, and which of them list a product that was put into others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::product::{Product, list, whole};

/// The parent of every root category. It lists nothing.
const TOP: u32 = 1;

/// One category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Category {
    /// The one above.
    pub parent: u32,
    /// Whether it lists the products of the categories below it.
    pub is_anchor: bool,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Categories {
    all: BTreeMap<u32, Category>,
    roots: BTreeSet<Root>,
}

/// A root category that a website's stores have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// The website's id.
    pub website: u32,
    /// The category's id.
    pub category: u32,
}

impl Categories {
    /// Of these.
    pub fn new(all: impl IntoIterator<Item = (u32, Category)>, roots: impl IntoIterator<Item = Root>) -> Self {
        Self { all: all.into_iter().collect(), roots: roots.into_iter().collect() }
    }

    /// Reads the entries of `/V1/categories/list` and of `/V1/store/storeGroups`; those without ids are left out.
    pub fn from_rest(items: &[Value], store_groups: &Value) -> Self {
        let root = |group: &Value| {
            let (website, category) = (whole(&group["website_id"])?, whole(&group["root_category_id"])?);
            (category != 0).then_some(Root { website, category })
        };
        Self::new(items.iter().filter_map(category), list(store_groups).filter_map(root))
    }

    /// Each with its id.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Category)> {
        self.all.iter().map(|(id, category)| (*id, *category))
    }

    /// Which root a website's stores begin at.
    pub fn roots(&self) -> impl Iterator<Item = Root> {
        self.roots.iter().copied()
    }

    /// The categories that list a product: those it was put into and, of one that is visible on its own in some website, every
    /// anchor above them and the roots of its websites, which list everything. As Magento's index of categories has it, which does not
    /// ask whether a category is active.
    pub fn matched(&self, product: &Product) -> BTreeSet<u32> {
        let mut matched = product.categories.clone();
        if product.is_visible() && !product.websites.is_empty() {
            for id in &product.categories {
                let listing = self.above(*id).filter(|(_, above)| above.is_anchor);
                matched.extend(listing.map(|(id, _)| id));
            }
            let roots = self.roots.iter().filter(|root| product.websites.contains(&root.website));
            matched.extend(roots.map(|root| root.category));
        }
        matched
    }

    /// Those above a category, the nearest first. An odd answer may lead in a circle, so no more steps than there are categories.
    fn above(&self, id: u32) -> impl Iterator<Item = (u32, Category)> {
        let step = |(_, category): &(u32, Category)| Some((category.parent, *self.all.get(&category.parent)?));
        let first = self.all.get(&id).map(|category| (id, *category));
        std::iter::successors(first, step).skip(1).take(self.all.len()).filter(|(id, _)| *id != TOP)
    }
}

fn category(item: &Value) -> Option<(u32, Category)> {
    let anchor = list(&item["custom_attributes"]).find(|attribute| attribute["attribute_code"] == "is_anchor");
    let is_set = |value: &Value| value.as_bool().unwrap_or_else(|| whole(value) == Some(1));
    let id = whole(&item["id"])?;
    let category = Category {
        parent: whole(&item["parent_id"]).unwrap_or_default(),
        is_anchor: anchor.is_some_and(|attribute| is_set(&attribute["value"])),
    };
    Some((id, category))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(id: u32, parent: u32, is_anchor: Value) -> Value {
        json!({ "id": id, "parent_id": parent,
                "custom_attributes": [{ "attribute_code": "is_anchor", "value": is_anchor }] })
    }

    fn categories() -> Categories {
        let items = [
            item(1, 0, json!("1")),
            item(2, 1, json!("0")),
            item(3, 2, json!("1")),
            item(4, 3, json!("0")),
            item(5, 4, json!("1")),
            item(9, 1, json!("1")),
        ];
        let groups =
            [(0, 0), (1, 2), (2, 9)].map(|(website, root)| json!({ "website_id": website, "root_category_id": root }));
        Categories::from_rest(&items, &json!(groups))
    }

    fn product(categories: &[u32], visibility: u8) -> Product {
        let categories = categories.iter().copied().collect();
        Product { categories, visibility: Some(visibility), enabled: true, websites: [1].into(), ..Product::default() }
    }

    #[test]
    fn anchors_above_and_the_websites_root_list_what_is_visible() {
        assert_eq!(categories().matched(&product(&[5], 4)), [2, 3, 5].into());
        assert_eq!(categories().matched(&product(&[5], 1)), [5].into());
        assert_eq!(categories().matched(&product(&[], 3)), [2].into());
        let both = Product { websites: [1, 2].into(), ..product(&[], 2) };
        assert_eq!(categories().matched(&both), [2, 9].into());
        let disabled = Product { enabled: false, ..product(&[5], 4) };
        assert_eq!(categories().matched(&disabled), [5].into());
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let circle = [item(2, 3, json!("1")), item(3, 2, json!(1))];
        assert_eq!(Categories::from_rest(&circle, &json!([])).matched(&product(&[2], 4)), [2, 3].into());
    }

    #[test]
    fn an_unknown_category_matches_itself_alone() {
        assert_eq!(Categories::default().matched(&product(&[77], 4)), [77].into());
    }
}
