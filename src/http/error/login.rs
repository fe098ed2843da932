//! An error's way to the login of a Codex that has none.

use serde_json::{Value, json};

use crate::backend::app_server::login::Login;
use crate::config::LoginUrlMode;

/// Where Codex can be logged in.
#[derive(Debug, Clone)]
pub struct LoginHint {
    /// The login that waits.
    pub login: Login,
    /// Where it is told beside the details.
    pub mode: Option<LoginUrlMode>,
}

// === impl LoginHint ===

impl LoginHint {
    /// Adds it to the `error` object of a body.
    pub(super) fn add_to(&self, error: &mut Value) {
        let Login { auth_url, login_id } = &self.login;
        error["details"] = json!({ "auth_url": auth_url, "login_id": login_id });
        let fields: &[&str] = match self.mode {
            None => &[],
            Some(LoginUrlMode::Code) => &["code"],
            Some(LoginUrlMode::Message) => &["message"],
            Some(LoginUrlMode::CodeAndMessage) => &["code", "message"],
        };
        for field in fields {
            let text = error[field].as_str().unwrap_or_default();
            error[field] = format!("{text} | login_url={auth_url} | login_id={login_id}").into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_where_it_was_asked_for() {
        let login = Login { login_id: "l1".to_owned(), auth_url: "https://auth.test/a?b".to_owned() };
        let told = |mode| {
            let mut error = json!({ "message": "no login", "code": "invalid_api_key" });
            LoginHint { login: login.clone(), mode }.add_to(&mut error);
            assert_eq!(error["details"], json!({ "auth_url": "https://auth.test/a?b", "login_id": "l1" }));
            (error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
        };
        let suffixed = |text| format!("{text} | login_url=https://auth.test/a?b | login_id=l1");
        let (code, message) = ("invalid_api_key".to_owned(), "no login".to_owned());
        assert_eq!(told(None), (code.clone(), message.clone()));
        assert_eq!(told(Some(LoginUrlMode::Code)), (suffixed(&code), message.clone()));
        assert_eq!(told(Some(LoginUrlMode::Message)), (code.clone(), suffixed(&message)));
        assert_eq!(told(Some(LoginUrlMode::CodeAndMessage)), (suffixed(&code), suffixed(&message)));
    }
}
