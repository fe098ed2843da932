//! The sources of configuration, highest first: flags, environment, file, default.

use std::collections::BTreeMap;

use super::document::Document;
use super::form::Form;
use super::mistake::{Mistake, Warning, nearest};
use super::origin::{Origin, Valued};
use super::table::{Fallback, SETTINGS, Setting};

/// What every source says, and what was found wrong with it so far.
pub(super) struct Layers<'a> {
    /// By flag name without dashes.
    pub(super) flags: &'a BTreeMap<String, String>,
    /// By variable name.
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) document: &'a Document,
    pub(super) mistakes: &'a mut Vec<Mistake>,
}

/// Variables of today's service that this version does not read: it has yet to learn them, or needs them no longer.
/// Deployments set them, so that they are no misspellings.
pub(super) const WITHOUT_EFFECT: &[&str] =
    &["PROXY_ENABLE_RESPONSES", "PROXY_INGRESS_GUARDRAIL", "PROXY_RESPONSES_OUTPUT_MODE", "PROXY_TITLE_GEN_INTERCEPT"];

/// The variable that names the configuration file. Not a setting: it cannot stand in that file.
pub(super) const CONFIG_VARIABLE: &str = "PROXY_CONFIG";

/// A variable's value; an empty one counts as not set, as compose files and CI systems write it.
pub(super) fn variable<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// Variables that look like ours and do nothing.
pub(super) fn warnings(environment: &BTreeMap<String, String>) -> Vec<Warning> {
    let known = || SETTINGS.iter().map(|setting| setting.env).chain([CONFIG_VARIABLE]);
    let warn = |name: &String| {
        if WITHOUT_EFFECT.contains(&name.as_str()) {
            return Some(Warning::without_effect(name));
        }
        let ours = name.starts_with("PROXY_") || name.starts_with("WORKER_");
        (ours && known().all(|known| known != name)).then(|| Warning::unknown(name, nearest(name, known())))
    };
    environment.keys().filter_map(warn).collect()
}

// === impl Layers ===

impl Layers<'_> {
    /// The value of the highest source that sets it. `None` if some source is wrong about it, which is then among the
    /// mistakes: also one that a higher source covers, because it waits there for the day that the other goes.
    pub(super) fn value<F: Form>(&mut self, setting: &'static Setting) -> Option<Valued<F::Value>> {
        let mut sources = self.sources::<F>(setting);
        if sources.is_empty() {
            sources.push((Origin::Default, Ok(self.default_text(setting))));
        }
        let mut highest = None;
        let mut all_right = true;
        for (origin, text) in sources {
            let parsed = match text {
                Ok(None) => {
                    F::unset().ok_or_else(|| format!("is not set, and its default needs HOME; set {}", setting.env))
                }
                Ok(Some(text)) => F::parse(&text),
                Err(wrong) => Err(wrong),
            };
            match parsed {
                Ok(value) => highest = highest.or(Some(Valued { value, origin })),
                Err(wrong) => {
                    all_right = false;
                    self.mistakes.push(Mistake::of_value(&origin, setting.key, wrong, &F::allowed()));
                }
            }
        }
        highest.filter(|_| all_right)
    }

    /// What the sources say, highest first: text, or what is wrong with its form.
    fn sources<F: Form>(&self, setting: &'static Setting) -> Vec<(Origin, Result<Option<String>, String>)> {
        let mut sources = Vec::new();
        if let Some((flag, text)) = setting.flag.and_then(|flag| Some((flag, self.flags.get(flag)?))) {
            sources.push((Origin::Flag(flag), Ok(Some(text.clone()))));
        }
        if let Some(text) = variable(self.environment, setting.env) {
            sources.push((Origin::Environment(setting.env), Ok(Some(text.to_owned()))));
        }
        if let Some(entry) = self.document.entries.get(setting.key) {
            let text = if F::KINDS.contains(&entry.kind) {
                Ok(Some(entry.text.clone()))
            } else {
                Err(format!("is written as {}, not as {}", entry.kind, F::KINDS.join(" or ")))
            };
            sources.push((self.document.origin(setting.key, entry.line), text));
        }
        sources
    }

    fn default_text(&self, setting: &Setting) -> Option<String> {
        match setting.default {
            Fallback::Unset => None,
            Fallback::Text(text) => Some(text.to_owned()),
            Fallback::Folder(folder) => {
                let path = folder.resolve(|name| variable(self.environment, name))?;
                Some(path.to_string_lossy().into_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_not_said_to_have_no_effect() {
        for setting in SETTINGS {
            assert!(!WITHOUT_EFFECT.contains(&setting.env), "{}", setting.env);
        }
    }
}
