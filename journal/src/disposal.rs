//! Destroying what is past its time, so that a crash at any moment leaves it either kept or gone and told of, never in between.
//!
//! What is to go is first written to the file `disposing`, with the words the ledger will have for it. Then its key is destroyed,
//! its files are removed, the ledger told, and the file removed. Whoever finds that file goes on from there.
//!
//! A disk that is full keeps nothing beyond its time: to destroy takes no room but for that file and the ledger's words. The room
//! for the one is kept in `disposing.spare`, that for the others is what the files took that were removed.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::compliance::{
    Authority, HoldDisposed, LedgerDisposed, PseudonymsDisposed, SegmentDisposed, SummariesDisposed,
};
use crate::error::Error;
use crate::event::{Draft, EventBody};
use crate::keys::Kind;
use crate::ledger::{LedgerEntries, LedgerEntry};
use crate::segment::{Segment, SegmentName};
use crate::shared;
use crate::writer::Journal;

/// The file that says what is on its way out.
pub(crate) const INTENT: &str = "disposing";

/// The file that becomes it where there is no room for another.
const SPARE: &str = "disposing.spare";

/// The length of that file: enough for one segment.
const SPARE_LEN: usize = 4096;

/// A segment that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposal {
    /// Its name.
    pub segment: String,
    /// Why, in words for an auditor: `content_ttl 72h`.
    pub reason: String,
}

/// A segment that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposed {
    /// Its name.
    pub segment: String,
    /// The sequence number of the event that says so.
    pub seq: u64,
}

/// What is on its way out, and since when.
#[derive(Serialize, Deserialize)]
struct Intent {
    at: Timestamp,
    doomed: Vec<Doomed>,
}

#[derive(Serialize, Deserialize)]
struct Doomed {
    kind: Target,
    /// The name of its folder and of its key.
    name: String,
    /// What is to be said about it once it is gone.
    body: EventBody,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    Segment,
    Hold,
    Summaries,
    Pseudonyms,
}

// === impl Journal ===

impl Journal {
    /// Destroys segments, none of which may be the newest one, after carrying over what of them is held. What it returns is in the
    /// order of `due`.
    ///
    /// On an error nothing is half done: what was begun is finished by the next call, or by the next opening. After one that
    /// came behind the disposal, because the events that tell of it could not be appended, the ledger has it nevertheless.
    pub fn dispose(&mut self, due: &[Disposal], by: &Authority, at: Timestamp) -> Result<Vec<Disposed>, Error> {
        self.finish_disposals()?;
        let names = due.iter().map(|disposal| self.disposable(&disposal.segment)).collect::<Result<Vec<_>, _>>()?;
        // What the chain and the numbers go on from must not be in what goes. If nothing can be written, it is where it was.
        if let Err(error) = self.flush() {
            let head = self.shared.head();
            let is_passed =
                |name: &SegmentName| self.shared.last_seq_before_next(*name).is_some_and(|last| last < head);
            if !names.iter().all(is_passed) {
                return Err(error);
            }
        }
        self.carry_over_held(&names, at)?;
        let doom = |(name, disposal): (&SegmentName, &Disposal)| self.doomed_segment(*name, &disposal.reason, by);
        let doomed = names.iter().zip(due).map(doom).collect();
        let seqs = self.destroy(Intent { at, doomed })?;
        let disposed = |(disposal, seq): (&Disposal, u64)| Disposed { segment: disposal.segment.clone(), seq };
        Ok(due.iter().zip(seqs).map(disposed).collect())
    }

