//! Legal holds: what of a segment is held is carried over into a file of its own when the segment goes, so that everything else
//! still goes on time.

mod selected;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use jiff::Timestamp;

pub(crate) use self::selected::Selected;
use crate::cipher::{DataKey, Link, random};
use crate::compliance::{Authority, Hold, HoldCarried, HoldDisposed, HoldLifted, HoldSelector};
use crate::error::Error;
use crate::event::EventBody;
use crate::events::Events;
use crate::keys::Kind;
use crate::rewriting::{DRAFT, NEXT, next, put_in_place};
use crate::sealed::{SealInfo, SealedSegment, SealedWriter};
use crate::segment::SegmentName;
use crate::shared::{self, SEALED};
use crate::writer::Journal;

/// Text that is handed to the file at once, in bytes.
const CHUNK: usize = 128 * 1024;

/// What is written of a segment for holds.
struct Kept {
    info: SealInfo,
    requests: u64,
}

// === impl Journal ===

impl Journal {
    /// Places a hold and returns its name. What it asks for and what is there is kept from now on; what is gone already stays gone.
    pub fn place_hold(
        &mut self,
        selector: HoldSelector,
        reason: &str,
        actor: &str,
        at: Timestamp,
    ) -> Result<String, Error> {
        let name = hex::encode(random::<4>());
        let (hold, reason, actor) = (name.clone(), reason.to_owned(), actor.to_owned());
        let body = EventBody::HoldPlaced(Hold { hold, selector, reason, actor, placed_at: at });
        self.tell(at, body)?;
        self.flush()?;
        Ok(name)
    }

    /// Lifts a hold. What was carried over for it alone goes with the next [`release_holds`](Self::release_holds).
    pub fn lift_hold(&mut self, hold: &str, reason: &str, actor: &str, at: Timestamp) -> Result<(), Error> {
        if !self.ledger.state().holds.contains_key(hold) {
            return Err(Error::NoSuchHold { hold: hold.to_owned() });
        }
        let (hold, reason, actor) = (hold.to_owned(), reason.to_owned(), actor.to_owned());
        let body = EventBody::HoldLifted(HoldLifted { hold, reason, actor });
        self.tell(at, body)?;
        self.flush()
    }

    /// The holds in force, oldest first.
    pub fn holds(&self) -> Vec<Hold> {
        let mut holds: Vec<_> = self.ledger.state().holds.values().cloned().collect();
        holds.sort_by_key(|hold| hold.placed_at);
        holds
    }

    /// Destroys what was carried over and is not held any more. Returns of how many segments that was.
    pub fn release_holds(&mut self, by: &Authority, at: Timestamp) -> Result<usize, Error> {
        self.finish_erasures()?;
        let (mut gone, mut released) = (Vec::new(), 0);
        for name in self.shared.held() {
            let (held, all) = self.count_held(name)?;
            if held == 0 {
                gone.push(name);
            } else if held < all {
                self.release_part(name, all - held, by, at)?;
                released += 1;
            }
        }
        if !gone.is_empty() {
            self.dispose_held(&gone, RELEASED, by, at)?;
        }
        Ok(released + gone.len())
    }

    /// Keeps what is held of the segments `names`, which are about to go.
    pub(crate) fn carry_over_held(&mut self, names: &[SegmentName], at: Timestamp) -> Result<(), Error> {
        let is_any = !self.ledger.state().holds.is_empty();
        for name in names {
            let folder = self.shared.folder(Kind::Hold, *name);
            // Of an attempt that broke off, for a hold that may be lifted by now.
            if folder.exists() {
                self.shared.keys.destroy(Kind::Hold, [name.to_string().as_str()])?;
                shared::remove_folder(&folder)?;
            }
            let held = if is_any { self.count_held(*name)?.0 } else { 0 };
            if held == 0 {
                continue;
            }
            DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(Error::io("create", &folder))?;
            let key = self.shared.keys.create(Kind::Hold, &name.to_string())?;
            let kept = self.write_held(*name, &key, &folder.join(DRAFT))?;
            put_in_place(&folder, DRAFT, SEALED)?;
            shared::sync(&self.shared.dir().join("holds"))?;
            self.append_all(at, vec![carried(*name, &kept)])?;
        }
        Ok(())
    }

