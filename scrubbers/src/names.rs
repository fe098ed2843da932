//! Names that say that their value is a secret: of headers, JSON members, variables, parameters.

use std::sync::LazyLock;

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Made up by people: any value may be one.
    Password,
    /// Made by machines: its value looks random.
    Token,
    /// The value of an `Authorization` header: a scheme and what it takes.
    Authorization,
    /// The value of a `Cookie` or `Set-Cookie` header: pairs.
    Cookie,
}

/// Longest name that is looked at, in bytes.
pub(crate) const NAME_MAX: usize = 64;

/// Most words of which a name ends with one in [`PHRASES`].
const WORDS_MAX: usize = 3;

/// What a name ends with, in words that are joined by `_`, `-`, `.`, a space or a capital.
///
/// Sources: the names in gitleaks' `generic-api-key`, detect-secrets' `KeywordDetector` and OWASP's cheat sheet on logging; RFC
/// 9110 §11 and RFC 6265 for the headers, and the API references of Anthropic, Azure, AWS, Google, GitLab and Vault.
const PHRASES: &[(&str, Class)] = &[
    ("password", Class::Password),
    ("passwd", Class::Password),
    ("passphrase", Class::Password),
    ("passcode", Class::Password),
    ("passwort", Class::Password),
    ("kennwort", Class::Password),
    ("contraseña", Class::Password),
    ("wachtwoord", Class::Password),
    ("senha", Class::Password),
    ("pass", Class::Password),
    ("pwd", Class::Password),
    ("pw", Class::Password),
    ("pin code", Class::Password),
    ("security answer", Class::Password),
    ("secret answer", Class::Password),
    ("contrasena", Class::Password),
    ("пароль", Class::Password),
    ("hasło", Class::Password),
    ("haslo", Class::Password),
    ("lösenord", Class::Password),
    ("şifre", Class::Password),
    ("sifre", Class::Password),
    ("salasana", Class::Password),
    ("heslo", Class::Password),
    ("jelszó", Class::Password),
    ("parola", Class::Password),
    ("adgangskode", Class::Password),
    ("passord", Class::Password),
    ("密码", Class::Password),
    ("密碼", Class::Password),
    ("パスワード", Class::Password),
    ("비밀번호", Class::Password),
    ("secret", Class::Token),
    ("secret value", Class::Token),
    ("secret text", Class::Token),
    ("token", Class::Token),
    ("jwt", Class::Token),
    ("credential", Class::Token),
    ("credentials", Class::Token),
    ("creds", Class::Token),
    ("auth", Class::Token),
    ("psk", Class::Token),
    ("sig", Class::Token),
    ("signature", Class::Token),
    ("api key", Class::Token),
    ("app key", Class::Token),
    ("access key", Class::Token),
    ("secret key", Class::Token),
    ("private key", Class::Token),
    ("auth key", Class::Token),
    ("account key", Class::Token),
    ("encryption key", Class::Token),
    ("signing key", Class::Token),
    ("master key", Class::Token),
    ("shared key", Class::Token),
    ("service key", Class::Token),
    ("admin key", Class::Token),
    ("client key", Class::Token),
    ("license key", Class::Token),
    ("subscription key", Class::Token),
    ("functions key", Class::Token),
    ("storage key", Class::Token),
    ("consumer key", Class::Token),
    ("hmac key", Class::Token),
    ("aes key", Class::Token),
    ("recovery code", Class::Token),
    ("access code", Class::Token),
    ("session id", Class::Token),
    ("session key", Class::Token),
    ("sessionid", Class::Token),
    ("application key", Class::Token),
    ("role key", Class::Token),
    ("anon key", Class::Token),
    ("write key", Class::Token),
    ("crypt key", Class::Token),
    ("cookie key", Class::Token),
    ("deploy key", Class::Token),
    ("enc key", Class::Token),
    ("nonce key", Class::Token),
    ("api keys", Class::Token),
    ("private key id", Class::Token),
    ("secret key base", Class::Token),
    ("code verifier", Class::Token),
    ("client assertion", Class::Token),
    ("jfrog art api", Class::Token),
    ("sonar login", Class::Token),
    ("dsonar login", Class::Token),
    ("backup code", Class::Token),
    ("jsessionid", Class::Token),
    ("phpsessid", Class::Token),
    ("sessid", Class::Token),
    ("connect sid", Class::Token),
    ("auth salt", Class::Token),
    ("токен", Class::Token),
    ("トークン", Class::Token),
    ("令牌", Class::Token),
    ("密钥", Class::Token),
    ("密鑰", Class::Token),
    ("schlüssel", Class::Token),
    ("schluessel", Class::Token),
    ("zugriffstoken", Class::Token),
    ("clé api", Class::Token),
    ("clave api", Class::Token),
    ("de api", Class::Token),
    ("de acceso", Class::Token),
    ("ключ api", Class::Token),
    ("api密钥", Class::Token),
    ("api schlüssel", Class::Token),
    ("authorization", Class::Authorization),
    ("cookie", Class::Cookie),
];

