//! The request log: one JSON line for each request that came in.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, Method, Uri, header};
use serde::Serialize;
use serde_json::value::RawValue;

/// A file that gets one line `{"t":…,"POST":"/v1/responses","headers":{…},"body":{…}}` for each request.
///
/// `t` is in seconds since 1970. Of a header that carries a credential only the length is written.
#[derive(Debug, Clone)]
pub struct RequestLog(Arc<Mutex<File>>);

#[derive(Serialize)]
struct Line<'a> {
    t: f64,
    #[serde(flatten)]
    target: BTreeMap<&'a str, String>,
    headers: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

// === impl RequestLog ===

impl RequestLog {
    /// Opens the file for appending, making it if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    pub(crate) fn write(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Option<&RawValue>,
    ) -> io::Result<()> {
        let headers = headers.iter().map(|(name, value)| {
            let secret = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION].contains(name);
            let value = if secret {
                format!("<{} bytes>", value.len())
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            (name.as_str(), value)
        });
        let line = Line {
            t: since_epoch().as_secs_f64(),
            target: BTreeMap::from([(method.as_str(), uri.to_string())]),
            headers: headers.collect(),
            body,
        };
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}
