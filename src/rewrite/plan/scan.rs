//! One pass over a page with lol_html that notes where things are. Nothing is judged here, and nothing is rewritten.

use std::cell::RefCell;
use std::rc::Rc;

use lol_html::errors::RewritingError;
use lol_html::html_content::Element;
use lol_html::{HtmlRewriter, MemorySettings, Settings, element};

use super::attributes::Attributes;
use super::text::{Span, decode};

/// What lol_html may hold of one page: its stack of open elements. Pages of people nest some dozens deep; this is room for tens of thousands.
const PARSER_MEMORY: usize = 4 * 1024 * 1024;

/// Where an element begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Its start tag.
    pub(crate) open: Span,
    /// Its end tag; nothing when the page has none that belongs to it.
    pub(crate) close: Option<Span>,
    /// Where it ended: at its own end tag, or at one that ended an element around it. Nothing where it lasts to the end of the page.
    pub(crate) ended: Option<u32>,
    /// Whether it is an element that never has an end tag.
    pub(crate) void: bool,
}

impl Extent {
    /// From its first byte to its last, where that is known.
    pub(crate) fn whole(&self) -> Option<Span> {
        let end = if self.void { self.open.end } else { self.close?.end };
        Some(Span { start: self.open.start, end })
    }

    /// Whether an offset lies within, the start tag included. An element without an end tag of its own is taken to last as long as it can.
    pub(crate) fn covers(&self, offset: u32) -> bool {
        self.open.start <= offset && self.ended.is_none_or(|ended| offset < ended)
    }

    /// Between its tags.
    pub(crate) fn inner(&self) -> Option<Span> {
        Some(Span { start: self.open.end, end: self.close?.start })
    }
}

impl Extent {
    /// An element that is ended by the end tag of another has none of its own: the parser reports that one.
    fn disown_foreign_end(&mut self, page: &str) {
        let name = |tag: Span| tag_name(page, tag).of(page);
        let own = name(self.open);
        let ended = self.close.map(|close| close.start);
        self.close =
            self.close.filter(|close| name(Span { start: close.start + 1, end: close.end }).eq_ignore_ascii_case(own));
        // Only its own end tag ends a template, whatever the parser thinks.
        self.ended = if is(own, "template") { self.close.map(|close| close.start) } else { ended };
    }
}

/// An index into `Notes::extents`.
pub(crate) type ExtentId = usize;

/// Any element that was noted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    pub(crate) extent: ExtentId,
    /// The tag's name as written.
    pub(crate) tag: Span,
    pub(crate) attributes: Attributes,
    /// Whether it is SVG or MathML.
    pub(crate) foreign: bool,
}

/// A price box and every element inside it, in document order.
#[derive(Clone, Debug)]
pub(crate) struct BoxNote {
    pub(crate) element: Noted,
    pub(crate) nodes: Vec<Noted>,
    /// Whether another price box is open around it.
    pub(crate) nested: bool,
}

/// Parts of a page that say what their content belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    Template,
    Body,
    Head,
    Main,
    Columns,
    Sidebar,
    Footer,
    ProductInfo,
    Row,
    GroupedTable,
    Crosssell,
    TierList,
    Switcher,
}

impl Region {
    /// Every kind, in the order of their numbers.
    const ALL: [Self; 13] = [
        Self::Template,
        Self::Body,
        Self::Head,
        Self::Main,
        Self::Columns,
        Self::Sidebar,
        Self::Footer,
        Self::ProductInfo,
        Self::Row,
        Self::GroupedTable,
        Self::Crosssell,
        Self::TierList,
        Self::Switcher,
    ];
    /// How many kinds there are.
    const COUNT: usize = Self::ALL.len();
}

/// Everything of a page that planning needs.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) extents: Vec<Extent>,
    pub(crate) html_lang: Option<Span>,
    pub(crate) body_class: Option<Span>,
    /// By kind.
    regions: [Vec<ExtentId>; Region::COUNT],
    pub(crate) boxes: Vec<BoxNote>,
    /// Elements with `data-price-amount`, wherever they are.
    pub(crate) priced: Vec<Noted>,
    /// Elements with class `price`, wherever they are.
    pub(crate) prices: Vec<Noted>,
    /// Elements with a class `price-box` that are no price box to Magento's scripts.
    pub(crate) loose_boxes: Vec<Noted>,
    pub(crate) metas: Vec<Noted>,
    pub(crate) items: Vec<Noted>,
    pub(crate) scripts: Vec<Noted>,
    pub(crate) forms: Vec<Noted>,
    pub(crate) fields: Vec<Noted>,
    /// Labels of fields.
    pub(crate) labels: Vec<Noted>,
    /// What can be chosen in a `select`.
    pub(crate) choices: Vec<Noted>,
    /// What Magento prints of a product's attributes, with the attribute's code among its classes.
    pub(crate) attributes: Vec<Noted>,
    /// The values in them.
    pub(crate) attribute_values: Vec<Noted>,
    /// Prices by quantity that are shown only to who asks for them.
    pub(crate) hidden_tiers: Vec<Noted>,
    /// How many percent a price by quantity saves.
    pub(crate) percents: Vec<Noted>,
    /// Elements that configure a price box's script for themselves.
    pub(crate) price_widgets: Vec<Noted>,
    /// Where Magento's scripts put the swatches of configurable products.
    pub(crate) swatches: Vec<Noted>,
    /// `strong` elements with a class: a switcher marks the current choice so.
    pub(crate) marks: Vec<Noted>,
    /// Elements that a block may be placed at: by id, content type or dynamic block.
    pub(crate) anchors: Vec<Noted>,
    open_boxes: Vec<(usize, ExtentId)>,
}

