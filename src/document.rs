//! Reads a configuration or rules document so that all its mistakes are reported together, each with its place.
//!
//! A [`Reader`] stands at one value of a parsed document. Its methods take a field, note what is wrong with it in the shared
//! [`Mistakes`], and answer with an option; [`Reader::finish`] notes fields that nobody asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

/// One mistake: where it is and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as the user named it.
    pub file: String,
    /// The place in the file: a JSON pointer (`/offers/3/amount`) or a dotted key (`rewrite.share`).
    pub place: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => write!(f, "{}: {}", self.file, self.message),
            place => write!(f, "{}: {place}: {}", self.file, self.message),
        }
    }
}

/// How places are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// JSON pointers, for JSON files.
    Pointer,
    /// Dotted keys, for TOML files.
    Dotted,
}

/// Collects the mistakes of one document.
#[derive(Debug)]
pub struct Mistakes {
    file: String,
    places: Places,
    variables: BTreeMap<String, String>,
    found: RefCell<Vec<Mistake>>,
}

impl Mistakes {
    /// Nothing wrong yet in the document called `file`.
    pub fn new(file: impl Into<String>, places: Places) -> Self {
        Self { file: file.into(), places, variables: BTreeMap::new(), found: RefCell::default() }
    }

    /// The places whose values came from environment variables (place to variable): mistakes there name the variable, and
    /// their text is read as whatever the field wants.
    pub fn with_variables(mut self, variables: BTreeMap<String, String>) -> Self {
        self.variables = variables;
        self
    }

    /// Notes a mistake at `place`.
    pub fn add(&self, place: impl Into<String>, message: impl Into<String>) {
        let place = place.into();
        let (file, place) = match self.variables.get(&place) {
            Some(variable) => ("environment".to_owned(), variable.clone()),
            None => (self.file.clone(), place),
        };
        self.found.borrow_mut().push(Mistake { file, place, message: message.into() });
    }

    /// All mistakes noted, in the order they were found.
    pub fn into_vec(self) -> Vec<Mistake> {
        self.found.into_inner()
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// A reader for a document's root, which must be an object.
    pub fn root<'a>(&'a self, value: &'a Value) -> Option<Reader<'a>> {
        Reader::object(self, String::new(), value)
    }

    /// A reader for a section that the document does not have, at the place where it would be.
    pub fn section<'a>(&'a self, key: &str, nothing: &'a Value) -> Option<Reader<'a>> {
        Reader::object(self, self.join("", key), nothing)
    }

    /// The place of a variable that lies within `place`, if that is all there is of it; else `place`.
    fn variable_within(&self, place: String) -> String {
        let within = |variable: &&String| variable.strip_prefix(&place).is_some_and(|rest| rest.starts_with('.'));
        self.variables.keys().find(within).cloned().unwrap_or(place)
    }

    fn join(&self, place: &str, key: &str) -> String {
        match self.places {
            Places::Pointer => format!("{place}/{}", key.replace('~', "~0").replace('/', "~1")),
            Places::Dotted if place.is_empty() => key.to_owned(),
            Places::Dotted => format!("{place}.{key}"),
        }
    }
}

/// Reads one object of a document.
#[derive(Debug)]
pub struct Reader<'a> {
    mistakes: &'a Mistakes,
    place: String,
    fields: &'a Map<String, Value>,
    known: RefCell<Vec<&'static str>>,
}

/// One value of a document and where it stands.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    mistakes: &'a Mistakes,
    place: String,
    /// The value as it was parsed.
    pub value: &'a Value,
}

impl<'a> Reader<'a> {
    fn object(mistakes: &'a Mistakes, place: String, value: &'a Value) -> Option<Self> {
        match value {
            Value::Object(fields) => Some(Self { mistakes, place, fields, known: RefCell::default() }),
            other => {
                mistakes.add(place, format!("must be an object, not {}", kind(other)));
                None
            }
        }
    }

