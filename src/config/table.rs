//! The table of settings: the one place that says what can be configured, how it is called, and what it means.
//!
//! From each entry the macro makes a field of [`Config`], a line of [`SETTINGS`] and the reading of the value.

use std::fmt;
use std::path::PathBuf;

use self::Fallback::{Folder as InFolder, Text, Unset};
use super::choice::{
    Addresses, Content, Durability, LoginUrlMode, MetricsCompat, OnFailure, OutputMode, SandboxMode, Stage,
    StopAfterTools,
};
use super::form::{
    BaseInstructions, BaseUrl, Count, FilePath, Form, Host, Listen, Maybe, Millis, NOT_SET, Name, Period, Secret, Size,
    Switch,
};
use super::layers::Layers;
use super::mistake::Warning;
use super::models::Models;
use super::origin::{Origin, Valued};
use super::scrub::ScrubRules;

/// What there is to know about one setting.
#[derive(Debug)]
pub struct Setting {
    /// Its key in the configuration file, with its section.
    pub key: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// Its flag, without the dashes, if it has one.
    pub flag: Option<&'static str>,
    /// What holds when nothing sets it.
    pub default: Fallback,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// What is allowed, for people.
    pub allowed: fn() -> String,
}

/// What holds when nothing sets a setting.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// Nothing.
    Unset,
    /// This text, read like any other.
    Text(&'static str),
    /// A folder of the user.
    Folder(Folder),
}

/// A folder of the user: `$VARIABLE/below`, else `~/home/below`.
#[derive(Debug, Clone, Copy)]
pub struct Folder {
    /// The variable of the XDG Base Directory Specification, if the folder follows it.
    pub variable: Option<&'static str>,
    /// What to use below `$HOME` without it.
    pub home: &'static str,
    /// Our folder or file there.
    pub below: &'static str,
}

/// One line of `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key in the configuration file.
    pub key: String,
    /// The value, masked if it is a secret.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

/// Where the configuration file is looked for when nobody names one.
pub(super) const CONFIG_FILE: Folder =
    Folder { variable: Some("XDG_CONFIG_HOME"), home: ".config", below: "codex-proxy/config.toml" };

const STATE_FOLDER: Folder = Folder { variable: Some("XDG_STATE_HOME"), home: ".local/state", below: "codex-proxy" };

const CODEX_FOLDER: Folder = Folder { variable: None, home: "", below: ".codex" };

macro_rules! flag {
    () => {
        None
    };
    ($flag:literal) => {
        Some($flag)
    };
}

macro_rules! settings {
    ($(
        #[doc = $meaning:literal]
        $field:ident: $form:ty { key: $key:literal, env: $env:literal, $(flag: $flag:literal,)? default: $default:expr }
    )+) => {
        /// Every setting, in the order of the documentation.
        pub const SETTINGS: &[Setting] = &[$(
            Setting {
                key: $key,
                env: $env,
                flag: flag!($($flag)?),
                default: $default,
                meaning: $meaning.trim_ascii(),
                secret: <$form as Form>::SECRET,
                allowed: <$form as Form>::allowed,
            },
        )+];

        /// The configuration in force: every value is valid, and its origin is known.
        #[derive(Clone)]
        pub struct Config {
            $(
                #[doc = $meaning]
                pub $field: <$form as Form>::Value,
            )+
            /// The names that clients may use for models.
            pub models: Models,
            /// What an operator adds to the scrubber.
            pub scrub: ScrubRules,
            /// The configuration file that was read, if there was one.
            pub file: Option<PathBuf>,
            /// What was set to no effect; to be logged at start.
            pub warnings: Vec<Warning>,
            /// In the order of [`SETTINGS`].
            origins: Vec<Origin>,
        }

        /// The settings as far as they could be read.
        pub(super) struct Draft {
            $(pub(super) $field: Option<Valued<<$form as Form>::Value>>,)+
        }

        impl Draft {
            /// Reads every setting, whatever is wrong with some of them.
            pub(super) fn read(layers: &mut Layers<'_>) -> Self {
                let mut settings = SETTINGS.iter();
                Self { $($field: settings.next().and_then(|setting| layers.value::<$form>(setting)),)+ }
            }

            /// The configuration, if every setting could be read.
            pub(super) fn complete(
                self,
                models: Models,
                scrub: ScrubRules,
                file: Option<PathBuf>,
                warnings: Vec<Warning>,
            ) -> Option<Config> {
                $(let $field = self.$field?;)+
                let origins = vec![$($field.origin,)+];
                Some(Config { $($field: $field.value,)+ models, scrub, file, warnings, origins })
            }
        }

        impl Config {
            /// The values for people, in the order of [`SETTINGS`].
            fn shown(&self) -> Vec<String> {
                vec![$(<$form as Form>::show(&self.$field),)+]
            }
        }
    };
}

