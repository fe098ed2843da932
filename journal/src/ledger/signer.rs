//! The key that signs the ledger.

use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::error::Error;
use crate::keys::{Keys, Kind};

/// The name of the private key among the keys.
pub(crate) const NAME: &str = "signing";

/// The public key, for whoever checks signatures. The private key says the same, so nothing here relies on this file.
const PUBLIC: &str = "public.pem";

/// What stands before the 32 bytes of a key in its `SubjectPublicKeyInfo` (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Signs entries.
pub(super) struct Signer(Ed25519KeyPair);

// === impl Signer ===

impl Signer {
    /// The key of the ledger in `dir`.
    pub(super) fn load(keys: &Keys, dir: &Path) -> Result<Self, Error> {
        let key = keys.load(Kind::Ledger, NAME)?.ok_or_else(|| Error::Damaged {
            segment: "ledger".to_owned(),
            block: None,
            what: format!("the key that signs it is gone from {}", keys.dir().display()),
        })?;
        let pair = Ed25519KeyPair::from_seed_unchecked(key.as_bytes()).expect("every 32 bytes are a seed");
        let signer = Self(pair);
        signer.publish(dir).map_err(Error::io("write the public key to", dir))?;
        Ok(signer)
    }

    /// The same for a ledger that is just begun.
    pub(super) fn load_or_make(keys: &Keys, dir: &Path) -> Result<Self, Error> {
        if keys.load(Kind::Ledger, NAME)?.is_none() {
            keys.create(Kind::Ledger, NAME)?;
        }
        Self::load(keys, dir)
    }

    pub(super) fn sign(&self, entry: &[u8]) -> [u8; 64] {
        self.0.sign(entry).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }

    pub(super) fn public_key(&self) -> &[u8; 32] {
        self.0.public_key().as_ref().try_into().expect("an Ed25519 key has 32 bytes")
    }

    fn publish(&self, dir: &Path) -> std::io::Result<()> {
        let path = dir.join(PUBLIC);
        let pem = pem(self.public_key());
        if fs::read(&path).is_ok_and(|found| found == pem.as_bytes()) {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mut file = File::create(&path)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()
    }
}

/// A public key as `openssl` reads it.
pub(crate) fn pem(public_key: &[u8; 32]) -> String {
    let der = [&SPKI_PREFIX[..], public_key].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// Whether `signature`, in hex, is that of `entry`.
pub(crate) fn is_signed(public_key: &[u8], entry: &[u8], signature: &str) -> bool {
    let mut bytes = [0; 64];
    hex::decode_to_slice(signature, &mut bytes).is_ok()
        && UnparsedPublicKey::new(&ED25519, public_key).verify(entry, &bytes).is_ok()
}
