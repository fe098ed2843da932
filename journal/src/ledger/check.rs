//! Whether the ledger is what was written.

use std::path::Path;

use super::entries::LedgerEntries;
use super::{LedgerEntry, hash, signer};
use crate::compliance::LedgerDisposed;
use crate::error::Error;

/// What a check of the ledger found.
pub(crate) struct Checked {
    /// The entries, in order.
    pub(crate) entries: Vec<LedgerEntry>,
    /// What is wrong, for people.
    pub(crate) problems: Vec<String>,
}

/// Reads every entry of the journal in `journal`: numbers without a gap, each one following the one before it, each one signed. A
/// beginning that is gone must have been disposed of.
pub(crate) fn check(journal: &Path, public_key: &[u8]) -> Result<Checked, Error> {
    let (mut entries, mut problems) = (Vec::<LedgerEntry>::new(), Vec::new());
    for entry in LedgerEntries::open(journal)? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                problems.push(error.to_string());
                continue;
            }
        };
        if !signer::is_signed(public_key, entry.text.as_bytes(), &entry.signature) {
            problems.push(format!("ledger entry {} does not have the signature it should have", entry.n));
        }
        if let Some(before) = entries.last() {
            if entry.n != before.n + 1 {
                problems.push(format!("ledger entry {} follows entry {}", entry.n, before.n));
            }
            if entry.prev != hash(before.text.as_bytes()) {
                problems.push(format!("ledger entry {} does not follow the entry before it as it is now", entry.n));
            }
        }
        entries.push(entry);
    }
    problems.extend(unexplained_beginning(&entries));
    Ok(Checked { entries, problems })
}

/// What is wrong if the first entry is not number 1 and nothing says that those before it were disposed of.
fn unexplained_beginning(entries: &[LedgerEntry]) -> Option<String> {
    let Some(first) = entries.first() else { return Some("the ledger has no entries".to_owned()) };
    let is_origin = first.n == 1 && first.prev.bytes().all(|digit| digit == b'0');
    let disposals = entries.iter().filter(|entry| entry.kind == "ledger.disposed");
    let is_explained = disposals
        .filter_map(LedgerEntry::data::<LedgerDisposed>)
        .any(|disposed| disposed.last_entry + 1 == first.n && disposed.head == first.prev);
    let what = || format!("the ledger begins with entry {}, and nothing says where those before it went", first.n);
    (!is_origin && !is_explained).then(what)
}
