//! What an operator adds to the scrubber: rules, values that may stay, and names whose values are secret.

use scrubbers::{Builder, Scrubber};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{in_order, position};
use super::mistake::{Mistake, nearest};
use super::origin::Origin;
use super::table::Row;

/// The keys of the file that hold it.
pub(super) const KEYS: &[&str] = &["scrub.rule", "scrub.allow", "scrub.names"];

/// What is allowed as a rule, for people.
const RULE_FORM: &str = r#"a table such as { name = "staff-number", pattern = "ST-[0-9]{6}" }"#;

/// What is allowed as an expression, for people.
const PATTERN_FORM: &str = "a regular expression that matches no empty text, see https://docs.rs/regex#syntax";

/// What is allowed as the name of a rule, for people.
const KIND_FORM: &str = "1 to 64 of a-z, 0-9 and `-`";

/// What is allowed as a name, for people.
const NAME_FORM: &str = "2 to 64 letters, digits, `-`, `_` and `.`, one of them a letter";

/// Members of the journal's own events that are no text, so that nothing could read an event in which one is redacted.
const RESERVED: &[&str] = &[
    "afterms",
    "cached",
    "code",
    "consecutivefailures",
    "delayms",
    "durationms",
    "expected",
    "from",
    "headers",
    "input",
    "keys",
    "models",
    "outcome",
    "output",
    "pid",
    "queuewaitms",
    "reasoning",
    "requests",
    "requestscut",
    "seq",
    "signal",
    "status",
    "stream",
    "to",
    "tokens",
    "ttftms",
    "unrecorded",
    "uptimems",
];

/// What an operator adds to the scrubber; all of it can be used.
#[derive(Debug, Clone, Default)]
pub struct ScrubRules {
    rules: Vec<Entry<ScrubRule>>,
    allow: Vec<Entry<String>>,
    names: Vec<Entry<String>>,
}

/// One rule.
#[derive(Debug, Clone)]
struct ScrubRule {
    name: String,
    pattern: String,
}

#[derive(Debug, Clone)]
struct Entry<T> {
    value: T,
    origin: Origin,
}

/// Reads the keys of a file.
pub(super) struct Reader<'a> {
    pub(super) source: &'a str,
    /// Makes the origin of a key in a line.
    pub(super) origin: &'a dyn Fn(&str, usize) -> Origin,
    pub(super) mistakes: &'a mut Vec<Mistake>,
}

// === impl ScrubRules ===

