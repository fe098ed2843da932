//! `codex-trace scrub`: what the journal's scrubber makes of a text. Needs no journal.

mod explain;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use scrubbers::{Addresses, Deltas, PseudonymKey, Scrubber, SettledPiece};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::failure::Failure;
use crate::output;

/// What `codex-trace scrub` is told.
#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(after_help = "\
Nothing is recorded, and no journal is needed. The same value has the same six characters within one run, and others in the next.

Examples:
  codex-trace scrub app.log > clean.log
  codex-trace scrub --explain app.log    which rule hits what, where and why; never the value
  echo '\"mail ada@example.org\"' | codex-trace scrub --jsonl")]
pub(crate) struct ScrubArgs {
    /// The text; `-` for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// The text is one JSON document
    #[arg(long, group = "form")]
    json: bool,
    /// Each line is a JSON string, and becomes one
    #[arg(long, group = "form")]
    jsonl: bool,
    /// Each line is a JSON array of strings, the deltas of a stream, and becomes one of as many
    #[arg(long, group = "form")]
    deltas: bool,
    /// Instead of the text: what is redacted in it, where, how it was found, and how often each kind was
    #[arg(long, conflicts_with_all = ["jsonl", "deltas"])]
    explain: bool,
    /// Which IP addresses are redacted
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = WhichAddresses::All)]
    addresses: WhichAddresses,
}

/// [`Addresses`] on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum WhichAddresses {
    /// All that name another machine
    All,
    /// Those of the public internet
    Public,
    /// None
    None,
}

/// Scrubs a text, and remembers under which key.
struct Scrub {
    scrubber: Scrubber,
    key: &'static PseudonymKey,
}

/// What is read.
struct Input {
    /// As messages call it.
    name: String,
    reader: Box<dyn BufRead>,
}

/// Does what `codex-trace scrub` is told to.
pub(crate) fn run(args: &ScrubArgs) -> Result<(), Failure> {
    let scrubber = Scrubber::builder().addresses(args.addresses.into()).build();
    let scrubber = scrubber.map_err(|error| Failure::Usage(error.to_string()))?;
    let scrub = Scrub { scrubber, key: PseudonymKey::of_this_process() };
    let mut input = Input::open(&args.file)?;
    let mut out = output::buffered();
    if args.jsonl {
        input.each_line("a JSON string", |text: String| write_json(&mut out, &scrub.text(&text)))?;
    } else if args.deltas {
        input.each_line("a JSON array of strings", |pieces| write_json(&mut out, &scrub.pieces(pieces)))?;
    } else {
        let text = input.whole()?;
        if args.json && serde_json::from_str::<IgnoredAny>(&text).is_err() {
            return Err(Failure::Usage(format!("{} is no JSON document; leave --json out for text", input.name)));
        }
        if args.explain {
            explain::print(&text, &scrub.scrubber.explain(&text, scrub.key), &mut out)?;
        } else if args.json {
            let mut json = text;
            scrub.scrubber.scrub_json(&mut json, scrub.key);
            out.write_all(json.as_bytes())?;
        } else {
            out.write_all(scrub.text(&text).as_bytes())?;
        }
    }
    Ok(out.flush()?)
}

fn write_json(out: &mut impl Write, value: &impl serde::Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

// === impl Scrub ===

impl Scrub {
    fn text(&self, text: &str) -> String {
        self.scrubber.scrub_text(text, self.key).into_owned()
    }

    /// What the deltas of one stream become.
    fn pieces(&self, mut pieces: Vec<String>) -> Vec<String> {
        let mut deltas = Deltas::default();
        for index in 0..pieces.len() {
            let settled = deltas.push(&self.scrubber, self.key, &pieces[index]);
            replace(&mut pieces, settled);
        }
        replace(&mut pieces, deltas.finish(&self.scrubber, self.key));
        pieces
    }
}

fn replace(pieces: &mut [String], settled: Vec<SettledPiece>) {
    for SettledPiece { index, replacement, .. } in settled {
        if let Some(replacement) = replacement {
            pieces[index] = replacement;
        }
    }
}

// === impl Input ===

impl Input {
    fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self { name: "standard input".into(), reader: Box::new(io::stdin().lock()) });
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
        Ok(Self { name, reader: Box::new(BufReader::new(file)) })
    }

    /// All of it.
    fn whole(&mut self) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes).map_err(|error| unreadable(&self.name, &error))?;
        String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{} is not UTF-8", self.name)))
    }

    /// The value of each line, which is `expected` to be JSON. Holds one line at a time.
    fn each_line<T: DeserializeOwned>(
        &mut self,
        expected: &str,
        mut on_value: impl FnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            if self.reader.read_line(&mut line).map_err(|error| unreadable(&self.name, &error))? == 0 {
                break;
            }
            // The parser's message would quote what is there.
            let value = serde_json::from_str(&line)
                .map_err(|_| Failure::Usage(format!("line {number} of {} is not {expected}", self.name)))?;
            on_value(value)?;
        }
        Ok(())
    }
}

impl From<WhichAddresses> for Addresses {
    fn from(which: WhichAddresses) -> Self {
        match which {
            WhichAddresses::All => Self::All,
            WhichAddresses::Public => Self::Public,
            WhichAddresses::None => Self::None,
        }
    }
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::NothingFound(format!("there is no file {name}")),
        io::ErrorKind::InvalidData => Failure::Usage(format!("{name} is not UTF-8")),
        _ => Failure::NoAccess(format!("cannot read {name}: {error}")),
    }
}
