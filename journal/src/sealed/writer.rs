//! Writing a sealed segment.

use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write as _;
use std::mem;
use std::ops::Range;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ring::digest::{self, SHA256};
use zstd::bulk::Compressor;

use super::frames::Frames;
use super::{BLOCK_TEXT, Block, ENTRY_LEN, HEAD_LEN, MAGIC, Span, Table, Trailer, VERSION, WINDOW_TEXT, Window, line};
use crate::cipher::{Chain, DataKey, Link, Salt, random};
use crate::error::Error;
use crate::event::RequestId;

const LEVEL: i32 = 9;

/// A sealed segment on its way to disk. One window of it is in memory. After an error the file is of no use.
pub(crate) struct SealedWriter {
    output: Output,
    chain: Chain,
    start: Link,
    head: Link,
    span: Option<Span>,
    pending: Pending,
    windows: Vec<Window>,
    blocks: Vec<Block>,
    text_bytes: u64,
    /// Which blocks hold lines of which request.
    index: Vec<(RequestId, u32)>,
    /// Events of each live block.
    links: Vec<u32>,
}

/// What a finished sealed segment is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SealInfo {
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) events: u64,
    /// Blocks in the file, not those that were pushed.
    pub(crate) blocks: u32,
    pub(crate) text_bytes: u64,
    pub(crate) file_bytes: u64,
    /// The link before the first event.
    pub(crate) start: Link,
    /// The link behind the last event.
    pub(crate) head: Link,
    /// The earliest time of an event.
    pub(crate) began_at: Timestamp,
    /// The latest time of an event.
    pub(crate) ended_at: Timestamp,
    /// SHA-256 of the whole file.
    pub(crate) digest: [u8; 32],
}

/// The file and what encrypts it.
struct Output {
    path: PathBuf,
    name: String,
    file: File,
    written: u64,
    digest: digest::Context,
    frames: Frames,
    compressor: Compressor<'static>,
}

/// Lines of a window that is not written yet.
#[derive(Default)]
struct Pending {
    text: String,
    lines: Vec<Event>,
}

/// One line.
struct Event {
    seq: u64,
    request: Option<RequestId>,
    /// Where it stands in the text, with its line end.
    text: Range<usize>,
}

// === impl SealedWriter ===

impl SealedWriter {
    /// Begins the file at `path`, for the segment `name` whose events follow on the link `start`. A draft that is there is
    /// overwritten.
    pub(crate) fn create(path: &Path, name: &str, key: &DataKey, start: Link) -> Result<Self, Error> {
        Ok(Self {
            output: Output::create(path, name, key)?,
            chain: key.chain(),
            start,
            head: start,
            span: None,
            pending: Pending::default(),
            windows: Vec::new(),
            blocks: Vec::new(),
            text_bytes: 0,
            index: Vec::new(),
            links: Vec::new(),
        })
    }

