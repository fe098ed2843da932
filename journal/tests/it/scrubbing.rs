//! Nothing reaches a file before it went through the scrubber.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use journal::{Journal, Options, RequestId, Scrub};

use crate::support::{finished, received, stderr};

struct Hide;

impl Scrub for Hide {
    fn scrub(&self, json: &mut String) {
        *json = json.replace("sk-secret", "[hidden]").replace("/v1/chat/completions", "/scrubbed");
    }
}

/// Every file below `dir`, as it is and with all that looks like a zstd frame decompressed, as a stranger would do it.
fn all_bytes(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(dir).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            bytes.extend(all_bytes(&path));
            continue;
        }
        let raw = fs::read(&path).expect("readable");
        for at in 0..raw.len().saturating_sub(4) {
            if raw[at..].starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
                && let Ok(decoder) = zstd::Decoder::new(&raw[at..])
            {
                // Only the frame, not what stands behind it.
                let mut text = Vec::new();
                let _ = std::io::copy(&mut decoder.single_frame(), &mut text);
                bytes.extend(text);
            }
        }
        bytes.extend(raw);
    }
    bytes
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn the_files_hold_the_prompt_and_not_the_secret() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), Options::default(), Arc::new(Hide)).unwrap();
    let id = RequestId::generate();
    journal.append(&received(id, r#"{"prompt":"tell me a marker","key":"sk-secret"}"#)).unwrap();
    journal.append(&stderr(format!("sk-secret {} a long marker", crate::support::noise(200_000, 5)))).unwrap();
    journal.append(&finished(id)).unwrap();
    journal.flush().unwrap();
    let summaries: Vec<_> = journal.reader().summaries(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(summaries[0].route, "/scrubbed", "summaries are folded from what was scrubbed");
    journal.close().unwrap();

    let bytes = all_bytes(dir.path());
    assert!(contains(&bytes, "tell me a marker"));
    assert!(contains(&bytes, "a long marker"));
    assert!(contains(&bytes, "[hidden]"));
    assert!(!contains(&bytes, "sk-secret"));
}