/// What every name has in it that ends with one of [`PHRASES`].
pub(crate) const STEMS: &[&str] = &[
    "pass",
    "pwd",
    "pw",
    "kennwort",
    "contrase",
    "wachtwoord",
    "senha",
    "pin",
    "secret",
    "token",
    "jwt",
    "cred",
    "auth",
    "psk",
    "sig",
    "key",
    "code",
    "session",
    "cookie",
    "parol",
    "парол",
    "hasło",
    "haslo",
    "lösenord",
    "ifre",
    "salasana",
    "heslo",
    "jelsz",
    "adgang",
    "密",
    "パスワード",
    "비밀",
    "api",
    "verifier",
    "answer",
    "assertion",
    "sonar",
    "sessid",
    "connect",
    "salt",
    "токен",
    "トークン",
    "令牌",
    "schl",
    "acceso",
];

/// Phrases that are written in one word, and what a longer word may end with to count as them.
const GLUED: &[(&str, Class)] = &[
    ("password", Class::Password),
    ("passwd", Class::Password),
    ("passphrase", Class::Password),
    ("passwort", Class::Password),
    ("apikey", Class::Token),
    ("accesskey", Class::Token),
    ("secretkey", Class::Token),
    ("privatekey", Class::Token),
    ("accountkey", Class::Token),
    ("authkey", Class::Token),
    ("masterkey", Class::Token),
    ("signingkey", Class::Token),
    ("encryptionkey", Class::Token),
    ("authtoken", Class::Token),
    ("accesstoken", Class::Token),
    ("refreshtoken", Class::Token),
    ("idtoken", Class::Token),
    ("bearertoken", Class::Token),
    ("apitoken", Class::Token),
    ("clientsecret", Class::Token),
    ("schlüssel", Class::Token),
    ("apisecret", Class::Token),
    ("appsecret", Class::Token),
    ("secretaccesskey", Class::Token),
];

/// Last words that say nothing of what is meant, after one that does: `DB_PASSWORD_PROD`, `token2`.
const TRAILERS: &[&str] = &[
    "b64",
    "base64",
    "hex",
    "prod",
    "production",
    "staging",
    "stage",
    "dev",
    "test",
    "live",
    "old",
    "new",
    "current",
    "previous",
    "primary",
    "secondary",
    "value",
    "val",
    "text",
    "str",
    "string",
    "plain",
    "plaintext",
    "raw",
    "default",
    "confirm",
    "confirmation",
    "again",
    "header",
];

/// Tokens that open no door: `next_page_token`.
const HARMLESS: &[&str] = &[
    "page",
    "next",
    "prev",
    "continuation",
    "cancellation",
    "sync",
    "pagination",
    "cursor",
    "csrf",
    "max",
    "eos",
    "bos",
    "pad",
    "stop",
    "mask",
    "unk",
    "special",
];

