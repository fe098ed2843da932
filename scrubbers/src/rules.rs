//! The table of secrets that are known by how they look in text.
//!
//! Prefixes, alphabets and lengths follow the issuers' documentation where there is any, and the rules of gitleaks
//! (`config/gitleaks.toml`, <https://github.com/gitleaks/gitleaks>) and trufflehog
//! (`pkg/detectors`, <https://github.com/trufflesecurity/trufflehog>) for the rest. Lengths are lower bounds on purpose:
//! issuers lengthen keys without notice, and a token that is longer than expected is redacted to its end.
//!
//! # Adding a rule
//! Scrubbing must stay linear in the input, so a pattern, tried at an anchor, must either fail after a bounded number of
//! characters (or at a delimiter that its anchor does not skip), or match. A [`Check`] must be *monotone*: if it refuses a
//! match, it refuses every part of it, for the rule is then not tried again inside.

/// One kind of secret.
pub(crate) struct Rule {
    /// Stands in the marker and in reports.
    pub(crate) name: &'static str,
    /// The rule is tried where one of these occurs, in any case of ASCII letters.
    pub(crate) anchors: &'static [&'static str],
    /// Matched from the anchor's first character. The group `secret`, if there is one, is all that is redacted.
    pub(crate) pattern: &'static str,
    /// What may stand before the anchor.
    pub(crate) start: Start,
    /// What the secret must look like besides, its anchor left aside.
    pub(crate) check: Check,
}

/// What may stand before an anchor. An escape (`%3D`, `\n`, `\u0022`) may always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Anything: the prefix is like nothing else.
    Anywhere,
    /// No letter or digit (`task-…` holds no `sk-…`).
    Word,
    /// No letter, digit, `_` or `-`.
    Token,
}

/// Tells secrets from placeholders and prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The pattern says enough.
    None,
    /// At least eight different characters: no `ghp_xxxxxxxx…`.
    Varied,
    /// Varied, and with a digit or letters of both cases: no words.
    Random,
}

