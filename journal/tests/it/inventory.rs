//! `docs/data-inventory.md` has every field of everything that is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The sources that say what is kept.
const SOURCES: &[&str] = &["event.rs", "event/data.rs", "compliance.rs", "summary.rs", "ledger/entries.rs"];

/// Structs whose fields stand in a section of their own, and its title. Those of events are found through [`events`].
const SECTIONS: &[(&str, &str)] = &[("Summary", "Summary"), ("LedgerEntry", "Ledger entry")];

/// Fields and, of an event that is made of a struct, that.
#[derive(Default)]
struct Item {
    fields: BTreeSet<String>,
    made_of: Option<String>,
}

fn source() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    SOURCES.iter().map(|file| fs::read_to_string(folder.join(file)).expect("a source")).collect()
}

/// The lines between `opening`, at the beginning of a line, and the next line that is `}`.
fn body<'a>(source: &'a str, opening: &str) -> Option<&'a str> {
    let (_, rest) = source.split_once(&format!("\n{opening} {{\n"))?;
    Some(&rest[..rest.find("\n}")?])
}

/// The name of the field that a line declares, at this depth.
fn field(line: &str, indent: &str) -> Option<String> {
    let name = line.strip_prefix(indent)?.split_once(": ")?.0;
    let name = name.strip_prefix("pub ").unwrap_or(name);
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()).then(|| name.to_owned())
}

/// The events by their types.
fn events(source: &str) -> BTreeMap<String, Item> {
    let mut events = BTreeMap::new();
    let mut current: Option<(String, Item)> = None;
    for line in body(source, "pub enum EventBody").expect("the list of events").lines() {
        if let Some(name) = line.trim().strip_prefix("#[serde(rename = \"").and_then(|rest| rest.strip_suffix("\")]")) {
            events.extend(current.replace((name.to_owned(), Item::default())));
        }
        let Some((_, item)) = &mut current else { continue };
        if let Some((_, inner)) = line.split_once('(').filter(|_| line.ends_with("),")) {
            item.made_of = Some(inner.trim_end_matches("),").to_owned());
        }
        item.fields.extend(field(line, "        "));
    }
    events.extend(current);
    events
}

fn fields_of(source: &str, name: &str) -> BTreeSet<String> {
    let body = body(source, &format!("pub struct {name}")).unwrap_or_else(|| panic!("no struct {name}"));
    body.lines().filter_map(|line| field(line, "    ")).collect()
}

/// The fields that the page has in each of its sections.
fn page() -> BTreeMap<String, BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/data-inventory.md");
    let text = fs::read_to_string(path).expect("the page");
    let mut sections = BTreeMap::<String, BTreeSet<String>>::new();
    let mut title = String::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            heading.clone_into(&mut title);
            sections.entry(title.clone()).or_default();
        }
        if let Some((name, _)) = line.strip_prefix("| `").and_then(|rest| rest.split_once("` |")) {
            sections.entry(title.clone()).or_default().insert(name.to_owned());
        }
    }
    sections
}

#[test]
fn the_page_has_every_field_and_no_other() {
    let (source, page) = (source(), page());
    let mut expected: BTreeMap<String, BTreeSet<String>> =
        SECTIONS.iter().map(|(name, title)| ((*title).to_owned(), fields_of(&source, name))).collect();
    for (kind, item) in events(&source) {
        let fields = item.made_of.map_or(item.fields, |name| fields_of(&source, &name));
        assert!(!fields.is_empty(), "{kind} has no fields?");
        expected.insert(kind, fields);
    }
    assert!(expected.len() > 30, "only {} events were found", expected.len());
    let mut wrong = Vec::new();
    for (title, fields) in &expected {
        match page.get(title) {
            None => wrong.push(format!("{title} is missing")),
            Some(there) => {
                wrong.extend(fields.difference(there).map(|field| format!("{title}: {field} is missing")));
                wrong.extend(there.difference(fields).map(|field| format!("{title}: there is no {field}")));
            }
        }
    }
    let stale = page.keys().filter(|title| title.contains('.') && !expected.contains_key(*title));
    wrong.extend(stale.map(|title| format!("there is no event {title}")));
    assert!(wrong.is_empty(), "docs/data-inventory.md: {wrong:#?}");
}