settings! {
    /// Port to listen on; 0 picks a free one.
    port: Count<u16, 0, 65_535> { key: "server.port", env: "PORT", flag: "port", default: Text("11435") }
    /// Address to listen on; `0.0.0.0` for every network interface.
    host: Host { key: "server.host", env: "PROXY_HOST", flag: "host", default: Text("127.0.0.1") }
    /// The certificates of the service in PEM, its own first: with it, clients are served over TLS only. Read again when the file changes.
    tls_cert: Maybe<FilePath> { key: "server.tls_cert", env: "PROXY_TLS_CERT", flag: "tls-cert", default: Unset }
    /// The private key for it, in PEM.
    tls_key: Maybe<FilePath> { key: "server.tls_key", env: "PROXY_TLS_KEY", flag: "tls-key", default: Unset }
    /// Folder for the journal, its keys and the control socket; made with mode 0700.
    state_dir: FilePath { key: "server.state_dir", env: "PROXY_STATE_DIR", flag: "state-dir", default: InFolder(STATE_FOLDER) }
    /// Which family of model names `/v1/models` advertises; both are accepted.
    stage: Stage { key: "server.env", env: "PROXY_ENV", default: Text("prod") }
    /// Largest request body; a larger one is refused with 413.
    max_body_bytes: Size<usize> { key: "server.max_body_bytes", env: "PROXY_MAX_BODY_BYTES", default: Text("16MiB") }
    /// Longest time for one request as a whole; then 504.
    timeout: Millis<1> { key: "server.timeout_ms", env: "PROXY_TIMEOUT_MS", default: Text("300000") }
    /// Longest silence of the worker before an answer begins to stream, and within one that does not; then 504. Slow reasoning sends nothing for long.
    idle_timeout: Millis<1> { key: "server.idle_timeout_ms", env: "PROXY_IDLE_TIMEOUT_MS", default: Text("120000") }
    /// How long running requests may take to end once the service was told to stop.
    drain_timeout: Millis<0> { key: "server.drain_timeout_ms", env: "PROXY_DRAIN_TIMEOUT_MS", default: Text("30000") }

    /// The key that clients present as `Authorization: Bearer …`; kept as a hash.
    api_key: Maybe<Secret> { key: "auth.api_key", env: "PROXY_API_KEY", default: Unset }
    /// The file of further keys, by their hashes, which `codex-proxy keys` writes; without it, `keys.toml` in the state folder.
    keys_file: Maybe<FilePath> { key: "auth.keys_file", env: "PROXY_KEYS_FILE", default: Unset }
    /// Whether clients are told where Codex can be logged in when it is not.
    auth_login_url: Switch { key: "auth.login_url", env: "PROXY_AUTH_LOGIN_URL", default: Text("false") }
    /// Where that is told beside the `details` of the error: in its `code`, in its `message`, or in both.
    auth_login_url_mode: Maybe<LoginUrlMode> { key: "auth.login_url_mode", env: "PROXY_AUTH_LOGIN_URL_MODE", default: Unset }
    /// Whether `/v1/models` asks for the key too.
    protect_models: Switch { key: "auth.protect_models", env: "PROXY_PROTECT_MODELS", default: Text("false") }

    /// Address and port on which keys of the roles auditor, engineer and operator may ask what the control socket answers; TLS as for clients.
    admin_listen: Maybe<Listen> { key: "admin.listen", env: "PROXY_ADMIN_LISTEN", flag: "admin-listen", default: Unset }

    /// Whether `/v1/usage` is open without a key, and then shows what everybody used.
    usage_allow_unauth: Switch { key: "auth.usage_allow_unauth", env: "PROXY_USAGE_ALLOW_UNAUTH", default: Text("false") }

    /// Whether browsers may call the API from pages of other origins.
    enable_cors: Switch { key: "cors.enabled", env: "PROXY_ENABLE_CORS", default: Text("true") }
    /// Those origins, with commas between; `*` for all.
    cors_allowed_origins: Name { key: "cors.allowed_origins", env: "PROXY_CORS_ALLOWED_ORIGINS", default: Text("*") }

    /// Whether new chat requests are told to come back later, with 503. `codex-proxy ctl maintenance` switches it without a restart.
    maintenance_mode: Switch { key: "limits.maintenance_mode", env: "PROXY_MAINTENANCE_MODE", default: Text("false") }
    /// Whether chat requests are counted against a rate, for each key and for each network that has none.
    rate_limit_enabled: Switch { key: "limits.rate_enabled", env: "PROXY_RATE_LIMIT_ENABLED", default: Text("false") }
    /// The span of the rate.
    rate_limit_window: Millis<1> { key: "limits.rate_window_ms", env: "PROXY_RATE_LIMIT_WINDOW_MS", default: Text("60000") }
    /// Requests in that span, which may all come at once; a key may have its own.
    rate_limit_max: Count<u32, 1, 1_000_000> { key: "limits.rate_max", env: "PROXY_RATE_LIMIT_MAX", default: Text("60") }
    /// The same for all keys together; 0 for no limit.
    rate_limit_global_max: Count<u32, 0, 10_000_000> { key: "limits.rate_global_max", env: "PROXY_RATE_LIMIT_GLOBAL_MAX", default: Text("0") }
    /// Streams that may be open at a time; 0 for no limit.
    sse_max_concurrency: Count<usize, 0, 1_000_000> { key: "limits.max_streams", env: "PROXY_SSE_MAX_CONCURRENCY", default: Text("0") }
    /// Requests that may wait for a place on the worker when all are taken; 0 refuses them at once.
    queue_max: Count<usize, 0, 1_000_000> { key: "limits.queue_max", env: "PROXY_QUEUE_MAX", default: Text("64") }
    /// Longest wait for a place; then 429.
    queue_timeout: Millis<1> { key: "limits.queue_timeout_ms", env: "PROXY_QUEUE_TIMEOUT_MS", default: Text("2000") }

    /// Whether a request that does not say `stream` gets a stream.
    default_stream: Switch { key: "chat.default_stream", env: "PROXY_DEFAULT_STREAM", default: Text("false") }
    /// Largest `n` of a chat request.
    max_chat_choices: Count<usize, 1, 128> { key: "chat.max_choices", env: "PROXY_MAX_CHAT_CHOICES", default: Text("5") }
    /// Tokens that a prompt may have, as `o200k_base` counts its texts; above it 403, and 0 for any number.
    max_prompt_tokens: Count<usize, 0, 1_000_000_000> { key: "chat.max_prompt_tokens", env: "PROXY_MAX_PROMPT_TOKENS", default: Text("0") }

    /// How answers show their tool calls: as OpenAI's API does, or in the text too, for Obsidian Copilot; a request can say by `x-proxy-output-mode`.
    output_mode: OutputMode { key: "output.mode", env: "PROXY_OUTPUT_MODE", default: Text("openai-json") }
    /// Whether requests that look like Obsidian Copilot's get `obsidian-xml`.
    copilot_auto_detect: Switch { key: "output.copilot_auto_detect", env: "PROXY_COPILOT_AUTO_DETECT", default: Text("false") }
    /// Whether an answer in `obsidian-xml` ends behind its tool calls.
    stop_after_tools: Switch { key: "output.stop_after_tools", env: "PROXY_STOP_AFTER_TOOLS", default: Text("false") }
    /// What that is: behind the first call, or behind calls that come close behind each other.
    stop_after_tools_mode: StopAfterTools { key: "output.stop_after_tools_mode", env: "PROXY_STOP_AFTER_TOOLS_MODE", default: Text("burst") }
    /// How long `burst` waits for another call.
    stop_after_tools_grace: Millis<0> { key: "output.stop_after_tools_grace_ms", env: "PROXY_STOP_AFTER_TOOLS_GRACE_MS", default: Text("300") }
    /// Whether text behind a tool call is left out in `obsidian-xml`; in `openai-json` it always is.
    suppress_tail_after_tools: Switch { key: "output.suppress_tail_after_tools", env: "PROXY_SUPPRESS_TAIL_AFTER_TOOLS", default: Text("false") }
    /// Tool calls that an answer has at most; it ends before the next one, and 0 is for any number.
    tool_block_max: Count<usize, 0, 1_000_000> { key: "output.tool_block_max", env: "PROXY_TOOL_BLOCK_MAX", default: Text("0") }

    /// Time between `: keepalive` comments of a stream.
    sse_keepalive: Millis<1> { key: "stream.keepalive_ms", env: "PROXY_SSE_KEEPALIVE_MS", default: Text("15000") }
    /// A stream's head goes out after this time at the latest; a failure before is a real HTTP status.
    stream_head: Millis<0> { key: "stream.head_ms", env: "PROXY_STREAM_HEAD_MS", default: Text("1000") }
    /// Longest silence of the worker once the answer has begun to stream; then the stream ends with an error. Before, `server.idle_timeout_ms` counts.
    stream_idle_timeout: Millis<1> { key: "stream.idle_timeout_ms", env: "PROXY_STREAM_IDLE_TIMEOUT_MS", default: Text("300000") }

    /// Whether `/metrics` exists.
    enable_metrics: Switch { key: "metrics.enabled", env: "PROXY_ENABLE_METRICS", default: Text("false") }
    /// The token that opens `/metrics` from anywhere.
    metrics_token: Maybe<Secret> { key: "metrics.token", env: "PROXY_METRICS_TOKEN", default: Unset }
    /// Whether `/metrics` is open to this machine without a token.
    metrics_allow_loopback: Switch { key: "metrics.allow_loopback", env: "PROXY_METRICS_ALLOW_LOOPBACK", default: Text("true") }
    /// Names of another service for the metrics, beside ours: those of the one before this one, for its dashboards.
    metrics_compat: Maybe<MetricsCompat> { key: "metrics.compat", env: "PROXY_METRICS_COMPAT", default: Unset }

    /// The Codex binary: a path, or a name looked up in `PATH`.
    codex_bin: FilePath { key: "codex.bin", env: "CODEX_BIN", flag: "codex-bin", default: Text("codex") }
    /// The Codex 0.40.0 for the fallback backend `codex proto`, which can then be switched to, and is used where `use_app_server` is `false`.
    codex_proto_bin: Maybe<FilePath> { key: "codex.proto_bin", env: "CODEX_PROTO_BIN", default: Unset }
    /// Folder in which workers get their private ones; without it they lie on memory where there is some.
    codex_workdir: Maybe<FilePath> { key: "codex.workdir", env: "PROXY_CODEX_WORKDIR", default: Unset }
    /// The operator's own Codex folder, for its login; workers get a private one.
    codex_home: FilePath { key: "codex.home", env: "CODEX_HOME", default: InFolder(CODEX_FOLDER) }
    /// The model that every alias leads to unless it names another.
    codex_model: Name { key: "codex.model", env: "CODEX_MODEL", flag: "model", default: Text("gpt-5.2") }
    /// Whether turns run on `codex app-server`; `false` means on `codex proto` if `proto_bin` is set, and else disables the backend.
    use_app_server: Switch { key: "codex.use_app_server", env: "PROXY_USE_APP_SERVER", default: Text("true") }
    /// What stands before every conversation: nothing, Codex's own prompt, the text of a file, or, as `auto`, nothing but with a `ChatGPT` login, whose upstream refuses all but Codex's own.
    base_instructions: BaseInstructions { key: "codex.base_instructions", env: "PROXY_BASE_INSTRUCTIONS", default: Text("auto") }
    /// What commands of the worker may touch.
    sandbox_mode: SandboxMode { key: "codex.sandbox_mode", env: "PROXY_SANDBOX_MODE", default: Text("read-only") }

    /// A Responses API for the worker to call; without it Codex uses its own login.
    upstream_base_url: Maybe<BaseUrl> { key: "upstream.base_url", env: "PROXY_UPSTREAM_BASE_URL", flag: "upstream-base-url", default: Unset }
    /// The key for that API.
    upstream_api_key: Maybe<Secret> { key: "upstream.api_key", env: "PROXY_UPSTREAM_API_KEY", default: Unset }

    /// Turns that may run side by side on one worker.
    worker_max_concurrency: Count<usize, 1, 65_535> { key: "worker.max_concurrency", env: "WORKER_MAX_CONCURRENCY", default: Text("128") }
    /// Longest time for a worker to answer one call, such as the start of a turn; then 504.
    worker_request_timeout: Millis<1> { key: "worker.request_timeout_ms", env: "WORKER_REQUEST_TIMEOUT_MS", default: Text("120000") }
    /// Longest time from the start of a worker to ready.
    worker_startup_timeout: Millis<1> { key: "worker.startup_timeout_ms", env: "WORKER_STARTUP_TIMEOUT_MS", default: Text("8000") }
    /// Longest time for a worker to answer `initialize`.
    worker_handshake_timeout: Millis<1> { key: "worker.handshake_timeout_ms", env: "WORKER_HANDSHAKE_TIMEOUT_MS", default: Text("5000") }
    /// Time between asking a worker to end and ending it.
    worker_shutdown_grace: Millis<0> { key: "worker.shutdown_grace_ms", env: "WORKER_SHUTDOWN_GRACE_MS", default: Text("5000") }
    /// Wait before the first restart of a worker; doubles with each failure in a row.
    worker_backoff_initial: Millis<1> { key: "worker.backoff_initial_ms", env: "WORKER_BACKOFF_INITIAL_MS", default: Text("500") }
    /// Longest wait before a restart.
    worker_backoff_max: Millis<1> { key: "worker.backoff_max_ms", env: "WORKER_BACKOFF_MAX_MS", default: Text("5000") }
    /// Failures in a row after which a restart is tried once a minute and readiness is off.
    worker_restart_max: Count<u32, 0, 1_000_000> { key: "worker.restart_max", env: "WORKER_RESTART_MAX", default: Text("25") }

    /// Time that one segment of the journal covers.
    segment_period: Period { key: "journal.segment_period", env: "PROXY_JOURNAL_SEGMENT_PERIOD", default: Text("1h") }
    /// Size at which a segment ends before its time is over.
    segment_max_bytes: Size<u64> { key: "journal.segment_max_bytes", env: "PROXY_JOURNAL_SEGMENT_MAX_BYTES", default: Text("256MiB") }
    /// The file of the master key that protects the journal's keys, made with mode 0600 at the first start; without it, a file among those keys.
    journal_key_file: Maybe<FilePath> { key: "journal.key_file", env: "PROXY_JOURNAL_KEY_FILE", default: Unset }
    /// When what happened is on disk: 50 ms later at the latest, or before the last byte of its answer leaves.
    durability: Durability { key: "journal.durability", env: "PROXY_JOURNAL_DURABILITY", default: Text("interval") }
    /// What happens to requests while the journal cannot be written: 503 until it can, or service with an alarm and a count of what was not recorded.
    on_failure: OnFailure { key: "journal.on_failure", env: "PROXY_JOURNAL_ON_FAILURE", default: Text("refuse") }
    /// A write that takes longer counts as a journal that cannot be written.
    journal_deadline: Period { key: "journal.deadline", env: "PROXY_JOURNAL_DEADLINE", default: Text("5s") }
    /// A file that gets the head of the ledger every hour; best on another machine, as proof that nothing was rewritten.
    anchor_file: Maybe<FilePath> { key: "journal.anchor_file", env: "PROXY_JOURNAL_ANCHOR_FILE", default: Unset }

    /// How long the content of requests and answers is kept.
    content_ttl: Period { key: "retention.content_ttl", env: "PROXY_RETENTION_CONTENT_TTL", default: Text("72h") }
    /// How long the summaries of requests are kept.
    summary_ttl: Period { key: "retention.summary_ttl", env: "PROXY_RETENTION_SUMMARY_TTL", default: Text("90d") }
    /// How long the ledger, which holds no content, is kept.
    ledger_ttl: Period { key: "retention.ledger_ttl", env: "PROXY_RETENTION_LEDGER_TTL", default: Text("400d") }
    /// Disk that the journal may take; above it, the oldest content goes before its time, with an alarm.
    max_bytes: Size<u64> { key: "retention.max_bytes", env: "PROXY_RETENTION_MAX_BYTES", default: Text("20GiB") }
    /// The longest `content_ttl` that is accepted.
    max_content_ttl: Period { key: "retention.max_content_ttl", env: "PROXY_RETENTION_MAX_CONTENT_TTL", default: Text("30d") }
    /// Time between two looks for what is past its time.
    sweep_interval: Period { key: "retention.sweep_interval", env: "PROXY_RETENTION_SWEEP_INTERVAL", default: Text("60s") }

    /// What is kept of requests, answers and the worker's frames: all but the secrets, or ids, types, numbers and of every text only its size and digest.
    scrub_content: Content { key: "scrub.content", env: "PROXY_SCRUB_CONTENT", default: Text("redact") }
    /// Which IP addresses are redacted: all that name another machine, of those only public ones, or none.
    scrub_addresses: Addresses { key: "scrub.addresses", env: "PROXY_SCRUB_ADDRESSES", default: Text("all") }
}