/// What the key is to in names of variables that mean no secret: `CACHE_KEY`, `GPG_KEY`.
const OTHER_KEYS: &[&str] = &[
    "cache",
    "public",
    "pub",
    "primary",
    "foreign",
    "partition",
    "sort",
    "sorting",
    "idempotency",
    "object",
    "s3",
    "file",
    "group",
    "row",
    "hash",
    "range",
    "routing",
    "lock",
    "dedup",
    "deduplication",
    "index",
    "event",
    "metric",
    "message",
    "project",
    "issue",
    "feature",
    "flag",
    "registry",
    "gpg",
    "pgp",
    "host",
    "hot",
    "artifact",
    "build",
    "map",
    "dict",
    "json",
    "redis",
    "state",
    "site",
];

/// Headers whose value is a secret however it looks.
const HEADERS: &[&str] = &[
    "x-api-key",
    "api-key",
    "apikey",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "x-functions-key",
    "x-auth-token",
    "x-access-token",
    "x-amz-security-token",
    "private-token",
    "job-token",
    "x-vault-token",
    "x-jfrog-art-api",
    "dd-api-key",
    "dd-application-key",
    "circle-token",
];

/// Whether `name` is that of a header whose value is a secret however it looks.
pub(crate) fn is_header(name: &str) -> bool {
    let same = |header: &&str| {
        header.len() == name.len()
            && header.bytes().zip(name.bytes()).all(|(a, b)| a == b.to_ascii_lowercase() || a == b'-' && b == b'_')
    };
    HEADERS.iter().any(same)
}

type Phrases = Vec<(&'static [u8], Class)>;

/// The phrases by their [ending].
static KNOWN: LazyLock<Vec<Phrases>> = LazyLock::new(|| {
    let mut known = vec![Vec::new(); 1 << 10];
    for (phrase, class) in PHRASES {
        if let Some(&[a, b]) = phrase.as_bytes().last_chunk() {
            known[ending(a, b)].push((phrase.as_bytes(), *class));
        }
    }
    known
});

/// How long a name must be at least that ends with these two letters, by the low five bits of both; 255 if none does. Most names
/// are ruled out by a look at their end.
static ENDINGS: LazyLock<[u8; 1 << 10]> = LazyLock::new(|| {
    let mut endings = [u8::MAX; 1 << 10];
    let shortest = TRAILERS.iter().map(|trailer| (*trailer, trailer.len() + "pw_".len()));
    let words = PHRASES.iter().chain(GLUED).map(|(phrase, _)| (*phrase, phrase.bytes().filter(|b| *b != b' ').count()));
    for (word, length) in words.chain(shortest) {
        if let Some(&[a, b]) = word.as_bytes().last_chunk() {
            let ending = &mut endings[ending(a, b)];
            *ending = (*ending).min(u8::try_from(length).unwrap_or(u8::MAX));
        }
    }
    endings
});

/// What the last two letters of a name are in any case: the low five bits of both.
fn ending(a: u8, b: u8) -> usize {
    usize::from(a & 31) << 5 | usize::from(b & 31)
}

/// What `name` says of its value; `None` if nothing.
pub(crate) fn classify(name: &str) -> Option<Class> {
    let &[a, b] = name.as_bytes().last_chunk()?;
    if name.len() > NAME_MAX || !b.is_ascii_digit() && name.len() < usize::from(ENDINGS[ending(a, b)]) {
        return None;
    }
    let mut buffer = [0; 2 * NAME_MAX];
    let mut words = words(name, &mut buffer);
    for _ in 0..2 {
        let (before, last) = split_last(words);
        let word = without_digits(last);
        if before.is_empty() || !(word.is_empty() || TRAILERS.iter().any(|trailer| trailer.as_bytes() == word)) {
            break;
        }
        words = before;
    }
    let words = without_digits(words);
    let &[a, b] = words.last_chunk()?;
    let known = &KNOWN[ending(a, b)];
    let mut first = words.len();
    let mut class = None;
    for _ in 0..WORDS_MAX {
        let (before, _) = split_last(&words[..first]);
        first = before.len();
        let phrase = words[first..].trim_ascii_start();
        class = known.iter().find(|(known, _)| *known == phrase).map_or(class, |(_, class)| Some(*class));
        if first == 0 {
            break;
        }
    }
    let (before, last) = split_last(words);
    let class = class.or_else(|| {
        let glued = GLUED.iter().find(|(glued, _)| last.ends_with(glued.as_bytes()));
        glued.map(|(_, class)| *class)
    });
    let is_variable = || {
        let is_of_constant = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        last == b"key"
            && !before.is_empty()
            && name.bytes().all(is_of_constant)
            && !OTHER_KEYS.iter().any(|other| split_last(before).1 == other.as_bytes())
    };
    // `ENC_KEY=…`: constants and variables of the environment hold keys to read by, too, but then no random value.
    let class = class.or_else(|| is_variable().then_some(Class::Token))?;
    let is_harmless = class == Class::Token && HARMLESS.iter().any(|word| split_last(before).1 == word.as_bytes());
    if is_harmless { None } else { Some(class) }
}

/// The words of a name in lower case, one space between two.
fn words<'b>(name: &str, buffer: &'b mut [u8; 2 * NAME_MAX]) -> &'b [u8] {
    let mut length = 0;
    let mut before_is_lower = false;
    for byte in name.bytes() {
        let separates = matches!(byte, b'_' | b'-' | b'.' | b' ' | b':' | b'/');
        if (separates || byte.is_ascii_uppercase() && before_is_lower) && length > 0 && buffer[length - 1] != b' ' {
            buffer[length] = b' ';
            length += 1;
        }
        if !separates {
            buffer[length] = byte.to_ascii_lowercase();
            length += 1;
        }
        before_is_lower = byte.is_ascii_lowercase() || byte.is_ascii_digit();
    }
    buffer[..length].trim_ascii_end()
}

