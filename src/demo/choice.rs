//! What a shopper chose of a product, read from the form that puts it into the cart.

use super::catalog::kind::{
    BundleOption, Child, Configurable, CustomOption, Input, Kind, Link, OptionPrice, OptionValue, price_at,
};
use super::catalog::{self, Product};
use super::money::Cents;

/// The fields of a form, in order.
pub type Fields = Vec<(String, String)>;

/// What was chosen of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// There is nothing to choose.
    Nothing,
    /// A child, with the values that it was chosen by.
    Child(&'static Configurable, &'static Child),
    /// Options of the product.
    Options(Vec<Chosen>),
    /// Parts of a bundle.
    Parts(Vec<Part>),
    /// Files.
    Links(Vec<&'static Link>),
}

/// One chosen option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The option's title.
    pub title: &'static str,
    /// What was chosen or written.
    pub value: String,
    /// What it adds.
    pub price: OptionPrice,
}

/// One part of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The option's title.
    pub title: &'static str,
    /// The product.
    pub product: &'static Product,
    /// How many of it in one bundle.
    pub qty: u32,
}

/// What goes into the cart: a product, what was chosen of it, and how many.
pub type Wanted = (&'static Product, Choice, u32);

/// Reads a form; `None` where something that must be chosen is not, or nothing that exists.
pub fn read(product: &'static Product, fields: &Fields, qty: u32) -> Option<Vec<Wanted>> {
    let one = |choice| Some(vec![(product, choice, qty)]);
    match product.kind {
        Kind::Simple | Kind::Virtual | Kind::Downloadable | Kind::Tiers(_) => one(Choice::Nothing),
        Kind::Links(links) => one(Choice::Links(chosen_links(links, fields)?)),
        Kind::Options(options) => one(Choice::Options(chosen_options(options, fields)?)),
        Kind::Configurable(own) => one(Choice::Child(own, chosen_child(own, fields)?)),
        Kind::Bundle(options) => one(Choice::Parts(chosen_parts(options, fields)?)),
        Kind::Grouped(ids) => chosen_rows(ids, fields),
    }
}

/// The first field of that name that says something.
pub fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

fn number<T: std::str::FromStr>(fields: &Fields, name: &str) -> Option<T> {
    field(fields, name)?.parse().ok()
}

fn chosen_links(links: &'static [Link], fields: &Fields) -> Option<Vec<&'static Link>> {
    let is_chosen = |link: &&Link| {
        let id = link.id.to_string();
        fields.iter().any(|(key, value)| key == "links[]" && *value == id)
    };
    let chosen: Vec<_> = links.iter().filter(is_chosen).collect();
    (!chosen.is_empty()).then_some(chosen)
}

fn chosen_options(options: &'static [CustomOption], fields: &Fields) -> Option<Vec<Chosen>> {
    let mut chosen = Vec::new();
    for option in options {
        let before = chosen.len();
        let name = format!("options[{}]", option.id);
        let of =
            |value: &OptionValue| Chosen { title: option.title, value: value.title.to_owned(), price: value.price };
        match &option.input {
            Input::Text { price, most } => {
                let text = field(fields, &name).filter(|text| text.chars().count() <= *most);
                chosen.extend(text.map(|text| Chosen { title: option.title, value: text.to_owned(), price: *price }));
            }
            Input::Select(values) => {
                let id: Option<u64> = number(fields, &name);
                chosen.extend(values.iter().filter(|value| id == Some(value.id)).map(of));
            }
            Input::Checkboxes(values) => {
                let name = format!("{name}[]");
                let has =
                    |value: &&OptionValue| fields.iter().any(|(key, id)| *key == name && *id == value.id.to_string());
                chosen.extend(values.iter().filter(has).map(of));
            }
        }
        if option.is_required && chosen.len() == before {
            return None;
        }
    }
    Some(chosen)
}

fn chosen_child(own: &'static Configurable, fields: &Fields) -> Option<&'static Child> {
    let asked = |attribute: &catalog::kind::Attribute| number(fields, &format!("super_attribute[{}]", attribute.id));
    let values: Vec<u64> = own.attributes.iter().map(asked).collect::<Option<_>>()?;
    own.children.iter().find(|child| child.options == values)
}

fn chosen_parts(options: &'static [BundleOption], fields: &Fields) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    for option in options {
        let id: Option<u64> = number(fields, &format!("bundle_option[{}]", option.id));
        let selection = option.selections.iter().find(|selection| Some(selection.id) == id);
        let Some((selection, product)) = selection.and_then(|own| Some((own, catalog::product(own.product)?))) else {
            if option.is_required {
                return None;
            }
            continue;
        };
        let asked = number(fields, &format!("bundle_option_qty[{}]", option.id)).filter(|_| option.has_quantity);
        let qty = asked.filter(|qty| (1..=100).contains(qty)).unwrap_or(selection.qty);
        parts.push(Part { title: option.title, product, qty });
    }
    Some(parts)
}

fn chosen_rows(ids: &[u64], fields: &Fields) -> Option<Vec<Wanted>> {
    let wanted = |product: &'static Product| {
        let qty = number(fields, &format!("super_group[{}]", product.id)).filter(|qty| *qty > 0)?;
        Some((product, Choice::Nothing, qty))
    };
    let rows: Vec<_> = catalog::products(ids).into_iter().filter_map(wanted).collect();
    (!rows.is_empty()).then_some(rows)
}

impl Choice {
    /// What one of `qty` units of a product costs with this, in US dollars. A bundle's price is the sum of its parts'.
    pub fn unit(&self, product: &Product, qty: u32) -> Cents {
        let own = product.price_at(qty);
        match self {
            Self::Nothing => own,
            Self::Child(_, child) => price_at(child.price(), child.tiers, qty),
            Self::Options(chosen) => own + chosen.iter().map(|one| one.price.of(own)).sum(),
            Self::Links(links) => own + links.iter().map(|link| link.price).sum(),
            Self::Parts(parts) => parts.iter().map(|part| part.product.price() * part.qty).sum(),
        }
    }

    /// The stock-keeping unit on the cart's line.
    pub fn sku(&self, product: &Product) -> String {
        match self {
            Self::Child(_, child) => child.sku.to_owned(),
            Self::Parts(parts) => {
                parts.iter().fold(product.sku.to_owned(), |sku, part| format!("{sku}-{}", part.product.sku))
            }
            _ => product.sku.to_owned(),
        }
    }

    /// What the line says of it, as (label, value).
    pub fn told(&self) -> Vec<(String, String)> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Child(own, child) => {
                let value = |(attribute, id): (&catalog::kind::Attribute, &u64)| {
                    let option = attribute.options.iter().find(|option| option.id == *id);
                    (attribute.label.to_owned(), option.map_or(String::new(), |option| option.label.to_owned()))
                };
                own.attributes.iter().zip(child.options).map(value).collect()
            }
            Self::Options(chosen) => chosen.iter().map(|one| (one.title.to_owned(), one.value.clone())).collect(),
            Self::Parts(parts) => parts
                .iter()
                .map(|part| (part.title.to_owned(), format!("{} x {}", part.qty, part.product.name)))
                .collect(),
            Self::Links(links) => links.iter().map(|link| (String::from("Links"), link.title.to_owned())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(key: &str, fields: &[(&str, &str)], qty: u32) -> Option<Vec<Wanted>> {
        let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        read(catalog::product_by_key(key).expect("a product"), &fields, qty)
    }

    fn unit(key: &str, fields: &[(&str, &str)], qty: u32) -> Cents {
        let wanted = chosen(key, fields, qty).expect("something is chosen");
        wanted[0].1.unit(wanted[0].0, qty)
    }

    #[test]
    fn a_configurable_product_costs_what_its_child_costs() {
        let rust = [("super_attribute[143]", "166"), ("super_attribute[93]", "52")];
        assert_eq!(unit("dune-day-pack", &rust, 1), Cents(5_800));
        assert_eq!(unit("dune-day-pack", &rust, 3), Cents(5_500), "the child's tier price");
        let moss = [("super_attribute[143]", "167"), ("super_attribute[93]", "56")];
        assert_eq!(chosen("dune-day-pack", &moss, 1), None, "there is no such child");
        assert_eq!(chosen("dune-day-pack", &rust[..1], 1), None);
    }

    #[test]
    fn options_add_amounts_and_percentages_of_the_price() {
        let all = [("options[1]", "ABC"), ("options[2]", "2"), ("options[3]", "4"), ("options[4][]", "5")];
        assert_eq!(unit("initial-enamel-mug", &all, 1), Cents(1_500 + 450 + 225 + 375 + 300));
        assert_eq!(chosen("initial-enamel-mug", &all[..1], 1), None, "the finish must be chosen");
    }

    #[test]
    fn a_bundle_costs_what_its_parts_cost() {
        let parts = [("bundle_option[1]", "3"), ("bundle_option[2]", "4"), ("bundle_option[3]", "7")];
        assert_eq!(unit("first-evening-set", &parts, 1), Cents(5_900 + 4_800 + 2 * 1_895));
        let three = [parts[0], parts[1], parts[2], ("bundle_option_qty[3]", "3"), ("bundle_option[4]", "8")];
        assert_eq!(unit("first-evening-set", &three, 1), Cents(5_900 + 4_800 + 3 * 1_895 + 2_745));
        assert_eq!(chosen("first-evening-set", &parts[..2], 1), None);
    }

    #[test]
    fn links_add_up_and_a_grouped_product_is_several_lines() {
        assert_eq!(unit("four-season-star-maps", &[("links[]", "1"), ("links[]", "4")], 1), Cents(400 + 350 + 500));
        assert_eq!(chosen("four-season-star-maps", &[], 1), None);
        let rows = chosen(
            "lamplighters-shelf",
            &[("super_group[8]", "2"), ("super_group[7]", "0"), ("super_group[15]", "6")],
            1,
        );
        let rows: Vec<_> = rows
            .expect("two rows")
            .iter()
            .map(|(product, choice, qty)| (product.id, *qty, choice.unit(product, *qty)))
            .collect();
        assert_eq!(rows, [(8, 2, Cents(3_499)), (15, 6, Cents(590))]);
    }
}
