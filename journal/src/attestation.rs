//! An entry of the ledger on its own, with what it takes to check it elsewhere.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ledger;
use crate::reader::Reader;

/// An entry, its signature and the key for it. Whoever knows the key from elsewhere knows that the journal made the entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The entry as it stands in the ledger: what is signed.
    pub entry: String,
    /// The Ed25519 signature, in hex.
    pub signature: String,
    /// The public key, in hex: what the ledger's `public.pem` holds.
    pub public_key: String,
}

// === impl Attestation ===

impl Attestation {
    /// Whether the signature is that of the entry by that key.
    pub fn is_genuine(&self) -> bool {
        hex::decode(&self.public_key).is_ok_and(|key| ledger::is_signed(&key, self.entry.as_bytes(), &self.signature))
    }
}

impl Reader {
    /// The newest entry of the ledger that holds `text`.
    pub fn attestation(&self, text: &str) -> Result<Option<Attestation>, Error> {
        // `verify` tells of entries that are none.
        let newest = self.ledger()?.flatten().filter(|entry| entry.text.contains(text)).last();
        let public_key = hex::encode(self.shared.public_key);
        Ok(newest.map(|entry| Attestation { entry: entry.text, signature: entry.signature, public_key }))
    }
}
