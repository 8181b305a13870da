//! Takes changes back: what is left of a page must be the page as it came.

use segue::rewrite::render::Change;

/// The first difference that no change explains.
pub fn differences(before: &str, after: &str, changes: &[Change]) -> Option<String> {
    let mut told: Vec<(&[u8], &[u8])> = Vec::new();
    for change in changes {
        if let Change::Slot { old, new, .. } = change
            && !old.is_empty()
        {
            told.push((old.as_bytes(), new.as_bytes()));
        }
    }
    let (old, new) = (before.as_bytes(), after.as_bytes());
    let (mut at, mut here) = (0, 0);
    while at < old.len() || here < new.len() {
        if at < old.len() && old.get(at) == new.get(here) {
            (at, here) = (at + 1, here + 1);
            continue;
        }
        // The change may begin before the first byte that differs.
        let found =
            (0..=at.min(here).min(500)).find_map(|back| step(&old[at - back..], &new[here - back..], back, &told));
        let found = found.map(|(was, is, back)| (at - back + was, here - back + is));
        // A page of another language gets no words of ours.
        let found = found.or_else(|| new[here..].starts_with(b"\n").then_some((at, here + 1)));
        let Some(next) = found else {
            let excerpt = |bytes: &[u8], at: usize| {
                String::from_utf8_lossy(&bytes[at.saturating_sub(40)..(at + 60).min(bytes.len())]).into_owned()
            };
            return Some(format!("outside of slots: {:?} became {:?}", excerpt(old, at), excerpt(new, here)));
        };
        (at, here) = next;
    }
    None
}

/// How much of both a change takes that begins so far back, if both go on alike after it.
fn step(old: &[u8], new: &[u8], back: usize, told: &[(&[u8], &[u8])]) -> Option<(usize, usize, usize)> {
    let goes_on = |was: usize, is: usize| old.get(was) == new.get(is) || new.get(is..).and_then(added).is_some();
    if let Some(length) = added(new).filter(|length| *length > back) {
        return Some((0, length, back));
    }
    let is_it = |(was, is): &&(&[u8], &[u8])| {
        old.starts_with(was) && new.starts_with(is) && back <= was.len() && goes_on(was.len(), is.len())
    };
    told.iter().find(is_it).map(|(was, is)| (was.len(), is.len(), back))
}

/// How long the markup is that stands here and that Segue may add.
fn added(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes)
        .unwrap_or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()]).expect("good so far"));
    special(text).or_else(|| label(text)).or_else(|| regular(text)).or_else(|| whole(text))
}

fn special(text: &str) -> Option<usize> {
    let begin = "<span class=\"special-price\">\n";
    text.starts_with(begin).then_some(begin.len())
}

/// The label of a price that was not reduced before.
fn label(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\n<span class=\"price-label\">")?;
    let (words, _) = rest.split_once('<')?;
    let length = text.len() - rest.len() + words.len() + "</span>".len();
    text[..length].ends_with("</span>").then_some(length)
}

/// The regular price, with the end of the special price around its neighbour.
fn regular(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\n</span>").unwrap_or(text);
    let rest = rest.strip_prefix("\n<span class=\"old-price")?;
    let end = rest.find("</span></span>\n</span>\n</span>")?;
    let inner = &rest[..end];
    let is_price = inner.matches("<span").count() <= 4
        && inner.contains(" data-price-amount=\"")
        && !inner.contains("</span></span>");
    is_price.then_some(text.len() - rest.len() + end + "</span></span>\n</span>\n</span>".len())
}

/// Elements of Segue's own.
fn whole(text: &str) -> Option<usize> {
    let ends =
        [("<span class=\"segue-offer\">", "</span>"), ("<link rel=\"stylesheet\" href=\"/.segue/style.css\">", "")];
    ends.iter().find_map(|(begin, end)| {
        let rest = text.strip_prefix(begin)?;
        Some(begin.len() + rest.find(end)? + end.len())
    })
}
