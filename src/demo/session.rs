//! Shoppers' sessions: carts, messages and form keys, in memory and bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use cookie::Cookie;
use http::HeaderMap;
use http::header::COOKIE;

use super::catalog::{self, Product};
use super::choice::{Choice, Wanted};
use super::discount::Row;
use super::money::Cents;
use super::view::View;

/// Beyond this many sessions the oldest is forgotten: a demo has few shoppers, and a load test must not eat the machine.
const MOST_SESSIONS: usize = 10_000;

/// One line of a cart.
#[derive(Clone, Debug)]
pub struct Line {
    /// Magento's id of the line.
    pub item: u64,
    /// What is bought.
    pub product: &'static Product,
    /// What was chosen of it.
    pub choice: Choice,
    /// How many.
    pub qty: u32,
}

impl Line {
    /// The rows that the cart's arithmetic sees: one, or one for each part of a bundle, whose discounts sit on its parts.
    pub fn rows(&self, view: &View) -> Vec<Row> {
        match &self.choice {
            Choice::Parts(parts) => {
                let row = |part: &super::choice::Part| Row {
                    products: [self.product.id, part.product.id],
                    price: view.net(part.product.price()),
                    qty: part.qty * self.qty,
                };
                parts.iter().map(row).collect()
            }
            choice => {
                let child = if let Choice::Child(_, child) = choice { child.id } else { self.product.id };
                let price = view.net(choice.unit(self.product, self.qty));
                vec![Row { products: [self.product.id, child], price, qty: self.qty }]
            }
        }
    }

    /// What one unit costs in a view's currency, without tax.
    pub fn unit(&self, view: &View) -> Cents {
        let total: Cents = self.rows(view).iter().map(Row::total).sum();
        Cents(total.0 / i64::from(self.qty.max(1)))
    }
}

/// A message for the next page.
#[derive(Clone, Debug)]
pub struct Message {
    /// `success`, `notice` or `error`.
    pub kind: &'static str,
    /// What it says, as plain text.
    pub text: String,
}

/// What the shop remembers of one shopper.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// The cart's lines, oldest first.
    pub lines: Vec<Line>,
    /// Messages that no page has shown yet.
    pub messages: Vec<Message>,
    /// The key that forms must carry.
    pub form_key: String,
    /// The cart's public id in the API.
    pub cart_id: String,
    /// Ids of the products on the wish list, oldest first.
    pub wishes: Vec<u64>,
    /// Ids of the products that are compared, oldest first.
    pub compared: Vec<u64>,
    /// Changes with the cart and the lists, as `data_id` of customer sections does.
    pub version: u64,
    next_item: u64,
}

impl Session {
    fn new(form_key: String) -> Self {
        Self { form_key, cart_id: random_text(32), version: now(), next_item: 1, ..Self::default() }
    }

    /// Puts units of what was chosen into the cart, onto its line when it has one.
    pub fn add(&mut self, (product, choice, qty): Wanted) {
        self.version += 1;
        let same = |line: &&mut Line| line.product.id == product.id && line.choice == choice;
        if let Some(line) = self.lines.iter_mut().find(same) {
            line.qty = line.qty.saturating_add(qty).min(MOST_UNITS);
            return;
        }
        self.lines.push(Line { item: self.next_item, product, choice, qty: qty.min(MOST_UNITS) });
        self.next_item += 1;
    }

    /// Puts a product onto one of the lists, or takes it off.
    pub fn list(&mut self, which: List, product: u64, is_on: bool) {
        self.version += 1;
        let ids = match which {
            List::Wishes => &mut self.wishes,
            List::Compared => &mut self.compared,
        };
        ids.retain(|id| *id != product);
        if is_on {
            ids.push(product);
        }
    }

    /// Changes a line's quantity; none takes it away.
    pub fn set_qty(&mut self, item: u64, qty: u32) {
        self.version += 1;
        self.lines.retain(|line| line.item != item || qty > 0);
        for line in self.lines.iter_mut().filter(|line| line.item == item) {
            line.qty = qty.min(MOST_UNITS);
        }
    }

    /// The cart as the discount arithmetic sees it.
    pub fn rows(&self, view: &View) -> Vec<Row> {
        self.lines.iter().flat_map(|line| line.rows(view)).collect()
    }

    /// The lines with tax and without discounts.
    pub fn subtotal_with_tax(&self, view: &View) -> Cents {
        self.lines.iter().map(|line| view.with_tax(line.unit(view) * line.qty)).sum()
    }

