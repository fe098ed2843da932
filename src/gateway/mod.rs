//! Who may come in, how often, and when: keys, rates, places, maintenance.

pub mod keys;
pub mod limits;
pub mod maintenance;
pub mod queue;
pub mod rate;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use self::keys::Keys;
use self::keys::file::{self, KeysError};
use self::limits::Limits;
use crate::config::Config;

/// Everything that stands between a request and the worker, as it is in force. All of it can be exchanged while the service runs.
#[derive(Debug)]
pub struct Gateway {
    /// Who may come in.
    pub keys: Keys,
    /// Whether requests are told to come back later.
    pub maintenance: maintenance::Switch,
    limits: RwLock<Arc<Limits>>,
    keys_file: PathBuf,
}

/// Where the file of keys is.
pub fn keys_file(config: &Config) -> PathBuf {
    config.keys_file.clone().unwrap_or_else(|| config.state_dir.join("keys.toml"))
}

// === impl Gateway ===

impl Gateway {
    /// What `config` asks for, and the keys of its file.
    ///
    /// # Errors
    /// If that file cannot be used.
    pub fn new(config: &Config) -> Result<Self, KeysError> {
        let keys_file = keys_file(config);
        Ok(Self {
            keys: Keys::new(config.api_key.as_ref(), file::read(&keys_file)?),
            maintenance: maintenance::Switch::new(config.maintenance_mode),
            limits: RwLock::new(Arc::new(Limits::new(config))),
            keys_file,
        })
    }

    /// The limits in force.
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Exchanges the limits.
    pub fn set_limits(&self, config: &Config) {
        let mut limits = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        *limits = Arc::new(limits.changed(config));
    }

    /// The file of keys that is read.
    pub fn keys_file(&self) -> &Path {
        &self.keys_file
    }
}
