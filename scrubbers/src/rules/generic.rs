//! Forms that no vendor owns: key files, signed tokens, signed URLs.

use super::{Check, Rule, Start};

/// Where two rules find the same text, the first names it.
pub(crate) const RULES: &[Rule] = &[
    // gitleaks `private-key`: any label, OpenVPN’s static keys too; newlines may be spaces or still be escaped. A
    // block that is cut off goes as far as it is base64.
    Rule {
        name: "private-key",
        anchors: &["-----BEGIN"],
        pattern: concat!(
            "-----BEGIN (?:[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1)-----(?:(?:[^-]",
            "|-{1,4}[^-])*[A-Za-z0-9+/]{16}(?:[^-]|-{1,4}[^-])*-----END [A-Za-z0-9 ]{3,60}-----|(?:",
            r"(?:\s|\\+[nr])*[A-Za-z0-9+/=]{16,})+)",
        ),
        start: Start::Anywhere,
        check: Check::None,
        reach: usize::MAX,
        ..Rule::DEFAULT
    },
    // <https://tartarus.org/~simon/putty-snapshots/htmldoc/AppendixC.html>: the lines that are counted.
    Rule {
        name: "putty-private-key",
        anchors: &["Private-Lines:"],
        reach: usize::MAX,
        pattern: r"Private-Lines: ?[0-9]{1,3}(?P<secret>(?:(?:\s|\\+[nr])+[A-Za-z0-9+/=]{16,})+)",
        ..Rule::DEFAULT
    },
    // gitleaks `age-secret-key`: bech32.
    Rule {
        name: "age-key",
        anchors: &["AGE-SECRET-KEY-"],
        pattern: "AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50,}",
        ..Rule::DEFAULT
    },
    // <https://www.rfc-editor.org/rfc/rfc7518#section-6>: the private members of a key.
    Rule {
        name: "jwk-private-key",
        anchors: &["\"d\"", "\"dp\"", "\"dq\"", "\"qi\"", "\"k\""],
        pattern: r#""(?:d|dp|dq|qi|k)"[ \t]*:[ \t]*"(?P<secret>[A-Za-z0-9_-]{42,})""#,
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://www.wireguard.com/quickstart/>: 32 bytes in base64.
    Rule {
        name: "wireguard-key",
        anchors: &["PrivateKey", "PresharedKey"],
        pattern: r"(?i:PrivateKey|PresharedKey)[ \t]{0,4}[=:][ \t]{0,4}(?P<secret>[A-Za-z0-9+/]{42,43}=)",
        ..Rule::DEFAULT
    },
    // <https://ethereum.org/en/developers/docs/accounts/>: 32 bytes; without the name they could be any hash.
    Rule {
        name: "ethereum-private-key",
        anchors: &["private"],
        pattern: r"(?i:private[_ -]?key)[ -~\t]{0,24}?(?P<secret>(?:0x)?[a-f0-9]{64})(?:[^A-Za-z0-9]|\z)",
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki>: base58 of 78 bytes.
    Rule {
        name: "bitcoin-extended-key",
        anchors: &["xprv", "yprv", "zprv", "tprv"],
        pattern: whole!("[xyzt]prv[1-9A-HJ-NP-Za-km-z]{100,112}"),
        ..Rule::DEFAULT
    },
    // <https://en.bitcoin.it/wiki/Wallet_import_format>: wallet import format, base58.
    Rule {
        name: "bitcoin-private-key",
        anchors: &["bitcoin", "btc", "wif", "wallet"],
        pattern: near!("bitcoin|btc|wif|wallet", "(?:5[HJK][1-9A-HJ-NP-Za-km-z]{49}|[KL][1-9A-HJ-NP-Za-km-z]{51})"),
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://github.com/nostr-protocol/nips/blob/master/19.md>: bech32.
    Rule { name: "nostr-key", anchors: &["nsec1"], pattern: whole!("nsec1[a-z0-9]{58}"), ..Rule::DEFAULT },
    // <https://www.rfc-editor.org/rfc/rfc7516#section-3>: five parts, the second may be empty.
    Rule {
        name: "jwe",
        anchors: &["eyJ"],
        pattern: r"eyJ[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{22}",
        start: Start::Token,
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // <https://www.rfc-editor.org/rfc/rfc7519#section-3>: two objects that begin with `{"`, and a signature that may
    // be missing; Kubernetes service accounts and ChatGPT sessions too.
    Rule {
        name: "jwt",
        anchors: &["eyJ"],
        pattern: r"eyJ[A-Za-z0-9_-]{12,}\.eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?",
        start: Start::Token,
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // <https://github.com/paseto-standard/paseto-spec>: local and public tokens.
    Rule {
        name: "paseto",
        anchors: &[
            "v1.local.",
            "v2.local.",
            "v3.local.",
            "v4.local.",
            "v1.public.",
            "v2.public.",
            "v3.public.",
            "v4.public.",
        ],
        pattern: r"v[1-4]\.(?:local|public)\.[A-Za-z0-9_-]{40,}(?:\.[A-Za-z0-9_-]+)?",
        ..Rule::DEFAULT
    },
    // <https://github.com/rescrv/libmacaroons>: base64 of the first packet’s length.
    Rule {
        name: "macaroon",
        anchors: &["MDAx", "MDAy", "MDAz"],
        pattern: "MDA[xyz][A-Za-z0-9+/_-]{60,}={0,2}",
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://github.com/google/google-authenticator/wiki/Key-Uri-Format>: base32 in the URI.
    Rule {
        name: "otp-secret",
        anchors: &["otpauth://"],
        pattern: "otpauth://[th]otp/[!-~]{0,200}?[?&]secret=(?P<secret>[A-Za-z2-7]{12,}=*)",
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // <https://cloud.google.com/storage/docs/access-control/signed-urls>: opens a signed URL.
    Rule {
        name: "google-signature",
        anchors: &["X-Goog-Signature="],
        pattern: "(?i:X-Goog-Signature)=(?P<secret>[a-f0-9]{64,})",
        ..Rule::DEFAULT
    },
    // <https://passlib.readthedocs.io/en/stable/modular_crypt_format.html>: what `/etc/shadow` and tables of users hold; it can be guessed from.
    Rule {
        name: "password-hash",
        anchors: &["$2a$", "$2b$", "$2x$", "$2y$", "$1$", "$apr1$", "$5$", "$6$", "$y$", "$argon2", "pbkdf2_sha"],
        pattern: concat!(
            r"(?:\$2[abxy]\$[0-9]{2}\$[A-Za-z0-9./]{53}|\$(?:1|apr1)\$[A-Za-z0-9./]{1,8}\$[A-Za-z0-9./]{22}",
            r"|\$[56]\$(?:rounds=[0-9]{1,9}\$)?[A-Za-z0-9./]{1,16}\$[A-Za-z0-9./]{43,86}|\$y\$[A-Za-z0-9./]{1,8}\$[A-Za-z0-9./]{1,86}\$[A-Za-z0-9./]{43}",
            r"|\$argon2(?:id|i|d)\$v=[0-9]{1,3}\$[a-z0-9,=]{1,64}\$[A-Za-z0-9+/]{8,88}\$[A-Za-z0-9+/]{16,128}",
            r"|pbkdf2_sha(?:1|256|512)\$[0-9]{1,9}\$[A-Za-z0-9]{1,64}\$[A-Za-z0-9+/]{27,88}={0,2})",
        ),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki>: 12 to 24 words, behind what they are called.
    Rule {
        name: "recovery-phrase",
        anchors: &[
            "mnemonic",
            "seed phrase",
            "seed words",
            "recovery phrase",
            "secret phrase",
            "seed_phrase",
            "recovery_phrase",
        ],
        pattern: concat!(
            r"(?i:mnemonic|(?:seed|recovery|secret)[ _](?:phrase|words))[ -~]{0,16}?(?:[:=]|[ \t]is)[ \t]{0,3}",
            r#"["'`]?(?P<secret>(?:[a-z]{3,8} ){11,23}[a-z]{3,8})(?:[^A-Za-z]|\z)"#,
        ),
        start: Start::Anywhere,
        check: Check::Varied,
        ..Rule::DEFAULT
    },
];
