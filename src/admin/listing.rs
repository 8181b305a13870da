//! Lists that can be searched, sorted and paged through, by links alone.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use maud::{Markup, html};

use super::Admin;
use super::answer::{Refused, encoded};

/// Rows of a page.
pub(super) const PAGE: usize = 50;

/// What a list is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Vec<(String, String)>);

impl FromRequestParts<Admin> for Asked {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Refused> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, admin).await;
        query.map(|Query(fields)| Self(fields)).map_err(|error| Refused::Bad(error.to_string()))
    }
}

impl Asked {
    /// A filter's value, without blanks around it.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.trim())
    }

    /// Every value of a filter.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The page's number, from 1.
    pub(super) fn page(&self) -> usize {
        self.text("page").parse().unwrap_or(1).max(1)
    }

    /// The column that is sorted by, and whether from its end.
    pub(super) fn sort<'a>(&'a self, default: &'a str) -> (&'a str, bool) {
        let asked = Some(self.text("sort")).filter(|sort| !sort.is_empty()).unwrap_or(default);
        asked.strip_prefix('-').map_or((asked, false), |column| (column, true))
    }

    /// Whether a text holds every word that is searched for, in letters of either case.
    pub(super) fn finds<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        let words = self.text("q").to_lowercase();
        if words.is_empty() {
            return true;
        }
        let text = texts.into_iter().collect::<Vec<_>>().join(" ").to_lowercase();
        words.split_whitespace().all(|word| text.contains(word))
    }

    /// The address of the same list with one thing otherwise; from its first page, unless that is the thing.
    fn with(&self, name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(own, _)| own != name && (own != "page" || name == "page"));
        let all = others.map(|(own, value)| (own.as_str(), value.as_str())).chain([(name, value)]);
        let all: Vec<String> = all
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        format!("?{}", all.join("&"))
    }

    /// A column's head, which sorts by it.
    pub(super) fn head(&self, column: &str, title: &str, default: &str) -> Markup {
        let (by, from_end) = self.sort(default);
        let is_this = by == column;
        let next = if is_this && !from_end { format!("-{column}") } else { column.to_owned() };
        let order = if from_end { "descending" } else { "ascending" };
        html! {
            th aria-sort=[is_this.then_some(order)] {
                a href=(self.with("sort", &next)) {
                    (title) @if is_this { span aria-hidden="true" { @if from_end { " ↓" } @else { " ↑" } } }
                }
            }
        }
    }

    /// The rows of this page.
    pub(super) fn cut<'r, T>(&self, rows: &'r [T]) -> &'r [T] {
        let begin = (self.page() - 1).saturating_mul(PAGE).min(rows.len());
        &rows[begin..rows.len().min(begin + PAGE)]
    }

    /// Which rows are shown, and where the others are.
    pub(super) fn pager(&self, count: usize, what: &str) -> Markup {
        let (page, last) = (self.page(), count.div_ceil(PAGE).max(1));
        let (first, end) = (((page - 1) * PAGE + 1).min(count), (page * PAGE).min(count));
        html! {
            div.pager {
                @if count == 0 { "Nothing found" } @else { (first) "–" (end) " of " (count) " " (what) }
                @if last > 1 {
                    nav aria-label="Pages" {
                        span {
                            @if page > 1 { a.button.button--small rel="prev" href=(self.with("page", &(page - 1).to_string())) { "Previous" } }
                            @if page < last { a.button.button--small rel="next" href=(self.with("page", &(page + 1).to_string())) { "Next" } }
                        }
                    }
                }
            }
        }
    }
}

/// Sorts by a key, from either end; equal ones stay as they are.
pub(super) fn sort_by<T, K: Ord>(rows: &mut [T], from_end: bool, key: impl Fn(&T) -> K) {
    rows.sort_by(|a, b| {
        let order = key(a).cmp(&key(b));
        if from_end { order.reverse() } else { order }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&str, &str)]) -> Asked {
        Asked(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn every_word_must_be_found() {
        let asked = asked(&[("q", " vip  GOLD ")]);
        assert!(asked.finds(["Gold members", "VIPs"]));
        assert!(!asked.finds(["Gold members"]));
        assert!(Asked::default().finds(["anything"]));
    }

    #[test]
    fn a_link_keeps_what_else_was_asked_and_begins_anew() {
        let asked = asked(&[("q", "a&b"), ("sort", "name"), ("page", "3")]);
        assert_eq!(asked.with("sort", "-name"), "?q=a%26b&sort=%2Dname");
        assert_eq!(asked.with("page", "4"), "?q=a%26b&sort=name&page=4");
        assert_eq!(asked.sort("id"), ("name", false));
        assert_eq!(asked.cut(&(0..120).collect::<Vec<_>>()), (100..120).collect::<Vec<_>>());
        assert_eq!(asked.cut::<u8>(&[]), [0; 0]);
    }
}