/// Every rule. Where two find the same text, the first names it.
pub(crate) const RULES: &[Rule] = &[
    // Header lines in text: logs, curl commands, prose. Values under such names in JSON are `headers`' concern.
    Rule {
        name: "authorization",
        anchors: &["authorization", "auth-token", "access-token", "private-token", "vault-token"],
        pattern: concat!(
            r#"(?i:authorization|(?:auth|access|private|vault)-token)["'\\]{0,8}(?:[ \t]|%20)*(?::|=|%3[Aa]|%3[Dd])"#,
            r#"(?:[ \t+]|%20)*["'\\]{0,8}(?:(?i:bearer|basic|digest|token|bot|apikey|negotiate)(?:[ \t+]|%20)+)?"#,
            r"(?P<secret>(?:[A-Za-z0-9._~+/=:-]|%2[BbFf]|%3[Dd]){8,})",
        ),
        start: Start::Word,
        check: Check::Random,
    },
    // RFC 6265 §4: pairs, separated by semicolons.
    Rule {
        name: "cookie",
        anchors: &["cookie"],
        pattern: concat!(
            r#"(?i:cookie)["'\\]{0,8}(?:[ \t]|%20)*(?::|%3[Aa])(?:[ \t+]|%20)*["'\\]{0,8}"#,
            r#"(?P<secret>[^\s"'\\;,=\[\]]{1,128}=[^\s"'\\;]+(?:;[ ]?[^\s"'\\;]+)*"#,
            // The same, percent-encoded.
            r"|[A-Za-z0-9_.-]{1,128}%3[Dd](?:[A-Za-z0-9._~-]|%2[BbFf]|%3[DdBb](?:%20|\+)?)+)",
        ),
        start: Start::Word,
        check: Check::None,
    },
    Rule {
        name: "api-key",
        anchors: &["api-key", "subscription-key", "functions-key"],
        pattern: concat!(
            r#"(?i:api|subscription|functions)-(?i:key)["'\\]{0,8}(?:[ \t]|%20)*(?::|=|%3[Aa]|%3[Dd])"#,
            r#"(?:[ \t+]|%20)*["'\\]{0,8}(?P<secret>(?:[A-Za-z0-9._~+/=-]|%2[BbFf]|%3[Dd]){12,})"#,
        ),
        start: Start::Word,
        check: Check::Random,
    },
    // gitleaks `private-key`. A block that is cut off is redacted as far as it is base64.
    Rule {
        name: "private-key",
        anchors: &["-----BEGIN"],
        pattern: concat!(
            r"-----BEGIN(?:[ +]|%20)(?:[A-Z0-9]+(?:[ +]|%20))*PRIVATE(?:[ +]|%20)KEY(?:(?:[ +]|%20)BLOCK)?-----",
            r"(?:(?:[^-]|-{1,4}[^-])*[A-Za-z0-9+/]{16}(?:[^-]|-{1,4}[^-])*-----END(?:[ +]|%20)[A-Z0-9 +%]*-----",
            r"|(?:(?:\s|\\+[nr]|%0[AaDd])*(?:[A-Za-z0-9+/=]|%2[BbFf]|%3[Dd]){16,})+)",
        ),
        start: Start::Anywhere,
        check: Check::None,
    },
    // gitleaks `anthropic-api-key`: sk-ant-api03- or sk-ant-admin01-, 93 characters, AA.
    Rule {
        name: "anthropic-api-key",
        anchors: &["sk-ant-"],
        pattern: r"sk-ant-[A-Za-z0-9_-]{20,}",
        start: Start::Word,
        check: Check::Random,
    },
    // gitleaks `openai-api-key`: sk-proj-, sk-svcacct-, sk-admin- with 124 characters and more, older ones sk- and 48. The
    // same `sk-` opens the keys of compatible services (sk-or-v1-, sk- and 32 hex digits).
    Rule {
        name: "openai-api-key",
        anchors: &["sk-"],
        pattern: concat!(
            r"sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}",
            r"|(?:[a-z]{1,8}-)?(?:v[0-9]-)?[A-Za-z0-9]{20,}[A-Za-z0-9_-]*)",
        ),
        start: Start::Word,
        check: Check::Random,
    },
    // GitHub, "Behind GitHub's new authentication token formats" (2021): prefix, 36 of base62.
    Rule {
        name: "github-token",
        anchors: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        pattern: r"gh[pousr]_[A-Za-z0-9]{36,}",
        start: Start::Anywhere,
        check: Check::Varied,
    },
    // gitleaks `github-fine-grained-pat`: 82 characters.
    Rule {
        name: "github-pat",
        anchors: &["github_pat_"],
        pattern: r"github_pat_[A-Za-z0-9_]{36,}",
        start: Start::Anywhere,
        check: Check::Random,
    },
    // AWS IAM reference, "Unique identifiers"; gitleaks `aws-access-token`.
    Rule {
        name: "aws-access-key-id",
        anchors: &["AKIA", "ASIA", "ABIA", "ACCA"],
        pattern: r"(?P<secret>(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})(?:[^A-Za-z0-9]|\z)",
        start: Start::Word,
        check: Check::Varied,
    },
    // gitleaks `gcp-api-key`: AIza and 35 characters.
    Rule {
        name: "google-api-key",
        anchors: &["AIza"],
        pattern: r"AIza[A-Za-z0-9_-]{35,}",
        start: Start::Word,
        check: Check::Varied,
    },
    // gitleaks `slack-*-token`: xoxb-, xoxp-, xoxe.xoxp-, xapp- and groups of digits and letters.
    Rule {
        name: "slack-token",
        anchors: &["xox", "xapp-"],
        pattern: r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]{20,}",
        start: Start::Word,
        check: Check::Random,
    },
    // gitleaks `stripe-access-token`; whsec_ signs Stripe's webhooks.
    Rule {
        name: "stripe-key",
        anchors: &["sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_", "whsec_"],
        pattern: r"(?:[rs]k_(?:live|test|prod)_|whsec_)[A-Za-z0-9]{16,}",
        start: Start::Word,
        check: Check::Varied,
    },
    // GitLab token overview; gitleaks `gitlab-*`: 20 characters, routable tokens continue after dots.
    Rule {
        name: "gitlab-token",
        anchors: &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-"],
        pattern: r"gl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)*",
        start: Start::Word,
        check: Check::Random,
    },
    // gitleaks `npm-access-token`.
    Rule {
        name: "npm-token",
        anchors: &["npm_"],
        pattern: r"npm_[A-Za-z0-9]{36,}",
        start: Start::Word,
        check: Check::Varied,
    },
    // gitleaks `huggingface-access-token`: hf_ and 34 letters.
    Rule {
        name: "huggingface-token",
        anchors: &["hf_"],
        pattern: r"hf_[A-Za-z0-9]{30,}",
        start: Start::Word,
        check: Check::Varied,
    },
    // gitleaks `sendgrid-api-token`: SG., 22 characters, a dot, 43 characters.
    Rule {
        name: "sendgrid-api-key",
        anchors: &["SG."],
        pattern: r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}",
        start: Start::Word,
        check: Check::Varied,
    },
    // PyPI: macaroons, which all begin with the same bytes; gitleaks `pypi-upload-token`.
    Rule {
        name: "pypi-token",
        anchors: &["pypi-AgE"],
        pattern: r"pypi-AgE[A-Za-z0-9_-]{50,}",
        start: Start::Word,
        check: Check::Random,
    },
    // trufflehog `groq`: gsk_ and 52 of base62.
    Rule {
        name: "groq-api-key",
        anchors: &["gsk_"],
        pattern: r"gsk_[A-Za-z0-9]{40,}",
        start: Start::Word,
        check: Check::Random,
    },
    // trufflehog `xai`: xai- and 80 characters.
    Rule {
        name: "xai-api-key",
        anchors: &["xai-"],
        pattern: r"xai-[A-Za-z0-9_]{60,}",
        start: Start::Word,
        check: Check::Random,
    },
    // DigitalOcean API reference, "Authentication"; gitleaks `digitalocean-*`: 64 hex digits.
    Rule {
        name: "digitalocean-token",
        anchors: &["dop_v1_", "doo_v1_", "dor_v1_"],
        pattern: r"do[opr]_v1_[A-Fa-f0-9]{40,}",
        start: Start::Word,
        check: Check::Varied,
    },
    // gitleaks `twilio-api-key`: SK and exactly 32 hex digits.
    Rule {
        name: "twilio-api-key",
        anchors: &["SK"],
        pattern: r"(?P<secret>SK[A-Fa-f0-9]{32})(?:[^A-Za-z0-9]|\z)",
        start: Start::Word,
        check: Check::Varied,
    },
    // gitleaks `slack-webhook-url`: whoever knows the path can post.
    Rule {
        name: "slack-webhook",
        anchors: &["hooks.slack.com"],
        pattern: concat!(
            r"(?i:hooks\.slack\.com)(?:\\?/|%2[Ff])(?:services|workflows|triggers)(?:\\?/|%2[Ff])",
            r"(?P<secret>(?:[A-Za-z0-9+_-]|\\?/|%2[Ff]){24,})",
        ),
        start: Start::Word,
        check: Check::Random,
    },
    // RFC 3986 §3.2.1, up to the last `@` of the authority as WHATWG's URL standard reads it. A password can be anything, so
    // placeholders go too.
    Rule {
        name: "url-password",
        anchors: &["://", r":\/\/"],
        pattern: concat!(
            r#":(?://|\\/\\/)[^\s/?#@:"'`<>\\]*:(?P<secret>"#,
            r#"[^\s/?#@"'`<>\\\[\]][^\s/?#"'`<>\\\[\]]*)@[^\s/?#@:"'`<>\\]"#,
        ),
        start: Start::Anywhere,
        check: Check::None,
    },
    // RFC 7519: two base64url objects, which both begin with `{"`, and a signature that may be missing.
    Rule {
        name: "jwt",
        anchors: &["eyJ"],
        pattern: r"eyJ[A-Za-z0-9_-]{12,}\.eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?",
        start: Start::Token,
        check: Check::Varied,
    },
    // RFC 6750 §2.1, anywhere in text.
    Rule {
        name: "bearer-token",
        anchors: &["bearer"],
        pattern: r"(?i:bearer)(?:[ \t+]|%20)+(?P<secret>(?:[A-Za-z0-9._~+/=-]|%2[BbFf]|%3[Dd]){16,})",
        start: Start::Word,
        check: Check::Random,
    },
];

