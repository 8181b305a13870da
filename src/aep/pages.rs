//! Lists that come in pages: the next one is followed as Adobe gives it, within bounds.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use super::api::{Api, ApiError, Area, Cause};

/// Pages of a list at most. Adobe's own limits (4,000 audiences in a sandbox) are reached with 200 pages of twenty.
const MOST_PAGES: usize = 500;

/// Entries of a list at most, so that memory has a bound: five times Adobe's limit.
const MOST_ITEMS: usize = 20_000;

/// How often a page is asked for, once there are others: a throttled listing of thirty pages would never come to its end.
const ATTEMPTS: u32 = 3;

/// The longest wait between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a list is made of.
pub(super) struct Source<'a> {
    pub(super) api: &'a Api,
    pub(super) area: Area,
    /// What links to further pages are relative to.
    pub(super) base: &'static str,
    /// Path within the base and query of the first page.
    pub(super) first: (&'static str, &'static str),
    /// The parameter that takes `_page.next`, where there is no link.
    pub(super) cursor: &'static str,
    /// Where it is told how many entries were read, for somebody who waits for the rest.
    pub(super) progress: Option<&'a AtomicUsize>,
}

/// A list, with what is odd about it.
#[derive(Debug)]
pub struct Listing<T> {
    /// The entries, each once.
    pub items: Vec<T>,
    /// How many entries could not be understood. They are left out.
    pub odd: usize,
    /// Why there may be more than this.
    pub cut: Option<Cut>,
}

/// Why the end of a list was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A link led back to a page that had been read.
    Loop,
    /// A page brought nothing new although the list goes on.
    NothingNew,
    /// More pages or entries than any list has.
    Endless,
    /// A link led to another host, where the token has no business.
    Foreign,
}

impl Cut {
    /// What happened, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loop => "a link to the next page led back",
            Self::NothingNew => "a page brought nothing new although more were announced",
            Self::Endless => "it went on for longer than any list of Adobe's",
            Self::Foreign => "a link to the next page led to another host",
        }
    }
}

impl Source<'_> {
    /// Reads all pages. `read` makes an entry of an element, with the id that tells it from others; `None` when the element is odd.
    pub(super) async fn list<T>(&self, read: impl Fn(&Value) -> Option<(String, T)>) -> Result<Listing<T>, ApiError> {
        let (path, query) = self.first;
        let mut url = self.api.url(&format!("{}{path}", self.base), Some(query));
        let mut listing = Listing { items: Vec::new(), odd: 0, cut: None };
        let (mut ids, mut seen) = (HashSet::new(), HashSet::new());
        loop {
            let page = self.page(&url, !listing.items.is_empty()).await?;
            let elements = elements(&page).ok_or_else(|| self.malformed("it has no list"))?;
            let before = listing.items.len() + listing.odd;
            for element in elements {
                match read(element) {
                    Some((id, item)) if ids.insert(id.clone()) => listing.items.push(item),
                    Some(_) => {}
                    None => listing.odd += 1,
                }
            }
            seen.insert(url.clone());
            let count = listing.items.len() + listing.odd;
            if let Some(progress) = self.progress {
                progress.store(count, Ordering::Relaxed);
            }
            let complete = total(&page).is_some_and(|total| total <= count);
            listing.cut = match self.next(&page, &url, complete) {
                Next::End => return Ok(listing),
                Next::Foreign => Some(Cut::Foreign),
                Next::Page(next) if seen.contains(&next) => Some(Cut::Loop),
                Next::Page(_) if count == before => Some(Cut::NothingNew),
                Next::Page(_) if seen.len() >= MOST_PAGES || count >= MOST_ITEMS => Some(Cut::Endless),
                Next::Page(next) => {
                    url = next;
                    continue;
                }
            }
            .filter(|_| !complete);
            return Ok(listing);
        }
    }

    fn malformed(&self, why: &'static str) -> ApiError {
        ApiError { area: self.area, cause: Cause::Malformed(why) }
    }

    async fn page(&self, url: &Url, under_way: bool) -> Result<Value, ApiError> {
        let mut attempt = 1;
        loop {
            match self.api.get(self.area, url).await {
                Err(error) if under_way && attempt < ATTEMPTS && error.is_passing() => {
                    let pause = error.retry_after().unwrap_or(Duration::from_secs(1));
                    tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Where the list goes on: by its link; without any link, by its cursor, unless all that was counted is there.
    fn next(&self, page: &Value, url: &Url, complete: bool) -> Next {
        let link = page.pointer("/_links/next");
        let href = link.and_then(|link| link.get("href").unwrap_or(link).as_str());
        // An empty one is how some say that there is none.
        if let Some(href) = href.filter(|href| !href.is_empty()) {
            return self.resolve(href, url);
        }
        let cursor = about(page, "next").or_else(|| about(page, "continuationToken")).or(page.get("continuationToken"));
        let cursor = match cursor {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Next::End,
        };
        if complete {
            return Next::End;
        }
        let mut next = url.clone();
        let others: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(key, _)| key != self.cursor).collect();
        next.query_pairs_mut().clear().extend_pairs(others).append_pair(self.cursor, &cursor);
        Next::Page(next)
    }

    /// A link as Adobe writes it: `@/audiences?...`, a path within the base or from the root, or a whole address.
    fn resolve(&self, href: &str, url: &Url) -> Next {
        if href.contains("://") {
            return match Url::parse(href) {
                Ok(next) if next.origin() == url.origin() => Next::Page(next),
                _ => Next::Foreign,
            };
        }
        let (path, query) = href.split_once('?').map_or((href, None), |(path, query)| (path, Some(query)));
        let path = path.strip_prefix('@').unwrap_or(path);
        let path = match path {
            "" => url.path().to_owned(),
            path if path.starts_with(self.base) => path.to_owned(),
            path => format!("{}/{}", self.base, path.trim_start_matches('/')),
        };
        Next::Page(self.api.url(&path, query))
    }
}

enum Next {
    End,
    Page(Url),
    Foreign,
}

/// The elements of a page. Adobe's specification has lists of destinations typed as one single element.
pub(super) fn elements(page: &Value) -> Option<Vec<&Value>> {
    let list = ["children", "items"].into_iter().find_map(|key| page.get(key)?.as_array()).or(page.as_array());
    let single = || page.get("id").and_then(Value::as_str).map(|_| vec![page]);
    list.map(|list| list.iter().collect()).or_else(single)
}

/// What a page says about itself; Adobe's examples have the name in the plural too.
fn about<'a>(page: &'a Value, key: &str) -> Option<&'a Value> {
    ["_page", "_pages", "page"].into_iter().find_map(|name| page.get(name)?.get(key))
}

/// How many entries the list has, where a page says so.
pub(super) fn total(page: &Value) -> Option<usize> {
    let total = about(page, "totalCount")?;
    let total = total.as_u64().or_else(|| total.as_str()?.parse().ok())?;
    usize::try_from(total).ok()
}

#[cfg(test)]
mod tests;
