//! The page as HTML.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::faults;
use crate::demo::platform::visitors::Visitor;
use crate::demo::platform::{Audience, Evaluation, Lifecycle, Platform, Service};
use crate::demo::template::{fill, text};

/// More are not shown at once; nobody looks for one among more.
const MOST_SHOWN: usize = 40;

/// The whole page; `own` is the visitor whose browser asks for it.
pub fn render(platform: &Platform, own: Option<&str>) -> String {
    let audiences = platform.audiences();
    let visitors = platform.visitors();
    let fields = [
        ("visitors", &*people(platform, &audiences, &visitors, own)),
        ("audiences", &rows(platform, &audiences, &visitors)),
        ("faults", &services(platform, own)),
        ("organisation", &text(&platform.options.org)),
        ("sandbox", &text(&platform.options.sandbox)),
        ("region", &text(&platform.region())),
        ("tokens", &platform.tokens_minted().to_string()),
        ("shop", &shop_link(platform)),
    ];
    fill(include_str!("../../templates/platform.html"), &fields)
}

fn shop_link(platform: &Platform) -> String {
    let link = |url: &String| format!("<a class=\"back\" href=\"{}\">Back to the shop</a>", text(url));
    platform.options.shop_url.as_ref().map(link).unwrap_or_default()
}

/// The audiences that somebody can usefully be moved into: those in use and activated somewhere.
fn activated<'a>(platform: &Platform, audiences: &'a [Audience]) -> Vec<&'a Audience> {
    let destinations = || platform.options.datastreams.iter().flat_map(|datastream| &datastream.destinations);
    let is_activated = |id: &String| destinations().any(|destination| destination.audiences.contains(id));
    let in_use = audiences.iter().filter(|audience| audience.lifecycle == Lifecycle::Published);
    in_use.filter(|audience| is_activated(&audience.id)).collect()
}

/// This browser's visitor in front, also when he was not seen yet, and the others as they come.
fn people(platform: &Platform, audiences: &[Audience], visitors: &[Visitor], own: Option<&str>) -> String {
    let choices = activated(platform, audiences);
    let of = |id: &str| visitors.iter().find(|visitor| visitor.ecid == id);
    let first = own.map(|id| card(&choices, id, of(id), own));
    let others = visitors.iter().filter(|visitor| Some(&*visitor.ecid) != own);
    let others = others.take(MOST_SHOWN).map(|visitor| card(&choices, &visitor.ecid, Some(visitor), own));
    let cards: String = first.into_iter().chain(others).collect();
    if cards.is_empty() {
        return "<p class=\"empty\">Nobody was here yet. Open the shop: whoever looks at a page shows up here.</p>"
            .to_owned();
    }
    let more = visitors.len().saturating_sub(MOST_SHOWN + 1);
    let rest = if more > 0 { format!("<p class=\"more\">and {more} who were here before</p>") } else { String::new() };
    format!("<ul class=\"visitors\">{cards}</ul>{rest}")
}

fn card(choices: &[&Audience], id: &str, visitor: Option<&Visitor>, own: Option<&str>) -> String {
    let is_own = own == Some(id);
    let nothing = BTreeSet::new();
    let audiences = visitor.map_or(&nothing, |visitor| &visitor.audiences);
    let switches: String =
        choices.iter().map(|audience| switch(id, audience, audiences.contains(&audience.id), own)).collect();
    let short = &id[id.len().saturating_sub(6)..];
    format!(
        "<li class=\"visitor{}\"><div class=\"who\"><h3>Visitor <b>{short}</b>{}</h3><p class=\"seen\">{}</p>\
         <p class=\"ecid\">{id}</p></div><div class=\"switches\">{switches}</div></li>",
        if is_own { " visitor--own" } else { "" },
        if is_own { " <span class=\"badge\">this browser</span>" } else { "" },
        text(&visitor.map_or("not seen yet".to_owned(), seen)),
    )
}

fn switch(id: &str, audience: &Audience, is_in: bool, own: Option<&str>) -> String {
    format!(
        "<form method=\"post\" action=\"/move\">{own}<input type=\"hidden\" name=\"ecid\" value=\"{id}\">\
         <input type=\"hidden\" name=\"audience\" value=\"{audience}\">\
         <button class=\"switch\" id=\"{id}-{audience}\" name=\"to\" value=\"{to}\" role=\"switch\" aria-checked=\"{is_in}\">\
         <span class=\"track\"></span><span class=\"name\">{name}</span></button></form>",
        own = own_field(own),
        audience = text(&audience.id),
        to = if is_in { "out" } else { "in" },
        name = text(&audience.name),
    )
}