    /// Takes the lines of the next live block. Sequence numbers ascend, with gaps or without.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), Error> {
        if text.len() >= WINDOW_TEXT {
            self.write_window()?;
        }
        let before = self.pending.lines.len();
        self.take_lines(text)?;
        let events = self.pending.lines.len() - before;
        if events == 0 {
            return Ok(());
        }
        let events = u32::try_from(events).map_err(|_| self.refused("it has too many lines"))?;
        self.head = self.chain.link(self.head, events, text.as_bytes());
        self.links.push(events);
        if self.pending.text.len() >= WINDOW_TEXT { self.write_window() } else { Ok(()) }
    }

    /// Writes what is left and syncs the file, but not the name of it. There must have been an event.
    pub(crate) fn finish(mut self) -> Result<SealInfo, Error> {
        self.write_window()?;
        let Some(span) = self.span else { return Err(self.refused("there is no event to seal")) };
        let Self { mut output, start, head, windows, blocks, text_bytes, mut index, links, .. } = self;

        let number = u32::try_from(blocks.len()).map_err(|_| output.refused("it has too many blocks"))?;
        let mut trailer = Trailer { index_at: output.written, links_at: 0, table_at: 0, blocks: number };
        index.sort_unstable();
        output.write_frame(trailer.index_number(), &[], &index_bytes(&index))?;
        trailer.links_at = output.written;
        let links: Vec<u8> = links.into_iter().flat_map(u32::to_be_bytes).collect();
        output.write_frame(trailer.links_number(), &[], &links)?;
        trailer.table_at = output.written;
        let (start_bytes, head_bytes) = (*start.as_bytes(), *head.as_bytes());
        let table = Table { span, text_bytes, start: start_bytes, head: head_bytes, windows, blocks };
        let table = serde_json::to_vec(&table).expect("a table has nothing that JSON cannot hold");
        let trailer_bytes = trailer.to_bytes();
        output.write_frame(trailer.table_number(), &trailer_bytes, &table)?;
        output.write(&trailer_bytes)?;
        let (file_bytes, digest) = output.finish()?;
        let Span { first_seq, last_seq, events, began_at, ended_at } = span;
        Ok(SealInfo {
            first_seq,
            last_seq,
            events,
            blocks: number,
            text_bytes,
            file_bytes,
            start,
            head,
            began_at,
            ended_at,
            digest,
        })
    }

    /// Parses the lines of `text` and adds them to the window.
    fn take_lines(&mut self, text: &str) -> Result<(), Error> {
        let mut end = self.pending.text.len();
        for line in text.split_inclusive('\n') {
            let (Some(seq), Some(at), true) = (line::seq(line), line::at(line), line.ends_with('\n')) else {
                return Err(self.refused("it has a line that is no event"));
            };
            let span = self.span.get_or_insert_with(|| Span::before(seq, at));
            if !span.add(seq, at) {
                let what = format!("event {seq} follows event {}", span.last_seq);
                return Err(self.refused(&what));
            }
            let begin = end;
            end += line.len();
            self.pending.lines.push(Event { seq, request: line::request(line), text: begin..end });
        }
        self.pending.text.push_str(text);
        Ok(())
    }

    /// Writes the pending lines, sorted, as blocks of about the same length.
    fn write_window(&mut self) -> Result<(), Error> {
        let mut pending = mem::take(&mut self.pending);
        let (Some(first), Some(last)) = (pending.lines.first(), pending.lines.last()) else { return Ok(()) };
        let (first_seq, last_seq) = (first.seq, last.seq);
        pending.lines.sort_unstable_by_key(|line| (line.request, line.seq));

        let count = ((pending.text.len() + BLOCK_TEXT / 2) / BLOCK_TEXT).max(1);
        let full = pending.text.len().div_ceil(count);
        let first_block = self.next_block()?;
        let mut block = String::with_capacity(2 * full.min(BLOCK_TEXT));
        for Event { request, text, .. } in pending.lines.drain(..) {
            if !block.is_empty() && (block.len() >= full || text.len() > BLOCK_TEXT) {
                self.write_block(&block)?;
                block.clear();
            }
            let number = self.next_block()?;
            if let Some(entry) = request.map(|id| (id, number)).filter(|entry| self.index.last() != Some(entry)) {
                self.index.push(entry);
            }
            block.push_str(&pending.text[text]);
        }
        self.write_block(&block)?;
        self.windows.push(Window { first_seq, last_seq, blocks: first_block..self.next_block()? });

        // Its memory serves again, unless that was a window out of the ordinary.
        if pending.text.capacity() <= 2 * WINDOW_TEXT {
            pending.text.clear();
            self.pending = pending;
        }
        Ok(())
    }

    fn write_block(&mut self, text: &str) -> Result<(), Error> {
        let number = self.next_block()?;
        let offset = self.output.written;
        let len = self.output.write_frame(number, &[], text.as_bytes())?;
        let text_len = u32::try_from(text.len()).map_err(|_| self.refused("it has a line of more than 4 GiB"))?;
        self.blocks.push(Block { offset, len, text_len });
        self.text_bytes += u64::from(text_len);
        Ok(())
    }

    /// The number of the block that is written next.
    fn next_block(&self) -> Result<u32, Error> {
        u32::try_from(self.blocks.len()).map_err(|_| self.refused("it has too many blocks"))
    }

    fn refused(&self, what: &str) -> Error {
        self.output.refused(what)
    }
}

impl fmt::Debug for SealedWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedWriter").field("path", &self.output.path).finish_non_exhaustive()
    }
}

// === impl Output ===

impl Output {
    fn create(path: &Path, name: &str, key: &DataKey) -> Result<Self, Error> {
        let open = || {
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
            // That of a draft may be another.
            file.set_permissions(Permissions::from_mode(0o600))?;
            Ok((file, Compressor::new(LEVEL)?))
        };
        let (file, compressor) = open().map_err(Error::io("create", path))?;
        let salt: Salt = random();
        let mut output = Self {
            path: path.to_owned(),
            name: name.to_owned(),
            file,
            written: 0,
            digest: digest::Context::new(&SHA256),
            frames: Frames::new(key, &salt, name),
            compressor,
        };
        let mut head = [0; HEAD_LEN];
        head[..7].copy_from_slice(MAGIC);
        head[7] = VERSION;
        head[8..].copy_from_slice(&salt);
        output.write(&head)?;
        Ok(output)
    }

    /// Writes `text` compressed and encrypted, and returns the length of that.
    fn write_frame(&mut self, number: u32, trailer: &[u8], text: &[u8]) -> Result<u32, Error> {
        let mut frame = self.compressor.compress(text).map_err(Error::io("compress a part of", &self.path))?;
        self.frames.encrypt(number, trailer, &mut frame);
        self.write(&frame)?;
        u32::try_from(frame.len()).map_err(|_| self.refused("it has a line of more than 4 GiB"))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::io("write", &self.path))?;
        self.digest.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Syncs the file and returns its length and digest.
    fn finish(self) -> Result<(u64, [u8; 32]), Error> {
        self.file.sync_all().map_err(Error::io("sync", &self.path))?;
        Ok((self.written, super::to_array(self.digest)))
    }

    /// What was to be sealed is not what a segment holds.
    fn refused(&self, what: &str) -> Error {
        Error::Damaged { segment: self.name.clone(), block: None, what: format!("it cannot be sealed: {what}") }
    }
}

fn index_bytes(index: &[(RequestId, u32)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(index.len() * ENTRY_LEN);
    for (id, block) in index {
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(&block.to_be_bytes());
    }
    bytes
}
