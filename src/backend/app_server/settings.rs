//! The `config.toml` of an app-server worker.

use std::path::Path;

use crate::backend::provider::{self, PROVIDER, quoted};
use crate::config::Config;

/// Every feature off that adds to a request or reaches for the machine. What each line is good for was found with Codex 0.169.0;
/// unknown keys are ignored by other versions.
pub fn config_toml(config: &Config, catalog: &Path) -> String {
    format!(
        "model_catalog_json = {}\nmodel = {}\nmodel_provider = \"{PROVIDER}\"\n{FIXED}{}",
        quoted(&catalog.to_string_lossy()),
        quoted(&config.codex_model),
        provider::section(config),
    )
}

const FIXED: &str = r#"approval_policy = "never"
sandbox_mode = "read-only"
check_for_update_on_startup = false
web_search = "disabled"
project_doc_max_bytes = 0
# Above about 10,000 tokens Codex would cut tool results in the middle.
tool_output_token_limit = 10000000
include_permissions_instructions = false
include_apps_instructions = false
include_environment_context = false
include_collaboration_mode_instructions = false

[features]
shell_tool = false
apps = false
plugins = false
unified_exec = false
goals = false
view_image = false
skill_search = false
hooks = false
image_generation = false
tool_suggest = false
sleep_tool = false
memories = false
browser_use = false
computer_use = false
in_app_browser = false
remote_plugin = false
workspace_dependencies = false
enable_request_compression = false
shell_snapshot = false

[tools.experimental_request_user_input]
enabled = false

[agents]
enabled = false

[skills]
include_instructions = false

[skills.bundled]
enabled = false

[analytics]
enabled = false

[history]
persistence = "none"
"#;
