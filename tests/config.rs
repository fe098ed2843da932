//! The configuration as a whole: sources, mistakes, masking, and the committed reference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_completions_api::config::{self, Config, Durability, MASK, Mistakes, NOT_SET, OnFailure, Origin, Purpose};
use codex_completions_api::config::{SETTINGS, Sources};
use codex_completions_api::turn::Effort;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

const SECRET: &str = "hush-hush-hush";

/// Sources for one test; the environment has a key and a home, and nothing of the machine that runs the test.
struct Setup {
    sources: Sources,
    folder: TempDir,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().to_str().expect("UTF-8").to_owned();
        let environment = [("HOME".to_owned(), home), ("PROXY_API_KEY".to_owned(), SECRET.to_owned())].into();
        let sources = Sources { flags: BTreeMap::new(), environment, purpose: Purpose::Serve };
        Self { sources, folder }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flag(mut self, name: &str, value: &str) -> Self {
        self.sources.flags.insert(name.to_owned(), value.to_owned());
        self
    }

    fn file(self, text: impl AsRef<[u8]>) -> Self {
        let path = self.path();
        std::fs::write(&path, text).expect("the file can be written");
        self.env("PROXY_CONFIG", path.to_str().expect("UTF-8"))
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("proxy.toml")
    }

    fn load(&self) -> Result<Config, Mistakes> {
        config::load(&self.sources)
    }

    fn right(&self) -> Config {
        self.load().expect("the configuration is right")
    }

    fn wrong(&self) -> Mistakes {
        self.load().expect_err("the configuration is wrong")
    }

    fn port_origin(&self) -> Origin {
        self.right().origin("server.port").expect("a known key").clone()
    }

    /// The mistakes as text, with the file's folder left out.
    fn messages(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        self.wrong().list.iter().map(|mistake| mistake.to_string().replace(&folder, "")).collect()
    }
}

#[test]
fn every_default_is_valid() {
    let setup = Setup::new();
    let config = setup.right();
    assert_eq!(config.port, 11435);
    assert_eq!(config.host.as_str(), "127.0.0.1");
    assert_eq!(config.max_body_bytes, 16 << 20);
    assert_eq!(config.idle_timeout, Duration::from_secs(120));
    assert_eq!(config.content_ttl, Duration::from_secs(72 * 3600));
    assert_eq!(config.max_bytes, 20 << 30);
    assert_eq!((config.durability, config.on_failure), (Durability::Interval, OnFailure::Refuse));
    assert_eq!((&config.journal_key_file, &config.anchor_file), (&None, &None));
    assert_eq!(config.state_dir, setup.folder.path().join(".local/state/codex-proxy"));
    assert_eq!(config.codex_home, setup.folder.path().join(".codex"));
    assert_eq!(config.file, None);
    assert_eq!(config.warnings, []);
    let origins = config.rows().into_iter().map(|row| row.origin).filter(|origin| origin != "default");
    assert_eq!(origins.collect::<Vec<_>>(), ["environment PROXY_API_KEY"]);
}

#[test]
fn xdg_folders_win_over_home_unless_relative() {
    let setup = Setup::new().env("XDG_STATE_HOME", "/var/state");
    assert_eq!(setup.right().state_dir, Path::new("/var/state/codex-proxy"));
    let setup = Setup::new().env("XDG_STATE_HOME", "relative");
    assert_eq!(setup.right().state_dir, setup.folder.path().join(".local/state/codex-proxy"));
}

#[test]
fn without_a_home_the_folders_must_be_named() {
    let setup = Setup::new().env("HOME", "");
    let messages = setup.messages();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].contains("server.state_dir") && messages[0].contains("PROXY_STATE_DIR"), "{messages:?}");
    assert!(messages[1].contains("codex.home") && messages[1].contains("CODEX_HOME"), "{messages:?}");
    setup.env("PROXY_STATE_DIR", "/state").env("CODEX_HOME", "/codex").right();
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let setup = Setup::new();
    assert_eq!((setup.right().port, setup.port_origin()), (11435, Origin::Default));

    let setup = setup.file("# mine\n\n[server]\nport = 1001\n");
    assert_eq!(setup.right().port, 1001);
    assert_eq!(setup.port_origin().to_string(), format!("{}:4 server.port", setup.path().display()));

    let setup = setup.env("PORT", "1002");
    assert_eq!((setup.right().port, setup.port_origin()), (1002, Origin::Environment("PORT")));

    let setup = setup.flag("port", "1003");
    assert_eq!((setup.right().port, setup.port_origin()), (1003, Origin::Flag("port")));
}

