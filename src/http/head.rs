//! What is looked at in the head of a request before anything else is: whether everybody on its way reads it as we do, and whether its body
//! can be JSON.

use http::{HeaderMap, Version, header, request};

use super::error::ApiError;

/// Refuses a head over which two readers can disagree. What hyper has refused before, it has closed the connection for.
///
/// # Errors
/// HTTP/1.1 without exactly one `Host` (RFC 9112, section 3.2), and a body in any other coding than `chunked`, once.
pub fn check(head: &request::Parts) -> Result<(), ApiError> {
    if head.version == Version::HTTP_11 && head.headers.get_all(header::HOST).iter().count() != 1 {
        return Err(ApiError::InvalidHead("HTTP/1.1 needs exactly one Host header"));
    }
    let codings = head.headers.get_all(header::TRANSFER_ENCODING);
    let are_chunked = codings.iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if codings.iter().count() > 1 || !are_chunked {
        return Err(ApiError::InvalidHead("Transfer-Encoding must be chunked, once"));
    }
    Ok(())
}

/// Refuses a body that says itself that it is no plain JSON. One that says nothing is taken for it.
///
/// # Errors
/// Any other `Content-Type` than JSON, which is what OpenAI's API refuses too, and any `Content-Encoding`.
pub fn check_content(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_json = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        kind == "application/json" || kind.ends_with("+json")
    };
    if let Some(kind) = headers.get(header::CONTENT_TYPE)
        && !kind.to_str().is_ok_and(is_json)
    {
        return Err(ApiError::ContentType);
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(ApiError::ContentEncoding),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(version: Version, headers: &[(&str, &str)]) -> request::Parts {
        let request = Request::builder().version(version);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn heads_that_can_be_read_in_two_ways_are_refused() {
        for (headers, is_fine) in [
            (&[("host", "a")][..], true),
            (&[("host", "")], true),
            (&[], false),
            (&[("host", "a"), ("host", "a")], false),
            (&[("host", "a"), ("transfer-encoding", "Chunked")], true),
            (&[("host", "a"), ("transfer-encoding", "gzip, chunked")], false),
            (&[("host", "a"), ("transfer-encoding", "chunked, chunked")], false),
            (&[("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], false),
        ] {
            assert_eq!(check(&head(Version::HTTP_11, headers)).is_ok(), is_fine, "{headers:?}");
        }
        for version in [Version::HTTP_10, Version::HTTP_2] {
            assert!(check(&head(version, &[])).is_ok(), "{version:?} needs no Host");
        }
    }

    #[test]
    fn bodies_that_say_that_they_are_no_json_are_refused() {
        let refusal = |name: &str, value: &str| check_content(&head(Version::HTTP_11, &[(name, value)]).headers).err();
        for kind in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json ;v=1"] {
            assert!(refusal("content-type", kind).is_none(), "{kind}");
        }
        for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "", "json"] {
            assert!(matches!(refusal("content-type", kind), Some(ApiError::ContentType)), "{kind}");
        }
        assert!(check_content(&HeaderMap::new()).is_ok() && refusal("content-encoding", "Identity").is_none());
        for coding in ["gzip", "br", "deflate", "identity, gzip"] {
            assert!(matches!(refusal("content-encoding", coding), Some(ApiError::ContentEncoding)), "{coding}");
        }
    }
}
