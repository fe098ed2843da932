//! Encryption and the hash chain: what a segment's data key is used for.
//!
//! A [`DataKey`] never encrypts anything itself. Whoever writes derives a subkey with a fresh random [`Salt`] and counts
//! nonces from zero, so that a place written again after a crash never sees a nonce twice. Salt and nonce are kept beside
//! what they encrypt.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt as HkdfSalt};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

/// Length of a key in bytes.
pub(crate) const KEY_LEN: usize = 32;

/// What encryption adds to the length of a text, in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// What tells one subkey of a data key from the others.
pub(crate) type Salt = [u8; 32];

/// The key of one segment, one day of summaries or one hold. In memory only; on disk it is wrapped, see [`crate::keys`].
#[derive(Clone)]
pub(crate) struct DataKey(Zeroizing<[u8; KEY_LEN]>);

/// A key that encrypts: AES-256-GCM.
pub(crate) struct Cipher(LessSafeKey);

/// The state of the hash chain behind an event: a keyed BLAKE3 digest of the link before it and of the events in between. The
/// key is the segment's, so that a link tells nothing of the events once that key is destroyed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Link([u8; 32]);

/// Makes the links of one segment.
#[derive(Clone)]
pub(crate) struct Chain(Zeroizing<[u8; KEY_LEN]>);

/// Ciphertext, key or associated data are not what they were at encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be decrypted: it, its place or its key was changed")]
pub(crate) struct NotAuthentic;

/// The length of subkeys, for ring.
struct SubkeyLen;

impl KeyType for SubkeyLen {
    fn len(&self) -> usize {
        KEY_LEN
    }
}

// === impl DataKey ===

impl DataKey {
    /// A fresh random key.
    pub(crate) fn generate() -> Self {
        Self(Zeroizing::new(random()))
    }

    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; KEY_LEN]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The subkey for `purpose` under `salt`.
    pub(crate) fn cipher(&self, purpose: &str, salt: &Salt) -> Cipher {
        Cipher::new(&self.derive(purpose, salt))
    }

    /// The chain of what this key encrypts.
    pub(crate) fn chain(&self) -> Chain {
        Chain(self.derive("chain", &[0; 32]))
    }

    fn derive(&self, purpose: &str, salt: &Salt) -> Zeroizing<[u8; KEY_LEN]> {
        let mut subkey = Zeroizing::new([0; KEY_LEN]);
        HkdfSalt::new(HKDF_SHA256, salt)
            .extract(&*self.0)
            .expand(&[purpose.as_bytes()], SubkeyLen)
            .and_then(|okm| okm.fill(&mut *subkey))
            .expect("HKDF-SHA256 gives 32 bytes");
        subkey
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

// === impl Cipher ===

impl Cipher {
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has the length of an AES-256 key");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts what follows the first `from` bytes of `bytes`, and appends the tag. The `nonce` must be new to this key.
    pub(crate) fn encrypt(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut Vec<u8>, from: usize) {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut bytes[from..])
            .expect("a text is shorter than the 64 GiB that AES-GCM takes");
        bytes.extend_from_slice(tag.as_ref());
    }

    /// Decrypts `bytes` in place and returns the text among them.
    pub(crate) fn decrypt<'a>(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        bytes: &'a mut [u8],
    ) -> Result<&'a mut [u8], NotAuthentic> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(aad), bytes).map_err(|_| NotAuthentic)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

// === impl Link ===

impl Link {
    /// What stands before the first event of a journal.
    pub const ORIGIN: Self = Self([0; 32]);

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits, as [`Display`](fmt::Display) writes them.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({self})")
    }
}

// === impl Chain ===

impl Chain {
    /// The link behind `text`, the lines of `events` events, given the one before them.
    pub(crate) fn link(&self, before: Link, events: u32, text: &[u8]) -> Link {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&before.0).update(&events.to_be_bytes()).update(text);
        Link(*hasher.finalize().as_bytes())
    }
}

/// The nonce for the `counter`th use of a subkey.
pub(crate) fn nonce(counter: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

/// Bytes from the system's random number generator.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes once it has booted");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_comes_back_only_as_it_was() {
        let key = DataKey::generate();
        let salt = random();
        let mut bytes = b"head|a text".to_vec();
        key.cipher("test", &salt).encrypt(nonce(7), b"place", &mut bytes, 5);
        assert!(bytes.starts_with(b"head|") && !bytes.windows(6).any(|window| window == b"a text"));

        let decrypt = |key: &DataKey, purpose: &str, counter: u32, aad: &[u8], bytes: &[u8]| {
            let mut bytes = bytes[5..].to_vec();
            key.cipher(purpose, &salt).decrypt(nonce(counter), aad, &mut bytes).map(|text| text.to_vec())
        };
        assert_eq!(decrypt(&key, "test", 7, b"place", &bytes).unwrap(), b"a text");
        assert_eq!(decrypt(&key, "test", 8, b"place", &bytes), Err(NotAuthentic));
        assert_eq!(decrypt(&key, "other", 7, b"place", &bytes), Err(NotAuthentic));
        assert_eq!(decrypt(&key, "test", 7, b"elsewhere", &bytes), Err(NotAuthentic));
        assert_eq!(decrypt(&DataKey::generate(), "test", 7, b"place", &bytes), Err(NotAuthentic));
        for at in 5..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(decrypt(&key, "test", 7, b"place", &changed), Err(NotAuthentic));
        }
    }

    #[test]
    fn a_link_depends_on_everything_before_it_and_on_the_key() {
        let (chain, other) = (DataKey::generate().chain(), DataKey::generate().chain());
        let link = chain.link(Link::ORIGIN, 1, b"{}\n");
        assert_eq!(chain.link(Link::ORIGIN, 1, b"{}\n"), link);
        for different in [
            chain.link(link, 1, b"{}\n"),
            chain.link(Link::ORIGIN, 2, b"{}\n"),
            chain.link(Link::ORIGIN, 1, b"{ }\n"),
            other.link(Link::ORIGIN, 1, b"{}\n"),
        ] {
            assert_ne!(different, link);
        }
        assert_eq!(Link::from_hex(&link.to_string()), Some(link));
    }
}
