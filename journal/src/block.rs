//! Blocks: the bytes of one database value of a live segment, and back.
//!
//! The lines of a block are one zstd frame. It is encrypted and kept in one value, or, when it is too long for one, cut into
//! several that follow each other: its parts.

use std::cell::RefCell;
use std::fmt;
use std::io;

use zstd::bulk::{Compressor, Decompressor};

use crate::cipher::{Cipher, DataKey, Link, Salt, nonce, random};

/// Most text of a block, in bytes, unless it is one longer event.
pub(crate) const TEXT_MAX: usize = 128 * 1024;

/// Most of a frame that goes into one value. With header and key it must stay below a quarter of the database's
/// `segment_size` (512 KiB): sled puts longer values in files of their own, which it never syncs.
const PART_MAX: usize = 96 * 1024;

const MAGIC: &[u8; 4] = b"JBLK";
const VERSION: u8 = 2;
const LEN: usize = 100;
const LEVEL: i32 = 1;

/// What subkeys are derived for.
const PURPOSE: &str = "blocks";

/// What stands before the ciphertext, in the clear; it is authenticated with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Sequence number of the first event.
    pub(crate) first_seq: u64,
    /// Events in the block.
    pub(crate) events: u32,
    /// Length of the block's text in bytes.
    pub(crate) text_len: u32,
    /// Which part this is, from 0.
    pub(crate) part: u32,
    /// How many parts there are.
    pub(crate) parts: u32,
    /// Which use of its subkey this part was encrypted with.
    counter: u32,
    /// What the subkey was derived with.
    salt: Salt,
    /// The chain before the block's first event.
    pub(crate) before: Link,
}

/// Events on their way into a block: whole lines, each with its line end.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) first_seq: u64,
    pub(crate) events: u32,
    pub(crate) text: String,
}

