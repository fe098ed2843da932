//! The names that clients may use for models.

use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::choice::Stage;
use super::document::{in_order, join, position};
use super::form::{Form, Name, quote};
use super::mistake::{Mistake, nearest};
use super::origin::Origin;
use super::table::Row;
use crate::turn::Effort;

/// The table of model names, and the model that is used when nothing else is said.
#[derive(Debug, Clone)]
pub struct Models {
    aliases: Vec<Alias>,
    default: String,
}

/// One name for a model.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The name as it is advertised; compared without regard to case.
    pub name: String,
    /// The upstream's model; `None` for the configured default.
    pub model: Option<String>,
    /// The reasoning effort that the name implies; `None` for the model's own default.
    pub effort: Option<Effort>,
    /// Whether `/v1/models` lists it.
    pub advertised: bool,
    /// Where it was defined.
    pub origin: Origin,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The upstream's model.
    pub model: &'a str,
    /// The reasoning effort that the name implies; the request's own wins.
    pub effort: Option<Effort>,
}

/// A family of names: a stem, and which suffixes it comes with.
struct Family {
    stem: &'static str,
    suffixes: &'static [(&'static str, Option<Effort>)],
}

const WORDS: &[(&str, Option<Effort>)] =
    &[("", None), ("-low", Some(Effort::Low)), ("-medium", Some(Effort::Medium)), ("-high", Some(Effort::High))];

const LETTERS: &[(&str, Option<Effort>)] = &[
    ("-L", Some(Effort::Low)),
    ("-M", Some(Effort::Medium)),
    ("-H", Some(Effort::High)),
    ("-XH", Some(Effort::XHigh)),
];

/// The names of today's service for partners.
const PROD: &[Family] =
    &[Family { stem: "codex-5", suffixes: WORDS }, Family { stem: "gpt-5.2-codex", suffixes: LETTERS }];

/// The names of today's service for development.
const DEV: &[Family] = &[
    Family { stem: "codev-5", suffixes: WORDS },
    // This one never had an XH.
    Family { stem: "codev-5.1", suffixes: LETTERS.split_at(3).0 },
    Family { stem: "codev-5.2", suffixes: LETTERS },
    Family { stem: "gpt-5.2-codev", suffixes: LETTERS },
];

/// What is allowed as an alias, for people.
const ALIAS_FORM: &str = r#"a table such as { model = "gpt-5.2", effort = "low" }, each of the two optional"#;

/// The aliases without a `[models]` table: both families, of which the stage's is advertised.
fn defaults(stage: Stage) -> Vec<Alias> {
    let of_stage = |families: &'static [Family], advertised: bool| {
        families.iter().flat_map(move |family| {
            family.suffixes.iter().map(move |(suffix, effort)| Alias {
                name: format!("{}{suffix}", family.stem),
                model: None,
                effort: *effort,
                advertised,
                origin: Origin::Default,
            })
        })
    };
    of_stage(PROD, stage == Stage::Prod).chain(of_stage(DEV, stage == Stage::Dev)).collect()
}

/// Reads a `[models]` table, in the order of the file.
pub(super) fn read(table: &DeTable<'_>, source: &str, path: &Arc<Path>, mistakes: &mut Vec<Mistake>) -> Vec<Alias> {
    let mut aliases: Vec<Alias> = Vec::new();
    for (name, value) in in_order(table) {
        let key = join("models", name.get_ref());
        let (line, _) = position(source, name.span().start);
        let origin = Origin::File { path: Arc::clone(path), line, key: key.clone() };
        let twin = aliases.iter().find(|alias| alias.name.eq_ignore_ascii_case(name.get_ref()));
        if let Some(twin) = twin {
            let wrong = format!("is the same name as {}, because case does not count", quote(&twin.name));
            mistakes.push(Mistake::of_value(&origin, &key, wrong, "each name once"));
        }
        if let Err(wrong) = Name::parse(name.get_ref()) {
            mistakes.push(Mistake::of_value(&origin, &key, wrong, &Name::allowed()));
        }
        let DeValue::Table(fields) = value.get_ref() else {
            let wrong = format!("is written as {}, not as table", value.get_ref().type_str());
            mistakes.push(Mistake::of_value(&origin, &key, wrong, ALIAS_FORM));
            continue;
        };
        let mut alias = Alias { name: name.get_ref().to_string(), model: None, effort: None, advertised: true, origin };
        for (field, value) in in_order(fields) {
            let key = join(&key, field.get_ref());
            let (line, _) = position(source, field.span().start);
            let origin = Origin::File { path: Arc::clone(path), line, key: key.clone() };
            if let Err(mistake) = alias.set(field.get_ref(), value.get_ref(), &origin, &key) {
                mistakes.push(mistake);
            }
        }
        aliases.push(alias);
    }
    aliases
}

