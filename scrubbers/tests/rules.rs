//! Each rule on its own: what it must find, and what it must leave alone.

use scrubbers::Scrubber;

/// `length` characters as random as a key's, made here so that no key-like text stands in the source.
fn random(length: usize) -> String {
    const ALPHABET: &[u8] = b"q7RtX2mZ9bLkW4cVhN8sYd3PfGjT6wQa5eHuK0rJxDvC1nBzMyS";
    (0..length).map(|i| char::from(ALPHABET[(i * 37 + i / 51) % ALPHABET.len()])).collect()
}

/// As [`random`], in upper case.
fn upper(length: usize) -> String {
    random(length).to_uppercase()
}

/// A block of key material.
fn pem(kind: &str) -> String {
    let lines = [random(64), random(64), random(20)].join("\n");
    format!("-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----")
}

fn scrubber() -> Scrubber {
    Scrubber::builder().build().expect("the table compiles")
}

/// Name of a rule, and texts that are such a secret as a whole.
fn positives() -> Vec<(&'static str, Vec<String>)> {
    let (r, hex) = (random, "0123456789abcdef");
    let prefixed = |prefixes: &[&str], rest: &str| prefixes.iter().map(|prefix| format!("{prefix}{rest}")).collect();
    vec![
        (
            "anthropic-api-key",
            vec![
                format!("sk-ant-api03-{}AA", r(93)),
                format!("sk-ant-admin01-{}AA", r(93)),
                format!("sk-ant-oat01-{}_{}-AA", r(40), r(50)),
            ],
        ),
        (
            "openai-api-key",
            vec![
                format!("sk-{}", r(48)),
                format!("sk-proj-{}_{}-T3BlbkFJ{}", r(40), r(33), r(74)),
                format!("sk-svcacct-{}", r(120)),
                format!("sk-admin-{}", r(120)),
                format!("sk-or-v1-{}", hex.repeat(4)),
                format!("sk-{}", hex.repeat(2)),
            ],
        ),
        ("github-token", prefixed(&["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], &r(36))),
        (
            "github-pat",
            vec![
                format!("github_pat_{}_{}", r(22), r(59)),
                format!("github_pat_{}", r(82)),
                format!("github_pat_{}_{}", upper(22), r(59)),
            ],
        ),
        ("aws-access-key-id", prefixed(&["AKIA", "ASIA", "ABIA", "ACCA"], &upper(16))),
        (
            "google-api-key",
            vec![format!("AIza{}", r(35)), format!("AIzaSy{}-{}_", r(20), r(11)), format!("AIza{}", upper(35))],
        ),
        (
            "slack-token",
            vec![
                format!("xoxb-012345678901-012345678901-{}", r(24)),
                format!("xoxp-012345678901-012345678901-012345678901-{}", r(32)),
                format!("xapp-1-A012ABCDE34-0123456789012-{}", r(64)),
                format!("xoxe.xoxp-1-{}", r(80)),
            ],
        ),
        ("stripe-key", prefixed(&["sk_live_", "sk_test_", "rk_live_", "whsec_"], &r(24))),
        (
            "gitlab-token",
            vec![format!("glpat-{}", r(20)), format!("glpat-{}.01.{}", r(27), r(9)), format!("glrt-{}-_", r(20))],
        ),
        ("npm-token", vec![format!("npm_{}", r(36)), format!("npm_{}", r(40)), format!("npm_{}", upper(36))]),
        ("huggingface-token", vec![format!("hf_{}", r(34)), format!("hf_{}", r(37)), format!("hf_{}", upper(34))]),
        (
            "sendgrid-api-key",
            vec![
                format!("SG.{}.{}", r(22), r(43)),
                format!("SG.{}-_.{}_-", r(20), r(41)),
                format!("SG.{}.{}", upper(22), r(43)),
            ],
        ),
        (
            "pypi-token",
            vec![
                format!("pypi-AgEIcHlwaS5vcmc{}", r(140)),
                format!("pypi-AgENdGVzdC5weXBpLm9yZw{}-_", r(140)),
                format!("pypi-AgEIcHlwaS5vcmc{}", upper(70)),
            ],
        ),
        ("groq-api-key", vec![format!("gsk_{}", r(52)), format!("gsk_{}", r(56)), format!("gsk_{}7", upper(51))]),
        (
            "xai-api-key",
            vec![format!("xai-{}", r(80)), format!("xai-{}_{}", r(40), r(39)), format!("xai-{}7", upper(79))],
        ),
        ("digitalocean-token", prefixed(&["dop_v1_", "doo_v1_", "dor_v1_"], &hex.repeat(4))),
        (
            "twilio-api-key",
            vec![
                format!("SK{}", hex.repeat(2)),
                format!("SK{}", hex.repeat(2).to_uppercase()),
                format!("SK{}", "fedcba9876543210".repeat(2)),
            ],
        ),
        (
            "jwt",
            vec![
                format!("eyJ{}.eyJ{}.{}", r(17), r(60), r(43)),
                format!("eyJ{}.eyJ{}.{}-_", r(33), r(60), r(340)),
                format!("eyJ{}.eyJ{}.", r(17), r(12)),
                format!("eyJ{}.eyJ{}", r(17), r(30)),
            ],
        ),
        (
            "private-key",
            vec![
                pem("PRIVATE KEY"),
                pem("RSA PRIVATE KEY"),
                pem("OPENSSH PRIVATE KEY"),
                pem("PGP PRIVATE KEY BLOCK"),
                pem("EC PRIVATE KEY").replace('\n', "\\n"),
                pem("EC PRIVATE KEY").replace(' ', "%20").replace('\n', "%0A"),
                pem("RSA PRIVATE KEY").replacen('\n', "\nDEK-Info: AES-256-CBC,00\n\n", 1),
            ],
        ),
    ]
}

#[test]
fn a_secret_goes_whole_wherever_it_stands() {
    let scrubber = scrubber();
    for (rule, secrets) in positives() {
        assert!(secrets.len() >= 3, "{rule}");
        for secret in secrets {
            for (before, after) in [
                ("", ""),
                ("my key is ", ", thanks"),
                ("KEY=", "\nNEXT=1"),
                ("{'k':'", "'}"),
                ("(", ")"),
                ("https://h/?k=", "&x=1"),
                ("q=a%3D", "%20b"),
                ("line\\n", "\\n"),
                ("\\u0022", "\\u0022"),
                ("é", "é"),
            ] {
                let text = format!("{before}{secret}{after}");
                assert_eq!(scrubber.scrub_text(&text), format!("{before}[REDACTED:{rule}]{after}"), "in {text:?}");
            }
        }
    }
}

#[test]
fn a_private_key_that_is_cut_off_goes_as_far_as_it_is_one() {
    let cut = format!("-----BEGIN PRIVATE KEY-----\n{}\n{}... and so on", random(64), random(40));
    assert_eq!(scrubber().scrub_text(&cut), "[REDACTED:private-key]... and so on");
}

#[test]
fn header_lines_in_text_keep_their_names() {
    let scrubber = scrubber();
    for (template, expected) in [
        ("Authorization: Bearer § failed", "Authorization: Bearer [REDACTED:authorization] failed"),
        ("authorization=§", "authorization=[REDACTED:authorization]"),
        ("curl -H 'Authorization: Basic §=='", "curl -H 'Authorization: Basic [REDACTED:authorization]'"),
        (r#"{\"Proxy-Authorization\": \"§\""#, r#"{\"Proxy-Authorization\": \"[REDACTED:authorization]\""#),
        ("?h=Authorization%3A%20Basic%20§%3D", "?h=Authorization%3A%20Basic%20[REDACTED:authorization]"),
        ("X-Auth-Token: §", "X-Auth-Token: [REDACTED:authorization]"),
        ("got Bearer §, then", "got Bearer [REDACTED:bearer-token], then"),
        ("BEARER  §", "BEARER  [REDACTED:bearer-token]"),
        ("q=bearer%20§%20x", "q=bearer%20[REDACTED:bearer-token]%20x"),
        ("x-api-key: §", "x-api-key: [REDACTED:api-key]"),
        ("X-Goog-Api-Key=§", "X-Goog-Api-Key=[REDACTED:api-key]"),
        (r#"'Api-Key': "§""#, r#"'Api-Key': "[REDACTED:api-key]""#),
        ("Cookie: a=1; b=§\nnext", "Cookie: [REDACTED:cookie]\nnext"),
        ("Set-Cookie: sid=§; Path=/; HttpOnly", "Set-Cookie: [REDACTED:cookie]"),
        (
            "https://hooks.slack.com/services/T01/B01/§ ok",
            "https://hooks.slack.com/services/[REDACTED:slack-webhook] ok",
        ),
        (
            r"https:\/\/hooks.slack.com\/triggers\/E01\/§",
            r"https:\/\/hooks.slack.com\/triggers\/[REDACTED:slack-webhook]",
        ),
        ("u=hooks.slack.com%2Fworkflows%2FT01%2F§", "u=hooks.slack.com%2Fworkflows%2F[REDACTED:slack-webhook]"),
        ("postgres://app:§@db:5432/x", "postgres://app:[REDACTED:url-password]@db:5432/x"),
        ("REDIS_URL=redis://:§@cache", "REDIS_URL=redis://:[REDACTED:url-password]@cache"),
        ("git clone 'https://u:a@§!@host.example/r'", "git clone 'https://u:[REDACTED:url-password]@host.example/r'"),
        (r"amqp:\/\/u:§@mq\/vhost", r"amqp:\/\/u:[REDACTED:url-password]@mq\/vhost"),
        ("q=Cookie%3A%20sid%3D§%3B%20t%3D1%20x", "q=Cookie%3A%20[REDACTED:cookie]%20x"),
    ] {
        let text = template.replace('§', &random(24));
        assert_eq!(scrubber.scrub_text(&text), expected, "{text}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    let (r, hex) = (random, "0123456789abcdef".repeat(4));
    let texts = [
        // Identifiers that triage needs.
        "019a2f1c-7b3e-7c41-9d2a-0f6b8e5d4c3b".to_owned(),
        format!("req_{} call_{} chatcmpl-{}", r(22), r(24), r(29)),
        format!("msg_{} fc_{} rs_{} resp_{}", &hex[..32], &hex[..48], &hex[..50], &hex[..48]),
        format!("sha256:{hex} {}", &hex[..40]),
        "gpt-5.1-codex-max claude-sonnet-4-5-20250929 hf_hub_download".to_owned(),
        "openai-organization: org-0123456789abcdefghijklmn".to_owned(),
        // Placeholders and talk about keys.
        "sk-... sk-<your key> sk-your-api-key-goes-here sk-proj-your-project-key-here".to_owned(),
        format!("sk-{} ghp_{} npm_{} hf_{}", "x".repeat(48), "X".repeat(36), "0".repeat(36), "x".repeat(34)),
        format!("AKIA{} AIza{} xoxb-{} glpat-{}", "X".repeat(16), "x".repeat(35), "x".repeat(24), "x".repeat(20)),
        format!("sk_live_{} github_pat_{} sk-ant-api03-{}", "x".repeat(24), "x".repeat(82), "x".repeat(93)),
        "AKIA keys, ASIAPACIFICREGIONALSALESTEAM, ghp_ and hf_ prefixes, eyJ..., eyJhbGci.eyJ".to_owned(),
        "xoxb-your-bot-token-goes-here, glpat-your-token-goes-here, SG.xxx.yyy, whsec_...".to_owned(),
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----".to_owned(),
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", r(64)),
        "bearer of bad news, Bearer authentication, Bearer <token>, Bearer $TOKEN".to_owned(),
        "Authorization: Bearer <your key>, authorization: required, Authorization: Basic credentials".to_owned(),
        "The cookie policy: see below. set-cookie: none. x-api-key: <YOUR_API_KEY> api-key=xxxxxxxxxxxx".to_owned(),
        format!("pypi-AgE{} gsk_{} xai-{} dop_v1_{}", "x".repeat(60), "x".repeat(52), "x".repeat(80), "0".repeat(64)),
        format!("gsk_{} xai-grok-4-fast-reasoning pypi-AgEtoken", r(12)),
        format!("SK{} SK{}0 desk{}", "0".repeat(32), &hex[..32], &hex[..32]),
        format!("https://hooks.slack.com/services/T{0}/B{0}/{1}", "0".repeat(8), "X".repeat(24)),
        // Addresses without a password.
        "http://127.0.0.1:8080/a@b https://x.example:443?m=a@b ssh://git@h/r http://u:@h http://[::1]:80/@ //a:b@c"
            .to_owned(),
        r#"{"u":"http://h:80","m":"a@b"} see http://h:80 or me@h.example, postgres://u:<password>@h"#.to_owned(),
        // Anchors inside words.
        format!("task-{} disk-{}", r(30), r(30)),
        format!("{}AKIA{} {}AIza{}", r(5), upper(16), r(5), r(35)),
    ];
    let scrubber = scrubber();
    for text in texts {
        assert_eq!(scrubber.scrub_text(&text), text);
    }
}
