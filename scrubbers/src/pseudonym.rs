//! Pseudonyms: they tell that two secrets are the same one, and not which one it is.

use std::fmt;
use std::sync::LazyLock;

use zeroize::Zeroizing;

/// RFC 4648 base32 in lower case: it survives URLs, JSON and being read out.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// How many characters a token has, of 5 bits each: that two of a thousand secrets share one has a chance of 1 : 2000.
pub(crate) const TOKEN_LEN: usize = 6;

/// The key of the process.
static OF_THIS_PROCESS: LazyLock<PseudonymKey> = LazyLock::new(PseudonymKey::random);

/// Turns secrets into tokens. The same secret has the same token under one key; tokens of two keys have nothing to do with each
/// other, and without the key there is nothing to try guesses against. Wiped from memory when dropped.
pub struct PseudonymKey(Zeroizing<[u8; 32]>);

// === impl PseudonymKey ===

impl PseudonymKey {
    /// The key with these bytes, which should be random.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// A random key, which nobody else has.
    pub fn random() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// A random key that is gone with this process: for its log and what it tells its clients.
    pub fn of_this_process() -> &'static Self {
        &OF_THIS_PROCESS
    }

    /// The token of `value` as a secret of the kind `kind`: six of `a`–`z` and `2`–`7`.
    pub fn token(&self, kind: &str, value: &[u8]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        // A kind's name holds no zero, so that no two pairs of kind and value are the same bytes.
        hasher.update(kind.as_bytes()).update(&[0]).update(value);
        let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
        let bits = u32::from_be_bytes([a, b, c, d]);
        (0..TOKEN_LEN).map(|n| char::from(ALPHABET[(bits >> (27 - 5 * n)) as usize & 31])).collect()
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey")
    }
}

/// Whether `byte` can stand in a token.
pub(crate) fn is_of_token(byte: u8) -> bool {
    ALPHABET.contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_depends_on_key_kind_and_value_alone() {
        let (one, other) = (PseudonymKey::new(&[1; 32]), PseudonymKey::new(&[2; 32]));
        let token = one.token("email", b"ada@example.org");
        assert_eq!(token, PseudonymKey::new(&[1; 32]).token("email", b"ada@example.org"));
        assert!(token.len() == TOKEN_LEN && token.bytes().all(is_of_token), "{token}");
        for different in [
            other.token("email", b"ada@example.org"),
            one.token("password", b"ada@example.org"),
            one.token("email", b"ada@example.com"),
            one.token("emaila", b"da@example.org"),
        ] {
            assert_ne!(different, token);
        }
    }

    #[test]
    fn every_character_of_a_token_takes_every_value() {
        let key = PseudonymKey::new(&[7; 32]);
        let mut seen = [[false; 256]; TOKEN_LEN];
        for n in 0..2000_u32 {
            for (seen, byte) in seen.iter_mut().zip(key.token("email", &n.to_be_bytes()).bytes()) {
                seen[usize::from(byte)] = true;
            }
        }
        for seen in seen {
            assert_eq!(seen.iter().filter(|seen| **seen).count(), ALPHABET.len());
        }
    }

    #[test]
    fn no_byte_of_a_key_is_shown() {
        assert_eq!(format!("{:?}", PseudonymKey::new(&[0xAB; 32])), "PseudonymKey");
    }
}
