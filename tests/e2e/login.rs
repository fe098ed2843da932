//! A Codex whose login its upstream refuses, and the way to another.

use serde_json::Value;

use crate::support::Proxy;

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_where_codex_can_be_logged_in() {
    let proxy = Proxy::start_with(&[("PROXY_AUTH_LOGIN_URL", "true"), ("PROXY_AUTH_LOGIN_URL_MODE", "message")]).await;
    let refused = async || {
        let response = proxy.ask("err:401").await;
        assert_eq!(response.status(), 401);
        assert!(!response.headers().contains_key("www-authenticate"), "it is not the client's key");
        let body: Value = response.json().await.unwrap();
        body["error"].clone()
    };
    let first = refused().await;
    let url = first["details"]["auth_url"].as_str().unwrap();
    assert!(url.starts_with("https://auth.openai.com/"), "{url}");
    assert_eq!(first["code"], "invalid_api_key");
    assert!(first["message"].as_str().unwrap().contains(&format!("| login_url={url} | login_id=")), "{first}");
    assert_eq!(refused().await["details"], first["details"], "a login that waits is not cut off by the next");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_nobody_is() {
    let proxy = Proxy::start().await;
    let body: Value = proxy.ask("err:401").await.json().await.unwrap();
    assert!(body["error"].get("details").is_none(), "{body}");
    let events = proxy.trace(&["events", "--json"]).await;
    assert!(!events.contains("account/login/start"));
}
