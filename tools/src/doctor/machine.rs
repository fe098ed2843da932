//! What there is on this machine: each function looks at one thing.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use codex_completions_api::admin::Operation;
use codex_completions_api::admin::answers::Status;
use codex_completions_api::backend::exec;
use codex_completions_api::backend::locate::{self, APP_SERVER, PROTO, Wanted};
use codex_completions_api::config::Config;

use super::Finding;
use crate::source::{Lines, Source};
use crate::text::size;

/// Below this a service fills its disk within a day of traffic.
const DISK_LOW: u64 = 1 << 30;

/// File descriptors that a busy service needs: a connection each, and some for worker and journal.
const DESCRIPTORS_WANTED: u64 = 4096;

/// Whether the service would start on it.
pub(super) fn configuration(config: &Config) -> Finding {
    let file = config.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
    if config.api_key.is_none() {
        return Finding::problem(
            "configuration",
            format!("{file}; there is no PROXY_API_KEY"),
            "make a key and give it to the service: PROXY_API_KEY=$(openssl rand -hex 24)",
        );
    }
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    if warnings.is_empty() {
        return Finding::ok("configuration", file);
    }
    Finding::warning("configuration", format!("{file}\n{}", warnings.join("\n")), "take out what has no effect")
}

/// Whether Codex is there, in a version that works.
pub(super) fn codex(config: &Config) -> Finding {
    let mut told = Vec::new();
    let app_server = config.use_app_server.then(|| (&APP_SERVER, config.codex_bin.clone()));
    let proto = config.codex_proto_bin.clone().map(|binary| (&PROTO, binary));
    if app_server.is_none() && proto.is_none() {
        return Finding::warning(
            "codex",
            "the backend is disabled",
            "set PROXY_USE_APP_SERVER=true, or CODEX_PROTO_BIN",
        );
    }
    for (wanted, binary) in app_server.into_iter().chain(proto) {
        match find(config, wanted, &binary) {
            Ok(found) => told.push(found),
            Err(error) => {
                let (what, fix) = error.split_once('\n').unwrap_or((&error, "see README"));
                return Finding::problem("codex", what, fix);
            }
        }
    }
    Finding::ok("codex", told.join("\n"))
}

fn find(config: &Config, wanted: &'static Wanted, binary: &Path) -> Result<String, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let path = std::env::var("PATH").unwrap_or_default();
    let binary = binary.to_string_lossy();
    let located = locate::locate(wanted, &binary, &path, config.worker_startup_timeout);
    let codex = runtime.block_on(located).map_err(|error| error.to_string())?;
    Ok(format!("{} at {}", codex.version, codex.binary.display()))
}

/// Whether the worker has something to authenticate with.
pub(super) fn login(config: &Config) -> Finding {
    if let Some(url) = &config.upstream_base_url {
        return match &config.upstream_api_key {
            Some(_) => Finding::ok("login", format!("a key for {url}")),
            None => Finding::warning(
                "login",
                format!("{url} is asked without a key"),
                "set PROXY_UPSTREAM_API_KEY if that upstream wants one",
            ),
        };
    }
    let file = config.codex_home.join("auth.json");
    let fix = format!("log in as this user: CODEX_HOME={} codex login", config.codex_home.display());
    match fs::read_to_string(&file).map(|text| serde_json::from_str::<serde_json::Value>(&text)) {
        Ok(Ok(login)) if login["tokens"].is_object() => Finding::ok("login", "a ChatGPT login of Codex"),
        Ok(Ok(login)) if login["OPENAI_API_KEY"].is_string() => Finding::ok("login", "an API key of Codex"),
        Ok(_) => Finding::problem("login", format!("{} holds no login", file.display()), fix),
        Err(error) => Finding::problem("login", format!("{}: {error}", file.display()), fix),
    }
}

