//! The sealed form of a segment: one file that is written once and never changes.
//!
//! ```text
//! ┌──────┬─────────┬─────────┬───┬───────────┬───────┬───────┬───────┬─────────┐
//! │ head │ block 0 │ block 1 │ … │ block n-1 │ index │ links │ table │ trailer │
//! └──────┴─────────┴─────────┴───┴───────────┴───────┴───────┴───────┴─────────┘
//!        └─ window 0 ────────┘ …  ─ window w ┘
//!
//! head     "JSEALED" │ version 1 │ salt (32)                                        plain
//! block    zstd frame of about 1 MiB of whole event lines                           frame number 0 to n-1
//! index    zstd frame of entries: request id (16) │ block (4), sorted               frame number n
//! links    zstd frame of numbers (4): events of each live block, in order           frame number n+1
//! table    zstd frame of JSON: see Table                                            frame number n+2
//! trailer  offset of index (8) │ of links (8) │ of table (8) │ n (4) │ "JSEALEND"   plain
//! ```
//!
//! Numbers are big-endian. A frame is encrypted with the subkey "sealed" under the head's salt; its number is the nonce, and
//! with the segment's name the associated data. The trailer is associated data of the table too, and the table accounts for
//! every byte before it, so that no byte of the file can change unnoticed.
//!
//! A window is a run of consecutive live blocks with at least 8 MiB of text; the last one is shorter, as is one before a live
//! block that has as much by itself. Inside a window the lines are sorted by request, those without one first, and then by
//! sequence number: what a request left lies together and compresses well. Windows follow each other in the order of
//! sequence numbers.

mod check;
mod frames;
pub(crate) mod line;
mod reader;
mod writer;

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use jiff::Timestamp;
use ring::digest::{self, SHA256};
use serde::{Deserialize, Serialize};

pub(crate) use self::reader::SealedSegment;
pub(crate) use self::writer::{SealInfo, SealedWriter};
use crate::cipher::TAG_LEN;
use crate::error::Error;

/// Text of a block in bytes, more or less. A longer line is a block of its own.
const BLOCK_TEXT: usize = 1024 * 1024;

/// Text at which a window ends, in bytes.
const WINDOW_TEXT: usize = 8 * 1024 * 1024;

const MAGIC: &[u8; 7] = b"JSEALED";
const VERSION: u8 = 1;
const HEAD_LEN: usize = 40;

const END_MAGIC: &[u8; 8] = b"JSEALEND";
const TRAILER_LEN: usize = 36;

/// Length of an entry of the index.
const ENTRY_LEN: usize = 20;

/// Where the parts of the footer begin. Each ends where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trailer {
    index_at: u64,
    links_at: u64,
    table_at: u64,
    blocks: u32,
}

/// What a sealed segment holds, and where.
#[derive(Debug, Serialize, Deserialize)]
struct Table {
    span: Span,
    text_bytes: u64,
    /// The link before the first event.
    #[serde(with = "hex::serde")]
    start: [u8; 32],
    /// The link behind the last event.
    #[serde(with = "hex::serde")]
    head: [u8; 32],
    windows: Vec<Window>,
    blocks: Vec<Block>,
}

/// What some events span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    first_seq: u64,
    last_seq: u64,
    events: u64,
    /// The earliest and the latest time of an event: of the first and the last one, unless the clock was set meanwhile.
    began_at: Timestamp,
    ended_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Window {
    first_seq: u64,
    last_seq: u64,
    blocks: Range<u32>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Block {
    /// Where its frame begins in the file.
    offset: u64,
    /// Length of the encrypted frame.
    len: u32,
    text_len: u32,
}

// === impl Trailer ===

impl Trailer {
    fn to_bytes(self) -> [u8; TRAILER_LEN] {
        let mut bytes = [0; TRAILER_LEN];
        bytes[0..8].copy_from_slice(&self.index_at.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.links_at.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.table_at.to_be_bytes());
        bytes[24..28].copy_from_slice(&self.blocks.to_be_bytes());
        bytes[28..36].copy_from_slice(END_MAGIC);
        bytes
    }

    /// Reads the trailer of a file of `file_len` bytes.
    fn parse(bytes: &[u8; TRAILER_LEN], file_len: u64) -> Result<Self, &'static str> {
        let number = |at: usize| bytes[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        if &bytes[28..36] != END_MAGIC {
            return Err("the file ends without a trailer: it was cut off, or never finished");
        }
        let trailer = Self {
            index_at: number(0),
            links_at: number(8),
            table_at: number(16),
            blocks: u32::from_be_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]),
        };
        let places = [HEAD_LEN as u64, trailer.index_at, trailer.links_at, trailer.table_at, Self::end(file_len)];
        let sound = places.is_sorted() && trailer.blocks < u32::MAX - 2;
        if sound { Ok(trailer) } else { Err("its trailer names places that are not in the file") }
    }

    /// Where the trailer itself begins.
    fn end(file_len: u64) -> u64 {
        file_len.saturating_sub(TRAILER_LEN as u64)
    }

    // The numbers of the frames follow on those of the blocks.

    fn index_number(self) -> u32 {
        self.blocks
    }

    fn links_number(self) -> u32 {
        self.blocks + 1
    }

    fn table_number(self) -> u32 {
        self.blocks + 2
    }
}

// === impl Table ===

impl Table {
    /// Whether blocks fill the file up to the footer, and windows hold all blocks and all events, each in order.
    fn accounts_for_all(&self, trailer: Trailer) -> bool {
        let mut at = HEAD_LEN as u64;
        for block in &self.blocks {
            if block.offset != at || (block.len as usize) < TAG_LEN {
                return false;
            }
            at += u64::from(block.len);
        }
        let (mut block, mut next_seq) = (0, self.span.first_seq);
        for window in &self.windows {
            let in_order =
                window.blocks.start == block && next_seq <= window.first_seq && window.first_seq <= window.last_seq;
            if !in_order || window.blocks.is_empty() {
                return false;
            }
            (block, next_seq) = (window.blocks.end, window.last_seq.saturating_add(1));
        }
        let last_seq = self.windows.last().map(|window| window.last_seq);
        let sums = at == trailer.index_at && block == trailer.blocks && last_seq == Some(self.span.last_seq);
        sums && self.blocks.len() == trailer.blocks as usize
    }
}

// === impl Span ===

impl Span {
    /// No event yet, and the first one still to be [added](Self::add).
    fn before(seq: u64, at: Timestamp) -> Self {
        Self { first_seq: seq, last_seq: seq, events: 0, began_at: at, ended_at: at }
    }

    /// Adds an event; `false` if it does not follow.
    fn add(&mut self, seq: u64, at: Timestamp) -> bool {
        if self.events > 0 && seq <= self.last_seq {
            return false;
        }
        self.last_seq = seq;
        self.events += 1;
        self.began_at = self.began_at.min(at);
        self.ended_at = self.ended_at.max(at);
        true
    }
}

/// The SHA-256 digest of the file at `path`.
pub(crate) fn digest_of(path: &Path) -> Result<[u8; 32], Error> {
    let read = || {
        let mut file = File::open(path)?;
        let mut context = digest::Context::new(&SHA256);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(to_array(context)),
                len => context.update(&buffer[..len]),
            }
        }
    };
    read().map_err(Error::io("read", path))
}

fn to_array(context: digest::Context) -> [u8; 32] {
    context.finish().as_ref().try_into().expect("a SHA-256 digest has 32 bytes")
}

#[cfg(test)]
mod tests;
