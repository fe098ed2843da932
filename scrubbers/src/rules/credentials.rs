//! Credentials that stand in the open: behind a scheme, in a URL, after a flag or in a sentence.

use super::{Check, Rule, Start};

const PASSWORD_WORDS: &[&str] =
    &["password", "passwd", "passwort", "passphrase", "passcode", "kennwort", "contraseña", "mot de passe"];

pub(crate) const RULES: &[Rule] = &[
    // RFC 6750 §2.1, anywhere in text.
    Rule {
        name: "authorization",
        anchors: &["bearer "],
        pattern: r"(?i:bearer)[ \t+]{1,8}(?P<secret>[A-Za-z0-9._~+/=-]{16,})",
        ..Rule::DEFAULT
    },
    // RFC 7617 §2: base64 of a name, a colon and a password; whether it is that is for the check to say.
    Rule {
        name: "authorization",
        anchors: &["basic "],
        pattern: r"(?i:basic)[ \t+]{1,8}(?P<secret>[A-Za-z0-9+/=_-]{8,})(?:[^A-Za-z0-9]|\z)",
        check: Check::Userinfo,
        ..Rule::DEFAULT
    },
    // RFC 3986 §3.2.1, up to the last `@` of the authority as WHATWG's URL standard reads it. A password can be anything.
    Rule {
        name: "url-password",
        anchors: &["://"],
        pattern: concat!(
            r#"://[^\s/?#@:"'`<>\\\[\]]{0,256}:(?P<secret>"#,
            r#"[^\s/?#@"'`<>\\\[\]][^\s/?#"'`<>\\\[\]]{0,1024})@[^\s/?#@:"'`<>\\]"#,
        ),
        start: Start::Anywhere,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // A token in the place of the user, as git hosts take it.
    Rule {
        name: "url-password",
        anchors: &["://"],
        pattern: r"://(?P<secret>[A-Za-z0-9._~-]{20,1024})@[A-Za-z0-9]",
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // Flags of command lines: the value is the next word.
    Rule {
        name: "password",
        anchors: &["--pass", "--pw"],
        pattern: r#"--(?i:pass(?:word|phrase|wd)?|pwd?)[ \t]{1,8}["']?(?P<secret>[^\s"'`<>$({\[-][^\s"'`<>]{3,512})"#,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    Rule {
        name: "secret",
        anchors: &["--secret", "--token", "--api-key", "--apikey", "--client-secret", "--access-token", "--auth-token"],
        pattern: concat!(
            r"--(?i:(?:client-)?secret(?:-key)?|(?:access-|auth-)?token|api-?key)",
            r#"[ \t]{1,8}["']?(?P<secret>[^\s"'`<>$({\[-][^\s"'`<>]{3,512})"#,
        ),
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // curl's `-u name:password`.
    Rule {
        name: "password",
        anchors: &["-u ", "--user "],
        pattern: r#"(?:-u|--user)[ \t]{1,8}["']?[^\s"':@/]{1,128}:(?P<secret>[^\s"'`<>$({/][^\s"'`<>]{1,512}[^\s"'`<>:,])"#,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // Sentences: "the password is hunter2", "passwd for root: …", "mein Passwort lautet …".
    Rule {
        name: "password",
        anchors: PASSWORD_WORDS,
        pattern: concat!(
            r"(?i:password|passwd|passwort|passphrase|passcode|kennwort|contraseña|mot de passe)",
            r"(?i:[ \t]{1,3}(?:for|of|to|für|de|pour)[ \t]{1,3}[^\s:=]{1,40}(?:[ \t][^\s:=]{1,20})?)?",
            r"(?:[ \t]{1,3}(?i:is|was|to|lautet|ist|es|est)[ \t]{1,3}(?i:now[ \t]{1,3})?|[ \t]{0,3}(?:=|:|->|→)[ \t]{0,3})",
            r#"[:"'`“«*]{0,3}(?P<secret>[^\s"'`”»<>*]{3,}[^\s"'`”»<>*.,;:!?)\]}]!?)"#,
        ),
        check: Check::Spoken,
        reach: 384,
        ..Rule::DEFAULT
    },
    // In quotes right behind the word: `passphrase "blue giraffe dances"`.
    Rule {
        name: "password",
        anchors: PASSWORD_WORDS,
        pattern: concat!(
            r"(?i:password|passwd|passwort|passphrase|passcode|kennwort|contraseña|mot de passe)",
            r#"[ \t]{1,3}["“«`'](?P<secret>[^"”»`'\n]{4,128})["”»`']"#,
        ),
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // A name and its value in two attributes, as .NET and Maven configure.
    Rule {
        name: "password",
        anchors: &["key=\"", "name=\""],
        pattern: concat!(
            r#"(?i:key|name)="[^"]{0,64}(?i:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key)""#,
            r#"[ \t]{1,8}(?i:value)="(?P<secret>[^"\n]{3,512})""#,
        ),
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // PCI DSS 3.3.1: never to be kept.
    Rule {
        name: "card-security-code",
        anchors: &["cvv", "cvc", "security code"],
        pattern: r#"(?i:cvv2?|cvc2?|security code)["']?[ \t]{0,3}(?:[:=#]|is[ \t])?[ \t]{0,3}["']?(?P<secret>[0-9]{3,4})(?:[^0-9.]|\z)"#,
        check: Check::None,
        ..Rule::DEFAULT
    },
    Rule {
        name: "pin",
        anchors: &["pin"],
        pattern: r#"(?i:pin)(?i:[ _-](?:code|number|nummer))?["']?[ \t]{0,3}(?:[:=]|is[ \t])[ \t]{0,3}["']?(?P<secret>[0-9]{4,8})(?:[^0-9.]|\z)"#,
        check: Check::None,
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // The same of keys and tokens.
    Rule {
        name: "secret",
        anchors: &[
            "key is",
            "token is",
            "secret is",
            "key was",
            "token was",
            "secret was",
            "credentials are",
            "key to",
            "token to",
        ],
        pattern: concat!(
            r"(?i:key|token|secret|credentials)[ \t]{1,3}(?i:is|was|are|to)[ \t]{1,3}(?i:now[ \t]{1,3})?",
            r#"[:"'`“«*]{0,3}(?P<secret>[^\s"'`”»<>*,;]{11,}[^\s"'`”»<>*.,;:!?)\]}])"#,
        ),
        check: Check::Spoken,
        reach: 320,
        ..Rule::DEFAULT
    },
];