/// Reads the page.
pub(crate) fn scan(page: &str) -> Result<Notes, RewritingError> {
    let extents = Rc::new(RefCell::new(Vec::new()));
    let mut notes = Notes::default();
    {
        let handler = element!("*", |element| {
            notes.element(page, element, &extents);
            Ok(())
        });
        let memory = MemorySettings::new().with_max_allowed_memory_usage(PARSER_MEMORY + page.len());
        let settings =
            Settings::new().with_strict(false).with_memory_settings(memory).append_element_content_handler(handler);
        let mut parser = HtmlRewriter::new(settings, |_: &[u8]| {});
        parser.write(page.as_bytes())?;
        parser.end()?;
    }
    notes.extents = extents.take();
    for extent in &mut notes.extents {
        extent.disown_foreign_end(page);
    }
    Ok(notes)
}

type Extents = Rc<RefCell<Vec<Extent>>>;

impl Notes {
    /// The extent of something noted.
    pub(crate) fn extent(&self, id: ExtentId) -> Extent {
        self.extents[id]
    }

    /// The extents of all regions of a kind.
    pub(crate) fn regions(&self, kind: Region) -> impl Iterator<Item = Extent> + '_ {
        self.regions[kind as usize].iter().map(|id| self.extents[*id])
    }

    /// Where the innermost region of a kind around an offset begins.
    pub(crate) fn innermost(&self, kind: Region, offset: u32) -> Option<u32> {
        let ids = &self.regions[kind as usize];
        let before = ids.partition_point(|id| self.extents[*id].open.start <= offset);
        let around = ids[..before].iter().rev().map(|id| self.extents[*id]).find(|extent| extent.covers(offset));
        around.map(|extent| extent.open.start)
    }

    /// How many elements are compared with each other when the page is judged.
    pub(crate) fn weight(&self) -> usize {
        let regions: usize = self.regions.iter().map(Vec::len).sum();
        let lists = [&self.priced, &self.prices, &self.price_widgets, &self.swatches, &self.items, &self.forms];
        regions + self.boxes.len() + lists.iter().map(|list| list.len()).sum::<usize>()
    }

    fn element(&mut self, page: &str, element: &mut Element<'_, '_>, extents: &Extents) {
        let open = Span::new(element.source_location().bytes());
        let tag = tag_name(page, open);
        let attributes = Attributes::read(page, Span { start: tag.end, end: open.end });
        self.leave_boxes(&extents.borrow());
        let looks = Looks::of(page, tag, &attributes);
        let in_box = !self.open_boxes.is_empty();
        if !looks.is_box && !in_box && !wanted(&attributes, &looks) {
            return;
        }
        let extent = track(element, open, extents, in_box || has_end_of_interest(&attributes, &looks));
        let noted = Noted { extent, tag, attributes, foreign: element.namespace_uri() != HTML };
        for region in looks.regions.iter() {
            self.regions[region as usize].push(extent);
        }
        if let Some((open_box, _)) = self.open_boxes.last() {
            self.boxes[*open_box].nodes.push(noted);
        }
        if looks.is_box {
            self.open_boxes.push((self.boxes.len(), noted.extent));
            self.boxes.push(BoxNote { element: noted, nodes: Vec::new(), nested: in_box });
        }
        self.file_by_tag(looks.tag, noted);
        if looks.price {
            self.prices.push(noted);
        }
        if looks.percent {
            self.percents.push(noted);
        }
        if looks.attribute {
            self.attributes.push(noted);
        }
        if looks.value {
            self.attribute_values.push(noted);
        }
        if looks.price_box && attributes.role.is_none() {
            self.loose_boxes.push(noted);
        }
        self.file_by_attribute(&looks, noted);
    }

    /// Forgets the open boxes whose end tag has passed.
    fn leave_boxes(&mut self, extents: &[Extent]) {
        while self.open_boxes.last().is_some_and(|(_, id)| extents[*id].close.is_some()) {
            self.open_boxes.pop();
        }
    }

    /// Puts what was noted where planning looks for it, by its tag.
    fn file_by_tag(&mut self, tag: Tag, noted: Noted) {
        let attributes = &noted.attributes;
        match tag {
            Tag::Html => self.html_lang = self.html_lang.or(attributes.lang),
            Tag::Body => self.body_class = self.body_class.or(attributes.class),
            Tag::Meta => self.metas.push(noted),
            Tag::Script => self.scripts.push(noted),
            Tag::Form => self.forms.push(noted),
            Tag::Field | Tag::Select => self.fields.push(noted),
            Tag::Strong => self.marks.push(noted),
            Tag::Label => self.labels.push(noted),
            Tag::Option => self.choices.push(noted),
            Tag::Head | Tag::Main | Tag::Template | Tag::Other => {}
        }
    }

    /// Puts what was noted where planning looks for it, by its attributes.
    fn file_by_attribute(&mut self, looks: &Looks, noted: Noted) {
        let attributes = &noted.attributes;
        if attributes.price_amount.is_some() {
            self.priced.push(noted);
        }
        if attributes.itemprop.is_some() {
            self.items.push(noted);
        }
        if attributes.tier_price.is_some() {
            self.hidden_tiers.push(noted);
        }
        if looks.drives_prices {
            self.price_widgets.push(noted);
        }
        if looks.swatches {
            self.swatches.push(noted);
        }
        if is_anchor(attributes) {
            self.anchors.push(noted);
        }
    }
}