    /// The field called `key`, if it is there. JSON's `null` counts as absent.
    pub fn optional(&self, key: &'static str) -> Option<Field<'a>> {
        self.known.borrow_mut().push(key);
        let value = self.fields.get(key).filter(|value| !value.is_null())?;
        Some(Field { mistakes: self.mistakes, place: self.mistakes.join(&self.place, key), value })
    }

    /// The field called `key`; its absence is a mistake.
    pub fn required(&self, key: &'static str) -> Option<Field<'a>> {
        let field = self.optional(key);
        if field.is_none() {
            self.mistakes.add(self.mistakes.join(&self.place, key), "is missing");
        }
        field
    }

    /// Every field with its key, for objects whose keys are data.
    pub fn entries(&self) -> Vec<(&'a str, Field<'a>)> {
        let field = |(key, value): (&'a String, &'a Value)| {
            let place = self.mistakes.join(&self.place, key);
            (key.as_str(), Field { mistakes: self.mistakes, place, value })
        };
        self.fields.iter().map(field).collect()
    }

    /// Notes a mistake of this object as a whole.
    pub fn mistake(&self, message: impl Into<String>) {
        self.mistakes.add(self.place.clone(), message);
    }

    /// Notes a mistake of one of this object's fields.
    pub fn mistake_at(&self, key: &str, message: impl Into<String>) {
        self.mistakes.add(self.mistakes.join(&self.place, key), message);
    }

    /// Where this object stands.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Ends the reading: notes every field that was never asked for, with the nearest name that was.
    pub fn finish(self) {
        self.note_unknown();
    }

    /// Notes every field that was never asked for so far.
    pub fn note_unknown(&self) {
        let known = self.known.borrow();
        for key in self.fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let place = self.mistakes.variable_within(self.mistakes.join(&self.place, key));
            self.mistakes.add(place, format!("is not known{}", suggestion(key, known.iter().copied())));
        }
    }
}

impl<'a> Field<'a> {
    /// Notes a mistake of this value.
    pub fn mistake(&self, message: impl Into<String>) {
        self.mistakes.add(self.place.clone(), message);
    }

    /// Where this value stands.
    pub fn place(&self) -> &str {
        &self.place
    }

    fn wrong<T>(&self, wanted: &str) -> Option<T> {
        self.mistake(format!("must be {wanted}, not {}", kind(self.value)));
        None
    }

    /// A string.
    pub fn string(&self) -> Option<&'a str> {
        self.value.as_str().or_else(|| self.wrong("a string"))
    }

    /// A string with something in it.
    pub fn text(&self) -> Option<&'a str> {
        let text = self.string()?;
        if text.trim().is_empty() {
            self.mistake("must not be empty");
            return None;
        }
        Some(text)
    }

    /// The text of an environment variable, which has no type of its own.
    fn variable(&self) -> Option<&'a str> {
        self.mistakes.variables.contains_key(&self.place).then(|| self.value.as_str()).flatten()
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        let text = self.variable().and_then(|text| text.parse().ok());
        text.or(self.value.as_bool()).or_else(|| self.wrong("true or false"))
    }

    /// A whole number.
    pub fn integer(&self) -> Option<i64> {
        let text = self.variable().and_then(|text| text.parse().ok());
        text.or(self.value.as_i64()).or_else(|| self.wrong("a whole number"))
    }

    /// A length of time such as `"80 ms"`, `"4s"` or `"1h 30m"`, not negative.
    pub fn duration(&self) -> Option<Duration> {
        let wanted = "a length of time such as \"80ms\", \"4s\" or \"1h 30m\"";
        let Some(text) = self.value.as_str() else { return self.wrong(wanted) };
        self.parsed(wanted, |_| {
            text.parse::<jiff::SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok())
        })
    }

    /// A number of bytes: a whole number, or one with a unit such as `"4 MiB"`.
    pub fn bytes(&self) -> Option<u64> {
        let wanted = "a number of bytes such as 65536 or \"4 MiB\"";
        if let Some(number) = self.value.as_u64() {
            return Some(number);
        }
        match self.value.as_str() {
            Some(_) => self.parsed(wanted, parse_bytes),
            None => self.wrong(wanted),
        }
    }

    /// A whole number from `low` to `high`.
    pub fn within(&self, low: i64, high: i64) -> Option<i64> {
        let number = self.integer()?;
        if !(low..=high).contains(&number) {
            self.mistake(format!("must be from {low} to {high}, not {number}"));
            return None;
        }
        Some(number)
    }

    /// An object.
    pub fn object(&self) -> Option<Reader<'a>> {
        Reader::object(self.mistakes, self.place.clone(), self.value)
    }

    /// The elements of a list.
    pub fn list(&self) -> Option<Vec<Field<'a>>> {
        let Some(items) = self.value.as_array() else { return self.wrong("a list") };
        let field = |(index, value)| {
            let place = self.mistakes.join(&self.place, &format!("{index}"));
            Field { mistakes: self.mistakes, place, value }
        };
        Some(items.iter().enumerate().map(field).collect())
    }

    /// A list of strings with something in them; wrong elements are noted and left out. In an environment variable, commas
    /// separate them.
    pub fn texts(&self) -> Option<Vec<&'a str>> {
        if let Some(text) = self.variable() {
            return Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect());
        }
        Some(self.list()?.iter().filter_map(Field::text).collect())
    }

    /// A string that `parse` understands; `wanted` completes "must be ...".
    pub fn parsed<T>(&self, wanted: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.string()?;
        let parsed = parse(text);
        if parsed.is_none() {
            self.mistake(format!("must be {wanted}, not \"{text}\""));
        }
        parsed
    }

    /// One of several words; a near miss is suggested.
    pub fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.string()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.mistake(format!("must be one of {}, not \"{text}\"", list.join(", ")));
        }
        found
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
}

