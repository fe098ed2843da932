//! API keys, held as hashes.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The id of the one key that the configuration holds.
const DEFAULT_KEY: &str = "default";

/// The keys that open the API.
#[derive(Debug)]
pub struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    id: &'static str,
    digest: [u8; 32],
}

// === impl Keys ===

impl Keys {
    /// The keys of the configuration.
    pub fn new(api_key: Option<&SecretString>) -> Self {
        let key = |secret: &SecretString| Key { id: DEFAULT_KEY, digest: digest(secret.expose_secret().as_bytes()) };
        Self { keys: api_key.map(key).into_iter().collect() }
    }

    /// The id of the key that `headers` present as a bearer token, if it is one of ours.
    ///
    /// The time it takes depends on how many keys there are and not on how near the presented one comes.
    pub fn authenticate(&self, headers: &HeaderMap) -> Option<&'static str> {
        let presented = digest(bearer_token(headers)?);
        let mut found = None;
        for key in &self.keys {
            if bool::from(key.digest.ct_eq(&presented)) {
                found = Some(key.id);
            }
        }
        found
    }
}

/// Whether `headers` present `token` as their bearer token.
pub fn presents(headers: &HeaderMap, token: &SecretString) -> bool {
    let expected = digest(token.expose_secret().as_bytes());
    bearer_token(headers).map_or(Choice::from(0), |presented| digest(presented).ct_eq(&expected)).into()
}

fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticate(value: &'static str) -> Option<&'static str> {
        let keys = Keys::new(Some(&SecretString::from("sesame")));
        keys.authenticate(&HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]))
    }

    #[test]
    fn only_the_whole_key_opens() {
        assert_eq!(authenticate("Bearer sesame"), Some("default"));
        assert_eq!(authenticate("bearer  sesame "), Some("default"));
        for wrong in ["sesame", "Bearer", "Bearer ", "Bearer sesam", "Bearer sesame2", "Basic sesame", "Bearer Sesame"]
        {
            assert_eq!(authenticate(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn without_keys_nobody_comes_in() {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, "Bearer ".parse().unwrap())]);
        assert_eq!(Keys::new(None).authenticate(&headers), None);
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", Keys::new(Some(&SecretString::from("sesame")))).contains("sesame"));
    }
}
