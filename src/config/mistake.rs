//! What is wrong with a configuration, said all at once.

use std::fmt;

use super::form::quote;
use super::origin::Origin;

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render())]
pub struct Mistakes {
    /// What must be mended.
    pub list: Vec<Mistake>,
    /// What may explain it, such as a misspelt variable.
    pub warnings: Vec<Warning>,
}

/// One thing that is wrong. Displayed as `PLACE: KEY: WRONG; allowed: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where: `FILE:LINE`, `environment PORT`, `flag --port`; `None` for what is missing.
    pub place: Option<String>,
    /// The key of the file, whatever the source; `None` for what concerns a whole file.
    pub key: Option<String>,
    /// What is wrong, without any secret.
    pub wrong: String,
    /// What to do instead: what is allowed, the nearest known name, or how to mend it.
    pub remedy: Option<String>,
}

/// Something that has no effect although its name suggests one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The environment variable.
    pub name: String,
    /// Why it has none.
    pub reason: String,
}

/// The one of `known` that looks most like `name`.
///
/// The section may be missing (`port` for `server.port`) and case does not count.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let likeness = |known: &str| {
        let known = known.to_lowercase();
        let whole = strsim::normalized_damerau_levenshtein(&name, &known);
        // The same word in another section counts a little less than the same word in the right one.
        let last = known.rsplit('.').next().map_or(0.0, |last| strsim::normalized_damerau_levenshtein(&name, last));
        whole.max(last * 0.9)
    };
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

// === impl Mistakes ===

impl Mistakes {
    fn render(&self) -> String {
        let count = match self.list.len() {
            1 => "1 mistake".to_owned(),
            many => format!("{many} mistakes"),
        };
        let mistakes = self.list.iter().map(|mistake| format!("\n  {mistake}"));
        let warnings = self.warnings.iter().map(|warning| format!("\n  warning: {warning}"));
        format!("the configuration has {count}:{}", mistakes.chain(warnings).collect::<String>())
    }
}

// === impl Mistake ===

impl Mistake {
    /// A value that was read and cannot be.
    pub(super) fn of_value(origin: &Origin, key: &str, wrong: String, allowed: &str) -> Self {
        let remedy = Some(format!("allowed: {allowed}"));
        Self { place: Some(origin.place()), key: Some(key.to_owned()), wrong, remedy }
    }

    /// A key that nothing reads.
    pub(super) fn unknown_key(place: String, key: &str, nearest: Option<&str>) -> Self {
        let remedy = nearest.map(|known| format!("the nearest known key is {known}"));
        Self { place: Some(place), key: Some(key.to_owned()), wrong: "unknown key".to_owned(), remedy }
    }

    /// A file that cannot be used as a whole.
    pub(super) fn of_file(place: String, wrong: String, remedy: &str) -> Self {
        Self { place: Some(place), key: None, wrong, remedy: Some(remedy.to_owned()) }
    }

    /// Something that must be set and is not.
    pub(super) fn missing(key: &str, remedy: String) -> Self {
        Self { place: None, key: Some(key.to_owned()), wrong: "is not set".to_owned(), remedy: Some(remedy) }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.place, &self.key].into_iter().flatten() {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.wrong)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

// === impl Warning ===

impl Warning {
    /// A variable with one of our prefixes that nothing knows.
    pub(super) fn unknown(name: &str, nearest: Option<&str>) -> Self {
        let hint = nearest.map(|known| format!("; the nearest known name is {known}")).unwrap_or_default();
        Self { name: name.to_owned(), reason: format!("unknown name, ignored{hint}") }
    }

    /// A variable that the service has yet to learn, or no longer needs.
    pub(super) fn without_effect(name: &str) -> Self {
        Self { name: name.to_owned(), reason: "has no effect in this version".to_owned() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A variable's name can be any bytes: quoted if it is not made of the usual ones.
        if self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            write!(f, "environment {}: {}", self.name, self.reason)
        } else {
            write!(f, "environment {}: {}", quote(&self.name), self.reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let known = ["server.port", "server.host", "auth.api_key", "upstream.api_key", "codex.model"];
        for (written, meant) in [
            ("server.prot", "server.port"),
            ("port", "server.port"),
            ("servr.host", "server.host"),
            ("auth.apikey", "auth.api_key"),
            ("codex.MODEL", "codex.model"),
        ] {
            assert_eq!(nearest(written, known.into_iter()), Some(meant));
        }
        assert_eq!(nearest("anything", std::iter::empty()), None);
    }
}