// === impl Start ===

impl Start {
    /// Whether an anchor may begin at `at`.
    pub(crate) fn allows(self, text: &[u8], at: usize) -> bool {
        let Some(&before) = text[..at].last() else { return true };
        let joined = match self {
            Self::Anywhere => false,
            Self::Word => before.is_ascii_alphanumeric(),
            Self::Token => joins_token(before),
        };
        !joined || ends_with_escape(&text[..at])
    }
}

/// Whether a byte continues a token.
pub(crate) fn joins_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether `text` ends with `%3D`, `\n`, `\u0022` or the like, so that its last letter or digit is not one.
fn ends_with_escape(text: &[u8]) -> bool {
    match text {
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()),
        _ => false,
    }
}

// === impl Check ===

impl Check {
    /// Whether `secret` is one.
    pub(crate) fn passes(self, secret: &[u8]) -> bool {
        match self {
            Self::None => true,
            Self::Varied => is_varied(secret),
            Self::Random => {
                let any = |class: fn(&u8) -> bool| secret.iter().any(class);
                let mixed = any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase);
                (mixed || any(u8::is_ascii_digit)) && is_varied(secret)
            }
        }
    }
}

fn is_varied(secret: &[u8]) -> bool {
    let mut seen = [false; 256];
    for &byte in secret {
        seen[usize::from(byte)] = true;
    }
    seen.iter().filter(|&&seen| seen).count() >= 8
}
