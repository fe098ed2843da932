//! The forms in which a secret known by its value may turn up.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Below this many bytes a secret is redacted only where it stands as a whole token: a short value such as `test` is also
/// a part of many words. From this length on it is redacted wherever its bytes occur.
const ANYWHERE_FROM: usize = 8;

/// From this many bytes on the base64 forms are looked for too. Cut to the characters that depend on the secret alone,
/// those of a shorter one say too little.
const BASE64_FROM: usize = 12;

/// One spelling of a secret.
pub(crate) struct Form {
    /// The exact text to look for.
    pub(crate) text: String,
    /// What it is a spelling of.
    pub(crate) secret: Arc<str>,
    /// Whether it counts only where no letter, digit, `_` or `-` touches it.
    pub(crate) whole_token: bool,
}

/// All spellings of `secret` that are looked for: itself, and what it is in the base64 of a longer text. Escapes are taken away before.
pub(crate) fn forms(secret: &str) -> Vec<Form> {
    let mut texts = BTreeSet::from([secret.to_owned()]);
    if secret.len() >= BASE64_FROM {
        for offset in 0..3 {
            texts.insert(base64_within(secret, offset, &STANDARD_NO_PAD));
            texts.insert(base64_within(secret, offset, &URL_SAFE_NO_PAD));
        }
    }
    let whole_token = secret.len() < ANYWHERE_FROM;
    let secret: Arc<str> = secret.into();
    texts.into_iter().map(|text| Form { text, secret: Arc::clone(&secret), whole_token }).collect()
}

/// The characters that `secret` contributes to the base64 of a longer value in which it begins `offset` bytes after a
/// multiple of three, whatever its neighbours are. So `Basic base64(user:secret)` is found too.
fn base64_within(secret: &str, offset: usize, engine: &impl base64::Engine) -> String {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret.as_bytes());
    let encoded = engine.encode(&bytes);
    // Characters that also hold bits of a neighbour: the first ones after an offset, the last one of an incomplete group.
    let head = (offset * 8).div_ceil(6);
    let tail = usize::from(!bytes.len().is_multiple_of(3));
    encoded[head..encoded.len() - tail].to_owned()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    #[test]
    fn base64_of_any_neighbourhood_holds_a_form() {
        let secret = "k3y/with+odd~chars??";
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            for (before, after) in [("", ""), ("u:", ""), ("user:", "\n"), ("abc", "zz"), ("abcd", "!")] {
                let encoded = engine.encode(format!("{before}{secret}{after}"));
                assert!(forms(secret).iter().any(|form| encoded.contains(&form.text)), "{before:?} {after:?}");
            }
        }
    }

    #[test]
    fn only_short_secrets_need_a_whole_token() {
        assert!(forms("seven77").iter().all(|form| form.whole_token));
        assert!(forms("eight888").iter().all(|form| !form.whole_token));
    }
}