/// The tags that mean something here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tag {
    Html,
    Head,
    Body,
    Main,
    Template,
    Meta,
    Script,
    Form,
    /// `input` and `textarea`
    Field,
    Select,
    Strong,
    Label,
    Option,
    #[default]
    Other,
}

impl Tag {
    fn of(name: &str) -> Self {
        const KNOWN: [(&str, Tag); 14] = [
            ("html", Tag::Html),
            ("head", Tag::Head),
            ("body", Tag::Body),
            ("main", Tag::Main),
            ("template", Tag::Template),
            ("meta", Tag::Meta),
            ("script", Tag::Script),
            ("form", Tag::Form),
            ("input", Tag::Field),
            ("textarea", Tag::Field),
            ("select", Tag::Select),
            ("strong", Tag::Strong),
            ("label", Tag::Label),
            ("option", Tag::Option),
        ];
        // Most names of other elements are shorter than any of these.
        let known = || KNOWN.into_iter().find(|(known, _)| is(name, known));
        (name.len() >= 4).then(known).flatten().map_or(Self::Other, |(_, tag)| tag)
    }

    fn region(self) -> Option<Region> {
        Some(match self {
            Self::Template => Region::Template,
            Self::Head => Region::Head,
            Self::Main => Region::Main,
            Self::Body => Region::Body,
            _ => return None,
        })
    }
}

/// Several kinds of regions, each as the bit of its number.
#[derive(Clone, Copy, Debug, Default)]
struct Regions(u16);

impl Regions {
    fn add(&mut self, region: Option<Region>) {
        self.0 |= region.map_or(0, |region| 1 << region as u16);
    }

