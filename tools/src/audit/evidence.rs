//! `audit evidence`: a report in a folder with all it takes to check it elsewhere.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codex_completions_api::admin::Operation;
use journal::Attestation;
use sha2::{Digest as _, Sha256};

use super::Format;
use super::entry::Entry;
use super::period::Period;
use super::report::Report;
use crate::failure::Failure;
use crate::output::Output;
use crate::source::Source;
use crate::verify;

const README: &str = include_str!("README.evidence");
const CHECK: &str = include_str!("check.sh");

/// The file that names the others.
const SUMS: &str = "SHA256SUMS";

/// Makes the evidence of `period` in the folder `dir`.
pub(super) fn make(source: &Source, period: Period, dir: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::NoAccess(format!("cannot write evidence to {}: {error}", dir.display()));
    create(dir)?;
    let (report, entries) = Report::make(source, period)?;
    let files = [
        ("README", README.to_owned()),
        ("check.sh", CHECK.to_owned()),
        ("ledger", entries.iter().map(|entry| format!("{}\n", entry.text)).collect()),
        ("ledger.sig", entries.iter().map(signature).collect::<Result<String, Failure>>()?),
        ("public.pem", report.verification().public_key.clone()),
        ("report.html", report.render(Format::Html)),
        ("report.json", report.render(Format::Json)),
        ("report.md", report.render(Format::Md)),
    ];
    let sums = sums(&files);
    let attest = Operation::Attest { requests: None, sha256: hex::encode(Sha256::digest(&sums)) };
    let (_, attestation): (_, Attestation) = source.operate(&attest)?.document()?;
    for (name, text) in files.iter().map(|(name, text)| (*name, text)).chain([(SUMS, &sums)]) {
        write(dir, name, text.as_bytes()).map_err(failed)?;
    }
    write(dir, "attestation", attestation.entry.as_bytes()).map_err(failed)?;
    write(dir, "attestation.sig", &decoded(&attestation.signature)?).map_err(failed)?;
    let mut output = Output::new();
    output.line(&format!("{} entries of the ledger and a report in {}", entries.len(), dir.display()))?;
    output.line(&format!("check them with `sh {}`", dir.join("check.sh").display()))?;
    output.end()?;
    verify::judge(report.verification())
}

/// Makes the folder, which may be there if it is empty.
fn create(dir: &Path) -> Result<(), Failure> {
    let wrong =
        |why: &dyn std::fmt::Display| Failure::Usage(format!("cannot put evidence in {}: {why}", dir.display()));
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(wrong(&"there is something in it")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| wrong(&error))
        }
        Err(error) => Err(wrong(&error)),
    }
}

/// The signature of `entry` as a line that openssl decodes.
fn signature(entry: &Entry) -> Result<String, Failure> {
    Ok(STANDARD.encode(decoded(&entry.signature)?) + "\n")
}

fn decoded(signature: &str) -> Result<Vec<u8>, Failure> {
    hex::decode(signature).map_err(|_| Failure::Damaged("a signature of the ledger is none".to_owned()))
}

/// What `sha256sum` prints for these files.
fn sums(files: &[(&str, String)]) -> String {
    files.iter().fold(String::new(), |mut sums, (name, text)| {
        writeln!(sums, "{}  {name}", hex::encode(Sha256::digest(text))).expect("writing to a string cannot fail");
        sums
    })
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join(name))?.write_all(bytes)
}
