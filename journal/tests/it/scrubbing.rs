//! Nothing reaches a file before it went through the scrubber.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use journal::{Counts, DayKey, Journal, Options, RequestId, Scrub};

use crate::support::{finished, lines, received, stderr};

struct Hide;

impl Scrub for Hide {
    fn scrub(&self, _: &DayKey, json: &mut String) -> Counts {
        *json = json.replace("sk-secret", "[hidden]").replace("/v1/chat/completions", "/scrubbed");
        Counts::default()
    }
}

/// Every file below `dir`, as it is.
fn all_bytes(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(dir).expect("listed") {
        let path = entry.expect("an entry").path();
        bytes.extend(if path.is_dir() { all_bytes(&path) } else { fs::read(&path).expect("readable") });
    }
    bytes
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn what_was_scrubbed_is_kept_and_no_file_holds_it_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), Options::default(), Arc::new(Hide)).unwrap();
    let id = RequestId::generate();
    journal.append(&received(id, r#"{"prompt":"tell me a marker","key":"sk-secret"}"#)).unwrap();
    journal.append(&stderr(format!("sk-secret {} a long marker", crate::support::noise(200_000, 5)))).unwrap();
    journal.append(&finished(id)).unwrap();
    journal.flush().unwrap();
    let summaries: Vec<_> = journal.reader().summaries(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(summaries[0].route, "/scrubbed", "summaries are folded from what was scrubbed");
    let kept = lines(&journal.reader()).concat();
    journal.close().unwrap();

    assert!(kept.contains("tell me a marker") && kept.contains("a long marker") && kept.contains("[hidden]"));
    assert!(!kept.contains("sk-secret"));
    let bytes = all_bytes(dir.path());
    for text in ["tell me a marker", "a long marker", "sk-secret", "scrubbed", "request.received"] {
        assert!(!contains(&bytes, text), "{text}");
    }
    assert!(bytes.windows(4).all(|window| window != [0x28, 0xb5, 0x2f, 0xfd]), "a zstd frame lies in the clear");
}