// === impl Models ===

impl Models {
    /// The names of `configured`, or the defaults; `default` is the model they lead to unless they name another.
    pub(super) fn new(configured: Option<Vec<Alias>>, stage: Stage, default: String) -> Self {
        Self { aliases: configured.unwrap_or_else(|| defaults(stage)), default }
    }

    /// Every name, in the order of the table.
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }

    /// The names that `/v1/models` lists, in the order of the table.
    pub fn advertised(&self) -> impl Iterator<Item = &str> {
        self.aliases.iter().filter(|alias| alias.advertised).map(|alias| alias.name.as_str())
    }

    /// What a name stands for: an alias, or the configured model itself, in any case. `None` for any other name, which
    /// may still be a model of the worker.
    pub fn resolve(&self, name: &str) -> Option<Target<'_>> {
        if let Some(alias) = self.aliases.iter().find(|alias| alias.name.eq_ignore_ascii_case(name)) {
            return Some(Target { model: alias.model.as_deref().unwrap_or(&self.default), effort: alias.effort });
        }
        let is_default = self.default.eq_ignore_ascii_case(name);
        is_default.then_some(Target { model: &self.default, effort: None })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        self.aliases.iter().map(|alias| {
            let model = alias.model.as_deref().unwrap_or(&self.default);
            let effort = alias.effort.map(|effort| format!(" {}", effort.as_str())).unwrap_or_default();
            let hidden = if alias.advertised { "" } else { " (not advertised)" };
            Row {
                key: join("models", &alias.name),
                value: format!("{model}{effort}{hidden}"),
                origin: alias.origin.to_string(),
            }
        })
    }
}

// === impl Alias ===

impl Alias {
    /// Sets the field `name`, which stands at `origin` under `key`.
    fn set(&mut self, name: &str, value: &DeValue<'_>, origin: &Origin, key: &str) -> Result<(), Mistake> {
        let fail = |wrong: String, allowed: &str| Err(Mistake::of_value(origin, key, wrong, allowed));
        let efforts = || Effort::ALL.map(|effort| format!("`{}`", effort.as_str())).join(", ");
        match (name, value) {
            ("model", DeValue::String(text)) => match Name::parse(text) {
                Ok(model) => self.model = Some(model),
                Err(wrong) => return fail(wrong, &Name::allowed()),
            },
            ("effort", DeValue::String(text)) => match Effort::parse(text) {
                Some(effort) => self.effort = Some(effort),
                None => return fail(format!("{} is none of the choices", quote(text)), &efforts()),
            },
            ("model", other) => {
                return fail(format!("is written as {}, not as string", other.type_str()), &Name::allowed());
            }
            ("effort", other) => {
                return fail(format!("is written as {}, not as string", other.type_str()), &efforts());
            }
            _ => {
                let known = nearest(name, ["model", "effort"].into_iter());
                return Err(Mistake::unknown_key(origin.place(), key, known));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(stage: Stage) -> Models {
        Models::new(None, stage, "gpt-5.2".to_owned())
    }

    #[test]
    fn prod_advertises_what_partners_know() {
        let models = models(Stage::Prod);
        let advertised: Vec<_> = models.advertised().collect();
        assert_eq!(
            advertised,
            [
                "codex-5",
                "codex-5-low",
                "codex-5-medium",
                "codex-5-high",
                "gpt-5.2-codex-L",
                "gpt-5.2-codex-M",
                "gpt-5.2-codex-H",
                "gpt-5.2-codex-XH",
            ]
        );
    }

    #[test]
    fn dev_advertises_its_own_family() {
        let models = models(Stage::Dev);
        let advertised: Vec<_> = models.advertised().collect();
        assert_eq!(advertised.len(), 4 + 3 + 4 + 4);
        assert!(advertised.contains(&"codev-5.2-XH") && advertised.contains(&"gpt-5.2-codev-L"));
        assert!(!advertised.contains(&"codev-5.1-XH") && !advertised.contains(&"codex-5"));
    }

    #[test]
    fn both_families_are_accepted_in_any_case() {
        for stage in [Stage::Prod, Stage::Dev] {
            let models = models(stage);
            let target = |effort| Some(Target { model: "gpt-5.2", effort });
            assert_eq!(models.resolve("codex-5"), target(None));
            assert_eq!(models.resolve("CODEV-5-Medium"), target(Some(Effort::Medium)));
            assert_eq!(models.resolve("gpt-5.2-codex-xh"), target(Some(Effort::XHigh)));
            assert_eq!(models.resolve("GPT-5.2"), target(None));
            assert_eq!(models.resolve("gpt-4"), None);
            assert_eq!(models.resolve(""), None);
        }
    }
}
