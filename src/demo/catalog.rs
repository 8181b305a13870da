//! What the shop sells: ten products in two categories.

use super::money::Cents;

/// Magento's product type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductType {
    /// Shipped.
    Simple,
    /// A service.
    Virtual,
    /// A file; all of a product's files are sold together.
    Downloadable,
}

impl ProductType {
    /// Magento's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Virtual => "virtual",
            Self::Downloadable => "downloadable",
        }
    }
}

/// One product.
#[derive(Debug)]
pub struct Product {
    /// Magento's entity id.
    pub id: u64,
    /// The stock-keeping unit.
    pub sku: &'static str,
    /// The path without `.html`; pictures are called so too.
    pub key: &'static str,
    /// What shoppers call it.
    pub name: &'static str,
    /// Magento's type.
    pub kind: ProductType,
    /// The regular price.
    pub regular: Cents,
    /// The special price, where there is one.
    pub special: Option<Cents>,
    /// Stars of a hundred, and how many people gave them.
    pub rating: (u32, u32),
    /// One sentence.
    pub summary: &'static str,
    /// A paragraph.
    pub description: &'static str,
    /// Short points below it.
    pub points: &'static [&'static str],
    /// Attributes with their values.
    pub attributes: &'static [(&'static str, &'static str)],
    /// Ids of related products.
    pub related: &'static [u64],
    /// Ids of upsell products.
    pub upsell: &'static [u64],
}

impl Product {
    /// What one unit costs without offers.
    pub fn price(&self) -> Cents {
        self.special.unwrap_or(self.regular)
    }

    /// Where its page is.
    pub fn url(&self) -> String {
        format!("/{}.html", self.key)
    }

    /// Where its picture is.
    pub fn image(&self) -> String {
        format!("/media/catalog/product/{}.svg", self.key)
    }
}

/// One category.
#[derive(Debug)]
pub struct Category {
    /// The path without `.html`.
    pub key: &'static str,
    /// Its name.
    pub name: &'static str,
    /// A sentence under the title.
    pub summary: &'static str,
    /// Ids of its products, in order.
    pub products: &'static [u64],
}

/// The categories, in the order of the menu.
pub static CATEGORIES: [Category; 2] = [
    Category {
        key: "bags",
        name: "Bags",
        summary: "Woven to be carried for years: canvas, wool and waxed cotton from three small mills.",
        products: &[1, 2, 3, 4, 5],
    },
    Category {
        key: "gear",
        name: "Light & Gear",
        summary: "Lanterns, lamps and what goes with them, for the desk, the tent and the way home.",
        products: &[6, 7, 8, 9, 10],
    },
];

