//! `segue commerce sync`: reads the catalogue now.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::super::{ConfigFile, Failure, print};
use super::asked;
use crate::catalog::sync::{Settings, Step, Sync};
use crate::commerce::Book;
use crate::store::StoreError;

/// How often the progress is told where it cannot be written over.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often it is written over.
const DRAW_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn run(file: &ConfigFile, full: bool) -> Result<(), Failure> {
    let config = file.load()?;
    let (settings, client) = asked(&config, file)?;
    let failed = |error: StoreError| Failure::Failed(error.to_string());
    let book = Book::fetch(&client, &settings.audience_types).await;
    let book = book.map_err(|error| Failure::Failed(format!("{error}\n{}", error.advice())))?;
    let store = config.store.open().await.map_err(failed)?;
    let shop = settings.url.to_string();
    let codes = book.attributes();
    let sync = Sync::new(client, store.clone(), Settings { shop, codes, page_size: settings.page_size });
    let mut progress = Progress::new();
    let began = Instant::now();
    let done = tokio::select! {
        done = sync.run(full, |step| progress.show(step)) => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    };
    progress.end();
    store.close().await;
    match done {
        None => Err(Failure::Failed(
            "stopped: what was read is kept, and the next `segue commerce sync` goes on from there".to_owned(),
        )),
        Some(Err(error)) => {
            Err(Failure::Failed(format!("{error}\nwhat was read is kept: try again to go on from there")))
        }
        Some(Ok(report)) => {
            let what = if report.whole { "the whole catalogue" } else { "what changed" };
            let resumed = if report.resumed { ", going on from where it was stopped" } else { "" };
            let seconds = began.elapsed().as_secs_f64();
            let rate = if seconds > 0.0 { report.read as f64 / seconds } else { 0.0 };
            print(format_args!(
                "read {what}{resumed}: {} products in {seconds:.1} s ({rate:.0} a second), {} gone, {} not understood",
                report.read, report.gone, report.odd
            ));
            Ok(())
        }
    }
}

/// Tells how far a reading is.
struct Progress {
    began: Instant,
    shown: Option<Instant>,
    first: Option<usize>,
    is_terminal: bool,
}

impl Progress {
    fn new() -> Self {
        Self { began: Instant::now(), shown: None, first: None, is_terminal: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, step: Step) {
        let first = *self.first.get_or_insert(step.read);
        let every = if self.is_terminal { DRAW_EVERY } else { LINE_EVERY };
        let is_last = step.read >= step.total;
        if self.shown.is_some_and(|shown| shown.elapsed() < every) && !is_last {
            return;
        }
        self.shown = Some(Instant::now());
        let text = text(step, first, self.began.elapsed());
        let mut out = std::io::stderr().lock();
        // Nobody to tell is no reason to stop.
        let _ = match self.is_terminal {
            true => write!(out, "\r\u{1b}[K{text}").and_then(|()| out.flush()),
            false => writeln!(out, "{text}"),
        };
    }

    fn end(&self) {
        if self.is_terminal && self.shown.is_some() {
            eprintln!();
        }
    }
}

/// `1200 of 20000 products, 340 a second, 55 s left`
fn text(step: Step, first: usize, elapsed: Duration) -> String {
    let rate = step.read.saturating_sub(first) as f64 / elapsed.as_secs_f64().max(0.001);
    let left = step.total.saturating_sub(step.read);
    let said = format!("{} of {} products", step.read, step.total);
    if rate < 1.0 || left == 0 {
        return said;
    }
    format!("{said}, {rate:.0} a second, {:.0} s left", left as f64 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_it_is_and_how_long_it_takes() {
        let step = |read, total| Step { read, total };
        let seconds = Duration::from_secs;
        assert_eq!(text(step(200, 2000), 0, seconds(2)), "200 of 2000 products, 100 a second, 18 s left");
        assert_eq!(text(step(1200, 2000), 1000, seconds(2)), "1200 of 2000 products, 100 a second, 8 s left");
        assert_eq!(text(step(0, 2000), 0, seconds(2)), "0 of 2000 products");
        assert_eq!(text(step(2000, 2000), 0, seconds(2)), "2000 of 2000 products");
    }
}
