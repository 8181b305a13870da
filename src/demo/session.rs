//! Shoppers' sessions: carts, messages and form keys, in memory and bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use cookie::Cookie;
use http::HeaderMap;
use http::header::COOKIE;

use super::account::Customer;
use super::catalog::{self, Product};
use super::quote::Quote;

/// The cookie with a session's id.
pub const SESSION: &str = "PHPSESSID";

/// Beyond this many sessions the oldest is forgotten: a demo has few shoppers, and a load test must not eat the machine.
const MOST_SESSIONS: usize = 10_000;

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
    /// The cart.
    pub quote: Quote,
    /// Who logged in.
    pub customer: Option<&'static Customer>,
    /// Messages that no page has shown yet.
    pub messages: Vec<Message>,
    /// The key that forms must carry.
    pub form_key: String,
    /// Ids of the products on the wish list, oldest first.
    pub wishes: Vec<u64>,
    /// Ids of the products that are compared, oldest first.
    pub compared: Vec<u64>,
    /// The number of the order that was placed last.
    pub last_order: Option<u64>,
    /// Changes with the cart and the lists, as `data_id` of customer sections does.
    pub version: u64,
}

impl Session {
    fn new(form_key: String) -> Self {
        Self { form_key, version: now(), ..Self::default() }
    }

    /// Magento's customer group: 0 of guests.
    pub fn group(&self) -> u64 {
        self.customer.map_or(0, |customer| customer.group)
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

    /// Leaves a message for the next page.
    pub fn say(&mut self, kind: &'static str, text: impl Into<String>) {
        self.messages.push(Message { kind, text: text.into() });
    }
}

/// A list of products that a shopper keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The wish list. Magento keeps one for customers only; this shop keeps one for everybody.
    Wishes,
    /// What is compared.
    Compared,
}

/// A session, and the turn that its requests take.
#[derive(Debug, Default)]
struct Entry {
    session: Session,
    turn: Arc<Turn>,
}

/// Held by the request of a session that is under way.
type Turn = tokio::sync::Mutex<()>;

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<String, Entry>,
    order: VecDeque<String>,
    /// The carts that customers left when they logged out.
    left: HashMap<u64, Quote>,
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
        let known = cookie(headers, SESSION).filter(|id| table.sessions.contains_key(id));
        let begun = known.is_none().then(|| table.begin(cookie(headers, "form_key")));
        let id = known.or_else(|| begun.clone()).unwrap_or_default();
        let entry = table.sessions.entry(id).or_default();
        (work(&mut entry.session), begun)
    }

    /// Works on the session of a request where there is one.
    pub fn with_known<T>(&self, headers: &HeaderMap, work: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let id = cookie(headers, SESSION)?;
        self.lock().sessions.get_mut(&id).map(|entry| work(&mut entry.session))
    }

    /// Works on the session whose cart has this public id. Customers' carts have none.
    pub fn with_cart<T>(&self, masked: &str, work: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut table = self.lock();
        let mut sessions = table.sessions.values_mut().map(|entry| &mut entry.session);
        sessions.find(|session| session.quote.masked == masked && session.customer.is_none()).map(work)
    }

    /// Begins a cart that belongs to nobody's browser, and answers with its public id.
    pub fn begin_cart(&self) -> String {
        let mut table = self.lock();
        let id = table.begin(None);
        table.sessions.get(&id).map(|entry| entry.session.quote.masked.clone()).unwrap_or_default()
    }

    /// Logs a customer in. The session goes on under another id, with the cart that he left last time and what he had as a guest.
    pub fn log_in(&self, headers: &HeaderMap, customer: &'static Customer) -> Option<String> {
        let mut table = self.lock();
        let left = table.left.remove(&customer.id);
        table.renew(headers, |session| {
            session.customer = Some(customer);
            session.version += 1;
            if let Some(mut own) = left {
                own.merge(std::mem::take(&mut session.quote));
                session.quote = own;
            }
        })
    }

    /// Logs the customer out. His cart waits for him; the session goes on under another id.
    pub fn log_out(&self, headers: &HeaderMap) -> Option<String> {
        let mut table = self.lock();
        let mut kept = None;
        let id = table.renew(headers, |session| {
            session.version += 1;
            let customer = session.customer.take();
            kept = customer.map(|customer| (customer.id, std::mem::take(&mut session.quote)));
        });
        table.left.extend(kept);
        id
    }

    /// The turn of a request's session; `None` for requests without one.
    pub fn turn(&self, headers: &HeaderMap) -> Option<Arc<Turn>> {
        let id = cookie(headers, SESSION)?;
        self.lock().sessions.get(&id).map(|entry| Arc::clone(&entry.turn))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn begin(&mut self, form_key: Option<String>) -> String {
        let form_key = form_key.filter(|key| key.len() == 16 && key.chars().all(char::is_alphanumeric));
        let session = Session::new(form_key.unwrap_or_else(|| random_text(16)));
        self.keep(Entry { session, turn: Arc::default() })
    }

    fn keep(&mut self, entry: Entry) -> String {
        if self.order.len() >= MOST_SESSIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.sessions.remove(&oldest);
        }
        let id = random_text(26);
        self.sessions.insert(id.clone(), entry);
        self.order.push_back(id.clone());
        id
    }

    /// Works on the session of a request and gives it another id, as Magento does wherever somebody's rights change.
    fn renew(&mut self, headers: &HeaderMap, work: impl FnOnce(&mut Session)) -> Option<String> {
        let id = cookie(headers, SESSION)?;
        let mut entry = self.sessions.remove(&id)?;
        self.order.retain(|other| *other != id);
        work(&mut entry.session);
        Some(self.keep(entry))
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
    use super::super::choice::Choice;
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
        let (_, begun) = sessions.with(&HeaderMap::new(), |session| session.quote.add((tote, Choice::Nothing, 2)));
        let headers = with_session(&begun.expect("a new session"));
        let (units, begun) = sessions.with(&headers, |session| {
            session.quote.add((tote, Choice::Nothing, 1));
            session.quote.units()
        });
        assert_eq!((units, begun), (3, None));
        let (lines, _) = sessions.with(&headers, |session| {
            session.quote.set_qty(session.quote.lines[0].item, 0);
            session.quote.lines.len()
        });
        assert_eq!(lines, 0);
    }

    #[test]
    fn a_customer_finds_his_cart_again_under_another_session_id() {
        let sessions = Sessions::default();
        let add = |session: &mut Session| {
            session.quote.add((catalog::product(1).expect("the tote"), Choice::Nothing, 1));
            session.quote.masked.clone()
        };
        let (guest, begun) = sessions.with(&HeaderMap::new(), add);
        let first = begun.expect("a new session");
        let ada = &super::super::account::CUSTOMERS[0];
        let second = sessions.log_in(&with_session(&first), ada).expect("a session to log in with");
        assert!(first != second && sessions.turn(&with_session(&first)).is_none(), "the old id is worth nothing");
        assert!(sessions.with_cart(&guest, |_| ()).is_none(), "a customer's cart has no public id");
        let third = sessions.log_out(&with_session(&second)).expect("a session to log out of");
        let left = sessions.with(&with_session(&third), |session| {
            session.quote.add((catalog::product(2).expect("the weekender"), Choice::Nothing, 1));
            (session.group(), session.quote.units())
        });
        assert_eq!(left, ((0, 1), None), "a guest begins with a cart of his own");
        let fourth = sessions.log_in(&with_session(&third), ada).expect("a session to log in with");
        let (found, _) = sessions.with(&with_session(&fourth), |session| (session.group(), session.quote.units()));
        assert_eq!(found, (1, 2));
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
