//! Worker processes: started from one thread that never ends, ended as a whole group.

use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

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

    /// Waits until it ends, then ends what is left of its group.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.signal(Signal::KILL);
        status
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

    fn signal(&self, signal: Signal) {
        // An error means that nobody is left to receive it.
        let _ = kill_process_group(self.pid, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A second signal after `wait` finds an empty group; without `wait` it is what ends the group.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::KILL);
        }
    }
}