impl ScrubRules {
    /// Adds all of it to a scrubber.
    pub fn add_to(&self, builder: Builder) -> Builder {
        let builder =
            self.rules.iter().fold(builder, |builder, rule| builder.rule(&rule.value.name, &rule.value.pattern));
        let builder = self.allow.iter().fold(builder, |builder, pattern| builder.allow(&pattern.value));
        self.names.iter().fold(builder, |builder, name| builder.name(&name.value))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        let row = |key: String, value: &str, origin: &Origin| {
            // Control characters would break the line.
            let value = value.escape_debug().to_string();
            Row { key, value, origin: origin.to_string() }
        };
        let rules = self
            .rules
            .iter()
            .map(move |rule| row(format!("scrub.rule.{}", rule.value.name), &rule.value.pattern, &rule.origin));
        let allow =
            self.allow.iter().map(move |pattern| row("scrub.allow".to_owned(), &pattern.value, &pattern.origin));
        let names = self.names.iter().map(move |name| row("scrub.names".to_owned(), &name.value, &name.origin));
        rules.chain(allow).chain(names)
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// Reads the value of one of [`KEYS`], which stands in `line`, into `rules`.
    pub(super) fn read(&mut self, key: &str, line: usize, value: &DeValue<'_>, rules: &mut ScrubRules) {
        let DeValue::Array(entries) = value else {
            let form = if key == "scrub.rule" { "one [[scrub.rule]] for each rule" } else { "a list of texts" };
            return self.wrong_kind(key, line, value, "array", form);
        };
        for entry in entries {
            let (line, _) = position(self.source, entry.span().start);
            match key {
                "scrub.rule" => rules.rules.extend(self.rule(line, entry.get_ref())),
                "scrub.allow" => {
                    let check = |pattern: &str| Scrubber::builder().allow(pattern).check();
                    rules.allow.extend(self.text(key, entry, PATTERN_FORM, check));
                }
                _ => {
                    let check = |name: &str| Scrubber::builder().name(name).check();
                    let name = self.text(key, entry, NAME_FORM, check);
                    rules.names.extend(name.filter(|name| self.is_free(line, &name.value)));
                }
            }
        }
    }

    /// A text of a list, if it is one and `check` has nothing against it.
    fn text(
        &mut self,
        key: &str,
        entry: &Spanned<DeValue<'_>>,
        form: &str,
        check: impl Fn(&str) -> Result<(), scrubbers::Error>,
    ) -> Option<Entry<String>> {
        let (line, _) = position(self.source, entry.span().start);
        let DeValue::String(text) = entry.get_ref() else {
            self.wrong_kind(key, line, entry.get_ref(), "string", form);
            return None;
        };
        self.checked(key, line, form, check(text))?;
        Some(Entry { value: text.to_string(), origin: (self.origin)(key, line) })
    }

    fn is_free(&mut self, line: usize, name: &str) -> bool {
        let folded = name.replace(['-', '_', '.'], "").to_lowercase();
        let is_free = !RESERVED.contains(&folded.as_str());
        if !is_free {
            let wrong = format!("{name:?} is a member of the journal's own events");
            self.mistakes.push(Mistake::of_value(&(self.origin)("scrub.names", line), "scrub.names", wrong, NAME_FORM));
        }
        is_free
    }

    fn rule(&mut self, line: usize, value: &DeValue<'_>) -> Option<Entry<ScrubRule>> {
        let key = "scrub.rule";
        let DeValue::Table(fields) = value else {
            self.wrong_kind(key, line, value, "table", RULE_FORM);
            return None;
        };
        let name = self.field(fields, line, "name")?;
        let pattern = self.field(fields, line, "pattern")?;
        self.only_known(fields);
        let form = if Scrubber::builder().rule(&name, "x").check().is_err() { KIND_FORM } else { PATTERN_FORM };
        self.checked(key, line, form, Scrubber::builder().rule(&name, &pattern).check())?;
        Some(Entry { value: ScrubRule { name, pattern }, origin: (self.origin)(key, line) })
    }

    fn field(&mut self, fields: &DeTable<'_>, line: usize, field: &str) -> Option<String> {
        match fields.get(field).map(Spanned::get_ref) {
            Some(DeValue::String(text)) => Some(text.to_string()),
            Some(other) => {
                self.wrong_kind(&format!("scrub.rule.{field}"), line, other, "string", RULE_FORM);
                None
            }
            None => {
                let origin = (self.origin)("scrub.rule", line);
                let wrong = format!("has no {field}");
                self.mistakes.push(Mistake::of_value(&origin, "scrub.rule", wrong, RULE_FORM));
                None
            }
        }
    }

    fn only_known(&mut self, fields: &DeTable<'_>) {
        for (field, _) in in_order(fields) {
            if !matches!(&**field.get_ref(), "name" | "pattern") {
                let (line, _) = position(self.source, field.span().start);
                let key = format!("scrub.rule.{}", field.get_ref());
                let known = nearest(field.get_ref(), ["name", "pattern"].into_iter());
                self.mistakes.push(Mistake::unknown_key((self.origin)(&key, line).place(), &key, known));
            }
        }
    }

    fn checked(&mut self, key: &str, line: usize, form: &str, result: Result<(), scrubbers::Error>) -> Option<()> {
        let Err(error) = result else { return Some(()) };
        self.mistakes.push(Mistake::of_value(&(self.origin)(key, line), key, error.to_string(), form));
        None
    }

    fn wrong_kind(&mut self, key: &str, line: usize, value: &DeValue<'_>, kind: &str, form: &str) {
        let wrong = format!("is written as {}, not as {kind}", value.type_str());
        self.mistakes.push(Mistake::of_value(&(self.origin)(key, line), key, wrong, form));
    }
}
