//! `codex-proxy worker-exec`: the last step before a worker process becomes Codex.
//!
//! It runs in the child, after the fork and before the exec, so that everything set here binds Codex alone: the signal that
//! ends it when the proxy dies, and the file access it keeps (Landlock, where the kernel has it).

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments of the hidden subcommand.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkerExec {
    /// The proxy's process id; the worker ends if it is not the parent.
    #[arg(long)]
    parent: i32,
    /// A folder or file that the worker may change.
    #[arg(long = "writable")]
    writable: Vec<PathBuf>,
    /// A folder that the worker may read although it lies outside of the system's own.
    #[arg(long = "readable")]
    readable: Vec<PathBuf>,
    /// The worker may run nothing but itself, and does not start where the kernel cannot see to that.
    #[arg(long)]
    runs_only_itself: bool,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// What a program on Linux and Codex read of the system: libraries, certificates, name resolution, devices.
const SYSTEM_FOLDERS: [&str; 12] = [
    "/bin",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/nix/store",
    "/opt",
    "/proc",
    "/sbin",
    "/sys",
    "/usr",
    "/run/systemd/resolve",
];

/// Whether the kernel can bound which files a worker touches.
#[cfg(target_os = "linux")]
pub fn can_bound_files() -> bool {
    use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.handle_access(AccessFs::from_all(ABI::V1)).is_ok_and(|ruleset| ruleset.create().is_ok())
}

/// The same where there is no Landlock.
#[cfg(not(target_os = "linux"))]
pub fn can_bound_files() -> bool {
    false
}

// === impl WorkerExec ===

impl WorkerExec {
    /// Bounds for the program `binary`: it may change `writable`, and read the system and this process's certificates.
    pub fn new(writable: &[PathBuf], binary: &Path, arguments: &[&str]) -> Self {
        Self {
            parent: std::process::id().cast_signed(),
            writable: writable.to_owned(),
            readable: ["SSL_CERT_FILE", "SSL_CERT_DIR"]
                .iter()
                .filter_map(std::env::var_os)
                .map(PathBuf::from)
                .collect(),
            runs_only_itself: false,
            command: std::iter::once(binary.into()).chain(arguments.iter().map(Into::into)).collect(),
        }
    }

    /// The same, and it may run nothing but itself.
    #[must_use]
    pub fn running_only_itself(self) -> Self {
        Self { runs_only_itself: true, ..self }
    }

    /// The arguments that make `codex-proxy` run the program with these bounds.
    pub fn arguments(self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            vec!["worker-exec".into(), "--parent".into(), self.parent.to_string().into()];
        for (flag, paths) in [("--writable", self.writable), ("--readable", self.readable)] {
            for path in paths {
                arguments.extend([flag.into(), path.into()]);
            }
        }
        if self.runs_only_itself {
            arguments.push("--runs-only-itself".into());
        }
        arguments.push("--".into());
        arguments.extend(self.command);
        arguments
    }

    /// Becomes the command. Returns only if that failed.
    pub fn exec(self) -> std::io::Error {
        if let Err(error) = self.die_with_parent() {
            return error;
        }
        match self.restrict_files() {
            Ok(true) => {}
            Ok(false) if !self.runs_only_itself => {}
            Ok(false) => return std::io::Error::other("without Landlock, the worker could run any program"),
            Err(error) => return std::io::Error::other(format!("Landlock refused the rules: {error}")),
        }
        let (program, arguments) = self.command.split_first().expect("clap requires at least one");
        Command::new(program).args(arguments).exec()
    }

    #[cfg(target_os = "linux")]
    fn die_with_parent(&self) -> std::io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        // The parent may have ended before the line above; then nobody would ever send that signal.
        match rustix::process::getppid() {
            Some(parent) if parent.as_raw_nonzero().get() == self.parent => Ok(()),
            _ => Err(std::io::Error::other("the proxy is gone")),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn die_with_parent(&self) -> std::io::Result<()> {
        Ok(())
    }

    /// Best effort by design: a kernel without Landlock enforces nothing, and Codex runs as it would without us. Says whether
    /// anything is enforced.
    #[cfg(target_os = "linux")]
    fn restrict_files(&self) -> Result<bool, landlock::RulesetError> {
        use landlock::path_beneath_rules;
        use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus};
        let abi = ABI::V3;
        let program = self.command.first().map(Path::new);
        let runnable = if self.runs_only_itself { program } else { program.and_then(Path::parent) };
        let read = AccessFs::from_read(abi);
        let read_system = if self.runs_only_itself { read & !AccessFs::Execute } else { read };
        let readable = SYSTEM_FOLDERS.iter().map(Path::new).chain(self.readable.iter().map(PathBuf::as_path));
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(readable, read_system))?
            .add_rules(path_beneath_rules(runnable, read))?
            .add_rules(path_beneath_rules(["/dev"], AccessFs::from_file(abi)))?
            .add_rules(path_beneath_rules(&self.writable, AccessFs::from_all(abi)))?
            .restrict_self()?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }

    #[cfg(not(target_os = "linux"))]
    fn restrict_files(&self) -> std::io::Result<bool> {
        Ok(false)
    }
}
