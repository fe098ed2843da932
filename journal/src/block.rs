//! Blocks: the bytes of one database value, and back.
//!
//! A block is a header and one zstd frame of event lines. Lines too long for one block go over several consecutive blocks,
//! its parts, each with a frame of its own.

use std::fmt;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

/// Most text of a block of one part, in bytes.
pub(crate) const TEXT_MAX: usize = 128 * 1024;

/// Text of each part but the last when there are several. Even text that does not compress stays below [`FRAME_MAX`] then.
const PART_TEXT: usize = 64 * 1024;

/// Longest frame. With header and key it must stay below a quarter of the database's `segment_size` (512 KiB): sled puts
/// longer values in files of their own, which it never syncs.
const FRAME_MAX: usize = 96 * 1024;

const MAGIC: &[u8; 4] = b"JBLK";
const VERSION: u8 = 1;
const LEN: usize = 32;
const LEVEL: i32 = 1;

/// What stands before the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Sequence number of the first event.
    pub(crate) first_seq: u64,
    /// Events in all parts together.
    pub(crate) events: u32,
    /// Length of this part's text in bytes.
    pub(crate) text_len: u32,
    /// Which part this is, from 0.
    pub(crate) part: u32,
    /// How many parts there are.
    pub(crate) parts: u32,
}

/// Events on their way into a block: whole lines, each with its line end.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) first_seq: u64,
    pub(crate) events: u32,
    pub(crate) text: String,
}

/// Makes blocks.
pub(crate) struct Encoder(Compressor<'static>);

/// Why bytes are no block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadBlock(String);

// === impl Header ===

impl Header {
    /// Sequence number of the last event.
    pub(crate) fn last_seq(&self) -> u64 {
        self.first_seq + u64::from(self.events) - 1
    }

    fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[0..4].copy_from_slice(MAGIC);
        bytes[4] = VERSION;
        // 5 is for flags, 6 and 7 keep what follows aligned; all three are zero.
        bytes[8..16].copy_from_slice(&self.first_seq.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.events.to_be_bytes());
        bytes[20..24].copy_from_slice(&self.text_len.to_be_bytes());
        bytes[24..28].copy_from_slice(&self.part.to_be_bytes());
        bytes[28..32].copy_from_slice(&self.parts.to_be_bytes());
        bytes
    }

    /// Reads the header of `block` and checks that its numbers make sense.
    pub(crate) fn parse(block: &[u8]) -> Result<Self, BadBlock> {
        let Some(bytes) = block.first_chunk::<LEN>() else {
            return Err(BadBlock(format!("it has {} bytes, less than a header", block.len())));
        };
        if &bytes[0..4] != MAGIC {
            return Err(BadBlock("it does not begin with JBLK".to_owned()));
        }
        if bytes[4..8] != [VERSION, 0, 0, 0] {
            return Err(BadBlock(format!("its header has version {} and flags {:?}", bytes[4], &bytes[5..8])));
        }
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let header = Self {
            first_seq: u64::from(number(8)) << 32 | u64::from(number(12)),
            events: number(16),
            text_len: number(20),
            part: number(24),
            parts: number(28),
        };
        let sound = header.first_seq > 0
            && header.first_seq.checked_add(u64::from(header.events)).is_some()
            && header.events > 0
            && header.text_len as usize <= TEXT_MAX
            && header.part < header.parts;
        if sound { Ok(header) } else { Err(BadBlock(format!("its header makes no sense: {header:?}"))) }
    }
}

// === impl Lines ===

impl Lines {
    /// Sequence number of the last event, of which there must be one.
    pub(crate) fn last_seq(&self) -> u64 {
        self.first_seq + u64::from(self.events) - 1
    }
}

// === impl Encoder ===

