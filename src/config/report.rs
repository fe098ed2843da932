//! The configuration for people: `config show`, its digest, and the reference in `docs/configuration.md`.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::layers::WITHOUT_EFFECT;
use super::table::{CONFIG_FILE, Config, Row, SETTINGS, Setting};

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from src/config/table.rs by `UPDATE_DOCS=1 cargo test --test config`; do not edit. -->

A setting is taken from the first of these that has it:

1. a flag of the command line,
2. an environment variable (an empty one counts as not set),
3. the configuration file,
4. its default.

";

const AFTER_FILE: &str = "\
`codex-proxy check-config` names every mistake at once, also in a source that a higher one covers, and exits with 78 if
there is any. `codex-proxy config show` prints every value with its origin, secrets masked. `codex-proxy` alone means
`codex-proxy serve`, which needs an API key: `PROXY_API_KEY=$(openssl rand -hex 24)`.

Relative paths count from the working folder. `~` is not expanded. In the file, numbers and booleans stand without
quotes, time spans with a unit (`\"72h\"`) and texts in quotes.
";

const SCRUB: &str = "
The tables of the scrubber, in which every kind of secret is built in, cannot be switched off. The file can add to them:

```toml
[scrub]
allow = ['[a-z]+@example\\.com']     # a value that was found stays if one of these matches all of it
names = [\"x-partner-secret\"]        # what members, headers and variables of these names hold is redacted

[[scrub.rule]]
name = \"staff-number\"               # the marker is [STAFF_NUMBER:k3f9a2]
pattern = '\\bST-[0-9]{6}\\b'        # the group `secret`, if there is one, is all that is redacted
```

A pattern is a [regular expression](https://docs.rs/regex#syntax). It may match anywhere in a line, behind escapes, in JSON
within strings, in base64 and in hex too, and never across lines; a JSON string that is nothing but a UUID or a time is not
looked at. Each pattern of a rule costs a pass over every text that is recorded, all names together cost one, an allowed value
costs next to nothing; without rules nothing is slower. Case does not count in a name, nor what joins its words:
`x-partner-secret` stands for `X_PARTNER_SECRET` and `xPartnerSecret` too. The service's own keys are redacted whatever is
allowed. A pattern that does not compile or matches the empty text, and a name that is none, is a mistake.
";

const MODELS: &str = "
## `[models]`

The names that clients may use for models. A `[models]` table replaces the default names below as a whole:

```toml
[models]
fast = { effort = \"low\" }
deep = { model = \"gpt-5.2\", effort = \"xhigh\" }
```

`model` is the upstream's model, without it `codex.model`. `effort` is the reasoning effort that the name implies
(`none`, `minimal`, `low`, `medium`, `high`, `xhigh`), without it the model's own default; a request's own wins. Names
are compared without regard to case. The default names, all of which lead to `codex.model`:

- advertised with `server.env` = `prod`: `codex-5`, `codex-5-low|medium|high`, `gpt-5.2-codex-L|M|H|XH`
- advertised with `server.env` = `dev`: `codev-5`, `codev-5-low|medium|high`, `codev-5.1-L|M|H`, `codev-5.2-L|M|H|XH`,
  `gpt-5.2-codev-L|M|H|XH`

Both families, and the name of `codex.model` itself, are accepted in any case.

## Names without effect

These variables of earlier services are known and do nothing in this version, which is said in a warning at start. Any
other variable that begins with `PROXY_` or `WORKER_` and is not listed on this page gets a warning with the nearest known
name; an unknown key of the file is a mistake.

";

/// What `codex-proxy config show` prints: key, value and origin in columns, secrets masked.
pub fn render_show(config: &Config) -> String {
    let rows = config.rows();
    let width = |column: fn(&Row) -> &str| rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0);
    let (keys, values) = (width(|row| &row.key), width(|row| &row.value));
    let mut page = String::new();
    for row in &rows {
        let _ = writeln!(page, "{:keys$}  {:values$}  {}", row.key, row.value, row.origin);
    }
    page
}

/// SHA-256 of the values in force with secrets masked, in hex. Where they came from does not count.
pub fn digest(config: &Config) -> String {
    let mut hash = Sha256::new();
    for row in config.rows() {
        // Neither keys nor values can hold a line break.
        hash.update(format!("{}={}\n", row.key, row.value));
    }
    format!("{:x}", hash.finalize())
}

/// The text of `docs/configuration.md`.
pub fn reference_markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    let default_file = CONFIG_FILE.to_string().replace(", else ", "`, or else `");
    let _ = write!(
        page,
        "The file is the one that `--config FILE` or `PROXY_CONFIG` names; without them, if it is there,\n`{default_file}`.\n\n"
    );
    page.push_str(AFTER_FILE);
    let mut last_section = "";
    for setting in SETTINGS {
        let section = setting.key.split('.').next().unwrap_or_default();
        if section != last_section {
            let _ = write!(page, "\n## `[{section}]`\n\n{HEAD}");
            last_section = section;
        }
        page.push_str(&table_line(setting));
    }
    // The last section of the table is that of the scrubber.
    page.push_str(SCRUB);
    page.push_str(MODELS);
    for name in WITHOUT_EFFECT {
        let _ = writeln!(page, "- `{name}`");
    }
    page
}

const HEAD: &str = "\
| key | environment | flag | default | allowed | meaning |
|---|---|---|---|---|---|
";

fn table_line(setting: &Setting) -> String {
    let flag = setting.flag.map(|flag| format!("`--{flag}`")).unwrap_or_default();
    let default = setting.default_text();
    let default =
        if default.starts_with('(') { default } else { format!("`{default}`").replace(", else ", "`, else `") };
    let secret = if setting.secret { " Secret." } else { "" };
    format!(
        "| `{}` | `{}` | {flag} | {default} | {} | {}{secret} |\n",
        setting.key,
        setting.env,
        (setting.allowed)(),
        setting.meaning,
    )
}
