//! Reading a sealed segment.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;

use super::frames::Frames;
use super::{BLOCK_TEXT, ENTRY_LEN, HEAD_LEN, MAGIC, TRAILER_LEN, Table, Trailer, VERSION, line};
use crate::cipher::{DataKey, Link};
use crate::error::Error;
use crate::event::RequestId;
use crate::events::Line;
use crate::segment::BlockText;

/// Longest block that is kept when it was read for a request, in bytes.
const RECENT_MAX: usize = 2 * BLOCK_TEXT;

/// An open sealed segment. Any number of threads may read it.
pub(crate) struct SealedSegment {
    name: String,
    path: PathBuf,
    file: File,
    pub(super) key: DataKey,
    frames: Frames,
    trailer: Trailer,
    pub(super) table: Table,
    /// The entries of the index, read when a request is first asked for.
    pub(super) index: OnceLock<Vec<u8>>,
    /// The block last read for a request: the next one asked for is often its neighbour.
    recent: Mutex<Option<(u32, Arc<String>)>>,
}

// === impl SealedSegment ===

impl SealedSegment {
    /// Opens the file at `path`, which is to hold the segment `name`, and reads what says where things are.
    pub(crate) fn open(path: &Path, name: &str, key: &DataKey) -> Result<Self, Error> {
        let damaged = |what: String| Error::Damaged { segment: name.to_owned(), block: None, what };
        let file = File::open(path).map_err(Error::io("open", path))?;
        let file_len = file.metadata().map_err(Error::io("open", path))?.len();
        if file_len < (HEAD_LEN + TRAILER_LEN) as u64 {
            return Err(damaged(format!("its file of {file_len} bytes is too short for a sealed segment")));
        }
        let (mut head, mut trailer_bytes) = ([0; HEAD_LEN], [0; TRAILER_LEN]);
        file.read_exact_at(&mut head, 0).map_err(Error::io("read", path))?;
        if &head[..7] != MAGIC || head[7] != VERSION {
            return Err(damaged(format!("its file does not begin with JSEALED and version {VERSION}")));
        }
        file.read_exact_at(&mut trailer_bytes, file_len - TRAILER_LEN as u64).map_err(Error::io("read", path))?;
        let trailer = Trailer::parse(&trailer_bytes, file_len).map_err(|what| damaged(what.to_owned()))?;

        let salt = head[8..].try_into().expect("behind magic and version the head is a salt");
        let frames = Frames::new(key, salt, name);
        let table = frames
            .read(&file, trailer.table_number(), &trailer_bytes, trailer.table_at..Trailer::end(file_len))
            .map_err(|bad| bad.into_error(path, |what| damaged(unusable("table", &what))))?;
        let table: Table = serde_json::from_slice(&table).map_err(|_| damaged("its table is no table".to_owned()))?;
        if !table.accounts_for_all(trailer) {
            return Err(damaged("its table does not account for what is in the file".to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            file,
            key: key.clone(),
            frames,
            trailer,
            table,
            index: OnceLock::new(),
            recent: Mutex::default(),
        })
    }

    pub(crate) fn first_seq(&self) -> u64 {
        self.table.span.first_seq
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.table.span.last_seq
    }

    pub(crate) fn events(&self) -> u64 {
        self.table.span.events
    }

    /// Length of all lines, in bytes.
    pub(crate) fn text_bytes(&self) -> u64 {
        self.table.text_bytes
    }

    /// The link before the first event.
    pub(crate) fn start(&self) -> Link {
        Link::from_bytes(self.table.start)
    }

    /// The link behind the last event.
    pub(crate) fn head(&self) -> Link {
        Link::from_bytes(self.table.head)
    }

    /// The earliest time of an event.
    pub(crate) fn began_at(&self) -> Timestamp {
        self.table.span.began_at
    }

    /// The latest time of an event.
    pub(crate) fn ended_at(&self) -> Timestamp {
        self.table.span.ended_at
    }

    /// How many windows there are.
    pub(crate) fn windows(&self) -> u32 {
        u32::try_from(self.table.windows.len()).expect("there are no more windows than blocks")
    }

    /// The first window that may hold `seq` or what follows it; [`windows`](Self::windows) if there is none.
    pub(crate) fn window_of(&self, seq: u64) -> u32 {
        let window = self.table.windows.partition_point(|window| window.last_seq < seq);
        u32::try_from(window).expect("there are no more windows than blocks")
    }

    /// The numbers of the blocks of a window; none if there is no such window.
    pub(crate) fn blocks_of_window(&self, window: u32) -> Range<u32> {
        self.table.windows.get(window as usize).map_or(0..0, |window| window.blocks.clone())
    }

    /// The lines of a window in the order of their sequence numbers.
    pub(crate) fn read_window(&self, window: u32) -> Result<BlockText, Error> {
        let blocks = self.blocks_of_window(window);
        let texts = blocks.clone().map(|number| self.read_block(number)).collect::<Result<Vec<_>, _>>()?;
        let mut lines = Vec::new();
        for (number, text) in blocks.zip(&texts) {
            for line in text.split_inclusive('\n') {
                let seq = line::seq(line).ok_or_else(|| self.no_event(number))?;
                lines.push((seq, line));
            }
        }
        lines.sort_unstable_by_key(|(seq, _)| *seq);
        let (first_seq, _) = *lines.first().ok_or_else(|| self.damaged(None, format!("it has no window {window}")))?;
        let mut text = String::with_capacity(texts.iter().map(String::len).sum());
        text.extend(lines.into_iter().map(|(_, line)| line));
        Ok(BlockText { first_seq, text })
    }

    /// The lines of a block as they lie in it: by request and then by sequence number.
    pub(crate) fn read_block(&self, number: u32) -> Result<String, Error> {
        let missing = || self.damaged(Some(number), "there is no such block".to_owned());
        let block = *self.table.blocks.get(number as usize).ok_or_else(missing)?;
        let text = self.frames.read(&self.file, number, &[], block.offset..block.offset + u64::from(block.len));
        let text = text.map_err(|bad| bad.into_error(&self.path, |what| self.damaged(Some(number), what)))?;
        if text.len() != block.text_len as usize {
            let what = format!("it holds {} bytes of text where its table says {}", text.len(), block.text_len);
            return Err(self.damaged(Some(number), what));
        }
        String::from_utf8(text).map_err(|_| self.damaged(Some(number), "it holds no UTF-8".to_owned()))
    }

    /// The events of the request `id` in order.
    pub(crate) fn request_lines(&self, id: RequestId) -> Result<Vec<Line>, Error> {
        let entries = self.index()?.as_chunks::<ENTRY_LEN>().0;
        let begin = entries.partition_point(|entry| entry[..16] < id.as_bytes()[..]);
        let mut lines = Vec::new();
        for entry in entries[begin..].iter().take_while(|entry| entry[..16] == id.as_bytes()[..]) {
            let number = u32::from_be_bytes([entry[16], entry[17], entry[18], entry[19]]);
            let text = self.read_recent(number)?;
            for line in text.split_terminator('\n').filter(|line| line::request(line) == Some(id)) {
                let seq = line::seq(line).ok_or_else(|| self.no_event(number))?;
                lines.push(Line { seq, text: line.to_owned() });
            }
        }
        Ok(lines)
    }

    /// The entries of the index, sorted: a request's id and the number of a block with lines of it.
    pub(super) fn index(&self) -> Result<&[u8], Error> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let Trailer { index_at, links_at, .. } = self.trailer;
        let index = self.footer("index", self.trailer.index_number(), index_at..links_at)?;
        Ok(self.index.get_or_init(|| index))
    }