    /// How many units are in the cart.
    pub fn units(&self) -> u32 {
        self.lines.iter().map(|line| line.qty).sum()
    }

    /// Leaves a message for the next page.
    pub fn say(&mut self, kind: &'static str, text: impl Into<String>) {
        self.messages.push(Message { kind, text: text.into() });
    }
}

/// A list of products that a shopper keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The wish list. Magento keeps one for customers only; this shop knows only guests.
    Wishes,
    /// What is compared.
    Compared,
}

/// More units of one product are not sold at once, as in Magento's default stock settings.
pub const MOST_UNITS: u32 = 10_000;

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<String, Session>,
    order: VecDeque<String>,
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    table: Mutex<Table>,
}

impl Sessions {
    /// Works on the session of a request, which is begun when there is none, and answers with its id and whether it is new.
    pub fn with<T>(&self, headers: &HeaderMap, work: impl FnOnce(&mut Session) -> T) -> (T, Option<String>) {
        let mut table = self.lock();
        let known = cookie(headers, "PHPSESSID").filter(|id| table.sessions.contains_key(id));
        let begun = known.is_none().then(|| table.begin(cookie(headers, "form_key")));
        let id = known.or_else(|| begun.clone()).unwrap_or_default();
        let session = table.sessions.entry(id).or_default();
        (work(session), begun)
    }

    /// A copy of the session whose cart has this public id.
    pub fn by_cart(&self, cart_id: &str) -> Option<Session> {
        self.lock().sessions.values().find(|session| session.cart_id == cart_id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn begin(&mut self, form_key: Option<String>) -> String {
        if self.order.len() >= MOST_SESSIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.sessions.remove(&oldest);
        }
        let id = random_text(26);
        let form_key = form_key.filter(|key| key.len() == 16 && key.chars().all(char::is_alphanumeric));
        self.sessions.insert(id.clone(), Session::new(form_key.unwrap_or_else(|| random_text(16))));
        self.order.push_back(id.clone());
        id
    }
}

/// The cookie of a request, percent-decoded.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let texts = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| Cookie::split_parse_encoded(text).filter_map(Result::ok))
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

/// Letters and digits that nobody can guess.
pub fn random_text(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The product that a form names.
pub fn named_product(id: &str) -> Option<&'static Product> {
    catalog::product(id.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_session(id: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, format!("x=1; PHPSESSID={id}").parse().expect("a header value"));
        headers
    }

    #[test]
    fn keeps_a_cart_from_one_request_to_the_next() {
        let sessions = Sessions::default();
        let tote = catalog::product(1).expect("the tote");
        let (_, begun) = sessions.with(&HeaderMap::new(), |session| session.add((tote, Choice::Nothing, 2)));
        let headers = with_session(&begun.expect("a new session"));
        let (units, begun) = sessions.with(&headers, |session| {
            session.add((tote, Choice::Nothing, 1));
            session.units()
        });
        assert_eq!((units, begun), (3, None));
        sessions.with(&headers, |session| session.set_qty(1, 0));
        let (lines, _) = sessions.with(&headers, |session| session.lines.len());
        assert_eq!(lines, 0);
    }

    #[test]
    fn what_was_chosen_otherwise_is_another_line() {
        let mut session = Session::default();
        let mug = catalog::product_by_key("initial-enamel-mug").expect("the mug");
        for choice in [Choice::Options(Vec::new()), Choice::Nothing, Choice::Options(Vec::new())] {
            session.add((mug, choice, 1));
        }
        assert_eq!(session.lines.iter().map(|line| line.qty).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn does_not_adopt_an_id_that_it_never_gave() {
        let sessions = Sessions::default();
        let (_, begun) = sessions.with(&with_session("chosen-by-someone-else"), |_| ());
        assert_ne!(begun.as_deref(), Some("chosen-by-someone-else"));
        assert_eq!(begun.map(|id| id.len()), Some(26));
    }

    #[test]
    fn forgets_the_oldest_session_when_there_are_too_many() {
        let sessions = Sessions::default();
        let (_, first) = sessions.with(&HeaderMap::new(), |_| ());
        for _ in 0..MOST_SESSIONS {
            sessions.with(&HeaderMap::new(), |_| ());
        }
        assert_eq!(sessions.lock().sessions.len(), MOST_SESSIONS);
        let (_, begun) = sessions.with(&with_session(&first.expect("a new session")), |_| ());
        assert!(begun.is_some(), "the first session is forgotten");
    }
}