    /// Destroys what is held of the segments `names`.
    pub(crate) fn dispose_held(
        &mut self,
        names: &[SegmentName],
        reason: &str,
        by: &Authority,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.finish_disposals()?;
        let doom = |name: &SegmentName| {
            let events = match self.shared.segment(*name)?.as_deref() {
                Some(Segment::Sealed(sealed)) => sealed.events(),
                _ => 0,
            };
            let disposed = HoldDisposed {
                segment: name.to_string(),
                events,
                bytes: self.shared.bytes_on_disk(Kind::Hold, *name)?,
                policy: by.policy.clone(),
                reason: reason.to_owned(),
                actor: by.actor.clone(),
            };
            Ok(Doomed { kind: Target::Hold, name: name.to_string(), body: EventBody::HoldDisposed(disposed) })
        };
        let doomed = names.iter().map(doom).collect::<Result<Vec<_>, Error>>()?;
        self.destroy(Intent { at, doomed }).map(drop)
    }

    /// Destroys the summaries of all days before `date` (UTC) and returns how many days those were.
    pub fn dispose_summaries_before(
        &mut self,
        date: Date,
        reason: &str,
        by: &Authority,
        at: Timestamp,
    ) -> Result<usize, Error> {
        self.finish_disposals()?;
        let mut days = self.shared.days()?;
        days.retain(|day| *day < date);
        let doom = |day: &Date| {
            let disposed = SummariesDisposed {
                day: day.to_string(),
                policy: by.policy.clone(),
                reason: reason.to_owned(),
                actor: by.actor.clone(),
            };
            Doomed { kind: Target::Summaries, name: day.to_string(), body: EventBody::SummariesDisposed(disposed) }
        };
        let doomed = days.iter().map(doom).collect();
        // So that none of them is stored after its day is gone.
        self.sync_summaries()?;
        self.destroy(Intent { at, doomed })?;
        Ok(days.len())
    }

    /// Destroys the keys of the pseudonyms of all days before `date` (UTC) and returns how many those were. From then on nobody can
    /// tell whether two tokens of different places stand for the same secret, or try which one it was.
    pub fn dispose_pseudonyms_before(
        &mut self,
        date: Date,
        reason: &str,
        by: &Authority,
        at: Timestamp,
    ) -> Result<usize, Error> {
        self.finish_disposals()?;
        let names = self.shared.keys.names(Kind::Pseudonyms)?;
        let due: Vec<_> = names.into_iter().filter(|name| name.parse::<Date>().is_ok_and(|day| day < date)).collect();
        let doom = |day: &String| {
            let disposed = PseudonymsDisposed {
                day: day.clone(),
                policy: by.policy.clone(),
                reason: reason.to_owned(),
                actor: by.actor.clone(),
            };
            Doomed { kind: Target::Pseudonyms, name: day.clone(), body: EventBody::PseudonymsDisposed(disposed) }
        };
        let doomed = due.iter().map(doom).collect();
        self.destroy(Intent { at, doomed })?;
        Ok(due.len())
    }

    /// Destroys the months of the ledger that were over before `cut`, but never the newest, and returns how many those were. What is
    /// known of a hold stays for as long as the hold does.
    pub fn dispose_ledger_before(
        &mut self,
        cut: Timestamp,
        reason: &str,
        by: &Authority,
        at: Timestamp,
    ) -> Result<usize, Error> {
        let oldest_hold = self.holds().first().map(|hold| hold.placed_at);
        let due = self.ledger.due_before(oldest_hold.map_or(cut, |placed_at| cut.min(placed_at)))?;
        for (month, head) in &due {
            let disposed = LedgerDisposed {
                month: month.clone(),
                last_entry: head.n,
                head: head.hash.clone(),
                policy: by.policy.clone(),
                reason: reason.to_owned(),
                actor: by.actor.clone(),
            };
            self.append_all(at, vec![EventBody::LedgerDisposed(disposed)])?;
            self.ledger.remove(month)?;
        }
        Ok(due.len())
    }

    /// Goes on with what was begun before a crash or an error.
    pub(crate) fn finish_disposals(&mut self) -> Result<(), Error> {
        let path = self.intent_path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let intent: Intent = serde_json::from_slice(&text).map_err(|error| Error::Damaged {
            segment: INTENT.to_owned(),
            block: None,
            what: format!("it should say what is being disposed of ({error})"),
        })?;
        let told = self.told(&intent)?;
        self.carry_out(intent, &told).map(drop)
    }

