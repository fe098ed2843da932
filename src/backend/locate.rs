//! Finds the Codex binary and its version.
//!
//! npm installs a Node shim that starts the native binary as a child: one more process, 43 MB of memory and a signal hop
//! away. The native binary lies beside the shim, so it is found and started directly.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::process;

/// Which Codex is wanted, and what an operator must know to provide it.
#[derive(Debug)]
pub struct Wanted {
    /// What names the binary.
    setting: &'static str,
    /// The npm command that installs the version this service is tested with.
    pub install: &'static str,
    /// The first version that will do.
    oldest: Version,
    /// The first version after it that will not.
    too_new: Version,
    /// What is wrong with the others.
    complaint: &'static str,
}

/// The Codex for the backend `app-server`: from the first version whose app-server has `thread/inject_items` as used here.
pub const APP_SERVER: Wanted = Wanted {
    setting: "CODEX_BIN (--codex-bin)",
    install: "npm install @openai/codex@0.169.0",
    oldest: Version { major: 0, minor: 140, patch: 0 },
    too_new: Version { major: u32::MAX, minor: 0, patch: 0 },
    complaint: "whose app-server has no thread/inject_items: versions from 0.140.0 work, 0.169.0 is tested",
};

/// The Codex for the backend `proto`, whose protocol changed from release to release. Its install script fetches a search tool
/// that is of no use here.
pub const PROTO: Wanted = Wanted {
    setting: "CODEX_PROTO_BIN",
    install: "npm install --ignore-scripts @openai/codex@0.40.0",
    oldest: Version { major: 0, minor: 40, patch: 0 },
    too_new: Version { major: 0, minor: 41, patch: 0 },
    complaint: "whose `codex proto` is another, if it has one at all: 0.40.0 is the version that works",
};

/// A Codex that can be started.
#[derive(Debug, Clone)]
pub struct Codex {
    /// The native binary.
    pub binary: PathBuf,
    /// What it says its version is.
    pub version: Version,
}

/// A Codex version, without any suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

/// Why there is no Codex to start. All of them end `serve` with exit code 69.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// Nothing there.
    #[error(
        "no Codex found: looked for {}.\nInstall it with `{}`, or set {} to its path.",
        list(looked_for), wanted.install, wanted.setting
    )]
    NotFound {
        /// What was wanted.
        wanted: &'static Wanted,
        /// Every path that was tried.
        looked_for: Vec<PathBuf>,
    },
    /// The file is there and cannot be used.
    #[error("{} does not work as Codex: {detail}.\nInstall Codex with `{}`, or set {} to its path.", binary.display(), wanted.install, wanted.setting)]
    Unusable {
        /// What was wanted.
        wanted: &'static Wanted,
        /// The file.
        binary: PathBuf,
        /// What happened when it was asked for its version.
        detail: String,
    },
    /// It cannot do what is needed.
    #[error("{} is Codex {version}, {}.\nInstall it with `{}`, or set {} to another binary.", binary.display(), wanted.complaint, wanted.install, wanted.setting)]
    Unsuitable {
        /// What was wanted.
        wanted: &'static Wanted,
        /// The file.
        binary: PathBuf,
        /// Its version.
        version: Version,
    },
}

