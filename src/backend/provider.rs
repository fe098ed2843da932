//! The upstream in a worker's `config.toml`.

use std::fmt::Write as _;

use super::home::UPSTREAM_KEY_VARIABLE;
use crate::config::Config;

/// The name of the provider in the generated `config.toml`.
pub const PROVIDER: &str = "proxy";

/// The section of the provider: the upstream of the configuration, or OpenAI with the operator's login.
pub fn section(config: &Config) -> String {
    let mut text = format!("\n[model_providers.{PROVIDER}]\n");
    match &config.upstream_base_url {
        Some(url) => {
            let _ = writeln!(text, "name = \"upstream\"\nbase_url = {}", quoted(url));
            if config.upstream_api_key.is_some() {
                let _ = writeln!(text, "env_key = \"{UPSTREAM_KEY_VARIABLE}\"");
            }
        }
        None => text.push_str("name = \"OpenAI\"\nrequires_openai_auth = true\n"),
    }
    text.push_str(FIXED);
    text
}

/// `text` as a TOML string.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// No retries inside Codex: one after the first delta would repeat text that the client already has.
const FIXED: &str = r#"wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
stream_idle_timeout_ms = 300000
supports_websockets = false
"#;
