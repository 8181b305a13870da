//! What differs between the bytes of a page before and after: nothing may that is no slot of a price, and nothing may be added that is
//! no regular price, no label and no stylesheet of Segue's.

use super::json::{self, Reader};
use super::number::{amount, without_numbers};
use super::tokens::{Attribute, Tag, Token, tokens};

/// Differences outside of the slots; the first one that cannot be stepped over is the last.
pub fn outside_of_slots(before: &str, after: &str) -> Vec<String> {
    let (old, new) = (tokens(before), tokens(after));
    let mut walk = Walk {
        old: &old,
        new: &new,
        at: (0, 0),
        open: Vec::new(),
        wrappers: 0,
        beside_added: false,
        found: Vec::new(),
    };
    while walk.step() {}
    if walk.wrappers > 0 {
        walk.found.push("an added wrapper is not closed".to_owned());
    }
    walk.found
}

/// Goes through both pages at once.
struct Walk<'t, 'a> {
    old: &'t [Token<'a>],
    new: &'t [Token<'a>],
    at: (usize, usize),
    /// The elements of the new page that are open.
    open: Vec<&'t Tag<'a>>,
    /// Added wrappers that are still open.
    wrappers: usize,
    /// Whether what came last was added.
    beside_added: bool,
    found: Vec<String>,
}

impl<'t, 'a> Walk<'t, 'a> {
    /// Steps over what is equal, changed in a slot, or added. Whether there is more.
    fn step(&mut self) -> bool {
        let (old, new) = (self.old.get(self.at.0), self.new.get(self.at.1));
        match (old, new) {
            (None, None) => false,
            (Some(old), Some(new)) if old == new => self.pass(new),
            (Some(old), Some(new)) if self.is_slot(old, new) => self.pass(new),
            (_, Some(new)) if self.is_added(new) => self.step_over(new),
            (old, new) => {
                let (old, new) = (old.map_or("the end", |old| old.raw()), new.map_or("the end", |new| new.raw()));
                let above = self.open.last().map_or("nothing", |tag| tag.raw);
                self.found.push(format!("outside of slots, in {above:.80}: {old:.120} became {new:.120}"));
                false
            }
        }
    }

    fn pass(&mut self, new: &'t Token<'a>) -> bool {
        self.note(new);
        self.at = (self.at.0 + 1, self.at.1 + 1);
        self.beside_added = false;
        true
    }

    fn note(&mut self, new: &'t Token<'a>) {
        match new {
            Token::Start(tag) if !tag.is_void() => self.open.push(tag),
            Token::End { name, .. } => {
                let nearest = self.open.iter().rposition(|open| open.name == *name);
                self.open.truncate(nearest.unwrap_or(self.open.len()));
            }
            _ => {}
        }
    }

