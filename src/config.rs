//! Configuration: flags, environment, file and defaults, read once into one typed [`Config`].
//!
//! [`SETTINGS`] is the table of everything that can be set. [`load`] is pure but for reading the file; the process's own
//! environment is read in [`process_environment`] alone. Every value knows its [`Origin`], and whatever is wrong is
//! reported at once as [`Mistakes`].

mod choice;
mod cli;
mod document;
mod form;
mod layers;
mod mistake;
mod models;
mod origin;
mod report;
mod scrub;
mod table;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub use self::choice::{
    Addresses, Content, Durability, LoginUrlMode, MetricsCompat, OnFailure, OutputMode, SandboxMode, Stage,
    StopAfterTools,
};
pub use self::cli::{add_flags, given_flags};
pub use self::form::{
    BaseInstructions, BaseUrl, Count, FilePath, Form, Host, Listen, MASK, Maybe, Millis, NOT_SET, Name, Period, Secret,
    Size, Switch,
};
pub use self::mistake::{Mistake, Mistakes, Warning};
pub use self::models::{Alias, Models, Target};
pub use self::origin::Origin;
pub use self::report::{digest, reference_markdown, render_show};
pub use self::scrub::ScrubRules;
pub use self::table::{Config, Fallback, Folder, Row, SETTINGS, Setting};

use self::document::Document;
use self::layers::{CONFIG_VARIABLE, Layers, variable};
use self::origin::Valued;
use self::table::{CONFIG_FILE, Draft};

/// Where configuration comes from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The flags that were given, by name without dashes; `config` names the file.
    pub flags: BTreeMap<String, String>,
    /// The environment variables, ours and the others.
    pub environment: BTreeMap<String, String>,
    /// What the configuration is for.
    pub purpose: Purpose,
}

/// What a configuration is for, which decides what may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `serve` and `check-config`: the API key must be there.
    Serve,
    /// Anything else: it may be missing.
    Inspect,
}

/// Reads the configuration.
///
/// # Errors
/// Everything that is wrong in any source, for an exit with status 78.
pub fn load(sources: &Sources) -> Result<Config, Mistakes> {
    let mut mistakes = Vec::new();
    let document = open_document(sources, &mut mistakes);
    let mut layers = Layers {
        flags: &sources.flags,
        environment: &sources.environment,
        document: &document,
        mistakes: &mut mistakes,
    };
    let draft = Draft::read(&mut layers);
    if !document.unreadable {
        check(&draft, sources.purpose, &mut mistakes);
    }
    let warnings = layers::warnings(&sources.environment);
    let file = document.path.as_deref().map(Path::to_path_buf);
    let stage = draft.stage.as_ref().map_or(Stage::Prod, |stage| stage.value);
    let model = draft.codex_model.as_ref().map_or_else(String::new, |model| model.value.clone());
    let models = Models::new(document.aliases, stage, model);
    match draft.complete(models, document.scrub, file, warnings.clone()) {
        Some(config) if mistakes.is_empty() => Ok(config),
        _ => Err(Mistakes { list: mistakes, warnings }),
    }
}

