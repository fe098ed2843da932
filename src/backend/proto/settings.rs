//! The `config.toml` of a `codex proto` process. What each line is good for was found with Codex 0.40.0.

use crate::backend::provider::{self, PROVIDER, quoted};
use crate::config::Config;
use crate::turn::{Effort, TurnPlan};

/// The settings for a turn of `plan`: its model and effort are set here, because the message that starts it cannot name them.
pub fn config_toml(config: &Config, plan: &TurnPlan) -> String {
    let effort =
        plan.effort.map_or_else(String::new, |effort| format!("model_reasoning_effort = \"{}\"\n", known(effort)));
    format!(
        "model = {}\n{effort}model_provider = \"{PROVIDER}\"\n{FIXED}{}",
        quoted(&plan.model),
        provider::section(config),
    )
}

/// The nearest effort that 0.40.0 knows; it ends at once on another.
fn known(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh => "high",
    }
}

/// The shell tool cannot be switched off. What it would run gets no environment (the upstream's key is in it), and Landlock lets
/// nothing run: Codex itself runs `cat` and the like outside of any sandbox.
const FIXED: &str = r#"approval_policy = "never"
sandbox_mode = "read-only"
project_doc_max_bytes = 0

[tools]
view_image = false
web_search = false

[shell_environment_policy]
inherit = "none"

[history]
persistence = "none"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_effort_has_one_that_the_old_codex_knows() {
        for effort in Effort::ALL {
            assert!(["minimal", "low", "medium", "high"].contains(&known(effort)), "{effort:?}");
        }
    }
}