    /// The names of those in `intent` of whose end the ledger knows already.
    fn told(&self, intent: &Intent) -> Result<Vec<String>, Error> {
        let then: Vec<_> =
            LedgerEntries::open(self.shared.dir())?.flatten().filter(|entry| entry.at == intent.at).collect();
        let mut told = Vec::new();
        for doomed in &intent.doomed {
            let draft = Draft { at: intent.at, request: None, body: doomed.body.clone() };
            let words = self.entry(&draft)?;
            let is_that = |entry: &LedgerEntry| {
                let data = entry.data::<&RawValue>().map(RawValue::get);
                Some(&entry.kind) == words.for_ledger.as_ref() && data == Some(words.data())
            };
            if then.iter().any(is_that) {
                told.push(doomed.name.clone());
            }
        }
        Ok(told)
    }

    /// The segment of that name, if it can go.
    fn disposable(&self, name: &str) -> Result<SegmentName, Error> {
        let no_such = || Error::NoSuchSegment { segment: name.to_owned() };
        let parsed: SegmentName = name.parse().map_err(|()| no_such())?;
        if self.shared.live() == Some(parsed) {
            return Err(Error::SegmentInUse { segment: name.to_owned() });
        }
        if self.shared.segments().contains(&parsed) { Ok(parsed) } else { Err(no_such()) }
    }

    fn doomed_segment(&self, name: SegmentName, reason: &str, by: &Authority) -> Doomed {
        let last_possible = self.shared.last_seq_before_next(name).unwrap_or(u64::MAX);
        // What is too damaged to be opened goes as well.
        let (last_seq, ended_at, head) = match self.shared.segment(name).ok().flatten().as_deref() {
            Some(Segment::Sealed(sealed)) => {
                let head = self.head_when_sealed(&name.to_string()).unwrap_or_else(|| sealed.head());
                (sealed.last_seq(), Some(sealed.ended_at()), Some(head))
            }
            Some(Segment::Live(live)) => (live.tail().last_seq, live.last_time(), Some(live.tail().link)),
            None => (last_possible, None, None),
        };
        let disposed = SegmentDisposed {
            segment: name.to_string(),
            first_seq: name.first_seq,
            last_seq: last_seq.min(last_possible),
            events: (last_seq.min(last_possible) + 1).saturating_sub(name.first_seq),
            bytes: self.shared.bytes_on_disk(Kind::Segment, name).unwrap_or(0),
            opened_at: name.opened_at,
            ended_at,
            // Behind its last event is more than is its own, after a write that failed.
            head: head.filter(|_| last_seq <= last_possible).map(|head| head.to_string()),
            policy: by.policy.clone(),
            reason: reason.to_owned(),
            actor: by.actor.clone(),
        };
        let body = EventBody::SegmentDisposed(disposed);
        Doomed { kind: Target::Segment, name: name.to_string(), body }
    }

    /// Writes down what is to go and does it.
    fn destroy(&mut self, intent: Intent) -> Result<Vec<u64>, Error> {
        if intent.doomed.is_empty() {
            return Ok(Vec::new());
        }
        let path = self.intent_path();
        let text = serde_json::to_vec(&intent).expect("names and numbers serialise");
        let write = || {
            let draft = self.draft_of_intent(&text)?;
            fs::rename(draft, &path)?;
            File::open(self.shared.dir())?.sync_all()
        };
        write().map_err(Error::io("write down what is disposed of in", &path))?;
        self.carry_out(intent, &[])
    }