/// So that the page still knows whose browser it is in after a form.
fn own_field(own: Option<&str>) -> String {
    own.map(|id| format!("<input type=\"hidden\" name=\"visitor\" value=\"{id}\">")).unwrap_or_default()
}

fn seen(visitor: &Visitor) -> String {
    let Some(last) = visitor.last_seen else { return "not seen yet".to_owned() };
    let browser = visitor.user_agent.as_deref().map_or("an unnamed client", browser);
    let since = |time: SystemTime| SystemTime::now().duration_since(time).unwrap_or_default().as_secs();
    let first = visitor.first_seen.map(since).filter(|seconds| *seconds >= 60).map(ago);
    let first = first.map(|ago| format!(", first {ago}")).unwrap_or_default();
    format!("{browser}, seen {}{first}", ago(since(last)))
}

fn ago(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..=2 => return "just now".to_owned(),
        3..=59 => (seconds, "s"),
        60..=3599 => (seconds / 60, "min"),
        _ => (seconds / 3600, "h"),
    };
    format!("{number} {unit} ago")
}

/// A browser's name out of what it calls itself.
fn browser(user_agent: &str) -> &'static str {
    let known = [
        ("Headless", "Headless Chromium"),
        ("Edg/", "Edge browser"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    known.iter().find(|(mark, _)| user_agent.contains(mark)).map_or("another client", |(_, name)| name)
}

fn rows(platform: &Platform, audiences: &[Audience], visitors: &[Visitor]) -> String {
    let row = |audience: &Audience| {
        let members = visitors.iter().filter(|visitor| visitor.audiences.contains(&audience.id)).count();
        let destinations = platform.options.datastreams.iter().flat_map(|datastream| &datastream.destinations);
        let mut names: Vec<_> = destinations
            .filter(|destination| destination.audiences.contains(&audience.id))
            .map(|destination| text(&destination.name))
            .collect();
        names.dedup();
        let lifecycle = audience.lifecycle.as_str();
        format!(
            "<tr><th scope=\"row\">{}<small>{}</small></th><td><span class=\"state state--{lifecycle}\">{lifecycle}</span></td>\
             <td data-label=\"Evaluated\">{}</td><td data-label=\"Activated for\">{}</td><td data-label=\"Members\">{members}</td></tr>",
            text(&audience.name),
            text(&audience.description),
            evaluated(audience),
            if names.is_empty() { "none".to_owned() } else { names.join(", ") },
        )
    };
    audiences.iter().map(row).collect()
}

fn evaluated(audience: &Audience) -> &'static str {
    match audience.evaluation {
        _ if audience.external_id.is_some() => "elsewhere",
        Evaluation::Batch => "once a day",
        Evaluation::Streaming => "as events arrive",
        Evaluation::Edge => "at the edge",
    }
}

fn services(platform: &Platform, own: Option<&str>) -> String {
    let order = [Service::Edge, Service::Ims, Service::Audiences, Service::Flows];
    order.into_iter().map(|service| service_form(platform, service, own)).collect()
}

fn service_form(platform: &Platform, service: Service, own: Option<&str>) -> String {
    let (word, name) = faults::name(service);
    let standing = platform.fault(service);
    let is_listed = faults::choices(service).any(|choice| choice.fault == standing);
    let option = |choice: &faults::Choice| {
        let selected = if choice.fault == standing { " selected" } else { "" };
        format!("<option value=\"{}\"{selected}>{}</option>", choice.word, text(choice.text))
    };
    let other = if is_listed { "" } else { "<option selected disabled>does something of its own</option>" };
    format!(
        "<form class=\"service{}\" method=\"post\" action=\"/fault\">{}<input type=\"hidden\" name=\"service\" value=\"{word}\">\
         <label for=\"fault-{word}\">{name}<small>{}</small></label><select id=\"fault-{word}\" name=\"fault\">{other}{}</select>\
         <button class=\"apply\">Apply</button></form>",
        if standing.is_some() { " service--faulty" } else { "" },
        own_field(own),
        requests(platform.count(service)),
        faults::choices(service).map(option).collect::<String>(),
    )
}

fn requests(count: u64) -> String {
    if count == 1 { "1 request".to_owned() } else { format!("{count} requests") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_times_and_browsers_in_words() {
        assert_eq!([1, 12, 125, 8000].map(ago), ["just now", "12 s ago", "2 min ago", "2 h ago"]);
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome");
        assert_eq!(browser(&format!("{chrome} Edg/142.0")), "Edge browser");
        assert_eq!(browser("segue"), "another client");
    }
}