impl Encoder {
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self(compressor))
    }

    /// Makes the blocks that hold `lines` and hands them to `sink` in order.
    pub(crate) fn encode<E: From<std::io::Error>>(
        &mut self,
        lines: &Lines,
        mut sink: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let text = lines.text.as_bytes();
        if text.len() <= TEXT_MAX {
            let block = self.part(lines, text, 0, 1)?;
            if block.len() <= LEN + FRAME_MAX {
                return sink(block);
            }
        }
        let parts = length(text.len().div_ceil(PART_TEXT));
        for (part, text) in (0..).zip(text.chunks(PART_TEXT)) {
            sink(self.part(lines, text, part, parts)?)?;
        }
        Ok(())
    }

    fn part(&mut self, lines: &Lines, text: &[u8], part: u32, parts: u32) -> std::io::Result<Vec<u8>> {
        let Lines { first_seq, events, .. } = *lines;
        let header = Header { first_seq, events, text_len: length(text.len()), part, parts };
        let mut block = vec![0; LEN + zstd::zstd_safe::compress_bound(text.len())];
        block[..LEN].copy_from_slice(&header.to_bytes());
        let frame = self.0.compress_to_buffer(text, &mut block[LEN..])?;
        block.truncate(LEN + frame);
        Ok(block)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

// === impl BadBlock ===

impl From<BadBlock> for String {
    fn from(bad: BadBlock) -> Self {
        bad.0
    }
}

/// Reads one block back: its header and its part of the text, which may begin and end inside a character.
pub(crate) fn decode(block: &[u8]) -> Result<(Header, Vec<u8>), BadBlock> {
    let header = Header::parse(block)?;
    let text_len = header.text_len as usize;
    let text = Decompressor::new()
        .and_then(|mut decompressor| decompressor.decompress(&block[LEN..], text_len))
        .map_err(|error| BadBlock(format!("its zstd frame cannot be decompressed ({error})")))?;
    if text.len() != text_len {
        return Err(BadBlock(format!("it holds {} bytes of text where its header says {text_len}", text.len())));
    }
    Ok((header, text))
}

/// Lengths and counts of what is in memory here; the longest event is a few hundred MiB.
fn length(n: usize) -> u32 {
    u32::try_from(n).expect("an event is shorter than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str) -> Vec<Vec<u8>> {
        let lines = Lines { first_seq: 7, events: 3, text: text.to_owned() };
        let mut blocks = Vec::new();
        let keep = |block| -> std::io::Result<()> {
            blocks.push(block);
            Ok(())
        };
        Encoder::new().unwrap().encode(&lines, keep).unwrap();
        blocks
    }

    fn noise(len: usize) -> String {
        let mut state = 1_u64;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(u8::try_from((state >> 33) % 95).unwrap() + b' ')
        };
        (0..len).map(next).collect()
    }

    #[test]
    fn text_that_compresses_is_one_block_with_one_whole_frame() {
        let text = "{\"a\":1}\n".repeat(TEXT_MAX / 8);
        let blocks = encode(&text);
        assert_eq!(blocks.len(), 1);
        assert_eq!(zstd::decode_all(&blocks[0][LEN..]).unwrap(), text.as_bytes());
        let header = Header::parse(&blocks[0]).unwrap();
        assert_eq!((header.first_seq, header.last_seq(), header.parts), (7, 9, 1));
    }

    #[test]
    fn text_that_does_not_compress_is_split_below_the_limit_and_comes_back() {
        for len in [TEXT_MAX, TEXT_MAX + 1, 1_000_000] {
            let text = noise(len);
            let blocks = encode(&text);
            assert!(blocks.len() > 1);
            let mut read = Vec::new();
            for (block, part) in blocks.iter().zip(0..) {
                assert!(block.len() <= LEN + FRAME_MAX);
                let (header, bytes) = decode(block).unwrap();
                assert_eq!((header.part, header.parts as usize), (part, blocks.len()));
                read.extend(bytes);
            }
            assert_eq!(read, text.as_bytes());
        }
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let block = encode("{\"seq\":7}\n{\"seq\":8}\n{\"seq\":9}\n").remove(0);
        let whole = decode(&block).unwrap();
        for at in 0..block.len() {
            let mut bad = block.clone();
            bad[at] ^= 0x40;
            // Numbers of the header that are checked against the neighbours only, by the reader.
            let header_number = (8..20).contains(&at) || (24..32).contains(&at);
            assert!(decode(&bad) != Ok(whole.clone()), "byte {at}");
            assert!(header_number || decode(&bad).is_err(), "byte {at}");
        }
        assert!(decode(&block[..block.len() - 1]).is_err());
        assert!(decode(&[]).is_err());
    }
}