/// Whether the kernel can bound what a worker may touch.
pub(super) fn bounds() -> Finding {
    if exec::can_bound_files() {
        return Finding::ok("bounds", "Landlock bounds the worker's files");
    }
    Finding::warning(
        "bounds",
        "this kernel has no Landlock: the worker may read what this user may, and the backend proto does not start",
        "boot with lsm=landlock,… or bound the service by other means, such as systemd's ProtectHome",
    )
}

/// Whether there are file descriptors for many clients.
pub(super) fn descriptors() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit {
        Some(limit) if limit < DESCRIPTORS_WANTED => Finding::warning(
            "descriptors",
            format!("{limit} file descriptors: about {} clients at a time", limit.saturating_sub(96)),
            format!("raise the limit: ulimit -n {DESCRIPTORS_WANTED}, or LimitNOFILE= of systemd"),
        ),
        _ => Finding::ok("descriptors", limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string())),
    }
}

/// Whether the state folder is ours alone.
pub(super) fn state_folder(folder: &Path) -> Finding {
    let shown = folder.display();
    match fs::metadata(folder) {
        Err(_) => Finding::ok("state folder", format!("{shown} is not there; the first start makes it")),
        Ok(found) if found.uid() != rustix::process::geteuid().as_raw() => Finding::problem(
            "state folder",
            format!("{shown} belongs to the user {}", found.uid()),
            "run this as the user of the service, or choose another with PROXY_STATE_DIR",
        ),
        Ok(found) if found.mode() & 0o077 != 0 => Finding::problem(
            "state folder",
            format!("others may look into {shown} (mode {:o})", found.mode() & 0o777),
            format!("chmod 700 {shown}"),
        ),
        Ok(_) => Finding::ok("state folder", shown.to_string()),
    }
}

/// Whether the journal has room.
pub(super) fn disk(folder: &Path, config: &Config) -> Finding {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let Ok(disk) = rustix::fs::statvfs(there) else {
        return Finding::warning("disk", format!("cannot tell how full {} is", there.display()), "look at it with df");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let told = format!("{} free; the journal may take {}", size(free), size(config.max_bytes));
    if free < DISK_LOW {
        let fix = "make room, or move the state folder; on a full disk requests get 503 until it has room again";
        return Finding::problem("disk", told, fix);
    }
    if free < config.max_bytes {
        return Finding::warning("disk", told, "lower PROXY_RETENTION_MAX_BYTES below what is free");
    }
    Finding::ok("disk", told)
}

/// Whether the journal can be read, and its clock trusted.
pub(super) fn journal(source: &Source, config: &Config) -> Vec<Finding> {
    let key = config.journal_key_file.is_none().then(|| {
        Finding::warning(
            "master key",
            "it lies beside the keys that it protects",
            "keep it elsewhere and name it with PROXY_JOURNAL_KEY_FILE",
        )
    });
    let status = source.operate(&Operation::RetentionStatus).and_then(Lines::document::<Status>);
    let status = match status {
        Ok((_, status)) => status,
        Err(failure) if failure.to_string().contains("no journal in") => {
            return vec![Finding::ok("journal", "there is none yet; the first start makes it")];
        }
        Err(failure) => {
            return vec![Finding::problem("journal", failure.to_string(), "see docs/runbooks/verification-failed.md")];
        }
    };
    let mut findings = vec![Finding::ok(
        "journal",
        format!("{} segments, {}; `codex-trace verify` checks every byte", status.segments.len(), size(status.bytes)),
    )];
    findings.extend(key);
    findings.push(match status.waiting {
        Some(why) => Finding::problem(
            "clock",
            format!("nothing is disposed of: {why}"),
            "if the clock is right: codex-trace retention run --confirm-clock",
        ),
        None => Finding::ok("clock", format!("{}", status.at)),
    });
    if status.overdue > 0 {
        let told = format!("{} segments are past their time", status.overdue);
        findings.push(Finding::problem("retention", told, "codex-trace retention run, and look at its message"));
    }
    findings
}
