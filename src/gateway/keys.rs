//! API keys: who a request comes from, and what that key may do. Only hashes are kept.

pub mod file;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, PoisonError, RwLock};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::Semaphore;

use self::file::Entry;
use super::rate::{Limiter, Rate};

/// The id of the key in `PROXY_API_KEY`.
pub const DEFAULT_KEY: &str = "default";

/// The keys that open the API; they can be exchanged while it runs.
#[derive(Debug)]
pub struct Keys {
    current: RwLock<Arc<Vec<Arc<Key>>>>,
}

/// One key and what is counted for it.
#[derive(Debug)]
pub struct Key {
    /// Its name in the journal.
    pub id: Arc<str>,
    /// What it may do.
    pub role: Role,
    /// The models it may ask for, in lower case; `None` for all.
    pub models: Option<Vec<String>>,
    /// Its own rate of requests; `None` for the one that holds for every key.
    pub rate: Option<Limiter>,
    /// Its own bound on chat requests that run at a time.
    pub concurrency: Option<Arc<Semaphore>>,
    /// Whether nothing is kept of what it says but shapes, sizes and digests.
    pub drops_content: bool,
    expires: Option<Timestamp>,
    digest: [u8; 32],
    /// What it was made of, to know it again after a reload.
    entry: Option<Entry>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asks models, and sees its own usage.
    Partner,
    /// Reads the record of what happened, and proofs.
    Auditor,
    /// Reads traces to find a bug.
    Engineer,
    /// Runs the service: all of that.
    Operator,
}

// === impl Keys ===

impl Keys {
    /// The one key of the configuration and those of a file.
    pub fn new(api_key: Option<&SecretString>, entries: Vec<Entry>) -> Self {
        Self { current: RwLock::new(Arc::new(keys(api_key, entries, &HashMap::new()))) }
    }

    /// Exchanges them, and says whether they are others. What was counted for a key that stays is kept.
    pub fn replace(&self, api_key: Option<&SecretString>, entries: Vec<Entry>) -> bool {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let before = current.iter().map(|key| (key.id.clone(), key.clone())).collect();
        let keys = keys(api_key, entries, &before);
        let is_same = current.iter().map(|key| &key.entry).eq(keys.iter().map(|key| &key.entry));
        *current = Arc::new(keys);
        !is_same
    }