#[test]
fn an_empty_variable_is_not_set() {
    let setup = Setup::new().env("PORT", "").env("PROXY_METRICS_TOKEN", "");
    assert_eq!(setup.port_origin(), Origin::Default);
    assert!(setup.right().metrics_token.is_none());
}

#[test]
fn the_file_is_named_by_flag_variable_or_place() {
    let setup = Setup::new();
    let folder = setup.folder.path().join(".config/codex-proxy");
    std::fs::create_dir_all(&folder).expect("folders can be made");
    std::fs::write(folder.join("config.toml"), "server.port = 1").expect("the file can be written");
    assert_eq!(setup.right().port, 1);
    assert_eq!(setup.right().file, Some(folder.join("config.toml")));

    let setup = setup.file("server.port = 2");
    assert_eq!(setup.right().port, 2);

    let other = setup.folder.path().join("other.toml");
    std::fs::write(&other, "server.port = 3").expect("the file can be written");
    let setup = setup.flag("config", other.to_str().expect("UTF-8"));
    assert_eq!(setup.right().port, 3);
}

#[test]
fn a_named_file_must_be_readable() {
    let setup = Setup::new().flag("config", "/nowhere/proxy.toml");
    let messages = setup.messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].starts_with("flag --config: "), "{messages:?}");
    assert!(messages[0].contains("/nowhere/proxy.toml"), "{messages:?}");
    let messages = Setup::new().file(b"# \xff").messages();
    assert!(messages[0].starts_with("proxy.toml:1: ") && messages[0].contains("UTF-8"), "{messages:?}");
}

#[test]
fn a_file_without_end_is_not_read_to_it() {
    let messages = Setup::new().flag("config", "/dev/zero").messages();
    assert!(messages[0].contains("/dev/zero") && messages[0].contains("1 MiB"), "{messages:?}");
    let all = format!("#{}\n", "x".repeat((1 << 20) - 2));
    assert!(Setup::new().file(&all).load().is_ok());
    assert_eq!(Setup::new().file(all + " ").messages().len(), 1);
}

#[test]
fn every_mistake_is_told_at_once() {
    let setup = Setup::new()
        .file("[server]\nprot = 8080\nhost = 5\n\n[worker]\nbackoff_initial_ms = 9000\n")
        .env("PROXY_SANDBOX_MODE", "none")
        .flag("port", "eleven");
    assert_eq!(
        setup.messages(),
        [
            "proxy.toml:2: server.prot: unknown key; the nearest known key is server.port",
            "flag --port: server.port: \"eleven\" is not a whole number; allowed: 0 to 65535",
            "proxy.toml:3: server.host: is written as integer, not as string; \
             allowed: an IP address or a host name, without a port",
            "environment PROXY_SANDBOX_MODE: codex.sandbox_mode: \"none\" is none of the choices; \
             allowed: `read-only`, `workspace-write`, `danger-full-access`",
            "proxy.toml:6: worker.backoff_initial_ms: 9000 is more than worker.backoff_max_ms, 5000 (default); \
             allowed: 1 to 5000 milliseconds",
        ]
    );
    let text = setup.wrong().to_string();
    assert!(text.starts_with("the configuration has 5 mistakes:\n  "), "{text}");
    assert_eq!(text.lines().count(), 6);
}

#[test]
fn a_mistake_that_a_higher_source_covers_is_told() {
    let setup = Setup::new().flag("port", "1").env("PORT", "x");
    assert_eq!(setup.messages(), ["environment PORT: server.port: \"x\" is not a whole number; allowed: 0 to 65535"]);
}

#[test]
fn a_missing_key_says_how_to_make_one() {
    let mut setup = Setup::new().env("PROXY_API_KEY", "");
    let messages = setup.messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].contains("auth.api_key"), "{messages:?}");
    assert!(messages[0].contains("PROXY_API_KEY=$(openssl rand -hex 24)"), "{messages:?}");
    setup.sources.purpose = Purpose::Inspect;
    assert!(setup.right().api_key.is_none());
}

