//! Whether Segue changes pages: off, observe or on, per store view, and for which share of shoppers.
//!
//! The configuration says what holds at first; the mode file, written by `segue mode` and watched by the server, overrules it,
//! so that a change needs no restart and survives one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::document::{Mistake, Mistakes, Places};

/// How far Segue goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Pages pass as they are and nothing is counted; claims of membership are still dropped.
    Off,
    /// Pages pass as they are; what would have changed is counted and logged.
    Observe,
    /// Pages change.
    On,
}

impl Mode {
    /// The words of configuration and command line.
    pub const WORDS: [(&'static str, Self); 3] = [("off", Self::Off), ("observe", Self::Observe), ("on", Self::On)];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::On => "on",
        }
    }
}

/// The mode of every store view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modes {
    all: Mode,
    by_view: BTreeMap<String, Mode>,
}

/// What the mode file says: nothing, or what overrules the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    all: Option<Mode>,
    by_view: BTreeMap<String, Mode>,
}

impl Modes {
    /// `all` store views, except those in `by_view`.
    pub fn new(all: Mode, by_view: BTreeMap<String, Mode>) -> Self {
        Self { all, by_view }
    }

    /// The mode of one store view.
    pub fn of(&self, store_view: &str) -> Mode {
        self.by_view.get(store_view).copied().unwrap_or(self.all)
    }

    /// These modes with `overrides` applied: a mode for all of them silences the configuration's exceptions too, since
    /// whoever says "off" in a hurry means every store view.
    pub fn overruled(&self, overrides: &Overrides) -> Self {
        let mut modes = match overrides.all {
            Some(all) => Self::new(all, BTreeMap::new()),
            None => self.clone(),
        };
        modes.by_view.extend(overrides.by_view.clone());
        modes
    }
}

impl Overrides {
    /// Sets the mode of one store view, or of all of them.
    pub fn set(&mut self, store_view: Option<&str>, mode: Mode) {
        match store_view {
            Some(view) => {
                self.by_view.insert(view.to_owned(), mode);
            }
            None => *self = Self { all: Some(mode), by_view: BTreeMap::new() },
        }
    }

    /// Reads a mode file's text. Store views that the shop does not have are kept: they change nothing.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let mistakes = Mistakes::new(file, Places::Pointer);
        let mut overrides = Self::default();
        match serde_json::from_str::<Value>(text) {
            Ok(value) => overrides.read(&mistakes, &value),
            Err(error) => mistakes.add("", format!("is not JSON: {error}")),
        }
        if mistakes.is_empty() { Ok(overrides) } else { Err(mistakes.into_vec()) }
    }

    fn read(&mut self, mistakes: &Mistakes, value: &Value) {
        let Some(root) = mistakes.root(value) else { return };
        self.all = root.optional("mode").and_then(|field| field.word(&Mode::WORDS));
        if let Some(stores) = root.optional("stores").and_then(|field| field.object()) {
            for (code, field) in stores.entries() {
                self.by_view.extend(field.word(&Mode::WORDS).map(|mode| (code.to_owned(), mode)));
            }
        }
        root.finish();
    }

    /// The file's overrides; a file that is not there overrules nothing.
    pub fn load(path: &Path) -> Result<Self, Vec<Mistake>> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&name, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => {
                Err(vec![Mistake { file: name, place: String::new(), message: format!("cannot be read: {error}") }])
            }
        }
    }

    /// Writes the file whole or not at all.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let stores: BTreeMap<&str, &str> =
            self.by_view.iter().map(|(view, mode)| (view.as_str(), mode.as_str())).collect();
        let mut value = json!({ "stores": stores });
        if let Some(all) = self.all {
            value["mode"] = all.as_str().into();
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        std::fs::write(&beside, format!("{value:#}\n"))?;
        std::fs::rename(&beside, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured() -> Modes {
        Modes::new(Mode::On, BTreeMap::from([("de".to_owned(), Mode::Observe)]))
    }

    #[test]
    fn a_mode_for_all_silences_the_configured_exceptions() {
        let mut overrides = Overrides::default();
        overrides.set(None, Mode::Off);
        let modes = configured().overruled(&overrides);
        assert_eq!((modes.of("default"), modes.of("de")), (Mode::Off, Mode::Off));
    }

    #[test]
    fn a_mode_for_one_view_leaves_the_others() {
        let mut overrides = Overrides::default();
        overrides.set(Some("de"), Mode::On);
        let modes = configured().overruled(&overrides);
        assert_eq!((modes.of("default"), modes.of("de")), (Mode::On, Mode::On));
        assert_eq!(configured().overruled(&Overrides::default()), configured());
    }

    #[test]
    fn a_saved_file_reads_back() {
        let directory = std::env::temp_dir().join(format!("segue-mode-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a writable temporary folder");
        let path = directory.join("mode.json");
        let mut overrides = Overrides::default();
        overrides.set(None, Mode::Observe);
        overrides.set(Some("de"), Mode::Off);
        overrides.save(&path).expect("the file can be written");
        assert_eq!(Overrides::load(&path), Ok(overrides));
        std::fs::remove_dir_all(&directory).expect("the folder can be removed");
        assert_eq!(Overrides::load(&path), Ok(Overrides::default()));
    }

    #[test]
    fn names_what_is_wrong() {
        let mistakes = Overrides::parse("mode.json", r#"{"mode": "maybe", "store": {}}"#).expect_err("two mistakes");
        let lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
        assert_eq!(
            lines,
            [
                "mode.json: /mode: must be one of off, observe, on, not \"maybe\"",
                "mode.json: /store: is not known (did you mean stores?)",
            ]
        );
    }
}
