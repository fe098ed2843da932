//! Headers whose value is a secret by its name alone.

/// Header name (lower case, `-` for `_`) and the rule under which its value is redacted.
///
/// Sources: RFC 9110 §11 and RFC 6265 for the standard ones, the API references of Anthropic, Azure (`api-key`,
/// `ocp-apim-subscription-key`, `x-functions-key`), AWS (`x-amz-security-token`), Google (`x-goog-api-key`), GitLab
/// (`private-token`, `job-token`) and Vault (`x-vault-token`). Names that say who pays and open no door, such as
/// `openai-organization`, are no secrets.
const HEADERS: &[(&str, &str)] = &[
    ("authorization", "authorization"),
    ("proxy-authorization", "authorization"),
    ("x-forwarded-authorization", "authorization"),
    ("x-auth-token", "authorization"),
    ("x-access-token", "authorization"),
    ("x-amz-security-token", "authorization"),
    ("private-token", "authorization"),
    ("job-token", "authorization"),
    ("x-vault-token", "authorization"),
    ("cookie", "cookie"),
    ("set-cookie", "cookie"),
    ("x-api-key", "api-key"),
    ("api-key", "api-key"),
    ("apikey", "api-key"),
    ("x-goog-api-key", "api-key"),
    ("ocp-apim-subscription-key", "api-key"),
    ("x-functions-key", "api-key"),
];

/// Authentication schemes, kept for readability when what follows them is redacted.
const SCHEMES: &[&str] =
    &["bearer", "basic", "digest", "token", "bot", "apikey", "key", "negotiate", "aws4-hmac-sha256", "sso-key"];

/// The rule that redacts the value of the header or member `name`, if it is a secret.
pub(crate) fn rule_for(name: &str) -> Option<&'static str> {
    let same = |header: &str| {
        header.len() == name.len()
            && header.bytes().zip(name.bytes()).all(|(a, b)| a == b.to_ascii_lowercase() || (a == b'-' && b == b'_'))
    };
    HEADERS.iter().find(|(header, _)| same(header)).map(|(_, rule)| *rule)
}

/// Splits a header's value into what stays (a scheme with the space after it) and what is secret.
pub(crate) fn split_scheme(value: &str) -> (&str, &str) {
    let Some(end) = value.find(' ') else { return ("", value) };
    if !SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(&value[..end])) {
        return ("", value);
    }
    value.split_at(value.len() - value[end..].trim_start().len())
}

/// Whether a header's value is empty or only shows where one goes: `<your key>`, `${TOKEN}`, `$TOKEN`, `{{token}}`, `sk-...`, `****`.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let wrapped = |open: &str, close: &str| {
        let inner = value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        inner.is_some_and(|inner| !inner.contains(['<', '>', '{', '}']))
    };
    let variable = value.strip_prefix('$').is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
    });
    let elided = value.strip_suffix("...").or_else(|| value.strip_suffix('…')).is_some_and(|head| {
        head.len() <= 8 && head.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'))
    });
    let filled = value.len() >= 3 && ['*', 'x', 'X', '.', '•'].iter().any(|&fill| value.chars().all(|c| c == fill));
    value.is_empty() || wrapped("<", ">") || wrapped("${", "}") || wrapped("{{", "}}") || variable || elided || filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_case_and_with_underscores() {
        for (name, rule) in [("Authorization", "authorization"), ("SET_COOKIE", "cookie"), ("X-Api-Key", "api-key")] {
            assert_eq!(rule_for(name), Some(rule), "{name}");
        }
        for name in ["openai-organization", "authorizations", "cookies", "key", "x-request-id", ""] {
            assert_eq!(rule_for(name), None, "{name}");
        }
    }

    #[test]
    fn schemes_stay() {
        assert_eq!(split_scheme("Bearer  abc"), ("Bearer  ", "abc"));
        assert_eq!(split_scheme("correct horse"), ("", "correct horse"));
        assert_eq!(split_scheme("Bearer"), ("", "Bearer"));
    }

    #[test]
    fn placeholders_are_told_from_values() {
        for text in ["<your key>", "${TOKEN}", "$MY_TOKEN", "{{ token }}", "sk-...", "********", "xxxx", "…", ""] {
            assert!(is_placeholder(text), "{text:?}");
        }
        for text in ["hunter2", "$ecret", "abc", "sk-0123...", "<a><b>", "x.x", "x"] {
            assert!(!is_placeholder(text), "{text:?}");
        }
    }
}