#[test]
fn what_is_not_toml_is_told_with_line_and_column() {
    let setup = Setup::new().env("PROXY_API_KEY", "").file(format!("[auth]\napi_key = {SECRET}\n[server\nport = 1\n"));
    let messages = setup.messages();
    assert!(messages[0].starts_with("proxy.toml:2:11: this is not TOML: "), "{messages:?}");
    assert!(messages.iter().any(|message| message.starts_with("proxy.toml:3:")), "{messages:?}");
    // The key may well stand in the file.
    assert!(messages.iter().all(|message| !message.contains("openssl") && !message.contains(SECRET)), "{messages:?}");
}

#[test]
fn unknown_keys_are_told_wherever_they_are() {
    let setup = Setup::new().file(
        "port = 1\n\"server.port\" = 2\n[servr]\nport = 3\n[modls]\n[server.port]\nx = 4\n[models.a]\nefort = \"low\"\n",
    );
    assert_eq!(
        setup.messages(),
        [
            "proxy.toml:1: port: unknown key; the nearest known key is server.port",
            "proxy.toml:2: \"server.port\": unknown key; the nearest known key is server.port",
            "proxy.toml:4: servr.port: unknown key; the nearest known key is server.port",
            "proxy.toml:5: modls: unknown key; the nearest known key is models",
            "proxy.toml:9: models.a.efort: unknown key; the nearest known key is effort",
            "proxy.toml:6: server.port: is written as table, not as integer; allowed: 0 to 65535",
        ]
    );
}

#[test]
fn wrong_kinds_are_told() {
    let setup = Setup::new().file(
        "auth = 5\nmodels = 1.5\n[server]\nport = \"1\"\n[codex]\nuse_app_server = \"true\"\nmodel = [\"a\"]\n\
         [retention]\ncontent_ttl = 72\n",
    );
    let messages = setup.messages();
    for (line, wrong) in [
        ("proxy.toml:1: auth:", "integer"),
        ("proxy.toml:2: models:", "float"),
        ("proxy.toml:4: server.port:", "string, not as integer"),
        ("proxy.toml:6: codex.use_app_server:", "string, not as boolean"),
        ("proxy.toml:7: codex.model:", "array, not as string"),
        ("proxy.toml:9: retention.content_ttl:", "integer, not as string"),
    ] {
        let told = messages.iter().any(|message| message.starts_with(line) && message.contains(wrong));
        assert!(told, "{line} {wrong}: {messages:?}");
    }
    assert_eq!(messages.len(), 6);
}

#[test]
fn settings_that_contradict_each_other_are_told() {
    let setup = Setup::new()
        .env("PROXY_UPSTREAM_API_KEY", SECRET)
        .env("PROXY_RETENTION_CONTENT_TTL", "30m")
        .env("WORKER_BACKOFF_MAX_MS", "100");
    let messages = setup.messages();
    assert_eq!(messages.len(), 3);
    assert!(messages[0].starts_with("default: worker.backoff_initial_ms: 500"), "{messages:?}");
    assert!(
        messages[1].starts_with("environment PROXY_RETENTION_CONTENT_TTL: retention.content_ttl: 30m"),
        "{messages:?}"
    );
    assert!(messages[2].starts_with("environment PROXY_UPSTREAM_API_KEY: upstream.api_key: "), "{messages:?}");
    assert!(messages[2].contains("PROXY_UPSTREAM_BASE_URL"), "{messages:?}");
}

#[test]
fn a_journal_can_be_asked_for_more() {
    let setup = Setup::new()
        .file(
            "[journal]\nsegment_max_bytes = 1048576\nkey_file = \"/keys/master\"\ndurability = \"before_final_byte\"\n\
             anchor_file = \"/anchor\"\n",
        )
        .env("PROXY_JOURNAL_ON_FAILURE", "continue")
        .env("PROXY_JOURNAL_DEADLINE", "250ms");
    let config = setup.right();
    assert_eq!(config.segment_max_bytes, 1 << 20);
    assert_eq!(config.journal_key_file.as_deref(), Some(Path::new("/keys/master")));
    assert_eq!(config.anchor_file.as_deref(), Some(Path::new("/anchor")));
    assert_eq!((config.durability, config.on_failure), (Durability::BeforeFinalByte, OnFailure::Continue));
    assert_eq!(config.journal_deadline, Duration::from_millis(250));
    assert_eq!(
        Setup::new().env("PROXY_JOURNAL_ON_FAILURE", "ignore").messages(),
        ["environment PROXY_JOURNAL_ON_FAILURE: journal.on_failure: \"ignore\" is none of the choices; \
             allowed: `refuse`, `continue`"]
    );
}