    /// A synced file with `text` that is to be the intent.
    fn draft_of_intent(&self, text: &[u8]) -> std::io::Result<PathBuf> {
        let draft = self.intent_path().with_extension("new");
        let written = write_synced(&draft, text);
        if written.is_ok() {
            return Ok(draft);
        }
        let _ = fs::remove_file(&draft);
        let spare = self.shared.dir().join(SPARE);
        if text.len() > SPARE_LEN || !spare.exists() {
            written?;
        }
        // White space behind a document means nothing.
        let mut padded = text.to_vec();
        padded.resize(SPARE_LEN, b' ');
        let mut file = OpenOptions::new().write(true).open(&spare)?;
        file.write_all(&padded)?;
        file.sync_all()?;
        Ok(spare)
    }

    /// Keeps the room for an intent. Without it disposal works as long as there is some.
    pub(crate) fn reserve_intent(&self) {
        let spare = self.shared.dir().join(SPARE);
        let is_there = fs::metadata(&spare).is_ok_and(|file| file.len() == SPARE_LEN as u64);
        if !is_there && let Err(error) = write_synced(&spare, &[b' '; SPARE_LEN]) {
            tracing::warn!(%error, path = %spare.display(), "no room can be kept for disposals");
        }
    }

    /// Does what is written down, or what is left of it. The ledger knows of those in `told`.
    fn carry_out(&mut self, intent: Intent, told: &[String]) -> Result<Vec<u64>, Error> {
        let Intent { at, doomed } = intent;
        let names_of = |kind| {
            let these = doomed.iter().filter(move |doomed| doomed.kind == kind);
            these.filter_map(|doomed| doomed.name.parse().ok())
        };
        let mut names: Vec<SegmentName> = names_of(Target::Segment).collect();
        let is_held = |name: &&SegmentName| self.shared.folder(Kind::Hold, **name).exists();
        let held: Vec<_> = names.iter().filter(is_held).copied().collect();
        names.extend(names_of(Target::Hold));
        self.shared.forget_segments(&names, &held)?;
        self.shared.day_keys.forget();
        for kind in [Target::Segment, Target::Hold, Target::Summaries, Target::Pseudonyms] {
            let these = doomed.iter().filter(|doomed| doomed.kind == kind);
            self.shared.keys.destroy(kind.of_key(), these.map(|doomed| doomed.name.as_str()))?;
        }
        for doomed in &doomed {
            if let (Target::Summaries, Ok(day)) = (doomed.kind, doomed.name.parse()) {
                self.shared.forget_day(day)?;
            }
            if let Some(folder) = doomed.kind.folder() {
                shared::remove_folder(&self.shared.dir().join(folder).join(&doomed.name))?;
            }
        }
        for kind in [Target::Segment, Target::Hold, Target::Summaries] {
            if let Some(folder) = kind.folder().filter(|_| doomed.iter().any(|doomed| doomed.kind == kind)) {
                shared::sync(&self.shared.dir().join(folder))?;
            }
        }
        let bodies =
            doomed.into_iter().filter(|doomed| !told.contains(&doomed.name)).map(|doomed| doomed.body).collect();
        let entries = self.record_all(at, bodies)?;
        // The ledger is the record, so that what is appended next must not hold up what goes next.
        let path = self.intent_path();
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        shared::sync(self.shared.dir())?;
        self.reserve_intent();
        let seqs = self.append_recorded(&entries)?;
        self.flush()?;
        Ok(seqs)
    }

    fn intent_path(&self) -> PathBuf {
        self.shared.dir().join(INTENT)
    }
}

fn write_synced(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

// === impl Target ===

impl Target {
    fn of_key(self) -> Kind {
        match self {
            Self::Segment => Kind::Segment,
            Self::Hold => Kind::Hold,
            Self::Summaries => Kind::Summaries,
            Self::Pseudonyms => Kind::Pseudonyms,
        }
    }

    /// Where its folders lie, if there is more to it than the key.
    fn folder(self) -> Option<&'static str> {
        match self {
            Self::Segment => Some("segments"),
            Self::Hold => Some("holds"),
            Self::Summaries => Some("summaries"),
            Self::Pseudonyms => None,
        }
    }
}