/// `" (did you mean X?)"` for the nearest of `names`, or nothing when none is near.
pub fn suggestion<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let near = |other: &&str| strsim::damerau_levenshtein(name, other) <= 1 + other.len() / 4;
    let best = names.filter(near).min_by_key(|other| strsim::damerau_levenshtein(name, other));
    best.map_or_else(String::new, |best| format!(" (did you mean {best}?)"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reports_every_mistake_with_its_place() {
        let value = json!({"offers": [{"amount": "x", "nmae": "A"}, 7]});
        let mistakes = Mistakes::new("rules.json", Places::Pointer);
        let root = mistakes.root(&value).expect("an object");
        for offer in root.required("offers").and_then(|field| field.list()).expect("a list") {
            let Some(offer) = offer.object() else { continue };
            assert_eq!(offer.required("amount").and_then(|field| field.integer()), None);
            assert!(offer.required("name").is_none());
            offer.finish();
        }
        root.finish();
        let lines: Vec<String> = mistakes.into_vec().iter().map(Mistake::to_string).collect();
        assert_eq!(
            lines,
            [
                "rules.json: /offers/0/amount: must be a whole number, not a string",
                "rules.json: /offers/0/name: is missing",
                "rules.json: /offers/0/nmae: is not known (did you mean name?)",
                "rules.json: /offers/1: must be an object, not a number",
            ]
        );
    }

    #[test]
    fn reads_lengths_of_time_and_sizes() {
        let value = json!({"a": "80 ms", "b": "4 MiB", "c": 12, "d": "-1s", "e": "4 MB"});
        let mistakes = Mistakes::new("segue.toml", Places::Dotted);
        let root = mistakes.root(&value).expect("an object");
        assert_eq!(root.required("a").and_then(|f| f.duration()), Some(Duration::from_millis(80)));
        assert_eq!(root.required("b").and_then(|f| f.bytes()), Some(4 << 20));
        assert_eq!(root.required("c").and_then(|f| f.bytes()), Some(12));
        assert_eq!(root.required("c").and_then(|f| f.duration()), None);
        assert_eq!(root.required("d").and_then(|f| f.duration()), None);
        assert_eq!(root.required("e").and_then(|f| f.bytes()), None);
        assert_eq!(mistakes.into_vec().len(), 3);
    }

    #[test]
    fn environment_variables_have_no_type_and_are_named_in_mistakes() {
        let value = json!({"share": "50", "on": "true", "list": "a, b", "bad": "x"});
        let variables = ["share", "on", "list", "bad"].map(|key| (key.to_owned(), format!("SEGUE__{key}")));
        let mistakes = Mistakes::new("segue.toml", Places::Dotted).with_variables(variables.into_iter().collect());
        let root = mistakes.root(&value).expect("an object");
        assert_eq!(root.required("share").and_then(|f| f.integer()), Some(50));
        assert_eq!(root.required("on").and_then(|f| f.boolean()), Some(true));
        assert_eq!(root.required("list").and_then(|f| f.texts()), Some(vec!["a", "b"]));
        assert_eq!(root.required("bad").and_then(|f| f.integer()), None);
        let line = mistakes.into_vec()[0].to_string();
        assert_eq!(line, "environment: SEGUE__bad: must be a whole number, not a string");
    }

    #[test]
    fn an_environment_variable_for_an_unknown_section_is_named() {
        let value = json!({"nope": {"x": "1"}});
        let variables = [("nope.x".to_owned(), "SEGUE__NOPE__X".to_owned())];
        let mistakes = Mistakes::new("segue.toml", Places::Dotted).with_variables(variables.into_iter().collect());
        mistakes.root(&value).expect("an object").finish();
        assert_eq!(mistakes.into_vec()[0].to_string(), "environment: SEGUE__NOPE__X: is not known");
    }

    #[test]
    fn writes_dotted_places() {
        let value = json!({"rewrite": {"share": 101}});
        let mistakes = Mistakes::new("segue.toml", Places::Dotted);
        let root = mistakes.root(&value).expect("an object");
        let rewrite = root.required("rewrite").and_then(|field| field.object()).expect("an object");
        assert_eq!(rewrite.required("share").and_then(|field| field.within(0, 100)), None);
        assert_eq!(mistakes.into_vec()[0].to_string(), "segue.toml: rewrite.share: must be from 0 to 100, not 101");
    }
}
