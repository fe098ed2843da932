//! Cross-origin requests of browsers (the Fetch standard, <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::config::Config;

/// What a page may read of an answer beside its body.
const EXPOSED: &str = "x-request-id, x-proxy-trace-id, x-proxy-ignored-params, retry-after, retry-after-ms, \
                       x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests";

/// The headers that go with every answer to a request with these headers.
pub fn headers(config: &Config, request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !config.enable_cors {
        return headers;
    }
    let origins = &config.cors_allowed_origins;
    let is_any = origins.split(',').any(|origin| origin.trim() == "*");
    let set = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    match request.get(header::ORIGIN) {
        None if is_any => set(&mut headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        None => return headers,
        Some(origin) => {
            // Caches must not give one origin what another was told.
            set(&mut headers, header::VARY, "Origin");
            if !is_any && !origins.split(',').any(|allowed| allowed.trim().as_bytes() == origin.as_bytes()) {
                return headers;
            }
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            set(&mut headers, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
    }
    set(&mut headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers
}

/// Answers the question of a browser whether it may ask.
pub fn preflight(config: &Config, request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let mut headers = headers(config, request);
    headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    let methods = HeaderValue::from_static("GET, POST, HEAD, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let usual = HeaderValue::from_static("authorization, content-type");
    let asked = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned().unwrap_or(usual);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{self, Purpose, Sources};

    fn config(settings: &[(&str, &str)]) -> Config {
        let set = [("HOME", "/nowhere")].into_iter().chain(settings.iter().copied());
        let environment = set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        config::load(&Sources { flags: BTreeMap::new(), environment, purpose: Purpose::Inspect }).unwrap()
    }

    fn from(origin: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())])
    }

    #[test]
    fn an_origin_is_told_that_it_may() {
        let config = config(&[]);
        let headers = headers(&config, &from("https://app.test"));
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.test");
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        let anonymous = super::headers(&config, &HeaderMap::new());
        assert_eq!(anonymous[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(anonymous.get(header::ACCESS_CONTROL_ALLOW_CREDENTIALS).is_none());
    }

    #[test]
    fn others_than_the_allowed_origins_are_told_nothing() {
        let some = config(&[("PROXY_CORS_ALLOWED_ORIGINS", "https://a.test, https://b.test")]);
        assert_eq!(headers(&some, &from("https://b.test"))[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://b.test");
        for request in [from("https://c.test"), HeaderMap::new()] {
            assert!(headers(&some, &request).get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
        }
        assert!(headers(&config(&[("PROXY_ENABLE_CORS", "false")]), &from("https://a.test")).is_empty());
    }

    #[test]
    fn a_preflight_gets_back_what_it_asks_for() {
        let mut request = from("https://app.test");
        request.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,x-stainless-os".parse().unwrap());
        let response = preflight(&config(&[]), &request);
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS], "authorization,x-stainless-os");
        assert_eq!(response.headers()[header::ACCESS_CONTROL_MAX_AGE], "600");
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_METHODS], "GET, POST, HEAD, OPTIONS");
    }
}