/// Finds `name` (a path, or a name to look up in `path`) and asks it for its version, waiting at most `limit`.
pub async fn locate(wanted: &'static Wanted, name: &str, path: &str, limit: Duration) -> Result<Codex, LocateError> {
    let found = find(name, path).map_err(|looked_for| LocateError::NotFound { wanted, looked_for })?;
    let binary = native_binary(&found).unwrap_or(found);
    let output = process::command(&binary)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let unusable = |detail: String| LocateError::Unusable { wanted, binary: binary.clone(), detail };
    let output = tokio::time::timeout(limit, output)
        .await
        .map_err(|_| unusable(format!("`--version` gave no answer within {} ms", limit.as_millis())))?
        .map_err(|error| unusable(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split_whitespace()
        .find_map(Version::parse)
        .ok_or_else(|| unusable(format!("`--version` answered {:?}", text.trim())))?;
    if version < wanted.oldest || version >= wanted.too_new {
        return Err(LocateError::Unsuitable { wanted, binary, version });
    }
    Ok(Codex { binary, version })
}

fn find(name: &str, path: &str) -> Result<PathBuf, Vec<PathBuf>> {
    let looked_for: Vec<PathBuf> = if name.contains('/') {
        vec![PathBuf::from(name)]
    } else {
        std::env::split_paths(path).map(|folder| folder.join(name)).collect()
    };
    match looked_for.iter().find(|candidate| candidate.is_file()) {
        // The worker starts in another folder, so a relative path must not stay one.
        Some(found) => Ok(std::path::absolute(found).unwrap_or_else(|_| found.clone())),
        None => Err(looked_for),
    }
}

/// The native binary behind npm's shim `node_modules/@openai/codex/bin/codex.js`, if `found` is (a link to) that shim.
fn native_binary(found: &Path) -> Option<PathBuf> {
    let shim = found.canonicalize().ok()?;
    if shim.extension()? != "js" {
        return None;
    }
    let package = shim.parent()?.parent()?;
    let (platform, triple) = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => ("linux-x64", "x86_64-unknown-linux-musl"),
        ("linux", "aarch64") => ("linux-arm64", "aarch64-unknown-linux-musl"),
        ("macos", "x86_64") => ("darwin-x64", "x86_64-apple-darwin"),
        ("macos", "aarch64") => ("darwin-arm64", "aarch64-apple-darwin"),
        _ => return None,
    };
    // Old versions come with the binaries of all platforms beside the shim.
    let beside = package.join("bin").join(format!("codex-{triple}"));
    let platform_package = format!("codex-{platform}");
    // npm hoists the platform's package beside the shim's, or nests it below.
    [package.parent()?.join(&platform_package), package.join("node_modules/@openai").join(&platform_package)]
        .into_iter()
        .flat_map(|root| ["bin/codex", "codex/codex"].map(|file| root.join("vendor").join(triple).join(file)))
        .chain([beside])
        .find(|binary| binary.is_file())
}

fn list(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "it in PATH, which is empty".to_owned();
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

// === impl Version ===

impl Version {
    /// Reads `1.2.3`, with or without a suffix such as `-alpha.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let core = text.split(['-', '+']).next()?;
        let mut numbers = core.split('.').map(str::parse);
        let version = Self { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()?, patch: numbers.next()?.ok()? };
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    async fn locate_in(path: &str) -> Result<Codex, LocateError> {
        locate(&APP_SERVER, "codex", path, Duration::from_secs(20)).await
    }

    #[test]
    fn versions_are_read_and_ordered() {
        assert_eq!(Version::parse("0.169.0-alpha.3").unwrap().to_string(), "0.169.0");
        assert!(Version::parse("0.99.9").unwrap() < APP_SERVER.oldest);
        assert!(Version::parse("codex-cli").is_none() && Version::parse("1.2").is_none());
    }

    #[tokio::test]
    async fn a_missing_binary_names_every_place_and_the_remedy() {
        let error = locate_in("/nowhere/a:/nowhere/b").await.unwrap_err().to_string();
        for part in ["/nowhere/a/codex", "/nowhere/b/codex", APP_SERVER.install, "CODEX_BIN"] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
    }

    #[tokio::test]
    async fn an_old_version_is_refused_with_the_ones_that_work() {
        let folder = tempfile::tempdir().unwrap();
        script(folder.path(), "codex", "#!/bin/sh\necho codex-cli 0.110.0\n");
        let error = locate_in(folder.path().to_str().unwrap()).await.unwrap_err().to_string();
        assert!(error.contains("0.110.0") && error.contains("from 0.140.0"), "{error}");
    }

    #[tokio::test]
    async fn the_native_binary_is_found_behind_the_shim() {
        let folder = tempfile::tempdir().unwrap();
        let modules = folder.path().join("node_modules");
        let shim = script(&modules, "@openai/codex/bin/codex.js", "#!/bin/sh\necho codex-cli 0.1.0\n");
        let Some(expected) = [
            ("linux", "x86_64", "linux-x64", "x86_64-unknown-linux-musl"),
            ("linux", "aarch64", "linux-arm64", "aarch64-unknown-linux-musl"),
            ("macos", "x86_64", "darwin-x64", "x86_64-apple-darwin"),
            ("macos", "aarch64", "darwin-arm64", "aarch64-apple-darwin"),
        ]
        .into_iter()
        .find(|(os, arch, ..)| (*os, *arch) == (std::env::consts::OS, std::env::consts::ARCH))
        .map(|(_, _, platform, triple)| format!("@openai/codex-{platform}/vendor/{triple}/bin/codex")) else {
            return;
        };
        let native = script(&modules, &expected, "#!/bin/sh\necho codex-cli 0.169.0\n");
        std::fs::create_dir_all(modules.join(".bin")).unwrap();
        std::os::unix::fs::symlink(shim, modules.join(".bin/codex")).unwrap();
        let codex = locate_in(modules.join(".bin").to_str().unwrap()).await.unwrap();
        assert_eq!(codex.binary.canonicalize().unwrap(), native.canonicalize().unwrap());
    }
}
