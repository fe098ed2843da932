use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::line::{at, request, seq};
use super::*;
use crate::cipher::{DataKey, Link};
use crate::event::RequestId;
use crate::events::Line;

const NAME: &str = "00000000000000000001-20261123T120000Z";

/// A folder with a sealed segment, and what was sealed.
struct Sealed {
    folder: TempDir,
    key: DataKey,
    info: SealInfo,
    pushed: Vec<String>,
}

impl Sealed {
    fn new(pushed: Vec<String>) -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), DataKey::generate());
        let mut writer = SealedWriter::create(&folder.path().join("sealed"), NAME, &key, start()).unwrap();
        for text in &pushed {
            writer.push(text).unwrap();
        }
        let info = writer.finish().unwrap();
        Self { folder, key, info, pushed }
    }

    /// About 20 MiB: two full windows and a short one.
    fn large() -> Self {
        Self::new((0..320).map(|block| lines(block * 4 + 1..=block * 4 + 4, 16 * 1024)).collect())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("sealed")
    }

    fn open(&self) -> Result<SealedSegment, Error> {
        SealedSegment::open(&self.path(), NAME, &self.key)
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// Opens and checks the file as if its content were `bytes`.
    fn check_as(&self, bytes: &[u8]) -> Result<(), Error> {
        fs::write(self.path(), bytes).unwrap();
        self.open()?.check()
    }

    fn events(&self) -> impl Iterator<Item = Line> {
        self.pushed
            .iter()
            .flat_map(|text| text.lines())
            .map(|line| Line { seq: seq(line).unwrap(), text: line.to_owned() })
    }
}

fn start() -> Link {
    Link::from_hex(&"07".repeat(32)).unwrap()
}

fn id(n: u64) -> RequestId {
    format!("0197a0b1-c2d3-7e4f-8a5b-{n:012x}").parse().unwrap()
}