    fn is_within(&self, is: impl Fn(&Tag<'a>) -> bool) -> bool {
        self.open.iter().any(|open| is(open))
    }

    fn is_in_box(&self) -> bool {
        self.is_within(|open| open.get("data-role") == Some("priceBox"))
    }

    /// Whether two tokens differ in nothing but a price; what differs in data is noted.
    fn is_slot(&mut self, old: &Token<'a>, new: &Token<'a>) -> bool {
        match (old, new) {
            (Token::Text(old), Token::Text(new)) => self.is_price_text(old, new),
            (Token::Start(old), Token::Start(new)) => {
                let slots =
                    old.attributes.iter().zip(&new.attributes).all(|(before, after)| {
                        before.value == after.value || self.is_price_attribute(new, before, after)
                    });
                old.name == new.name && old.skeleton() == new.skeleton() && slots
            }
            (Token::Data(old), Token::Data(new)) => self.is_price_data(old, new),
            _ => false,
        }
    }

    fn is_price_text(&self, old: &str, new: &str) -> bool {
        let shows_amount = self.is_within(|open| open.get("data-price-amount").is_some());
        let saves =
            self.is_within(|open| open.has_class("prices-tier")) && self.is_within(|open| open.has_class("percent"));
        let notice = self.is_within(|open| open.has_class("price-notice"));
        let hint = self.is_within(|open| open.name == "option")
            && self.is_within(|open| open.name == "select" && is_option_name(open.get("name").unwrap_or_default()));
        if hint {
            // Names of options may have numbers too.
            let name = |text: &str| text.rsplit_once('+').map(|(name, _)| name.to_owned());
            return name(old) == name(new) && without_numbers(old) == without_numbers(new);
        }
        (shows_amount || saves || notice) && without_numbers(old) == without_numbers(new)
    }

    fn is_price_attribute(&mut self, tag: &Tag<'a>, old: &Attribute<'a>, new: &Attribute<'a>) -> bool {
        let is_amount = amount(old.value).is_some() && amount(new.value).is_some();
        match old.name.as_str() {
            "data-price-amount" => is_amount,
            "content" => {
                let about = [tag.get("itemprop"), tag.get("property")];
                let prices = ["price", "lowPrice", "highPrice", "product:price:amount", "og:price:amount"];
                is_amount && tag.name == "meta" && about.iter().flatten().any(|name| prices.contains(name))
            }
            "price" => {
                let own = tag.get("name").unwrap_or_default();
                is_amount && (is_option_name(own) || self.is_within(|open| open.name == "select"))
            }
            "data-mage-init" => {
                self.found.extend(json::differences(Reader::Element, &decoded(old.value), &decoded(new.value)));
                digits_out(old.value) == digits_out(new.value)
            }
            _ => false,
        }
    }

    fn is_price_data(&mut self, old: &str, new: &str) -> bool {
        let kind = self.open.last().and_then(|open| open.get("type")).unwrap_or_default().replace("&#x2F;", "/");
        let reader = match kind.as_str() {
            "text/x-magento-init" => Reader::Widgets,
            "application/ld+json" => Reader::Crawlers,
            _ => return false,
        };
        self.found.extend(json::differences(reader, old, new));
        true
    }

    /// Whether a token of the new page may stand there though the old one has none such.
    fn is_added(&self, new: &Token<'a>) -> bool {
        match new {
            Token::Start(tag) => self.is_added_element(tag),
            Token::End { name, .. } => self.wrappers > 0 && name == "span",
            Token::Blank(_) => {
                let next = self.new[self.at.1..].iter().find(|token| !matches!(token, Token::Blank(_)));
                self.beside_added || next.is_some_and(|next| self.is_added_before(next))
            }
            _ => false,
        }
    }

    /// The same of what follows white space. What the old page has there too is not added.
    fn is_added_before(&self, next: &Token<'a>) -> bool {
        let old = self.old[self.at.0..].iter().find(|token| !matches!(token, Token::Blank(_)));
        old != Some(next) && self.is_added(next)
    }

    fn is_added_element(&self, tag: &Tag<'a>) -> bool {
        let of_segue = tag.classes().any(|class| class.starts_with("segue-"));
        let stylesheet = tag.name == "link" && tag.get("href").is_some_and(|href| href.contains("/.segue/"));
        let price =
            tag.name == "span" && self.is_in_box() && (tag.has_class("special-price") || tag.has_class("old-price"));
        let label = tag.name == "span" && tag.has_class("price-label") && self.wrappers > 0;
        of_segue || stylesheet || price || label
    }

    /// Steps over what was added: a wrapper's tag, or an element with all that it holds.
    fn step_over(&mut self, new: &Token<'a>) -> bool {
        self.beside_added = true;
        match new {
            Token::Start(tag) if tag.has_class("special-price") => self.wrappers += 1,
            Token::End { .. } => self.wrappers -= 1,
            Token::Start(tag) if !tag.is_void() => self.step_over_element(),
            _ => {}
        }
        self.at.1 += 1;
        true
    }

    fn step_over_element(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.new.get(self.at.1) {
            match token {
                Token::Start(tag) if ["script", "style"].contains(&tag.name.as_str()) => {
                    self.found.push(format!("{} was added", tag.raw));
                }
                Token::Start(tag) if !tag.is_void() => depth += 1,
                Token::End { .. } => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
            self.at.1 += 1;
        }
    }
}

/// Whether a form's field chooses an option that may cost something.
fn is_option_name(name: &str) -> bool {
    name.starts_with("options") || name.starts_with("bundle_option") || name.starts_with("super_attribute")
}

/// An attribute's value, its entities decoded.
fn decoded(value: &str) -> String {
    let html = scraper::Html::parse_fragment(&format!("<p title=\"{}\">", value.replace('"', "&quot;")));
    let paragraph = html.select(&super::copies::select("p")).next();
    paragraph.and_then(|found| found.value().attr("title")).unwrap_or_default().to_owned()
}

/// An attribute's value without its decimals; entities by number have digits that stay.
fn digits_out(value: &str) -> String {
    let mut kept = String::new();
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '&' => rest.find(';').map_or(1, |end| end + 1),
            '0'..='9' => rest.find(|ch: char| !ch.is_ascii_digit() && ch != '.').unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        kept.push_str(if first.is_ascii_digit() { "#" } else { &rest[..length] });
        rest = &rest[length..];
    }
    kept
}