#[test]
fn times_of_retention_that_contradict_each_other_are_told() {
    let short = |sweep: &str| {
        Setup::new()
            .env("PROXY_RETENTION_CONTENT_TTL", "2s")
            .env("PROXY_JOURNAL_SEGMENT_PERIOD", "1s")
            .env("PROXY_RETENTION_SWEEP_INTERVAL", sweep)
    };
    assert_eq!(short("500ms").right().sweep_interval, Duration::from_millis(500));
    assert_eq!(
        short("1s").messages(),
        ["environment PROXY_RETENTION_CONTENT_TTL: retention.content_ttl: 2s is not more than \
             journal.segment_period, 1s (environment PROXY_JOURNAL_SEGMENT_PERIOD) and \
             retention.sweep_interval, 1s (environment PROXY_RETENTION_SWEEP_INTERVAL) together; \
             allowed: a time span above 2s, or shorter ones there"]
    );

    let setup = Setup::new()
        .file("[retention]\ncontent_ttl = \"60d\"\nledger_ttl = \"59d\"\n")
        .env("PROXY_RETENTION_SUMMARY_TTL", "0s")
        .env("PROXY_RETENTION_MAX_BYTES", "0");
    assert_eq!(
        setup.messages(),
        [
            "environment PROXY_RETENTION_SUMMARY_TTL: retention.summary_ttl: \"0s\" is not a time span; \
             allowed: a whole number above zero with its unit (`ms`, `s`, `m`, `h`, `d`), such as `72h`",
            "environment PROXY_RETENTION_MAX_BYTES: retention.max_bytes: \"0\" is not a size; \
             allowed: a whole number of bytes above zero, or with a unit (`KiB`, `MiB`, `GiB`), such as `16MiB`",
            "proxy.toml:2: retention.content_ttl: 60d is more than retention.max_content_ttl, 30d (default); \
             allowed: a time span up to 30d, or a higher limit there",
            "proxy.toml:3: retention.ledger_ttl: 59d is less than retention.content_ttl, 60d (proxy.toml:2 \
             retention.content_ttl); allowed: a time span of 60d or more",
        ]
    );
    let setup = Setup::new()
        .env("PROXY_RETENTION_CONTENT_TTL", "60d")
        .env("PROXY_RETENTION_MAX_CONTENT_TTL", "60d")
        .env("PROXY_RETENTION_LEDGER_TTL", "60d");
    assert!(setup.load().is_ok());
}

#[test]
fn strange_variables_get_a_warning() {
    let setup = Setup::new()
        .env("PROXY_SANBOX_MODE", "x")
        .env("WORKER_RESTART_MAXIMUM", "x")
        .env("PROXY_TITLE_GEN_INTERCEPT", "true")
        .env("HTTP_PROXY", "x")
        .env("CODEX_OTHER", "x");
    let warnings: Vec<_> = setup.right().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "environment PROXY_SANBOX_MODE: unknown name, ignored; the nearest known name is PROXY_SANDBOX_MODE",
            "environment PROXY_TITLE_GEN_INTERCEPT: has no effect in this version",
            "environment WORKER_RESTART_MAXIMUM: unknown name, ignored; the nearest known name is WORKER_RESTART_MAX",
        ]
    );
    let text = Setup::new().env("PROXY_API_KEY", "").env("PROXY_APIKEY", SECRET).wrong().to_string();
    assert!(text.contains("PROXY_APIKEY: unknown name, ignored; the nearest known name is PROXY_API_KEY"), "{text}");
}

#[test]
fn secrets_are_nowhere_to_be_seen() {
    let setup = Setup::new()
        .file(format!("[metrics]\ntoken = \"{SECRET}\"\n"))
        .env("PROXY_UPSTREAM_API_KEY", SECRET)
        .env("PROXY_UPSTREAM_BASE_URL", "http://127.0.0.1:1/v1");
    let config = setup.right();
    assert_eq!(config.api_key.as_ref().map(|key| key.expose_secret().to_owned()), Some(SECRET.to_owned()));
    let shown = config::render_show(&config);
    assert!(!shown.contains(SECRET) && !format!("{config:?}").contains(SECRET));
    assert_eq!(shown.matches(MASK).count(), 3);
    assert!(format!("{config:?}").contains(MASK));

    let setup = Setup::new()
        .file(format!("[metrics]\ntoken = [\"{SECRET}\"]\n[auth]\napi_key = \"{SECRET}\\n\"\n"))
        .env("PROXY_API_KEY", &format!("{SECRET} {SECRET}"))
        .env("PROXY_UPSTREAM_API_KEY", SECRET)
        .env("PROXY_UPSTREAM_BASE_URL", &format!("https://me:{SECRET}@host/v1"));
    let mistakes = setup.wrong();
    assert_eq!(mistakes.list.len(), 4, "{mistakes}");
    assert!(!mistakes.to_string().contains(SECRET) && !format!("{mistakes:?}").contains(SECRET));
}

