//! The cases in `tests/cases`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A line of a file of cases. In a positive text the secrets stand between `⟦` and `⟧`.
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) positive: Vec<String>,
    pub(crate) negative: Vec<String>,
}

/// All of them.
pub(crate) fn kinds() -> Vec<Kind> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = fs::read_dir(folder).expect("the folder of cases");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let lines = files.iter().map(|file| fs::read_to_string(file).expect("a file of cases"));
    lines.flat_map(|lines| lines.lines().map(kind).collect::<Vec<_>>()).collect()
}

fn kind(line: &str) -> Kind {
    let line: Value = serde_json::from_str(line).expect("a JSON object a line");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let texts = |value: &Value| value.as_array().expect("an array").iter().map(text).collect();
    Kind {
        name: text(&line["kind"]),
        source: text(&line["source"]),
        positive: texts(&line["positive"]),
        negative: texts(&line["negative"]),
    }
}

/// Splits a positive text into what is no secret and the secret; there is one.
pub(crate) fn parts(marked: &str) -> (&str, &str, &str) {
    let (before, rest) = marked.split_once('⟦').expect("a secret between ⟦ and ⟧");
    let (secret, after) = rest.split_once('⟧').expect("a secret between ⟦ and ⟧");
    (before, secret, after)
}
