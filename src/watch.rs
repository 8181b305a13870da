//! Notices that a file changed, by looking at it twice a second: that also works on network file systems, in containers whose
//! files are links, and for files that come and go.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// A change is to be live within a second.
const EVERY: Duration = Duration::from_millis(400);

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Fingerprint {
    /// The file's present state; `None` while there is no such file.
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = fs::metadata(path).ok()?;
        Some(Self { modified: metadata.modified().ok(), length: metadata.len(), inode: metadata.ino() })
    }
}

/// Calls `changed` whenever the file is no longer as `seen`, until the task is aborted. Take `seen` before the file is first
/// read, so that a change in between is noticed.
pub fn watch(
    path: PathBuf,
    mut seen: Option<Fingerprint>,
    mut changed: impl FnMut() + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = Fingerprint::of(&path);
            if now != seen {
                seen = now;
                // A file of ten thousand rules takes as long as many pages, which others on this thread would wait for.
                let call = tokio::task::spawn_blocking(move || {
                    changed();
                    changed
                });
                let Ok(again) = call.await else { return };
                changed = again;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn work_on_a_change_keeps_nobody_else_waiting() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let (begun, begins) = mpsc::channel();
        let (go_on, waits) = mpsc::channel::<()>();
        let task = watch(path, None, move || {
            begun.send(thread::current().id()).expect("the test listens");
            waits.recv_timeout(Duration::from_secs(10)).expect("the test goes on meanwhile");
        });
        let worker = loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if let Ok(worker) = begins.try_recv() {
                break worker;
            }
        };
        assert_ne!(worker, thread::current().id());
        go_on.send(()).expect("the work waits");
        task.abort();
    }
}