// === impl Config ===

impl Config {
    /// Every value with its origin, secrets masked, in the order of the documentation.
    pub fn rows(&self) -> Vec<Row> {
        let settings = SETTINGS.iter().zip(self.shown()).zip(&self.origins);
        let row = |((setting, value), origin): ((&Setting, String), &Origin)| Row {
            key: setting.key.to_owned(),
            value,
            origin: origin.to_string(),
        };
        settings.map(row).chain(self.scrub.rows()).chain(self.models.rows()).collect()
    }

    /// Where the value of a key came from; `None` if there is no such key.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        let at = SETTINGS.iter().position(|setting| setting.key == key)?;
        self.origins.get(at)
    }
}

impl fmt::Debug for Config {
    // By hand so that secrets look the same here as everywhere else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.rows().into_iter().map(|row| (row.key, row.value));
        f.debug_map().entries(entries).finish()
    }
}

// === impl Setting ===

impl Setting {
    /// The default for people.
    pub fn default_text(&self) -> String {
        match self.default {
            Unset => NOT_SET.to_owned(),
            Text(text) => text.to_owned(),
            InFolder(folder) => folder.to_string(),
        }
    }
}

// === impl Folder ===

impl Folder {
    /// The folder itself, given a way to look variables up; `None` if none of them says where.
    pub(super) fn resolve<'a>(&self, variable: impl Fn(&str) -> Option<&'a str>) -> Option<PathBuf> {
        // The specification asks to ignore relative paths.
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = self.variable.and_then(absolute).or_else(|| Some(absolute("HOME")?.join(self.home)))?;
        Some(base.join(self.below))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let home = PathBuf::from("~").join(self.home).join(self.below);
        match self.variable {
            Some(variable) => write!(f, "${variable}/{}, else {}", self.below, home.display()),
            None => write!(f, "{}", home.display()),
        }
    }
}