/// The environment of this process. Bytes that are not UTF-8 are replaced.
pub fn process_environment() -> BTreeMap<String, String> {
    let text = |bytes: std::ffi::OsString| bytes.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

fn open_document(sources: &Sources, mistakes: &mut Vec<Mistake>) -> Document {
    let variable = |name: &str| variable(&sources.environment, name);
    if let Some(path) = sources.flags.get(cli::CONFIG_FLAG) {
        Document::open(path.as_ref(), &Origin::Flag(cli::CONFIG_FLAG), mistakes)
    } else if let Some(path) = variable(CONFIG_VARIABLE) {
        Document::open(path.as_ref(), &Origin::Environment(CONFIG_VARIABLE), mistakes)
    } else if let Some(path) = CONFIG_FILE.resolve(variable) {
        Document::open_if_there(&path, mistakes)
    } else {
        Document::default()
    }
}

/// What no value can be wrong about alone.
fn check(draft: &Draft, purpose: Purpose, mistakes: &mut Vec<Mistake>) {
    if let Some(key) = &draft.api_key
        && key.value.is_none()
        && purpose == Purpose::Serve
    {
        let remedy = "make a key and give it to the service: PROXY_API_KEY=$(openssl rand -hex 24)";
        mistakes.push(Mistake::missing("auth.api_key", remedy.to_owned()));
    }
    if let (Some(initial), Some(max)) = (&draft.worker_backoff_initial, &draft.worker_backoff_max)
        && initial.value > max.value
    {
        let (millis, limit) = (initial.value.as_millis(), max.value.as_millis());
        let wrong = format!("{millis} is more than worker.backoff_max_ms, {limit} ({})", max.origin);
        let allowed = format!("1 to {limit} milliseconds");
        mistakes.push(Mistake::of_value(&initial.origin, "worker.backoff_initial_ms", wrong, &allowed));
    }
    check_retention(draft, mistakes);
    if let (Some(certificate), Some(key)) = (&draft.tls_cert, &draft.tls_key)
        && certificate.value.is_some() != key.value.is_some()
    {
        let (set, name, other) = if key.value.is_some() {
            (key, "server.tls_key", "server.tls_cert (--tls-cert)")
        } else {
            (certificate, "server.tls_cert", "server.tls_key (--tls-key)")
        };
        let wrong = format!("is set without {other}");
        mistakes.push(Mistake::of_value(&set.origin, name, wrong, "both of them, or none"));
    }
    if let (Some(key), Some(url)) = (&draft.upstream_api_key, &draft.upstream_base_url)
        && key.value.is_some()
        && url.value.is_none()
    {
        let wrong = "is set without upstream.base_url, so that nothing would use it".to_owned();
        let allowed = "together with upstream.base_url (PROXY_UPSTREAM_BASE_URL), or not at all";
        mistakes.push(Mistake::of_value(&key.origin, "upstream.api_key", wrong, allowed));
    }
}

/// The times for which things are kept, among each other. No single one can be zero.
fn check_retention(draft: &Draft, mistakes: &mut Vec<Mistake>) {
    let shown =
        |key: &str, period: &Valued<Duration>| format!("{key}, {} ({})", Period::show(&period.value), period.origin);
    if let (Some(ttl), Some(max)) = (&draft.content_ttl, &draft.max_content_ttl)
        && ttl.value > max.value
    {
        let (own, limit) = (Period::show(&ttl.value), shown("retention.max_content_ttl", max));
        let wrong = format!("{own} is more than {limit}");
        let allowed = format!("a time span up to {}, or a higher limit there", Period::show(&max.value));
        mistakes.push(Mistake::of_value(&ttl.origin, "retention.content_ttl", wrong, &allowed));
    }
    if let (Some(ttl), Some(period), Some(interval)) =
        (&draft.content_ttl, &draft.segment_period, &draft.sweep_interval)
        && ttl.value <= period.value + interval.value
    {
        // Content goes by whole segments and at a sweep, so that a shorter time cannot be kept.
        let own = Period::show(&ttl.value);
        let (period_shown, interval_shown) =
            (shown("journal.segment_period", period), shown("retention.sweep_interval", interval));
        let wrong = format!("{own} is not more than {period_shown} and {interval_shown} together");
        let limit = Period::show(&(period.value + interval.value));
        let allowed = format!("a time span above {limit}, or shorter ones there");
        mistakes.push(Mistake::of_value(&ttl.origin, "retention.content_ttl", wrong, &allowed));
    }
    if let (Some(ledger), Some(ttl)) = (&draft.ledger_ttl, &draft.content_ttl)
        && ledger.value < ttl.value
    {
        // The ledger says what became of content, so that it must outlive it.
        let (own, limit) = (Period::show(&ledger.value), shown("retention.content_ttl", ttl));
        let wrong = format!("{own} is less than {limit}");
        let allowed = format!("a time span of {} or more", Period::show(&ttl.value));
        mistakes.push(Mistake::of_value(&ledger.origin, "retention.ledger_ttl", wrong, &allowed));
    }
}