/// The last of some words, and what comes before it.
fn split_last(words: &[u8]) -> (&[u8], &[u8]) {
    match words.iter().rposition(|&byte| byte == b' ') {
        Some(space) => (&words[..space], &words[space + 1..]),
        None => (&[], words),
    }
}

fn without_digits(word: &[u8]) -> &[u8] {
    let digits = word.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    word[..word.len() - digits].trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_in_every_style() {
        for (name, class) in [
            ("password", Class::Password),
            ("DB_PASSWORD", Class::Password),
            ("dbPassword", Class::Password),
            ("mysqlpassword", Class::Password),
            ("PGPASSWORD", Class::Password),
            ("spring.datasource.password", Class::Password),
            ("password_confirmation", Class::Password),
            ("passwd2", Class::Password),
            ("apiKey", Class::Token),
            ("X-Api-Key", Class::Token),
            ("OPENAI_API_KEY", Class::Token),
            ("aws_secret_access_key", Class::Token),
            ("AccountKey", Class::Token),
            ("client_secret", Class::Token),
            ("clientSecret", Class::Token),
            ("refresh_token", Class::Token),
            ("accessToken", Class::Token),
            ("TOKEN_PROD", Class::Token),
            ("x-amz-security-token", Class::Token),
            ("ocp-apim-subscription-key", Class::Token),
            ("Authorization", Class::Authorization),
            ("Proxy-Authorization", Class::Authorization),
            ("SET_COOKIE", Class::Cookie),
        ] {
            assert_eq!(classify(name), Some(class), "{name}");
        }
    }

    #[test]
    fn every_name_has_a_stem() {
        for (phrase, _) in PHRASES.iter().chain(GLUED) {
            assert!(STEMS.iter().any(|stem| phrase.contains(stem)), "{phrase}");
        }
    }

    #[test]
    fn names_of_other_things() {
        for name in [
            "total_tokens",
            "max_tokens",
            "token_count",
            "nextPageToken",
            "compass",
            "secretary",
            "key",
            "monkey",
            "keyboard",
            "author",
            "authority",
            "password_hash_rounds",
            "password_policy",
            "tokenizer",
            "public_key",
            "primary_key",
            "cookies",
            "openai-organization",
            "x-request-id",
            "",
            "bypass_cache",
            "eos_token",
            "passenger",
            "tokens",
        ] {
            assert_eq!(classify(name), None, "{name}");
        }
    }
}
