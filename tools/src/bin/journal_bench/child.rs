//! What runs in a process of its own, so that it starts cold and can be killed.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use journal::{Filter, Journal, Outcome, Query, RequestId};
use serde::{Deserialize, Serialize};

use crate::events::Traffic;
use crate::{Failure, writing};

/// A task and what it is about.
#[derive(Debug, Args)]
pub(crate) struct Order {
    #[arg(long = "child", hide = true)]
    pub(crate) task: Option<Task>,
    /// The period of segments, in seconds.
    #[arg(long, hide = true, default_value_t = 3600)]
    period: u64,
    /// When the next events happen.
    #[arg(long, hide = true)]
    at: Option<Timestamp>,
    #[arg(long = "request", hide = true)]
    requests: Vec<RequestId>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Task {
    /// Print the events of requests.
    Show,
    /// Print the newest hundred summaries of requests that failed.
    List,
    /// Append until killed.
    Append,
    /// Append one event.
    Start,
}

/// What a child tells on its last line.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Report {
    /// To open the journal, in milliseconds.
    pub(crate) open_ms: f64,
    /// To open it and do the task, in milliseconds.
    pub(crate) work_ms: f64,
    /// The whole process as its parent saw it, in milliseconds.
    #[serde(default)]
    pub(crate) process_ms: f64,
    /// Lines of the answer.
    pub(crate) lines: usize,
    /// What it kept in memory at the end, in bytes.
    pub(crate) resident: u64,
    /// The most it had in memory, in bytes.
    pub(crate) peak: u64,
}

/// Does the task. The last line it prints is its [`Report`].
pub(crate) fn run(task: Task, dir: &Path, order: &Order) -> Result<(), Failure> {
    let began = Instant::now();
    let mut journal = writing::open(dir, Duration::from_secs(order.period))?;
    let open = began.elapsed();
    let mut lines = 0;
    match task {
        Task::Show => {
            for request in &order.requests {
                lines += answer(&journal, &Query::Show { request: *request })?;
            }
        }
        Task::List => {
            let filter = Filter { outcome: Some(Outcome::ServerError), ..Filter::default() };
            lines = answer(&journal, &Query::List { filter, limit: Some(100), before: None })?;
        }
        Task::Append => return append(&mut journal, order.at.unwrap_or_else(Timestamp::now)),
        Task::Start => {
            let entry = Traffic::new(6, order.at.unwrap_or_else(Timestamp::now)).entries(1)?;
            journal.append_entry(&entry[0])?;
            journal.flush()?;
        }
    }
    let work = began.elapsed();
    let (resident, peak) = memory()?;
    let (open_ms, work_ms) = (open.as_secs_f64() * 1e3, work.as_secs_f64() * 1e3);
    let report = Report { open_ms, work_ms, process_ms: 0.0, lines, resident, peak };
    println!("{}", serde_json::to_string(&report)?);
    journal.close()?;
    Ok(())
}

/// Runs a task in a process of its own.
pub(crate) fn ask(task: Task, dir: &Path, arguments: &[String]) -> Result<Report, Failure> {
    let began = Instant::now();
    let output = command(task, dir, arguments)?.stderr(Stdio::inherit()).output()?;
    let process_ms = began.elapsed().as_secs_f64() * 1e3;
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().ok_or_else(|| format!("{task:?} said nothing and ended with {}", output.status))?;
    Ok(Report { process_ms, ..serde_json::from_str(last)? })
}

/// Appends in a process of its own and kills it in the middle of that.
pub(crate) fn append_and_kill(dir: &Path, arguments: &[String], flushes: usize) -> Result<(), Failure> {
    struct Killed(Child);
    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let mut child = Killed(command(Task::Append, dir, arguments)?.stdout(Stdio::piped()).spawn()?);
    let told = BufReader::new(child.0.stdout.take().ok_or("its output is piped")?).lines();
    let told = told.take(flushes).collect::<Result<Vec<_>, _>>()?.len();
    if told < flushes {
        return Err(format!("it ended after {told} flushes").into());
    }
    Ok(())
}

/// An option as two arguments.
pub(crate) fn argument(name: &str, value: impl Display) -> [String; 2] {
    [format!("--{name}"), format!("{value}")]
}

fn command(task: Task, dir: &Path, arguments: &[String]) -> Result<Command, Failure> {
    let mut command = Command::new(env::current_exe()?);
    let task = task.to_possible_value().ok_or("no task is hidden")?;
    command.args(["--child", task.get_name(), "--dir"]).arg(dir).args(arguments);
    Ok(command)
}

/// Prints the answer and returns how many lines it has.
fn answer(journal: &Journal, query: &Query) -> Result<usize, Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut lines = 0;
    for line in query.run(&journal.reader())? {
        writeln!(out, "{}", line?)?;
        lines += 1;
    }
    out.flush()?;
    Ok(lines)
}

fn append(journal: &mut Journal, at: Timestamp) -> Result<(), Failure> {
    // All that happens at one time stays in one segment.
    let mut traffic = Traffic::new(5, at);
    loop {
        let entries = traffic.entries(500)?;
        for entry in &entries {
            journal.append_entry(entry)?;
        }
        journal.flush()?;
        println!("flushed");
    }
}

/// What this process has in memory and the most it had, in bytes.
fn memory() -> Result<(u64, u64), Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| format!("/proc/self/status has no {name}"))
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}
