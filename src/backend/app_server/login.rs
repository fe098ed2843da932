//! Where an operator can log a Codex in that its upstream refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::connection::CallError;
use super::supervisor::ReadyWorker;

/// How long a login that was begun is told of again: Codex 0.169.0 gives it up after 10 minutes, or when another one begins.
const LIFE: Duration = Duration::from_secs(9 * 60);

/// How long Codex may take to begin one.
const LIMIT: Duration = Duration::from_secs(5);

/// A login that waits for a person with a browser, on the machine of the service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// Its name.
    pub login_id: String,
    /// The page to open.
    pub auth_url: String,
}

/// The login of the present worker.
#[derive(Debug, Default)]
pub struct Logins(Mutex<Option<Begun>>);

#[derive(Debug)]
struct Begun {
    worker: Arc<str>,
    at: Instant,
    login: Login,
}

// === impl Logins ===

impl Logins {
    /// The login that waits at `worker`, begun if there is none.
    pub(super) async fn at(&self, worker: &ReadyWorker) -> Result<Login, CallError> {
        let mut begun = self.0.lock().await;
        if let Some(begun) = &*begun
            && begun.worker == worker.name
            && begun.at.elapsed() < LIFE
        {
            return Ok(begun.login.clone());
        }
        let login: Login =
            worker.connection.call("account/login/start", &json!({ "type": "chatgpt" }), None, LIMIT).await?;
        *begun = Some(Begun { worker: worker.name.clone(), at: Instant::now(), login: login.clone() });
        Ok(login)
    }
}
