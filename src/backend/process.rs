//! Worker processes: started from one thread that never ends, ended as a whole group.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::home::HomeError;

/// Variables of the proxy's own environment that Codex gets; all others, keys among them, stay away from it.
const INHERITED: [&str; 15] = [
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "RUST_LOG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// Starts processes from a thread of its own.
///
/// A worker asks the kernel to be killed when its parent dies, and the kernel takes the *thread* that forked it for the
/// parent. Threads of the runtime come and go; this one stays until the last clone of the spawner is dropped.
#[derive(Debug, Clone)]
pub struct Spawner {
    jobs: std::sync::mpsc::Sender<Job>,
}

struct Job {
    command: Command,
    reply: oneshot::Sender<std::io::Result<Child>>,
}

/// Why there is no worker process.
#[derive(Debug, thiserror::Error)]
pub enum NoProcess {
    /// No place to live in.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// It could not be started.
    #[error("cannot start {}: {source}", binary.display())]
    Spawn {
        /// The binary.
        binary: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// A running worker process, leader of its own process group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: Pid,
}

/// The pipes of a new process.
#[derive(Debug)]
pub struct Pipes {
    /// What we write.
    pub stdin: ChildStdin,
    /// What it answers.
    pub stdout: ChildStdout,
    /// Its log.
    pub stderr: ChildStderr,
}

/// A command that gets a short list of the proxy's own environment.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

// === impl Spawner ===

impl Spawner {
    /// Starts the thread. Must be called within a tokio runtime.
    pub fn new() -> std::io::Result<Self> {
        let (jobs, inbox) = std::sync::mpsc::channel::<Job>();
        let runtime = Handle::current();
        thread::Builder::new().name("worker-spawner".into()).spawn(move || {
            let _context = runtime.enter();
            for mut job in inbox {
                // Nobody waits any more when the service is stopping; the child is killed on drop.
                let _ = job.reply.send(job.command.spawn());
            }
        })?;
        Ok(Self { jobs })
    }

    /// Starts `command` in a process group of its own with all three pipes.
    pub async fn spawn(&self, mut command: Command) -> std::io::Result<(Process, Pipes)> {
        use std::process::Stdio;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let (reply, answer) = oneshot::channel();
        let gone = || std::io::Error::other("the thread that starts workers has ended");
        self.jobs.send(Job { command, reply }).map_err(|_| gone())?;
        let mut child = answer.await.map_err(|_| gone())??;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).ok_or_else(gone)?;
        let pipes = Pipes {
            stdin: child.stdin.take().ok_or_else(gone)?,
            stdout: child.stdout.take().ok_or_else(gone)?,
            stderr: child.stderr.take().ok_or_else(gone)?,
        };
        Ok((Process { child, pid }, pipes))
    }
}

// === impl Process ===

impl Process {
    /// Its process id, which is also its group's.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Waits until it ends, and ends what is left of its group.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.ended().await?;
        // Before the leader is reaped: until then nobody else can get its id.
        self.signal(Signal::KILL);
        self.child.wait().await
    }

    /// Asks it to end, and ends it by force after `grace`.
    pub async fn stop(&mut self, grace: Duration) -> std::io::Result<ExitStatus> {
        self.signal(Signal::TERM);
        if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
            return status;
        }
        self.signal(Signal::KILL);
        self.wait().await
    }

    /// Waits until the leader has ended, and leaves it to be reaped.
    async fn ended(&self) -> std::io::Result<()> {
        // First, so that no end comes unnoticed between the look and the wait.
        let mut ends = signal(SignalKind::child())?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while self.is_held() && waitid(WaitId::Pid(self.pid), options)?.is_none() {
            ends.recv().await;
        }
        Ok(())
    }

    /// Signals the whole group, while its id is surely its own.
    fn signal(&self, signal: Signal) {
        if self.is_held() {
            // An error means that nobody is left to receive it.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Whether the leader runs or waits to be reaped, so that its id cannot be another's.
    fn is_held(&self) -> bool {
        self.child.id().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Without `wait` this is what ends the group; the runtime reaps the leader. After `wait` there is nothing to signal.
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A leader that says `x` and a descendant that holds on to its output, which therefore ends when both are gone.
    async fn group(script: &str) -> (Process, Pipes) {
        let mut command = command("/bin/sh");
        command.args(["-c", &format!("sleep 600 & echo x; {script}")]);
        let (process, mut pipes) = Spawner::new().unwrap().spawn(command).await.unwrap();
        assert_eq!(pipes.stdout.read_u8().await.unwrap(), b'x');
        (process, pipes)
    }

    async fn rest(mut pipes: Pipes) -> String {
        let mut rest = String::new();
        let read = pipes.stdout.read_to_string(&mut rest);
        tokio::time::timeout(Duration::from_secs(60), read).await.expect("the whole group ends").unwrap();
        rest
    }

    #[tokio::test]
    async fn what_outlives_the_leader_is_ended_with_it() {
        let (mut process, pipes) = group("exit 3").await;
        assert_eq!(process.wait().await.unwrap().code(), Some(3));
        rest(pipes).await;
        assert_eq!(process.wait().await.unwrap().code(), Some(3), "an end can be asked for again");
    }

    #[tokio::test]
    async fn one_that_does_not_stop_is_ended_by_force() {
        use std::os::unix::process::ExitStatusExt;
        let (mut process, pipes) = group("trap '' TERM; echo deaf; while :; do wait; done").await;
        let mut pipes = pipes;
        assert_eq!(pipes.stdout.read_u8().await.unwrap(), b'\n');
        assert_eq!(pipes.stdout.read_u8().await.unwrap(), b'd');
        assert_eq!(process.stop(Duration::from_millis(50)).await.unwrap().signal(), Some(9));
        rest(pipes).await;
    }

    #[tokio::test]
    async fn a_dropped_process_takes_its_group_along() {
        let (process, pipes) = group("wait").await;
        drop(process);
        rest(pipes).await;
    }

    #[tokio::test]
    async fn of_the_environment_only_the_short_list_is_passed_on() {
        let output = command("/usr/bin/env").output().await.unwrap();
        let names = String::from_utf8(output.stdout).unwrap();
        let names: Vec<&str> = names.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        assert!(names.contains(&"PATH") && names.iter().all(|name| INHERITED.contains(name)), "{names:?}");
        // The test runner sets it, so that there was something to leave out.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    }
}