/// The products, by id.
pub static PRODUCTS: [Product; 10] = [
    Product {
        id: 1,
        sku: "LL-BA01",
        key: "harbour-canvas-tote",
        name: "Harbour Canvas Tote",
        kind: ProductType::Simple,
        regular: Cents(4_800),
        special: None,
        rating: (90, 31),
        summary: "A market bag that stands by itself.",
        description: "Eighteen-ounce canvas, woven tight enough to hold its shape when you put it down. The handles run all the way \
                      around the base, so the seams carry nothing.",
        points: &[
            "18 oz organic cotton canvas",
            "Handles long enough for a winter coat",
            "Inside pocket for keys and phone",
        ],
        attributes: &[("Material", "Organic cotton"), ("Volume", "22 litres"), ("Woven in", "Porto")],
        related: &[5, 3, 6],
        upsell: &[2, 4],
    },
    Product {
        id: 2,
        sku: "LL-BA02",
        key: "wayfarer-weekender",
        name: "Wayfarer Weekender",
        kind: ProductType::Simple,
        regular: Cents(12_800),
        special: Some(Cents(9_900)),
        rating: (96, 58),
        summary: "Two nights, one bag, no rolling suitcase.",
        description: "Waxed cotton outside, striped ticking inside, and a wide mouth that stays open while you pack. It fits under a \
                      train seat and over a shoulder.",
        points: &["Waxed cotton, rain runs off", "Shoe pocket that folds away", "Cabin size: 50 x 28 x 24 cm"],
        attributes: &[("Material", "Waxed cotton, leather"), ("Volume", "34 litres"), ("Woven in", "Dundee")],
        related: &[1, 4, 9],
        upsell: &[4],
    },
    Product {
        id: 3,
        sku: "LL-BA03",
        key: "fieldnote-messenger",
        name: "Fieldnote Messenger",
        kind: ProductType::Simple,
        regular: Cents(8_650),
        special: None,
        rating: (84, 19),
        summary: "Holds a laptop, a notebook and your lunch apart.",
        description: "A flat satchel in dense wool felt that closes with one hand. The strap is woven in one piece with the sides, which \
                      is slower to make and very hard to break.",
        points: &["Padded sleeve for 14-inch laptops", "Magnetic closure", "Strap from 70 to 130 cm"],
        attributes: &[("Material", "Wool felt"), ("Volume", "12 litres"), ("Woven in", "Biella")],
        related: &[7, 1, 4],
        upsell: &[4, 2],
    },
    Product {
        id: 4,
        sku: "LL-BA04",
        key: "loom-rolltop-backpack",
        name: "Loom Rolltop Backpack",
        kind: ProductType::Simple,
        regular: Cents(11_200),
        special: None,
        rating: (92, 44),
        summary: "Rolls down for the city, up for the groceries.",
        description: "The pattern is woven, not printed, so it fades the way good denim does. A frame sheet keeps the load off your back \
                      and a single buckle keeps it closed.",
        points: &["18 to 26 litres", "Water bottle pockets on both sides", "Reflective thread in the weave"],
        attributes: &[("Material", "Cotton and recycled nylon"), ("Volume", "18 to 26 litres"), ("Woven in", "Porto")],
        related: &[8, 2, 3],
        upsell: &[2],
    },
    Product {
        id: 5,
        sku: "LL-BA05",
        key: "market-net-carrier",
        name: "Market Net Carrier",
        kind: ProductType::Simple,
        regular: Cents(1_895),
        special: None,
        rating: (88, 102),
        summary: "Folds into a fist, carries ten kilos of oranges.",
        description: "Knotted by hand from undyed cotton cord. It weighs less than the shopping list and stretches to four times its \
                      size.",
        points: &["Undyed cotton cord", "Carries 10 kg", "Machine washable"],
        attributes: &[("Material", "Cotton cord"), ("Volume", "up to 20 litres"), ("Knotted in", "Kochi")],
        related: &[1, 9],
        upsell: &[1, 3],
    },
    Product {
        id: 6,
        sku: "LL-GE01",
        key: "ember-camp-lantern",
        name: "Ember Camp Lantern",
        kind: ProductType::Simple,
        regular: Cents(6_400),
        special: None,
        rating: (94, 67),
        summary: "Candle-warm light for forty hours.",
        description: "A lantern that behaves like a fire: turn it low and it goes amber, turn it up and you can read a map. The ring on top \
                      is a handle, a hook and a dimmer.",
        points: &["5 to 350 lumen", "40 hours on one charge", "Splash proof"],
        attributes: &[("Material", "Powder-coated steel, glass"), ("Light", "1800 to 2700 K"), ("Weight", "480 g")],
        related: &[8, 4, 9],
        upsell: &[7],
    },
    Product {
        id: 7,
        sku: "LL-GE02",
        key: "halo-reading-lamp",
        name: "Halo Reading Lamp",
        kind: ProductType::Simple,
        regular: Cents(7_900),
        special: Some(Cents(5_900)),
        rating: (91, 25),
        summary: "A ring of light exactly as wide as a book.",
        description: "The arm balances wherever you leave it. The light comes from a ring, so your hand throws no shadow on the page.",
        points: &["Stepless dimming", "Aluminium arm, oak foot", "Cable covered in cotton"],
        attributes: &[("Material", "Aluminium, oak"), ("Light", "2700 K, CRI 95"), ("Height", "46 cm")],
        related: &[3, 10],
        upsell: &[6],
    },
    Product {
        id: 8,
        sku: "LL-GE03",
        key: "beacon-headlamp",
        name: "Beacon Headlamp",
        kind: ProductType::Simple,
        regular: Cents(3_499),
        special: None,
        rating: (86, 73),
        summary: "Light as a pair of glasses, bright as a bicycle.",
        description: "A woven band instead of elastic, a single button instead of five, and a red mode that leaves your friends their night \
                      vision.",
        points: &["68 g with battery", "300 lumen, 8 hours", "Red light for stars and tents"],
        attributes: &[("Material", "Recycled polymer, wool band"), ("Light", "4000 K"), ("Weight", "68 g")],
        related: &[6, 9],
        upsell: &[6, 7],
    },
    Product {
        id: 9,
        sku: "LL-GE04",
        key: "night-walk-field-guide",
        name: "Night Walk Field Guide",
        kind: ProductType::Downloadable,
        regular: Cents(900),
        special: None,
        rating: (80, 12),
        summary: "Twelve walks that are better after sunset.",
        description: "Maps, moon tables and what to listen for, in large type on dark pages, so that your eyes stay used to the night. \
                      Yours to read as soon as you have paid.",
        points: &["For phones, readers and printers", "Twelve walks between 3 and 11 km", "Moon tables until 2030"],
        attributes: &[("Format", "PDF and EPUB"), ("Pages", "96")],
        related: &[8, 6],
        upsell: &[10],
    },
    Product {
        id: 10,
        sku: "LL-GE05",
        key: "lamp-care-plan",
        name: "Lamp Care Plan",
        kind: ProductType::Virtual,
        regular: Cents(2_745),
        special: None,
        rating: (82, 9),
        summary: "Five years of new cells, glass and wicks.",
        description: "Send in any lamp of ours, whatever happened to it, and it comes back working. One plan covers one lamp for five \
                      years.",
        points: &["Covers wear and accidents", "Postage both ways", "Goes with the lamp when you give it away"],
        attributes: &[("Duration", "5 years")],
        related: &[6, 7],
        upsell: &[],
    },
];