    /// Their names.
    pub fn ids(&self) -> Vec<String> {
        self.all().iter().map(|key| key.id.to_string()).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// The key that `headers` present as a bearer token, if it is one of ours and has not expired.
    ///
    /// The time it takes depends on how many keys there are and not on how near the presented one comes.
    pub fn authenticate(&self, headers: &HeaderMap) -> Option<Arc<Key>> {
        let presented = digest(bearer_token(headers)?);
        let keys = self.all();
        let mut found = None;
        for key in keys.iter() {
            if bool::from(key.digest.ct_eq(&presented)) {
                found = Some(key);
            }
        }
        found.filter(|key| key.expires.is_none_or(|expires| Timestamp::now() < expires)).cloned()
    }

    fn all(&self) -> Arc<Vec<Arc<Key>>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn keys(api_key: Option<&SecretString>, entries: Vec<Entry>, before: &HashMap<Arc<str>, Arc<Key>>) -> Vec<Arc<Key>> {
    let default = api_key.map(|secret| Arc::new(Key::default_of(secret)));
    let listed = entries.into_iter().map(|entry| {
        let same = before.get(entry.id.as_str()).filter(|key| key.entry.as_ref() == Some(&entry));
        same.cloned().unwrap_or_else(|| Arc::new(Key::of(entry)))
    });
    default.into_iter().chain(listed).collect()
}

// === impl Key ===

impl Key {
    fn default_of(secret: &SecretString) -> Self {
        Self {
            id: DEFAULT_KEY.into(),
            role: Role::Partner,
            models: None,
            rate: None,
            concurrency: None,
            drops_content: false,
            expires: None,
            digest: digest(secret.expose_secret().as_bytes()),
            entry: None,
        }
    }

    fn of(entry: Entry) -> Self {
        Self {
            id: entry.id.as_str().into(),
            role: entry.role,
            models: entry.models.as_ref().map(|models| models.iter().map(|name| name.to_lowercase()).collect()),
            rate: entry.rate.map(|rate: Rate| Limiter::new(rate)),
            concurrency: entry.max_concurrency.map(|count| Arc::new(Semaphore::new(count.get()))),
            drops_content: entry.drop_content,
            expires: entry.expires,
            digest: entry.sha256.0,
            entry: Some(entry),
        }
    }

    /// Whether it may ask for this model.
    pub fn may_use(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.contains(&model.to_lowercase()))
    }
}

// === impl Role ===

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Partner, Self::Auditor, Self::Engineer, Self::Operator];

    /// Its name in the file of keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Auditor => "auditor",
            Self::Engineer => "engineer",
            Self::Operator => "operator",
        }
    }

    /// Whether it may ask models.
    pub fn may_complete(self) -> bool {
        matches!(self, Self::Partner | Self::Operator)
    }

    /// Whether it sees what others did.
    pub fn sees_all(self) -> bool {
        self != Self::Partner
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `headers` present `token` as their bearer token.
pub fn presents(headers: &HeaderMap, token: &SecretString) -> bool {
    let expected = digest(token.expose_secret().as_bytes());
    bearer_token(headers).map_or(Choice::from(0), |presented| digest(presented).ct_eq(&expected)).into()
}

/// What requests without a key are counted by: the address, of IPv6 the /64 that one customer has.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
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
    use super::file::Secret;
    use super::*;

    fn bearer(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    fn authenticate(value: &str) -> Option<Arc<Key>> {
        Keys::new(Some(&SecretString::from("sesame")), Vec::new()).authenticate(&bearer(value))
    }

    #[test]
    fn only_the_whole_key_opens() {
        assert_eq!(&*authenticate("Bearer sesame").unwrap().id, "default");
        assert_eq!(&*authenticate("bearer  sesame ").unwrap().id, "default");
        for wrong in ["sesame", "Bearer", "Bearer ", "Bearer sesam", "Bearer sesame2", "Basic sesame", "Bearer Sesame"]
        {
            assert!(authenticate(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn without_keys_nobody_comes_in() {
        assert!(Keys::new(None, Vec::new()).authenticate(&bearer("Bearer ")).is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", Keys::new(Some(&SecretString::from("sesame")), Vec::new())).contains("sesame"));
    }

    #[test]
    fn keys_come_and_go_and_expire_while_the_service_runs() {
        let (secret, mut entry) = Entry::generate("acme", Role::Partner);
        let headers = bearer(&format!("Bearer {}", secret.expose()));
        let keys = Keys::new(None, vec![entry.clone()]);
        assert_eq!(&*keys.authenticate(&headers).unwrap().id, "acme");
        entry.expires = Some(Timestamp::now());
        keys.replace(None, vec![entry.clone()]);
        assert!(keys.authenticate(&headers).is_none());
        entry.expires = None;
        keys.replace(None, vec![entry]);
        assert!(keys.authenticate(&headers).is_some());
        keys.replace(None, Vec::new());
        assert!(keys.authenticate(&headers).is_none());
    }

    #[test]
    fn a_reload_keeps_what_was_counted_for_a_key_that_is_the_same() {
        let (secret, mut entry): (Secret, Entry) = Entry::generate("acme", Role::Partner);
        entry.rate = Some("1/60s".parse().unwrap());
        let headers = bearer(&format!("Bearer {}", secret.expose()));
        let keys = Keys::new(None, vec![entry.clone()]);
        let spend = || keys.authenticate(&headers).unwrap().rate.as_ref().unwrap().spend().is_ok();
        assert!(spend());
        keys.replace(None, vec![entry.clone()]);
        assert!(!spend());
        entry.rate = Some("2/60s".parse().unwrap());
        keys.replace(None, vec![entry]);
        assert!(spend());
    }

    #[test]
    fn roles_are_apart() {
        for role in Role::ALL {
            assert_eq!(role.may_complete(), matches!(role, Role::Partner | Role::Operator), "{role}");
        }
    }

    #[test]
    fn an_address_stands_for_its_network() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
