//! Who did what.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use jiff::Timestamp;
use maud::html;

use super::Admin;
use super::answer::{Refused, page};
use super::layout::{Page, Section, moment};
use super::listing::{Asked, PAGE};
use super::sign_in::Signed;
use crate::store::{Deed, DeedFilter};

/// Lines of an export at most.
const MOST: u32 = 100_000;

fn filter(admin: &Admin, asked: &Asked) -> DeedFilter {
    let zone = &admin.sites().default_view().time_zone;
    let begin = |text: &str, days: i64| {
        let day: jiff::civil::Date = text.parse().ok()?;
        let day = day.checked_add(jiff::Span::new().days(days)).ok()?;
        Some(day.to_zoned(zone.clone()).ok()?.timestamp())
    };
    DeedFilter {
        who: asked.text("who").to_owned(),
        action: asked.text("action").to_owned(),
        text: asked.text("q").to_owned(),
        since: begin(asked.text("since"), 0),
        until: begin(asked.text("until"), 1),
    }
}

/// `GET /audit`
pub(super) async fn list(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let store = admin.store().await?;
    let skip = u32::try_from((asked.page() - 1).saturating_mul(PAGE)).unwrap_or(u32::MAX);
    let (deeds, count) = store.deeds(&filter(&admin, &asked), skip, PAGE as u32).await?;
    let people = store.people().await?;
    let kinds = [
        ("", "Anything"),
        ("offer.", "Offers"),
        ("block.", "Blocks"),
        ("audience", "Audiences"),
        ("rules.", "Publishing"),
        ("sign-", "Signing in"),
        ("person.", "People"),
        ("token.", "Tokens"),
    ];
    let body = html! {
        div.card {
            form.filters method="get" role="search" {
                label.field.field--wide { span.field__label { "Search" } input type="search" name="q" value=(asked.text("q")) placeholder="What it was done to, or how"; }
                label.field { span.field__label { "Who" } select name="who" { option value="" { "Anybody" } @for person in &people { option selected[person.name == asked.text("who")] { (person.name) } } } }
                label.field { span.field__label { "What" } select name="action" { @for (word, words) in kinds { option value=(word) selected[word == asked.text("action")] { (words) } } } }
                label.field { span.field__label { "Since" } input type="date" name="since" value=(asked.text("since")); }
                label.field { span.field__label { "Until" } input type="date" name="until" value=(asked.text("until")); }
                button.button { "Find" }
                button.button formaction="/audit.csv" { "Export" }
            }
            div.table {
                table.table--cards {
                    thead { tr { th { "What" } th { "When (UTC)" } th { "Who" } th { "On" } th { "How" } } }
                    tbody {
                        @for deed in &deeds {
                            tr {
                                td data-label="What" { span.row__name { (deed.action) } }
                                td data-label="When (UTC)" { (moment(deed.at)) }
                                td data-label="Who" { (deed.who) }
                                td data-label="On" { (deed.subject) }
                                td data-label="How" { (deed.detail) }
                            }
                        }
                    }
                }
            }
            (asked.pager(usize::try_from(count).unwrap_or(usize::MAX), "entries"))
        }
    };
    let page_of = Page {
        admin: &admin,
        who: &who,
        desk: &desk,
        section: Section::Audit,
        title: "Audit",
        actions: html! {},
        done: None,
    };
    Ok(page(page_of.show(&body)).into_response())
}

/// `GET /audit.csv`: the same as a file for spreadsheets.
pub(super) async fn export(State(admin): State<Admin>, _: Signed, asked: Asked) -> Result<Response, Refused> {
    let (deeds, _) = admin.store().await?.deeds(&filter(&admin, &asked), 0, MOST).await?;
    let mut text = "number,at,who,action,subject,detail\r\n".to_owned();
    for Deed { number, at, who, action, subject, detail } in &deeds {
        let cells = [&number.to_string(), &moment_text(*at), who, action, subject, detail].map(|cell| quoted(cell));
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"segue-audit.csv\""),
    ];
    Ok((headers, text).into_response())
}

fn moment_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A cell of a CSV file. One that a spreadsheet would reckon is made text.
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_whatever_it_holds() {
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "\"'=HYPERLINK(1)\"");
    }
}