    /// How many events each live block had, in order.
    pub(super) fn links(&self) -> Result<Vec<u32>, Error> {
        let Trailer { links_at, table_at, .. } = self.trailer;
        let links = self.footer("list of links", self.trailer.links_number(), links_at..table_at)?;
        Ok(links.as_chunks().0.iter().copied().map(u32::from_be_bytes).collect())
    }

    pub(super) fn damaged(&self, block: Option<u32>, what: String) -> Error {
        Error::Damaged { segment: self.name.clone(), block, what }
    }

    pub(super) fn no_event(&self, block: u32) -> Error {
        self.damaged(Some(block), "it holds a line that is no event".to_owned())
    }

    /// The same as [`read_block`](Self::read_block), and the block stays in memory until the next one is read so.
    fn read_recent(&self, number: u32) -> Result<Arc<String>, Error> {
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = recent().as_ref().filter(|(kept, _)| *kept == number) {
            return Ok(Arc::clone(text));
        }
        let text = Arc::new(self.read_block(number)?);
        if text.len() <= RECENT_MAX {
            *recent() = Some((number, Arc::clone(&text)));
        }
        Ok(text)
    }

    /// The text of a part of the footer that is not bound to the trailer.
    fn footer(&self, part: &str, number: u32, place: Range<u64>) -> Result<Vec<u8>, Error> {
        let text = self.frames.read(&self.file, number, &[], place);
        text.map_err(|bad| bad.into_error(&self.path, |what| self.damaged(None, unusable(part, &what))))
    }
}

impl fmt::Debug for SealedSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSegment").field("path", &self.path).finish_non_exhaustive()
    }
}

fn unusable(part: &str, what: &str) -> String {
    format!("its {part} cannot be used: {what}")
}