#[test]
fn show_aligns_its_columns() {
    let config = Setup::new().env("PORT", "0").right();
    let shown = config::render_show(&config);
    let port = shown.lines().find(|line| line.starts_with("server.port ")).expect("the port is shown");
    assert_eq!(port.split_whitespace().collect::<Vec<_>>(), ["server.port", "0", "environment", "PORT"]);
    let host = shown.lines().find(|line| line.starts_with("server.host ")).expect("the host is shown");
    assert_eq!(host.find("default"), port.find("environment"));
    assert!(shown.contains(NOT_SET) && shown.contains("models.codex-5-low "));
}

#[test]
fn the_digest_is_of_values_and_not_of_origins_or_secrets() {
    let setup = Setup::new();
    let digest = config::digest(&setup.right());
    assert_eq!(digest.len(), 64);
    let setup = setup.env("PORT", "11435").env("PROXY_API_KEY", "another");
    assert_eq!(config::digest(&setup.right()), digest);
    assert_ne!(config::digest(&setup.env("PORT", "11436").right()), digest);
}

#[test]
fn a_models_table_replaces_the_default_names() {
    let setup = Setup::new().file(
        "[models]\n\"Zeta-1\" = { model = \"gpt-x\", effort = \"xhigh\" }\nalpha = {}\n[codex]\nmodel = \"gpt-y\"\n",
    );
    let config = setup.right();
    assert_eq!(config.models.advertised().collect::<Vec<_>>(), ["Zeta-1", "alpha"]);
    let zeta = config.models.resolve("zeta-1").expect("an alias");
    assert_eq!((zeta.model, zeta.effort), ("gpt-x", Some(Effort::XHigh)));
    let alpha = config.models.resolve("ALPHA").expect("an alias");
    assert_eq!((alpha.model, alpha.effort), ("gpt-y", None));
    assert!(config.models.resolve("gpt-Y").is_some());
    assert!(config.models.resolve("codex-5").is_none());
    let row = config.rows().into_iter().find(|row| row.key == "models.Zeta-1").expect("the alias is shown");
    assert_eq!(row.value, "gpt-x xhigh");
    assert!(row.origin.ends_with("proxy.toml:2 models.Zeta-1"), "{}", row.origin);
}

#[test]
fn wrong_models_are_told() {
    let setup = Setup::new().file(
        "[models]\na = \"gpt-x\"\nb = { model = 5, effort = \"hard\" }\nc = { model = \"\" }\nC = {}\n\"\" = {}\n",
    );
    let messages = setup.messages();
    for part in [
        "proxy.toml:2: models.a: ",
        "proxy.toml:3: models.b.model: ",
        "proxy.toml:3: models.b.effort: \"hard\" is none of the choices; allowed: `none`, `minimal`",
        "proxy.toml:4: models.c.model: is empty",
        "proxy.toml:5: models.C: is the same name",
        "proxy.toml:6: models.\"\": is empty",
    ] {
        assert!(messages.iter().any(|message| message.starts_with(part)), "{part}: {messages:?}");
    }
    assert_eq!(messages.len(), 6, "{messages:?}");
}

#[test]
fn an_operator_adds_to_the_scrubber() {
    let setup = Setup::new().file(
        r#"
        [scrub]
        addresses = "none"
        allow = ['[a-z]+@example\.com']
        names = ["x-partner-secret"]
        [[scrub.rule]]
        name = "staff-number"
        pattern = 'ST-[0-9]{6}'
        "#,
    );
    let config = setup.right();
    let shown: Vec<_> = config.rows().into_iter().filter(|row| row.key.starts_with("scrub.")).collect();
    let keys: Vec<_> = shown.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["scrub.content", "scrub.addresses", "scrub.rule.staff-number", "scrub.allow", "scrub.names"]);
    assert!(shown[4].origin.contains(":5"), "{}", shown[4].origin);
    let scrubber = codex_completions_api::app::scrubber(&config).expect("it builds");
    let key = scrubbers::PseudonymKey::new(&[7; 32]);
    let text = scrubber.scrub_text("ST-123456 of ada@example.com at 8.8.8.8: x-partner-secret=abc", &key);
    assert!(text.contains("[STAFF_NUMBER:") && text.contains("ada@example.com at 8.8.8.8"), "{text}");
    assert!(text.contains("x-partner-secret=[PASSWORD:"), "{text}");
}

