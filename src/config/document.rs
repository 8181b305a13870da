//! From a TOML file and environment variables to one document.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::Mistake;

/// What variables of Segue begin with; `SEGUE__REWRITE__SHARE` is `rewrite.share`.
const PREFIX: &str = "SEGUE__";

/// A configuration before it is understood.
pub(super) struct Document {
    pub(super) value: Value,
    /// Which places came from which environment variable.
    pub(super) variables: BTreeMap<String, String>,
}

/// Parses the file's text and lays the variables over it.
pub(super) fn parse(
    file: &str,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Document, Vec<Mistake>> {
    let mut value = toml::from_str::<Value>(text).map_err(|error| vec![syntax_mistake(file, text, &error)])?;
    let mut variables = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (variable, setting) in environment {
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        let keys: Vec<String> = name.split("__").map(str::to_ascii_lowercase).collect();
        match lay(&mut value, &keys, &setting) {
            Some(()) => {
                variables.insert(keys.join("."), variable);
            }
            None => mistakes.push(Mistake {
                file: "environment".to_owned(),
                place: variable.clone(),
                message: "does not name a setting; write it as SEGUE__SECTION__KEY".to_owned(),
            }),
        }
    }
    if mistakes.is_empty() { Ok(Document { value, variables }) } else { Err(mistakes) }
}

fn lay(value: &mut Value, keys: &[String], setting: &str) -> Option<()> {
    let Value::Object(fields) = value else { return None };
    match keys {
        [] => None,
        [key] if key.is_empty() => None,
        [key] => {
            fields.insert(key.clone(), Value::String(setting.to_owned()));
            Some(())
        }
        [section, rest @ ..] => lay(fields.entry(section.clone()).or_insert(Value::Object(Map::new())), rest, setting),
    }
}

fn syntax_mistake(file: &str, text: &str, error: &toml::de::Error) -> Mistake {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Mistake {
        file: file.to_owned(),
        place: format!("line {line}, column {column}"),
        message: error.message().trim().to_owned(),
    }
}
