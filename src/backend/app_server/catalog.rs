//! The model catalog that makes Codex add nothing of its own to a request.
//!
//! Codex knows models by name and adds tools and settings to their requests: `apply_patch`, a JavaScript `exec`, verbosity.
//! `codex debug models` prints the catalog; without the fields dropped here an upstream request holds the client's items
//! and tools and nothing else (seen with 0.169.0, held by `tests/golden.rs`).

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::backend::locate::Codex;
use crate::backend::process;

/// Fields that make Codex add tools or text.
const DROPPED: [&str; 9] = [
    "apply_patch_tool_type",
    "tool_mode",
    "multi_agent_version",
    "multi_agent_reasoning_effort",
    "web_search_tool_type",
    "model_messages",
    "default_verbosity",
    "upgrade",
    "availability_nux",
];

/// A context window, in tokens, above what the largest body can hold.
const WINDOW: u64 = 1_000_000_000;

/// The model whose entry stands in for a configured model that the catalog does not know: it has neither code mode nor
/// `use_responses_lite`, so that tools go out in the plain form every Responses API accepts.
const TEMPLATE: &str = "gpt-5.5";

/// Why there is no catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// `codex debug models` failed.
    #[error("`{} debug models` failed: {detail}", binary.display())]
    Command {
        /// The Codex binary.
        binary: PathBuf,
        /// What it said.
        detail: String,
    },
    /// Its output is no catalog.
    #[error("`{} debug models` printed no model catalog: {detail}", binary.display())]
    Malformed {
        /// The Codex binary.
        binary: PathBuf,
        /// What is missing.
        detail: String,
    },
    /// The cache could not be read or written.
    #[error("cannot use the model catalog {}: {source}", path.display())]
    Cache {
        /// The cached file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// The sanitized catalog as JSON text, holding `model` too; the raw one is cached under `folder` per Codex version.
pub async fn catalog(codex: &Codex, folder: &Path, model: &str, limit: Duration) -> Result<String, CatalogError> {
    let path = folder.join(format!("codex-{}.json", codex.version));
    let raw = match std::fs::read_to_string(&path) {
        Ok(raw) => raw,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let raw = debug_models(codex, folder, limit).await?;
            write_atomically(&path, &raw).map_err(|source| CatalogError::Cache { path: path.clone(), source })?;
            raw
        }
        Err(source) => return Err(CatalogError::Cache { path, source }),
    };
    sanitize(&raw, model).map_err(|detail| CatalogError::Malformed { binary: codex.binary.clone(), detail })
}

async fn debug_models(codex: &Codex, folder: &Path, limit: Duration) -> Result<String, CatalogError> {
    let failed = |detail: String| CatalogError::Command { binary: codex.binary.clone(), detail };
    std::fs::create_dir_all(folder).map_err(|source| CatalogError::Cache { path: folder.to_owned(), source })?;
    let run = process::command(&codex.binary)
        .args(["debug", "models"])
        // Not the operator's home: the bundled catalog is wanted, not one changed by their config.toml.
        .env("CODEX_HOME", folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(limit, run)
        .await
        .map_err(|_| failed(format!("no answer within {} ms", limit.as_millis())))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))
}

/// A reader that comes at the wrong moment must not find half a catalog.
fn write_atomically(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&unfinished, text)?;
    std::fs::rename(unfinished, path)
}

fn sanitize(raw: &str, model: &str) -> Result<String, String> {
    let mut catalog: Value = serde_json::from_str(raw).map_err(|error| error.to_string())?;
    let models = catalog.get_mut("models").and_then(Value::as_array_mut).ok_or("there is no list `models`")?;
    for entry in models.iter_mut() {
        strip(entry.as_object_mut().ok_or("a model is no object")?);
    }
    let named = |entry: &Value, slug: &str| entry.get("slug").and_then(Value::as_str) == Some(slug);
    if !models.iter().any(|entry| named(entry, model)) {
        let template = models.iter().find(|entry| named(entry, TEMPLATE)).or_else(|| models.first());
        let mut entry = template.ok_or("the list `models` is empty")?.clone();
        entry["slug"] = json!(model);
        entry["display_name"] = json!(model);
        models.push(entry);
    }
    Ok(catalog.to_string())
}

fn strip(model: &mut Map<String, Value>) {
    for field in DROPPED {
        model.remove(field);
    }
    let replaced = json!({
        "experimental_supported_tools": [],
        "supports_search_tool": false,
        "shell_type": "disabled",
        "support_verbosity": false,
        "include_skills_usage_instructions": false,
        "include_plugin_usage_instructions": false,
        "include_apps_usage_instructions": false,
        // Near the end of the window Codex would compact the conversation, and cut it, without a word. With a window that
        // no body reaches, the upstream itself says when the conversation is too long.
        "context_window": WINDOW,
        "max_context_window": WINDOW,
    });
    model.extend(replaced.as_object().expect("it is written as an object above").clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str = r#"{"models":[{"slug":"gpt-5.5","tool_mode":"code","use_responses_lite":false,"base_instructions":"You are"}]}"#;

    fn models(model: &str) -> Vec<Value> {
        let catalog: Value = serde_json::from_str(&sanitize(RAW, model).unwrap()).unwrap();
        catalog["models"].as_array().unwrap().clone()
    }

    #[test]
    fn what_codex_would_add_is_gone_and_the_rest_stays() {
        let [model] = &models("gpt-5.5")[..] else { panic!("one model in, one model out") };
        assert!(model.get("tool_mode").is_none());
        assert_eq!(model["base_instructions"], "You are", "a thread that shall have none says so");
        assert_eq!(model["use_responses_lite"], false);
    }

    #[test]
    fn the_configured_model_is_always_there() {
        let models = models("gpt-5.2");
        assert_eq!(models.len(), 2);
        assert_eq!(models[1]["slug"], "gpt-5.2");
    }

    #[test]
    fn what_is_no_catalog_is_named() {
        assert!(sanitize("[]", "m").is_err());
        assert!(sanitize(r#"{"models":[]}"#, "m").unwrap_err().contains("empty"));
    }
}
