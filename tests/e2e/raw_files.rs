//! What lies on the disk: the prompt, which is kept, and no key.

use std::path::{Path, PathBuf};

use crate::support::{KEY, Proxy, UPSTREAM_KEY, ask_stream};

/// The first bytes of every zstd frame (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The file's bytes, and after them the contents of everything in it that is a zstd frame.
fn with_contents(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).expect("the file can be read");
    let starts: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, window)| *window == ZSTD_MAGIC).map(|(start, _)| start).collect();
    for start in starts {
        let mut content = Vec::new();
        let frame = bytes[start..].to_vec();
        if let Ok(mut decoder) = zstd::Decoder::new(&frame[..]).map(zstd::Decoder::single_frame) {
            // What follows the frame, or is no frame after all, ends the reading; what was read until then counts.
            let _ = std::io::copy(&mut decoder, &mut content);
        }
        bytes.extend_from_slice(&content);
    }
    bytes
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prompt_is_kept_and_no_key_is() {
    let planted = [
        "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWX",
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
        "AKIAQWERTYUIOPASDFGH",
    ];
    let proxy = Proxy::start().await;
    let prompt = format!("say:a prompt to remember with {} in it", planted.join(" and "));
    let request = proxy.chat(&ask_stream(&prompt)).header("cookie", "session=c00kie-value-1234");
    assert_eq!(request.send().await.unwrap().text().await.unwrap().matches("[DONE]").count(), 1);
    assert_eq!(proxy.ask("quote-auth").await.status(), 400);
    let log = proxy.log();
    let (_, state) = proxy.stop().await;

    let mut kept = false;
    for path in files(state.path()) {
        let content = with_contents(&path);
        kept |= contains(&content, "a prompt to remember with ");
        for secret in planted.into_iter().chain([KEY, UPSTREAM_KEY, "c00kie-value-1234"]) {
            assert!(!contains(&content, secret), "{secret} is in {}", path.display());
            assert!(!log.contains(secret), "{secret} is in the log");
        }
    }
    assert!(kept, "the prompt is not in the journal");
}
