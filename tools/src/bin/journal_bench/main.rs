//! What the journal is required to do, measured: `cargo run --release -p tools --bin journal-bench`.
//!
//! Prints one table, every ratio of which was measured inside this one run. What is to be measured in a fresh process runs in
//! children of this one.

mod append;
mod child;
mod corpus;
mod disk;
mod events;
mod expiry;
mod lookup;
mod memory;
mod scrub;
mod search;
mod start;
mod table;
mod writing;

use std::error::Error;
use std::path::PathBuf;
use std::{fs, io};

use clap::{Parser, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use crate::child::Order;
use crate::corpus::Corpus;

type Failure = Box<dyn Error>;

/// Measure the journal against what is required of it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Read from a journal of 1 M events instead of 10 M.
    #[arg(long)]
    quick: bool,
    /// Measure this only; can be given more than once.
    #[arg(long, value_name = "NAME")]
    only: Vec<Name>,
    /// Where to make journals [default: a temporary folder]. What is made there is removed at the end.
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(flatten)]
    order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    Append,
    Scrub,
    Disk,
    Lookup,
    Search,
    Memory,
    Start,
    Expiry,
}

/// A run of this program.
struct Bench {
    dir: PathBuf,
    quick: bool,
    /// When the first event of each journal happened.
    began: Timestamp,
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    if let (Some(task), Some(dir)) = (arguments.order.task, &arguments.dir) {
        return child::run(task, dir, &arguments.order);
    }
    if let Some(dir) = &arguments.dir {
        fs::create_dir_all(dir)?;
    }
    let made = arguments.dir.as_ref().map_or_else(tempfile::tempdir, tempfile::tempdir_in)?;
    let quick = arguments.quick;
    let mut bench = Bench { dir: made.path().to_owned(), quick, began: Timestamp::UNIX_EPOCH };
    // The last event happens about now, and segments begin at whole seconds.
    let span = events::STEP * i32::try_from(bench.events())?;
    bench.began = Timestamp::from_second((Timestamp::now() - span - SignedDuration::from_mins(10)).as_second())?;
    table::print(&bench.measure(&arguments.only)?);
    Ok(())
}

// === impl Bench ===

impl Bench {
    /// Events of the journal that is read from.
    fn events(&self) -> usize {
        if self.quick { 1_000_000 } else { 10_000_000 }
    }

    /// A new folder.
    fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.dir.join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }

    fn measure(&self, only: &[Name]) -> Result<Vec<table::Row>, Failure> {
        let is_wanted = |name| only.is_empty() || only.contains(&name);
        let mut rows = Vec::new();
        if is_wanted(Name::Append) {
            rows.extend(append::run(self)?);
        }
        if is_wanted(Name::Scrub) {
            rows.extend(scrub::run(self)?);
        }
        if is_wanted(Name::Disk) {
            rows.extend(disk::run(self)?);
        }
        let of_corpus = [Name::Lookup, Name::Search, Name::Memory, Name::Start, Name::Expiry];
        if of_corpus.into_iter().any(is_wanted) {
            let corpus = Corpus::build(self)?;
            // The last two change it.
            for name in of_corpus.into_iter().filter(|name| is_wanted(*name)) {
                rows.extend(match name {
                    Name::Lookup => lookup::run(self, &corpus)?,
                    Name::Search => search::run(&corpus)?,
                    Name::Memory => memory::run(self, &corpus)?,
                    Name::Start => start::run(self, &corpus)?,
                    _ => expiry::run(self, &corpus)?,
                });
            }
        }
        Ok(rows)
    }
}