    fn iter(self) -> impl Iterator<Item = Region> {
        Region::ALL.into_iter().filter(move |region| self.0 & 1 << *region as u16 != 0)
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What an element's tag, id, role, configuration and classes say, each looked at once.
#[derive(Debug, Default)]
struct Looks {
    tag: Tag,
    regions: Regions,
    /// Whether it is a price box.
    is_box: bool,
    swatches: bool,
    drives_prices: bool,
    price: bool,
    price_box: bool,
    percent: bool,
    attribute: bool,
    value: bool,
}

impl Looks {
    /// Whether a class says that the element has text of interest.
    fn has_text(&self) -> bool {
        self.price || self.price_box || self.percent || self.attribute || self.value
    }
}

impl Looks {
    fn of(page: &str, tag: Span, attributes: &Attributes) -> Self {
        let mut looks =
            Self { tag: Tag::of(tag.of(page)), drives_prices: drives_prices(page, attributes), ..Self::default() };
        looks.regions.add(looks.tag.region());
        looks.regions.add(attributes.id.and_then(|id| region_of_id(id.of(page))));
        if let Some(role) = attributes.role.map(|role| role.of(page)) {
            looks.is_box = decode(role) == "priceBox";
            looks.swatches = role.starts_with("swatch-option");
        }
        let Some(class) = attributes.class else {
            return looks;
        };
        let (mut footer, mut content) = (false, false);
        for class in decode(class.of(page)).split_ascii_whitespace() {
            match class {
                "price" => looks.price = true,
                "price-box" => looks.price_box = true,
                "percent" => looks.percent = true,
                "attribute" => looks.attribute = true,
                "value" => looks.value = true,
                "footer" => footer = true,
                "content" => content = true,
                class => looks.regions.add(region_of_class(class)),
            }
        }
        looks.regions.add((footer && content).then_some(Region::Footer));
        looks
    }
}

const HTML: &str = "http://www.w3.org/1999/xhtml";

/// Whether raw class text has a class.
pub(crate) fn has_class(raw: &str, class: &str) -> bool {
    raw.contains(class) && decode(raw).split_ascii_whitespace().any(|token| token == class)
}

/// Whether a tag is of this name.
pub(crate) fn is(tag: &str, name: &str) -> bool {
    tag.eq_ignore_ascii_case(name)
}

fn region_of_id(id: &str) -> Option<Region> {
    match id.strip_prefix("switcher-") {
        Some(rest) => {
            ["language", "store", "currency"].iter().any(|of| rest.starts_with(of)).then_some(Region::Switcher)
        }
        None => (id == "super-product-table").then_some(Region::GroupedTable),
    }
}

fn region_of_class(class: &str) -> Option<Region> {
    Some(match class {
        "columns" => Region::Columns,
        "sidebar-additional" => Region::Sidebar,
        "product-info-main" => Region::ProductInfo,
        "product-item" => Region::Row,
        "crosssell" => Region::Crosssell,
        "prices-tier" => Region::TierList,
        _ => return None,
    })
}

/// Whether an element outside of price boxes is worth a note.
fn wanted(attributes: &Attributes, looks: &Looks) -> bool {
    let by_tag = match looks.tag {
        Tag::Html | Tag::Meta | Tag::Script | Tag::Form => true,
        Tag::Field | Tag::Select => attributes.name.is_some(),
        Tag::Strong => attributes.class.is_some(),
        Tag::Label => attributes.of.is_some(),
        Tag::Option => attributes.value.is_some(),
        _ => false,
    };
    let priced = attributes.price_amount.is_some() || attributes.itemprop.is_some() || looks.has_text();
    let region = !looks.regions.is_empty() || is_anchor(attributes) || attributes.tier_price.is_some();
    by_tag || priced || region || looks.swatches || looks.drives_prices
}

/// Whether anything asks where the element ends.
fn has_end_of_interest(attributes: &Attributes, looks: &Looks) -> bool {
    let held = matches!(looks.tag, Tag::Script | Tag::Form | Tag::Select | Tag::Option | Tag::Label);
    let texts = looks.has_text() || attributes.itemprop.is_some() || attributes.price_amount.is_some();
    looks.is_box || held || texts || !looks.regions.is_empty() || is_anchor(attributes)
}

/// Whether a block may be placed by this element.
fn is_anchor(attributes: &Attributes) -> bool {
    let keys = [attributes.id, attributes.content_type];
    keys.iter().chain(&attributes.banner_keys).any(Option::is_some)
}

/// Names in the configuration of scripts that print prices.
const PRICE_WIDGETS: [&str; 6] =
    ["priceBox", "priceConfig", "optionConfig", "jsonConfig", "spConfig", "product/view/provider"];

/// The id of the list of a downloadable product's links.
pub(super) const LINKS: &str = "downloadable-links-list";

/// Whether an element's own configuration starts a script that prints prices, but for that of the list of links, which is read.
fn drives_prices(page: &str, attributes: &Attributes) -> bool {
    attributes.mage_init.is_some_and(|config| {
        let raw = config.of(page);
        // Most elements configure something else, and need no closer look.
        let may_be = raw.contains("Box") || raw.contains("Config") || raw.contains("provider");
        let links = raw.contains("downloadable") && attributes.id.is_none_or(|id| id.of(page) != LINKS);
        links || may_be && PRICE_WIDGETS.iter().any(|name| decode(raw).replace("\\/", "/").contains(name))
    })
}

/// Notes where an element begins, and later where it ends if that is `watched`: each end that is costs some allocations.
fn track(element: &mut Element<'_, '_>, open: Span, extents: &Extents, watched: bool) -> ExtentId {
    let id = extents.borrow().len();
    let handlers = element.end_tag_handlers();
    extents.borrow_mut().push(Extent { open, close: None, ended: None, void: handlers.is_none() });
    if let Some(handlers) = handlers.filter(|_| watched) {
        let extents = Rc::clone(extents);
        handlers.push(Box::new(move |end| {
            extents.borrow_mut()[id].close = Some(Span::new(end.source_location().bytes()));
            Ok(())
        }));
    }
    id
}

/// The name in a start tag, as it is written.
pub(super) fn tag_name(page: &str, open: Span) -> Span {
    let start = open.start + 1;
    let text = Span { start, end: open.end }.of(page);
    let ends = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    let length = text.bytes().position(ends).unwrap_or(text.len());
    Span::new(start as usize..start as usize + length)
}
