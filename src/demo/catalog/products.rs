//! The products, as tables.

use super::kind::{
    Attribute, AttributeOption, BundleInput, BundleOption, Child, Configurable, CustomOption, Input, Kind, Link, Look,
    OptionPrice, OptionValue, Selection, Tier,
};
use super::{Cents, Product};

/// The products, by id.
pub static PRODUCTS: [Product; 17] = [
    Product {
        id: 1,
        sku: "LL-BA01",
        key: "harbour-canvas-tote",
        name: "Harbour Canvas Tote",
        kind: Kind::Simple,
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
        kind: Kind::Simple,
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
        kind: Kind::Simple,
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
        kind: Kind::Simple,
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
        kind: Kind::Simple,
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
        kind: Kind::Simple,
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
        kind: Kind::Simple,
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
        kind: Kind::Simple,
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
        kind: Kind::Downloadable,
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
        kind: Kind::Virtual,
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
    Product {
        id: 11,
        sku: "LL-BA06",
        key: "dune-day-pack",
        name: "Dune Day Pack",
        kind: Kind::Configurable(&DAY_PACKS),
        regular: Cents(7_200),
        special: None,
        rating: (93, 36),
        summary: "One strap, one zip, two sizes.",
        description: "A pack for the day between two trains. The canvas is dyed in the yarn, so the colour goes all the way through, \
                      and the back panel is woven in one piece with the straps.",
        points: &["Yarn-dyed canvas", "Opens flat like a book", "Fits under a bicycle lock"],
        attributes: &[("Material", "Yarn-dyed cotton"), ("Woven in", "Porto")],
        related: &[4, 8],
        upsell: &[2, 12],
    },
    Product {
        id: 12,
        sku: "LL-GE06",
        key: "heron-desk-lamp",
        name: "Heron Desk Lamp",
        kind: Kind::Configurable(&DESK_LAMPS),
        regular: Cents(8_900),
        special: None,
        rating: (89, 21),
        summary: "Stands on one leg and looks where you look.",
        description: "A long neck, a small head and a foot heavy enough for both. Choose the shade for the light you like and the cable \
                      for the desk you have.",
        points: &["Turns without a joint", "Shades can be changed later", "Cast iron foot"],
        attributes: &[("Material", "Steel, cast iron"), ("Light", "2700 K"), ("Height", "58 cm")],
        related: &[7, 10],
        upsell: &[6],
    },
    Product {
        id: 13,
        sku: "LL-SET1",
        key: "first-evening-set",
        name: "First Evening Set",
        kind: Kind::Bundle(&EVENING_SET),
        regular: Cents(0),
        special: None,
        rating: (97, 14),
        summary: "A lamp, a bag to carry it in, and nets for the market.",
        description: "Everything for the first evening out: put it together as you like. What you choose is packed as one, and charged as \
                      each of its parts.",
        points: &["Packed as one present", "Every part can come back alone", "Costs what its parts cost"],
        attributes: &[("Parts", "3 or 4")],
        related: &[6, 1],
        upsell: &[16],
    },
    Product {
        id: 14,
        sku: "LL-GE07",
        key: "initial-enamel-mug",
        name: "Initial Enamel Mug",
        kind: Kind::Options(&MUG_OPTIONS),
        regular: Cents(1_500),
        special: None,
        rating: (90, 48),
        summary: "Yours even when everybody has the same one.",
        description: "Enamel on steel, fired twice. We can put your initials on it, gild the rim, and wrap it for somebody else.",
        points: &["Holds 350 ml", "Safe on an open fire", "Chips with dignity"],
        attributes: &[("Material", "Enamelled steel"), ("Volume", "350 ml")],
        related: &[6, 15],
        upsell: &[13],
    },
    Product {
        id: 15,
        sku: "LL-GE08",
        key: "beeswax-candle",
        name: "Beeswax Candle",
        kind: Kind::Tiers(&CANDLE_TIERS),
        regular: Cents(650),
        special: None,
        rating: (95, 130),
        summary: "Six hours each, and the room smells of summer.",
        description: "Poured by hand around a cotton wick. They keep for years, so buy them by the dozen.",
        points: &["Pure beeswax", "Burns six hours", "Fits every holder of ours"],
        attributes: &[("Material", "Beeswax, cotton"), ("Height", "20 cm")],
        related: &[6, 14],
        upsell: &[16],
    },
    Product {
        id: 16,
        sku: "LL-SET2",
        key: "lamplighters-shelf",
        name: "Lamplighter's Shelf",
        kind: Kind::Grouped(&[8, 7, 15]),
        regular: Cents(0),
        special: None,
        rating: (88, 7),
        summary: "Take one of each, or six of one.",
        description: "What stands on our own shelf, side by side: a light for the head, one for the book and one for no reason at all.",
        points: &["Each sold by itself", "Sent in one parcel"],
        attributes: &[("Parts", "3")],
        related: &[12],
        upsell: &[13],
    },
    Product {
        id: 17,
        sku: "LL-GE09",
        key: "four-season-star-maps",
        name: "Four Season Star Maps",
        kind: Kind::Links(&STAR_MAPS),
        regular: Cents(400),
        special: None,
        rating: (85, 16),
        summary: "One sky for every season, sold by the sheet.",
        description: "Large, dark and calm. The introduction comes with every sheet; take the seasons that you are outside in.",
        points: &["For printing or for tablets", "Red ink for night vision", "Between 35 and 60 degrees north"],
        attributes: &[("Format", "PDF"), ("Pages", "8 a season")],
        related: &[9, 8],
        upsell: &[],
    },
];

static DAY_PACKS: Configurable = Configurable {
    look: Look::Swatches,
    attributes: &[
        Attribute {
            id: 143,
            code: "pack_size",
            label: "Size",
            options: &[
                AttributeOption { id: 166, label: "18 l", swatch: "18 l" },
                AttributeOption { id: 167, label: "24 l", swatch: "24 l" },
            ],
        },
        Attribute {
            id: 93,
            code: "color",
            label: "Color",
            options: &[
                AttributeOption { id: 49, label: "Ink", swatch: "#2f4a5c" },
                AttributeOption { id: 52, label: "Rust", swatch: "#b9502f" },
                AttributeOption { id: 56, label: "Moss", swatch: "#6f7d4e" },
            ],
        },
    ],
    children: &[
        child(101, "LL-BA06-18-INK", &[166, 49], 7_200, None),
        Child {
            tiers: &[Tier { qty: 3, price: Cents(5_500) }],
            ..child(102, "LL-BA06-18-RUST", &[166, 52], 7_200, Some(5_800))
        },
        child(103, "LL-BA06-18-MOSS", &[166, 56], 7_400, None),
        child(104, "LL-BA06-24-INK", &[167, 49], 8_400, None),
        child(105, "LL-BA06-24-RUST", &[167, 52], 8_400, Some(6_865)),
    ],
};

static DESK_LAMPS: Configurable = Configurable {
    look: Look::Dropdowns,
    attributes: &[
        Attribute {
            id: 151,
            code: "shade",
            label: "Shade",
            options: &[
                AttributeOption { id: 201, label: "Linen", swatch: "" },
                AttributeOption { id: 202, label: "Smoked glass", swatch: "" },
                AttributeOption { id: 203, label: "Brass", swatch: "" },
            ],
        },
        Attribute {
            id: 152,
            code: "cable",
            label: "Cable",
            options: &[
                AttributeOption { id: 211, label: "1.5 m", swatch: "" },
                AttributeOption { id: 212, label: "3 m", swatch: "" },
            ],
        },
    ],
    children: &[
        child(111, "LL-GE06-LINEN-1", &[201, 211], 8_900, None),
        child(112, "LL-GE06-LINEN-3", &[201, 212], 9_700, None),
        child(113, "LL-GE06-GLASS-1", &[202, 211], 10_900, None),
        child(114, "LL-GE06-GLASS-3", &[202, 212], 11_735, None),
        child(115, "LL-GE06-BRASS-1", &[203, 211], 13_900, None),
    ],
};

const fn child(id: u64, sku: &'static str, options: &'static [u64], regular: i64, special: Option<i64>) -> Child {
    let special = match special {
        Some(cents) => Some(Cents(cents)),
        None => None,
    };
    Child { id, sku, options, regular: Cents(regular), special, tiers: &[] }
}

static EVENING_SET: [BundleOption; 4] = [
    BundleOption {
        id: 1,
        title: "Lamp",
        input: BundleInput::Radios,
        is_required: true,
        has_quantity: false,
        selections: &[selection(1, 8, 1), selection(2, 6, 1), selection(3, 7, 1)],
    },
    BundleOption {
        id: 2,
        title: "Bag",
        input: BundleInput::Select,
        is_required: true,
        has_quantity: false,
        selections: &[selection(4, 1, 1), selection(5, 4, 1), selection(6, 2, 1)],
    },
    BundleOption {
        id: 3,
        title: "Nets for the market",
        input: BundleInput::Radios,
        is_required: true,
        has_quantity: true,
        selections: &[selection(7, 5, 2)],
    },
    BundleOption {
        id: 4,
        title: "Care",
        input: BundleInput::Select,
        is_required: false,
        has_quantity: false,
        selections: &[selection(8, 10, 1)],
    },
];

const fn selection(id: u64, product: u64, qty: u32) -> Selection {
    Selection { id, product, qty }
}

static MUG_OPTIONS: [CustomOption; 4] = [
    CustomOption {
        id: 1,
        title: "Initials",
        is_required: false,
        input: Input::Text { price: OptionPrice::Fixed(Cents(450)), most: 3 },
    },
    CustomOption {
        id: 2,
        title: "Finish",
        is_required: true,
        input: Input::Select(&[
            OptionValue { id: 1, title: "Matte", price: OptionPrice::Fixed(Cents(0)) },
            OptionValue { id: 2, title: "Gloss", price: OptionPrice::Fixed(Cents(225)) },
        ]),
    },
    CustomOption {
        id: 3,
        title: "Rim",
        is_required: false,
        input: Input::Select(&[
            OptionValue { id: 3, title: "Copper", price: OptionPrice::Percent(1_000) },
            OptionValue { id: 4, title: "Gold leaf", price: OptionPrice::Percent(2_500) },
        ]),
    },
    CustomOption {
        id: 4,
        title: "Gift wrap",
        is_required: false,
        input: Input::Checkboxes(&[OptionValue {
            id: 5,
            title: "Wrap it in linen",
            price: OptionPrice::Fixed(Cents(300)),
        }]),
    },
];

static CANDLE_TIERS: [Tier; 2] = [Tier { qty: 6, price: Cents(590) }, Tier { qty: 24, price: Cents(485) }];

static STAR_MAPS: [Link; 4] = [
    Link { id: 1, title: "Spring", price: Cents(350) },
    Link { id: 2, title: "Summer", price: Cents(350) },
    Link { id: 3, title: "Autumn", price: Cents(425) },
    Link { id: 4, title: "Winter", price: Cents(500) },
];