/// Compresses the text of blocks.
pub(crate) struct Encoder(Compressor<'static>);

/// One opening of a segment to write to it. It has a subkey of its own, so that a place that is written again after a crash is
/// not encrypted with the same nonce again.
pub(crate) struct Opening {
    cipher: Cipher,
    salt: Salt,
    /// How often the subkey was used.
    counter: u32,
}

/// Why bytes are no block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadBlock(String);

// === impl Header ===

impl Header {
    /// Sequence number of the last event.
    pub(crate) fn last_seq(&self) -> u64 {
        self.first_seq + u64::from(self.events) - 1
    }

    /// Whether `other` is part `part` of the same block.
    pub(crate) fn is_continued_by(&self, other: &Self, part: u32) -> bool {
        *other == Self { part, counter: other.counter, ..*self }
    }

    fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[0..4].copy_from_slice(MAGIC);
        bytes[4] = VERSION;
        // 5 is for flags, 6 and 7 keep what follows aligned; all three are zero.
        bytes[8..16].copy_from_slice(&self.first_seq.to_be_bytes());
        for (at, number) in
            [(16, self.events), (20, self.text_len), (24, self.part), (28, self.parts), (32, self.counter)]
        {
            bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
        }
        bytes[36..68].copy_from_slice(&self.salt);
        bytes[68..100].copy_from_slice(self.before.as_bytes());
        bytes
    }

    /// Reads the header of `value` and checks that its numbers make sense. That nobody changed it, only [`decrypt`] tells.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, BadBlock> {
        let Some(bytes) = value.first_chunk::<LEN>() else {
            return Err(BadBlock(format!("it has {} bytes, less than a header", value.len())));
        };
        if &bytes[0..4] != MAGIC {
            return Err(BadBlock("it does not begin with JBLK".to_owned()));
        }
        if bytes[4..8] != [VERSION, 0, 0, 0] {
            return Err(BadBlock(format!("its header has version {} and flags {:?}", bytes[4], &bytes[5..8])));
        }
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let digest = |at: usize| <[u8; 32]>::try_from(&bytes[at..at + 32]).expect("32 bytes");
        let header = Self {
            first_seq: u64::from(number(8)) << 32 | u64::from(number(12)),
            events: number(16),
            text_len: number(20),
            part: number(24),
            parts: number(28),
            counter: number(32),
            salt: digest(36),
            before: Link::from_bytes(digest(68)),
        };
        let sound = header.first_seq > 0
            && header.first_seq.checked_add(u64::from(header.events)).is_some()
            && header.events > 0
            && header.part < header.parts;
        if sound {
            Ok(header)
        } else {
            let Self { first_seq, events, part, parts, .. } = header;
            Err(BadBlock(format!(
                "its header makes no sense: first event {first_seq}, {events} events, part {part} of {parts}"
            )))
        }
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
    pub(crate) fn new() -> io::Result<Self> {
        Compressor::new(LEVEL).map(Self)
    }

    pub(crate) fn frame(&mut self, text: &str) -> io::Result<Vec<u8>> {
        self.0.compress(text.as_bytes())
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

// === impl Opening ===

impl Opening {
    pub(crate) fn new(key: &DataKey) -> Self {
        let salt = random();
        Self { cipher: key.cipher(PURPOSE, &salt), salt, counter: 0 }
    }

    /// Encrypts the `frame` of `lines` and hands the values to `sink` in order. The first one is for key `number` of the segment
    /// `name`.
    pub(crate) fn encrypt<E>(
        &mut self,
        (name, number): (&str, u32),
        (lines, before): (&Lines, Link),
        frame: &[u8],
        mut sink: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let parts = length(frame.len().div_ceil(PART_MAX));
        for (part, piece) in (0..).zip(frame.chunks(PART_MAX)) {
            let header = Header {
                first_seq: lines.first_seq,
                events: lines.events,
                text_len: length(lines.text.len()),
                part,
                parts,
                counter: self.counter,
                salt: self.salt,
                before,
            };
            let mut value = Vec::with_capacity(LEN + piece.len() + crate::cipher::TAG_LEN);
            value.extend_from_slice(&header.to_bytes());
            value.extend_from_slice(piece);
            let aad = aad(name, number + part, &value[..LEN]);
            self.cipher.encrypt(nonce(self.counter), &aad, &mut value, LEN);
            self.counter += 1;
            sink(value)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening")
    }
}

// === impl BadBlock ===

impl From<BadBlock> for String {
    fn from(bad: BadBlock) -> Self {
        bad.0
    }
}

/// Reads the value of key `number` in the segment `name`: its header and its part of the frame.
pub(crate) fn decrypt(key: &DataKey, name: &str, number: u32, value: &[u8]) -> Result<(Header, Vec<u8>), BadBlock> {
    let header = Header::parse(value)?;
    let mut bytes = value[LEN..].to_vec();
    let aad = aad(name, number, &value[..LEN]);
    let frame = key
        .cipher(PURPOSE, &header.salt)
        .decrypt(nonce(header.counter), &aad, &mut bytes)
        .map_err(|error| BadBlock(error.to_string()))?
        .len();
    bytes.truncate(frame);
    Ok((header, bytes))
}

thread_local! {
    /// Making one costs as much as decompressing a small block.
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::new(Decompressor::default());
}

/// The text in the zstd `frame`, which has at most `text_len` bytes of it.
pub(crate) fn inflate(frame: &[u8], text_len: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.decompress(frame, text_len))
}

/// The text of a block from its whole frame. Its header must have been authenticated: it says how much memory this takes.
pub(crate) fn decompress(header: &Header, frame: &[u8]) -> Result<String, BadBlock> {
    let text_len = header.text_len as usize;
    let text = inflate(frame, text_len)
        .map_err(|error| BadBlock(format!("its zstd frame cannot be decompressed ({error})")))?;
    if text.len() != text_len {
        return Err(BadBlock(format!("it holds {} bytes of text where its header says {text_len}", text.len())));
    }
    let text = String::from_utf8(text).map_err(|_| BadBlock("it holds no UTF-8".to_owned()))?;
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    if lines != header.events as usize || !text.ends_with('\n') {
        return Err(BadBlock(format!("it holds {lines} lines where its header says {}", header.events)));
    }
    Ok(text)
}

/// What a value is bound to: its segment, its key, its header.
fn aad(name: &str, number: u32, header: &[u8]) -> Vec<u8> {
    [name.as_bytes(), &number.to_be_bytes(), header].concat()
}

/// Lengths and counts of what is in memory here; the longest event is a few hundred MiB.
fn length(n: usize) -> u32 {
    u32::try_from(n).expect("an event is shorter than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "segment";

    fn encode(key: &DataKey, text: &str) -> Vec<Vec<u8>> {
        let events = u32::try_from(text.lines().count()).unwrap();
        let lines = Lines { first_seq: 7, events, text: text.to_owned() };
        let frame = Encoder::new().unwrap().frame(text).unwrap();
        let mut values = Vec::new();
        let keep = |value| {
            values.push(value);
            Ok::<_, ()>(())
        };
        Opening::new(key).encrypt((NAME, 3), (&lines, Link::ORIGIN), &frame, keep).unwrap();
        values
    }

    fn decode(key: &DataKey, values: &[Vec<u8>]) -> Result<(Header, String), BadBlock> {
        let mut frame = Vec::new();
        let mut first = None;
        for (value, number) in values.iter().zip(3..) {
            let (header, piece) = decrypt(key, NAME, number, value)?;
            frame.extend(piece);
            assert!(first.get_or_insert(header).is_continued_by(&header, number - 3));
        }
        let header = first.unwrap();
        decompress(&header, &frame).map(|text| (header, text))
    }

    fn noise(len: usize) -> String {
        let mut state = 1_u64;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(u8::try_from((state >> 33) % 95).unwrap() + b' ')
        };
        (0..len).map(next).chain(['\n']).collect()
    }

    #[test]
    fn text_that_compresses_is_one_value() {
        let key = DataKey::generate();
        let text = "{\"a\":1}\n".repeat(TEXT_MAX / 8);
        let values = encode(&key, &text);
        assert_eq!(values.len(), 1);
        let (header, read) = decode(&key, &values).unwrap();
        assert_eq!(read, text);
        assert_eq!((header.first_seq, header.last_seq(), header.parts), (7, 7 + (TEXT_MAX / 8) as u64 - 1, 1));
    }

    #[test]
    fn text_that_does_not_compress_is_cut_below_the_limit_and_comes_back() {
        let key = DataKey::generate();
        for len in [TEXT_MAX, 1_000_000] {
            let text = noise(len);
            let values = encode(&key, &text);
            assert!(values.len() > 1 && values.iter().all(|value| value.len() < 128 * 1024 - 64));
            assert_eq!(decode(&key, &values).unwrap().1, text);
        }
    }

    #[test]
    fn a_change_anywhere_and_any_other_place_is_noticed() {
        let key = DataKey::generate();
        let value = encode(&key, "{\"seq\":7}\n{\"seq\":8}\n{\"seq\":9}\n").remove(0);
        assert!(decrypt(&key, NAME, 3, &value).is_ok());
        for at in 0..value.len() {
            let mut bad = value.clone();
            bad[at] ^= 0x40;
            assert!(decrypt(&key, NAME, 3, &bad).is_err(), "byte {at}");
        }
        assert!(decrypt(&key, NAME, 3, &value[..value.len() - 1]).is_err());
        assert!(decrypt(&key, NAME, 3, &[]).is_err());
        assert!(decrypt(&key, NAME, 4, &value).is_err());
        assert!(decrypt(&key, "another", 3, &value).is_err());
        assert!(decrypt(&DataKey::generate(), NAME, 3, &value).is_err());
    }

    #[test]
    fn no_two_openings_encrypt_alike() {
        let key = DataKey::generate();
        assert_ne!(encode(&key, "{}\n")[0][LEN..], encode(&key, "{}\n")[0][LEN..]);
    }
}