#[test]
fn what_the_scrubber_cannot_use_is_told_with_name_and_reason() {
    let setup = Setup::new().file(
        r#"
        [scrub]
        addresses = "some"
        allow = ["(", 7]
        names = ["x y", "status"]
        rules = []
        [[scrub.rule]]
        name = "anything"
        pattern = ".*"
        [[scrub.rule]]
        name = "Staff"
        pattern = "x"
        [[scrub.rule]]
        name = "half"
        [[scrub.rule]]
        name = "more"
        pattern = "x"
        patern = "y"
        "#,
    );
    let messages = setup.messages().join("\n");
    for part in [
        "scrub.addresses: \"some\"",
        ":4: scrub.allow: the allowed value \"(\" cannot be used: unclosed group",
        ":4: scrub.allow: is written as integer, not as string",
        ":5: scrub.names: \"x y\" is no name",
        ":5: scrub.names: \"status\" is a member",
        "scrub.rules: unknown key; the nearest known key is scrub.rule",
        ":7: scrub.rule: rule \"anything\" cannot be used: it matches the empty string",
        "rule name \"Staff\" cannot be used",
        "scrub.rule: has no pattern",
        "scrub.rule.patern: unknown key",
    ] {
        assert!(messages.contains(part), "{part} is not in\n{messages}");
    }
}

#[test]
fn flags_are_taken_before_and_after_the_subcommand() {
    let command = config::add_flags(clap::Command::new("codex-proxy").subcommand(clap::Command::new("serve")));
    command.clone().debug_assert();
    let given = |arguments: &[&str]| {
        let matches = command.clone().try_get_matches_from(arguments).expect("the arguments are right");
        config::given_flags(&matches)
    };
    assert_eq!(given(&["codex-proxy"]), BTreeMap::new());
    let expected = BTreeMap::from([("port".to_owned(), "1".to_owned()), ("config".to_owned(), "a.toml".to_owned())]);
    assert_eq!(given(&["codex-proxy", "--port", "1", "--config=a.toml"]), expected);
    assert_eq!(given(&["codex-proxy", "--port", "1", "serve", "--config", "a.toml"]), expected);
    assert_eq!(given(&["codex-proxy", "serve", "--port", "1", "--config", "a.toml"]), expected);
}

#[test]
fn the_table_has_no_name_twice() {
    let distinct = |names: Vec<&str>| names.iter().collect::<std::collections::BTreeSet<_>>().len() == names.len();
    assert!(distinct(SETTINGS.iter().map(|setting| setting.key).collect()));
    assert!(distinct(SETTINGS.iter().map(|setting| setting.env).collect()));
    assert!(distinct(SETTINGS.iter().filter_map(|setting| setting.flag).collect()));
    assert!(SETTINGS.iter().all(|setting| !setting.secret || setting.flag.is_none()), "flags show in process lists");
}

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = config::reference_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "docs/configuration.md is out of date: UPDATE_DOCS=1 cargo test --test config");
}

/// Text that looks like a configuration file in places.
fn toml_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "[server]",
        "[models]",
        "[",
        "]",
        "{",
        "}",
        "=",
        "\n",
        ".",
        ",",
        "\"",
        "'''",
        "port",
        "auth",
        "models",
        "api_key",
        "1",
        "-5",
        "1.5",
        "true",
        "\"x\"",
        "0xff",
        "1979-05-27",
        "\u{feff}",
        "é",
        "\r\n",
        "#",
        "effort",
        "\\u0000",
        "inf",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_panics(text in prop_oneof![toml_like(), ".*"]) {
        if let Err(mistakes) = Setup::new().file(text).load() {
            prop_assert!(!mistakes.list.is_empty());
            prop_assert!(!mistakes.to_string().is_empty());
        }
    }

    #[test]
    fn no_variable_panics(index in 0..SETTINGS.len(), text in ".*") {
        let _ = Setup::new().env(SETTINGS[index].env, &text).load();
    }
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(100_000), format!("a = {}", "[".repeat(100_000)), format!("a = {}1", "{b=".repeat(100_000))]
    {
        assert!(!Setup::new().file(text).wrong().list.is_empty());
    }
}
