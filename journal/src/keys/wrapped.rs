//! A key as it lies on disk: encrypted by the master key.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{MasterKey, Secret};
use crate::cipher::{KEY_LEN, NotAuthentic, TAG_LEN, random};

/// One line of JSON. The nonce is random: a master key wraps a few keys an hour, far from the 2³² after which that would
/// matter.
#[derive(Serialize, Deserialize)]
pub(super) struct Wrapped {
    /// The id of the master key.
    pub(super) master: String,
    #[serde(with = "hex::serde")]
    nonce: [u8; 12],
    /// Ciphertext and tag.
    #[serde(with = "hex::serde")]
    key: [u8; KEY_LEN + TAG_LEN],
}

// === impl Wrapped ===

impl Wrapped {
    pub(super) fn wrap(master: &MasterKey, aad: &[u8], key: &[u8; KEY_LEN]) -> Self {
        let nonce = random();
        let mut bytes = key.to_vec();
        master.cipher().encrypt(nonce, aad, &mut bytes, 0);
        let key = bytes.try_into().expect("a key and its tag");
        Self { master: master.id().to_owned(), nonce, key }
    }

    pub(super) fn unwrap(mut self, master: &MasterKey, aad: &[u8]) -> Result<Secret, NotAuthentic> {
        let text = master.cipher().decrypt(self.nonce, aad, &mut self.key)?;
        let mut secret = Zeroizing::new([0; KEY_LEN]);
        secret.copy_from_slice(text);
        Ok(secret)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = serde_json::to_string(self).expect("strings serialise");
        writeln!(f, "{line}")
    }
}