    /// Goes on with what was begun before a crash.
    pub(crate) fn finish_releases(&mut self) -> Result<(), Error> {
        for name in self.shared.held() {
            let folder = self.shared.folder(Kind::Hold, name);
            if folder.join(NEXT).exists() {
                self.shared.swap_sealed(Kind::Hold, name, || Ok(()))?;
            }
        }
        Ok(())
    }

    /// How many events of the segment `name` are held, and how many there are.
    fn count_held(&self, name: SegmentName) -> Result<(u64, u64), Error> {
        let mut selected = Selected::new(&self.shared, self.holds());
        let (mut held, mut all) = (0, 0);
        for line in self.lines_of(name) {
            all += 1;
            held += u64::from(selected.holds(&line)?);
        }
        Ok((held, all))
    }

    /// Destroys the part of what was carried over from the segment `name` that is not held any more.
    fn release_part(&mut self, name: SegmentName, events: u64, by: &Authority, at: Timestamp) -> Result<(), Error> {
        let folder = self.shared.folder(Kind::Hold, name);
        let before = self.shared.bytes_on_disk(Kind::Hold, name)?;
        let key = self.shared.keys.create(Kind::Hold, &next(name))?;
        let kept = self.write_held(name, &key, &folder.join(DRAFT))?;
        put_in_place(&folder, DRAFT, NEXT)?;
        self.shared.swap_sealed(Kind::Hold, name, || Ok(()))?;
        let disposed = HoldDisposed {
            segment: name.to_string(),
            events,
            bytes: before.saturating_sub(kept.info.file_bytes),
            policy: by.policy.clone(),
            reason: RELEASED.to_owned(),
            actor: by.actor.clone(),
        };
        self.append_all(at, vec![EventBody::HoldDisposed(disposed), carried(name, &kept)]).map(drop)
    }

    /// Writes what is held of the segment `name` to the file `path`, and reads it back.
    fn write_held(&self, name: SegmentName, key: &DataKey, path: &Path) -> Result<Kept, Error> {
        let mut selected = Selected::new(&self.shared, self.holds());
        let mut writer = SealedWriter::create(path, &name.to_string(), key, Link::ORIGIN)?;
        let mut chunk = String::new();
        for line in self.lines_of(name) {
            if selected.holds(&line)? {
                chunk.push_str(&line);
                chunk.push('\n');
            }
            if chunk.len() >= CHUNK {
                writer.push(&chunk)?;
                chunk.clear();
            }
        }
        if !chunk.is_empty() {
            writer.push(&chunk)?;
        }
        let info = writer.finish()?;
        SealedSegment::open(path, &name.to_string(), key)?.check()?;
        Ok(Kept { info, requests: selected.requests() })
    }

    /// The lines of the segment `name`. What cannot be read cannot be kept.
    fn lines_of(&self, name: SegmentName) -> impl Iterator<Item = String> {
        Events::of_segment(&self.shared, name).filter_map(move |line| match line {
            Ok(line) => Some(line.text),
            Err(error) => {
                tracing::error!(%error, segment = %name, "a part of a segment that goes cannot be read, nor held");
                None
            }
        })
    }
}

/// Why something that was held goes, in words for an auditor.
const RELEASED: &str = "hold lifted";

fn carried(name: SegmentName, kept: &Kept) -> EventBody {
    EventBody::HoldCarried(HoldCarried {
        segment: name.to_string(),
        requests: kept.requests,
        events: kept.info.events,
        bytes: kept.info.file_bytes,
        head: kept.info.head.to_string(),
        digest: hex::encode(kept.info.digest),
    })
}
