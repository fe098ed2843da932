//! Tokens: the same secret has the same one under one key, in whatever form it stands, and another under another key.

mod support;

use scrubbers::{PseudonymKey, Scrubber};
use serde_json::json;
use support::key;

const OWN: &str = "p/w+ör\"d=with~odd chars";

fn scrubber() -> Scrubber {
    Scrubber::builder().secret("own-key", OWN).build().expect("valid")
}

/// The markers in `text` scrubbed under `key`, in order.
fn markers(text: &str, key: &PseudonymKey) -> Vec<String> {
    let scrubbed = scrubber().scrub_text(text, key).into_owned();
    let rest = scrubbed.split('[').skip(1);
    rest.map(|marker| format!("[{}]", marker.split(']').next().expect("a part"))).collect()
}

#[test]
fn a_secret_has_one_token_in_all_its_forms_and_in_all_texts() {
    let own = format!("[OWN_KEY:{}]", key().token("own-key", OWN.as_bytes()));
    for text in [
        format!("is it {OWN}?"),
        json!({ "a": OWN, "b": json!({ "c": OWN }).to_string() }).to_string(),
        "q=p%2Fw%2B%C3%B6r%22d%3Dwith~odd%20chars&p%2fw%2b%c3%b6r%22d%3dwith~odd%20chars".to_owned(),
    ] {
        let found = markers(&text, &key());
        assert!(!found.is_empty() && found.iter().all(|marker| *marker == own), "{found:?} in {text}");
    }
    // By its look: raw, in a JSON string and percent-encoded, in two documents.
    let token = "aB3+/dE4fG5hI6jK7";
    let texts = [
        format!("Bearer {token}"),
        json!(format!("x \"Bearer {token}\"")).to_string(),
        "Bearer%20aB3%2B%2fdE4fG5hI6jK7".into(),
    ];
    for text in texts {
        assert_eq!(
            markers(&text, &key()),
            [format!("[AUTHORIZATION:{}]", key().token("authorization", token.as_bytes()))]
        );
    }
}

#[test]
fn tokens_of_different_keys_and_secrets_have_nothing_in_common() {
    let text = format!("it is {OWN}, Bearer aB3cdE4fG5hI6jK7, Bearer aB3cdE4fG5hI6jK8");
    let (one, other) = (markers(&text, &key()), markers(&text, &PseudonymKey::new(&[8; 32])));
    assert_eq!((one.len(), other.len()), (3, 3));
    assert_ne!(one[1], one[2]);
    for marker in &one {
        assert!(!other.contains(marker), "{marker}");
    }
    let process = PseudonymKey::of_this_process();
    assert_eq!(markers(&text, process), markers(&text, process));
    assert_ne!(markers(&text, process), one);
}