/// One line: every third has no request, the others are of five requests that take turns.
fn line(seq: u64, len: usize) -> String {
    let request = if seq.is_multiple_of(3) { String::new() } else { format!(r#""request":"{}","#, id(seq % 5)) };
    let at = Timestamp::from_second(1_795_000_000 + i64::try_from(seq).unwrap()).unwrap();
    let mut line = format!(r#"{{"seq":{seq},"at":"{at}",{request}"type":"worker.stderr","data":{{"line":""#);
    while line.len() < len {
        write!(line, "{} ", seq.wrapping_mul(line.len() as u64)).unwrap();
    }
    line + "\"}}\n"
}

fn lines(seqs: impl IntoIterator<Item = u64>, len: usize) -> String {
    seqs.into_iter().map(|seq| line(seq, len)).collect()
}

fn is_damaged<T>(result: Result<T, Error>, number: Option<u32>, words: &str) -> bool {
    matches!(result, Err(Error::Damaged { segment, block, what }) if segment == NAME && block == number && what.contains(words))
}

#[test]
fn everything_comes_back_by_window_by_block_and_by_request() {
    let sealed = Sealed::large();
    let info = &sealed.info;
    let segment = sealed.open().unwrap();
    segment.check().unwrap();

    let text = sealed.pushed.concat();
    assert_eq!((info.first_seq, info.last_seq, info.events), (1, 1280, 1280));
    assert_eq!((info.text_bytes, info.file_bytes), (text.len() as u64, sealed.bytes().len() as u64));
    assert_eq!((segment.first_seq(), segment.last_seq(), segment.events()), (1, 1280, 1280));
    assert_eq!((segment.start(), segment.head()), (start(), info.head));
    assert_eq!((segment.began_at(), segment.ended_at()), (info.began_at, info.ended_at));
    assert_eq!(info.ended_at.duration_since(info.began_at).as_secs(), 1279);
    assert_eq!(segment.text_bytes(), info.text_bytes);

    assert_eq!(segment.windows(), 3);
    let windows: Vec<_> = (0..3).map(|window| segment.read_window(window).unwrap()).collect();
    assert!(windows.iter().all(|window| seq(&window.text) == Some(window.first_seq)));
    assert!(windows[..2].iter().all(|window| window.text.len() >= WINDOW_TEXT));
    assert!(windows.into_iter().map(|window| window.text).collect::<String>() == text);
    assert!(segment.read_window(3).is_err() && segment.read_block(info.blocks).is_err());

    for window in 0..3 {
        let blocks: Vec<_> =
            segment.blocks_of_window(window).map(|number| segment.read_block(number).unwrap()).collect();
        assert!(blocks.iter().all(|block| block.len() < 2 * BLOCK_TEXT));
        assert!(blocks.concat().lines().map(|line| (request(line), seq(line))).is_sorted());
    }
    for n in 0..5 {
        let wanted: Vec<_> = sealed.events().filter(|line| request(&line.text) == Some(id(n))).collect();
        assert!(wanted.len() > 100 && segment.request_lines(id(n)).unwrap() == wanted);
    }
    assert_eq!(segment.request_lines(id(5)).unwrap(), []);
}

#[test]
fn the_window_of_an_event_is_the_first_that_may_hold_it() {
    let segment = Sealed::large().open().unwrap();
    let second = segment.read_window(1).unwrap().first_seq;
    assert_eq!(segment.window_of(0), 0);
    assert_eq!(segment.window_of(second - 1), 0);
    assert_eq!(segment.window_of(second), 1);
    assert_eq!(segment.window_of(1280), 2);
    assert_eq!(segment.window_of(1281), segment.windows());
    assert!(segment.blocks_of_window(3).is_empty());
}

#[test]
fn the_chain_is_that_of_the_live_blocks() {
    let pushed = vec![lines(1..=3, 0), lines(4..=4, 0), lines(5..=9, 0)];
    let sealed = Sealed::new(pushed.clone());
    let chain = sealed.key.chain();
    let head = pushed.iter().zip([3, 1, 5]).fold(start(), |link, (text, n)| chain.link(link, n, text.as_bytes()));
    assert_eq!(sealed.info.head, head);
    assert_eq!(sealed.info.digest, digest_of(&sealed.path()).unwrap());
    let expected = digest::digest(&SHA256, &sealed.bytes());
    assert_eq!(sealed.info.digest, expected.as_ref());
}

#[test]
fn sequence_numbers_may_have_gaps() {
    let pushed = vec![lines([7, 9, 1000], 0), String::new(), lines([1002, 5000], 0)];
    let sealed = Sealed::new(pushed.clone());
    let segment = sealed.open().unwrap();
    segment.check().unwrap();
    assert_eq!((segment.first_seq(), segment.last_seq(), segment.events()), (7, 5000, 5));
    let window = segment.read_window(0).unwrap();
    assert_eq!((window.first_seq, window.text), (7, pushed.concat()));
    assert_eq!((segment.window_of(1001), segment.window_of(5001)), (0, 1));
}

#[test]
fn a_line_longer_than_a_block_is_a_block_and_one_longer_than_a_window_is_a_window() {
    let long = [line(4, BLOCK_TEXT + 1), line(6, WINDOW_TEXT + 1)];
    let pushed = vec![lines(1..=3, 0), long[0].clone(), lines(5..=5, 0), long[1].clone(), lines(7..=8, 0)];
    let sealed = Sealed::new(pushed.clone());
    let segment = sealed.open().unwrap();
    segment.check().unwrap();
    let bounds: Vec<_> = segment.table.windows.iter().map(|window| (window.first_seq, window.last_seq)).collect();
    assert_eq!(bounds, [(1, 5), (6, 6), (7, 8)]);
    let blocks: Vec<_> = (0..sealed.info.blocks).map(|number| segment.read_block(number).unwrap()).collect();
    assert!(long.iter().all(|long| blocks.contains(long)));
    assert!((0..3).map(|window| segment.read_window(window).unwrap().text).collect::<String>() == pushed.concat());
}

#[test]
fn a_draft_is_overwritten_and_the_file_is_its_owners_alone() {
    let sealed = Sealed::new(vec![lines(1..=3, 0)]);
    fs::write(sealed.path(), vec![b'x'; 100_000]).unwrap();
    fs::set_permissions(sealed.path(), Permissions::from_mode(0o644)).unwrap();
    let mut writer = SealedWriter::create(&sealed.path(), NAME, &sealed.key, start()).unwrap();
    writer.push(&sealed.pushed[0]).unwrap();
    let info = writer.finish().unwrap();
    sealed.open().unwrap().check().unwrap();
    assert_eq!(fs::metadata(sealed.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_ne!(info.digest, sealed.info.digest, "a fresh salt each time");

    let nowhere = sealed.folder.path().join("none/sealed");
    assert!(matches!(SealedWriter::create(&nowhere, NAME, &sealed.key, start()), Err(Error::Io { .. })));
    assert!(matches!(digest_of(&nowhere), Err(Error::Io { .. })));
}

#[test]
fn what_is_no_segment_is_not_sealed() {
    let (folder, key) = (tempfile::tempdir().unwrap(), DataKey::generate());
    let create = || SealedWriter::create(&folder.path().join("sealed"), NAME, &key, start()).unwrap();
    assert!(is_damaged(create().finish(), None, "no event"));
    assert!(is_damaged(create().push(lines(1..=2, 0).trim_end()), None, "a line that is no event"));
    assert!(is_damaged(create().push("{\"seq\":1}\n"), None, "a line that is no event"));
    assert!(is_damaged(create().push(&lines([4, 4], 0)), None, "event 4 follows event 4"));
    let mut writer = create();
    writer.push(&lines([4], 0)).unwrap();
    assert!(is_damaged(writer.push(&lines([3], 0)), None, "event 3 follows event 4"));
}

#[test]
fn it_opens_only_with_its_key_and_under_its_name() {
    let sealed = Sealed::new(vec![lines(1..=3, 0)]);
    let other = SealedSegment::open(&sealed.path(), NAME, &DataKey::generate());
    assert!(is_damaged(other.map(drop), None, "its table cannot be used: it cannot be decrypted"));
    assert!(SealedSegment::open(&sealed.path(), "another", &sealed.key).is_err());
    assert!(!sealed.bytes().windows(6).any(|window| window == b"stderr"));
}

#[test]
fn a_changed_bit_or_a_missing_end_is_noticed_wherever_it_is() {
    let sealed = Sealed::new(vec![lines(1..=6, 0), lines(7..=9, 0)]);
    let bytes = sealed.bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(matches!(sealed.check_as(&changed), Err(Error::Damaged { .. })), "byte {at} of {}", bytes.len());
        assert!(matches!(sealed.check_as(&bytes[..at]), Err(Error::Damaged { .. })), "cut at {at}");
    }
    sealed.check_as(&bytes).unwrap();
    assert!(is_damaged(sealed.check_as(&bytes[..10]), None, "too short"));
    assert!(is_damaged(sealed.check_as(&bytes[..bytes.len() - 1]), None, "ends without a trailer"));
}

#[test]
fn a_damaged_block_does_not_keep_others_from_being_read() {
    let sealed = Sealed::large();
    let whole = sealed.open().unwrap();
    let mut bytes = sealed.bytes();
    bytes[usize::try_from(whole.table.blocks[1].offset).unwrap()] ^= 1;
    fs::write(sealed.path(), &bytes).unwrap();
    let segment = sealed.open().unwrap();
    assert!(is_damaged(segment.read_block(1), Some(1), "cannot be decrypted"));
    assert!(is_damaged(segment.read_window(0).map(drop), Some(1), "cannot be decrypted"));
    assert!(is_damaged(segment.check(), Some(1), "cannot be decrypted"));
    assert!((0..sealed.info.blocks).filter(|number| *number != 1).all(|number| segment.read_block(number).is_ok()));
    assert!(segment.read_window(1).is_ok() && segment.read_window(2).is_ok());

    let end = usize::try_from(whole.table.blocks[4].offset).unwrap();
    File::options().write(true).open(sealed.path()).unwrap().set_len(end as u64).unwrap();
    assert!(segment.read_block(3).is_ok());
    assert!(is_damaged(segment.read_block(4), Some(4), "the file ends"));
}

#[test]
fn a_check_compares_the_table_and_the_index_with_the_blocks() {
    let sealed = Sealed::new(vec![lines(1..=6, 0), lines(7..=9, 0)]);
    let check = |change: fn(&mut SealedSegment)| {
        let mut segment = sealed.open().unwrap();
        change(&mut segment);
        segment.check()
    };
    check(|_| ()).unwrap();
    assert!(is_damaged(check(|segment| segment.table.start[0] ^= 1), None, "do not lead to the link"));
    assert!(is_damaged(check(|segment| segment.table.head[0] ^= 1), None, "do not lead to the link"));
    assert!(is_damaged(check(|segment| segment.table.span.events += 1), None, "the totals"));
    assert!(is_damaged(check(|segment| segment.table.span.began_at = Timestamp::UNIX_EPOCH), None, "the totals"));
    assert!(is_damaged(check(|segment| segment.table.text_bytes += 1), None, "the totals"));
    assert!(is_damaged(check(|segment| segment.table.windows[0].last_seq += 1), None, "the events of a window"));
    assert!(is_damaged(check(|segment| segment.table.blocks[0].text_len += 1), Some(0), "bytes of text"));
    assert!(is_damaged(check(|segment| drop(segment.index.set(Vec::new()))), None, "its index"));
}

#[test]
fn a_segment_is_read_by_many_threads() {
    let sealed = Sealed::new(vec![lines(1..=100, 0)]);
    let segment = sealed.open().unwrap();
    let count = |n| segment.request_lines(id(n)).unwrap().len();
    let counts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..5).map(|n| scope.spawn(move || count(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(counts.iter().sum::<usize>(), sealed.events().filter(|line| request(&line.text).is_some()).count());
}

#[test]
fn the_beginning_of_a_line_is_read_as_json_reads_it() {
    let with = r#"{"seq":7,"at":"2026-11-23T12:00:00.5Z","request":"0197a0b1-c2d3-7e4f-8a5b-000000000001","type":"a","data":{}}"#;
    let half_past: Timestamp = "2026-11-23T12:00:00.5Z".parse().unwrap();
    assert_eq!((seq(with), at(with), request(with)), (Some(7), Some(half_past), Some(id(1))));
    let without = r#"{"seq":7,"at":"2026-11-23T12:00:00.5Z","type":"a","data":{"request":"0197a0b1-c2d3-7e4f-8a5b-000000000001"}}"#;
    assert_eq!((seq(without), at(without), request(without)), (Some(7), Some(half_past), None));

    let spaced = with.replace(':', " : ").replace(" : 00 : 00", ":00:00");
    let turned = r#"{"request":"0197a0b1-c2d3-7e4f-8a5b-000000000001","at":"2026-11-23T12:00:00.5Z","seq":7}"#;
    let escaped = with.replace("2026", r"\u0032026");
    for other in [spaced.as_str(), turned, &escaped] {
        assert_eq!((seq(other), at(other), request(other)), (Some(7), Some(half_past), Some(id(1))), "{other}");
    }
    for none in ["", "{", r#"{"seq":"#, r#"{"seq":-1}"#, r#"{"seq":99999999999999999999,"at":"","type":"a"}"#, "[]"] {
        assert_eq!((seq(none), at(none), request(none)), (None, None, None), "{none}");
    }
}

proptest! {
    #[test]
    fn any_lines_come_back(gaps in prop::collection::vec((1_u64..5, 0_usize..400), 1..60), sizes in prop::collection::vec(1_usize..9, 60)) {
        let mut seq = 0;
        let all = gaps.into_iter().map(|(gap, len)| {
            seq += gap;
            line(seq, len)
        });
        let mut all: Vec<_> = all.collect();
        let mut pushed = Vec::new();
        for size in sizes {
            pushed.push(all.drain(..size.min(all.len())).collect());
        }
        let sealed = Sealed::new(pushed);
        let segment = sealed.open().unwrap();
        segment.check().unwrap();
        prop_assert_eq!(segment.read_window(0).unwrap().text, sealed.pushed.concat());
        for n in 0..5 {
            let wanted: Vec<_> = sealed.events().filter(|line| request(&line.text) == Some(id(n))).collect();
            prop_assert_eq!(segment.request_lines(id(n)).unwrap(), wanted);
        }
    }

    #[test]
    fn bytes_put_anywhere_are_noticed(at: prop::sample::Index, len in 0_usize..64, put in prop::collection::vec(any::<u8>(), 0..64)) {
        let sealed = Sealed::new(vec![lines(1..=20, 100)]);
        let bytes = sealed.bytes();
        let begin = at.index(bytes.len());
        let mut changed = bytes.clone();
        changed.splice(begin..(begin + len).min(bytes.len()), put);
        prop_assert_eq!(sealed.check_as(&changed).is_err(), changed != bytes);
    }

    #[test]
    fn any_bytes_are_no_segment(mut bytes in prop::collection::vec(any::<u8>(), 0..300), places: [u64; 3], framed: bool) {
        if framed && bytes.len() >= HEAD_LEN + TRAILER_LEN {
            bytes[..7].copy_from_slice(MAGIC);
            bytes[7] = VERSION;
            let [index_at, links_at, table_at] = places;
            let trailer = Trailer { index_at, links_at, table_at, blocks: 1 }.to_bytes();
            let end = bytes.len() - TRAILER_LEN;
            bytes[end..].copy_from_slice(&trailer);
        }
        let sealed = Sealed::new(vec![lines(1..=1, 0)]);
        prop_assert!(sealed.check_as(&bytes).is_err());
    }

    #[test]
    fn any_line_is_read_without_a_panic(text in ".*", tail in r#"[0-9]{0,21}(,"at":"[^"]{0,30}"?)?(,"request":"[^"]{0,40}"?)?.*"#) {
        for line in [text, format!("{{\"seq\":{tail}")] {
            let _ = (seq(&line), at(&line), request(&line));
        }
    }
}
