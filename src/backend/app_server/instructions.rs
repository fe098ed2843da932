//! The base instructions of a thread: none of Codex's own, unless the upstream insists on them.
//!
//! API keys and own providers accept none at all. Logins of `ChatGPT` have answered 400 `Instructions are not valid` to any but Codex's own
//! (openai/codex issues 2259, 3202, 3376, 4433), which an upstream can begin to do at any time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::backend::home::operator_login;
use crate::config::{BaseInstructions, Config};

/// What an upstream says that insists on Codex's own instructions.
const REFUSAL: &str = "Instructions are not valid";

/// What a thread is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instructions {
    /// This text; empty for none at all.
    Text(Arc<str>),
    /// Codex's own, which it uses where it is told nothing.
    Codex,
}

/// Which instructions the threads of a worker get.
#[derive(Debug)]
pub struct Policy {
    /// What holds for every worker; `None` where that depends on its login.
    fixed: Option<Instructions>,
    /// Codex's login, unless the upstream is one of ours.
    login: Option<PathBuf>,
    /// The worker that runs, by name, and its instructions.
    current: Mutex<Option<(Arc<str>, Instructions)>>,
}

/// The file with the instructions cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("codex.base_instructions: cannot read {}: {source}", path.display())]
pub struct FileError {
    path: PathBuf,
    source: std::io::Error,
}

/// Whether a failure with this message means that the upstream insists on Codex's own instructions.
pub fn are_refused(message: &str) -> bool {
    message.contains(REFUSAL)
}

// === impl Instructions ===

impl Instructions {
    /// None at all.
    pub fn none() -> Self {
        Self::Text("".into())
    }

    /// The value of `baseInstructions`; absent for Codex's own.
    pub fn value(&self) -> Option<Arc<str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Codex => None,
        }
    }
}

// === impl Policy ===

impl Policy {
    /// The configured policy.
    ///
    /// # Errors
    /// If it names a file that cannot be read.
    pub fn read(config: &Config) -> Result<Self, FileError> {
        let fixed = match &config.base_instructions {
            BaseInstructions::Auto => None,
            BaseInstructions::None => Some(Instructions::none()),
            BaseInstructions::Codex => Some(Instructions::Codex),
            BaseInstructions::File(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|source| FileError { path: path.clone(), source })?;
                Some(Instructions::Text(text.into()))
            }
        };
        let login = config.upstream_base_url.is_none().then(|| operator_login(config));
        Ok(Self { fixed, login, current: Mutex::default() })
    }

    /// The instructions for a thread on `worker`.
    pub fn of(&self, worker: &Arc<str>) -> Instructions {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((name, instructions)) if name == worker => instructions.clone(),
            _ => {
                let instructions = self.fixed.clone().unwrap_or_else(|| self.by_login());
                *current = Some((worker.clone(), instructions.clone()));
                instructions
            }
        }
    }

    /// From now on `worker` gets Codex's own. Returns whether it did not before.
    pub fn insist(&self, worker: &Arc<str>) -> bool {
        let before = self.of(worker);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((worker.clone(), Instructions::Codex));
        before != Instructions::Codex
    }

    fn by_login(&self) -> Instructions {
        let login = self.login.as_ref().and_then(|path| std::fs::read(path).ok());
        let login: Value = login.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        // Codex prefers a key where a login has both.
        let is_chatgpt =
            login.get("tokens").is_some_and(Value::is_object) && login.get("OPENAI_API_KEY").is_none_or(Value::is_null);
        if is_chatgpt { Instructions::Codex } else { Instructions::none() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(login: &str) -> Policy {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        std::fs::write(&path, login).unwrap();
        let policy = Policy { fixed: None, login: Some(path), current: Mutex::default() };
        // The file is read once for a worker.
        policy.of(&"w1".into());
        policy
    }

    #[test]
    fn auto_depends_on_the_login() {
        let worker = "w1".into();
        assert_eq!(auto(r#"{"OPENAI_API_KEY":null,"tokens":{"id_token":"x"}}"#).of(&worker), Instructions::Codex);
        assert_eq!(auto(r#"{"OPENAI_API_KEY":"k","tokens":null}"#).of(&worker), Instructions::none());
        assert_eq!(auto("no json").of(&worker), Instructions::none());
    }

    #[test]
    fn a_refusal_is_remembered_for_the_workers_life() {
        let policy = Policy { fixed: Some(Instructions::none()), login: None, current: Mutex::default() };
        let (first, next) = (Arc::from("w1"), Arc::from("w2"));
        assert!(policy.insist(&first));
        assert!(!policy.insist(&first), "the second to notice has no news");
        assert_eq!(policy.of(&first), Instructions::Codex);
        assert_eq!(policy.of(&next), Instructions::none());
        assert!(are_refused(r#"{"detail":"Instructions are not valid"}"#) && !are_refused("scripted 400"));
    }
}