/// The product with this id.
pub fn product(id: u64) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}

/// The products with these ids, in that order.
pub fn products(ids: &[u64]) -> Vec<&'static Product> {
    ids.iter().filter_map(|id| product(*id)).collect()
}

/// The product whose page has this key.
pub fn product_by_key(key: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.key == key)
}

/// The category whose page has this key.
pub fn category(key: &str) -> Option<&'static Category> {
    CATEGORIES.iter().find(|category| category.key == key)
}

/// The products whose name or texts contain every word of a query.
pub fn search(query: &str) -> Vec<&'static Product> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let found = |product: &&Product| {
        let text = [product.name, product.summary, product.description, product.sku].join(" ").to_lowercase();
        !words.is_empty() && words.iter().all(|word| text.contains(word.trim_end_matches('s')))
    };
    PRODUCTS.iter().filter(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_named_exists_and_is_in_one_category() {
        for product in &PRODUCTS {
            assert_eq!(products(product.related).len(), product.related.len(), "{}", product.key);
            assert_eq!(products(product.upsell).len(), product.upsell.len(), "{}", product.key);
            assert_eq!(CATEGORIES.iter().filter(|category| category.products.contains(&product.id)).count(), 1);
            assert!(product.price() <= product.regular);
        }
    }

    #[test]
    fn search_needs_every_word() {
        let keys = |query| search(query).iter().map(|product| product.key).collect::<Vec<_>>();
        assert_eq!(keys("camp lantern"), ["ember-camp-lantern"]);
        assert!(keys("canvas").contains(&"harbour-canvas-tote"));
        assert!(keys("  ").is_empty());
        assert!(keys("zzz").is_empty());
    }
}
