//! Credentials that stand in the open: behind a scheme, in a URL, after a flag or in a sentence.

use super::{Check, Rule, Start};

const PASSWORD_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "passcode",
    "kennwort",
    "contraseña",
    "mot de passe",
    "пароль",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "비밀번호",
    "암호",
    "hasło",
    "lösenord",
    "şifre",
    "salasana",
    "heslo",
    "jelszó",
    "parola",
    "adgangskode",
    "passord",
    "senha",
    "wachtwoord",
    "palavra-passe",
    "mật khẩu",
];

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
        pattern: r#"(?:-u|--user)[ \t]{1,8}["']?[^\s"':@/0-9][^\s"':@/]{0,127}:(?P<secret>[^\s"'`<>$({/][^\s"'`<>]{1,512}[^\s"'`<>:,])"#,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // Sentences: "the password is hunter2", "passwd for root: …", "mein Passwort lautet …".
    Rule {
        name: "password",
        anchors: PASSWORD_WORDS,
        pattern: concat!(
            r"(?i:password|passwd|passwort|passphrase|passcode|kennwort|contraseña|mot de passe|пароль|密码|密碼|口令|パスワード|비밀번호|암호|hasło|lösenord|şifre|salasana|heslo|jelszó|parola|adgangskode|passord|senha|wachtwoord|palavra-passe|mật khẩu)",
            r"(?i:[ \t]{1,3}(?:for|of|to|für|de|pour)[ \t]{1,3}[^\s:=]{1,40}(?:[ \t][^\s:=]{1,20})?)?",
            r"(?:[ \t]{1,3}(?i:is|was|to|lautet|ist|es|est|é|è|jest|är|er|je)[ \t:]{1,3}(?i:now[ \t]{1,3})?|[ \t]{0,3}(?:=|:|：|->|→|—|–|是|は|は、|为|為)[ \t]{0,3})",
            r#"[:"'`“«「*]{0,3}(?P<secret>[^\s"'`”»」。，、；<>*]{3,}[^\s"'`”»」。，、；！<>*.,;:!?)\]}]!?)"#,
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
            r"(?i:password|passwd|passwort|passphrase|passcode|kennwort|contraseña|mot de passe|пароль|密码|密碼|口令|パスワード|비밀번호|암호|hasło|lösenord|şifre|salasana|heslo|jelszó|parola|adgangskode|passord|senha|wachtwoord|palavra-passe|mật khẩu)",
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
    // Flags and directives that take nothing but a password: OpenSSH wrappers, keytool, Redis, OpenLDAP.
    Rule {
        name: "password",
        anchors: &["sshpass -p", "-storepass ", "-keypass ", "requirepass ", "masterauth ", "bindpw ", "rootpw "],
        pattern: r#"(?:sshpass -p|-storepass|-keypass|requirepass|masterauth|bindpw|rootpw)[ \t]{0,8}["']?(?P<secret>[^\s"'`<>$({\[-][^\s"'`<>]{2,512})"#,
        start: Start::Anywhere,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // Short flags mean a password with these programs.
    Rule {
        name: "password",
        anchors: &[
            "docker login",
            "podman login",
            "helm registry login",
            "az login",
            "az acr login",
            "mongo",
            "redis-cli",
            "ldapsearch",
            "ldapadd",
            "ldapmodify",
            "oc login",
            "cf login",
        ],
        pattern: r#"(?:(?:(?:docker|podman|helm registry|az|az acr|oc|cf) login|mongo(?:sh|dump|restore|export|import)?)[ \t][ -~]{0,256}?-p|redis-cli[ \t][ -~]{0,256}?-a|ldap(?:search|add|modify)[ \t][ -~]{0,256}?-w)[ \t]{1,4}["']?(?P<secret>[^\s"'`<>$({\[-][^\s"'`<>]{2,512})"#,
        check: Check::Value,
        reach: 1024,
        ..Rule::DEFAULT
    },
    // Without a space between flag and password.
    Rule {
        name: "password",
        anchors: &["mysql", "mariadb"],
        pattern: r#"(?:mysql|mariadb)(?:dump|admin|import|check)?[ \t][ -~]{0,128}?[ \t]-p["']?(?P<secret>[^\s"'`<>$({\[-][^\s"'`<>]{2,512})"#,
        check: Check::Spoken,
        reach: 1024,
        ..Rule::DEFAULT
    },
    // Commands whose next word is a token.
    Rule {
        name: "secret",
        anchors: &[
            "vault login",
            "snyk auth",
            "ngrok authtoken",
            "add-authtoken",
            "auth token",
            "auth init -t",
            "--account-key",
            "_authToken",
        ],
        pattern: r#"(?i:vault login|snyk auth|authtoken|add-authtoken|auth token|auth init -t|--account-key|_authToken)[ \t]{1,8}["']?(?P<secret>[A-Za-z0-9][A-Za-z0-9+/=._~-]{11,512})"#,
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html>, on one line.
    Rule {
        name: "password",
        anchors: &["login"],
        pattern: r#"login[ \t]{1,8}[^\s]{1,128}[ \t]{1,8}password[ \t]{1,8}["']?(?P<secret>[^\s"'`<>$({\[-][^\s"'`<>]{2,512})"#,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // The next word, if a machine made it: `.netrc`, configurations of routers, talk.
    Rule {
        name: "password",
        anchors: &["password ", "passwd ", "passphrase "],
        pattern: r#"(?i:password|passwd|passphrase)[ \t]{1,4}(?:[057][ \t]{1,2})?["'`(\[]{0,2}(?P<secret>[^\s"'`<>(\[]{8,128})(?:[\s"'`<>)\]]|\z)"#,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://www.postgresql.org/docs/current/libpq-pgpass.html>: the last of five.
    Rule {
        name: "password",
        anchors: &[":5432:", ":3306:", ":6432:", ":5433:"],
        pattern: r":(?:5432|5433|6432|3306):[^\s:]{1,128}:[^\s:]{1,128}:(?P<secret>[^\s:]{4,256})(?:\s|\z)",
        start: Start::Anywhere,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // <https://github.com/zxing/zxing/wiki/Barcode-Contents#wi-fi-network-config-android-ios-11>: what a QR code holds.
    Rule {
        name: "password",
        anchors: &["WIFI:"],
        pattern: r"WIFI:[^\n]{0,128}?P:(?P<secret>[^;\n]{4,128});",
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // <https://dev.mysql.com/doc/refman/8.4/en/create-user.html>.
    Rule {
        name: "password",
        anchors: &["identified by", "identified with"],
        pattern: r#"(?i:identified[ \t]+(?:by|with[ \t]+[a-z0-9_'"]{1,40}[ \t]+(?:by|as)))[ \t]+["'](?P<secret>[^"'\n]{3,256})["']"#,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // <https://learn.microsoft.com/en-us/powershell/module/microsoft.powershell.security/convertto-securestring>.
    Rule {
        name: "password",
        anchors: &["ConvertTo-SecureString"],
        pattern: r#"(?i:ConvertTo-SecureString)[ \t]+(?i:-String[ \t]+)?["'](?P<secret>[^"'\n$][^"'\n]{2,256})["']"#,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // What code hands to a setter.
    Rule {
        name: "password",
        anchors: &["setpassword(", "withpassword(", ".password(", "setpass("],
        pattern: r#"(?i:(?:set|with|\.)pass(?:word)?)\([ \t]*["'](?P<secret>[^"'\n]{3,256})["'][ \t]*\)"#,
        start: Start::Anywhere,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // A user and a password, as arguments.
    Rule {
        name: "password",
        anchors: &[
            "networkcredential(",
            "httpbasicauth(",
            "httpdigestauth(",
            "passwordcredentials(",
            "basicauth(",
            "basic_auth(",
            "awscredentials(",
            "auth=(",
        ],
        pattern: r#"(?i:networkcredential|httpbasicauth|httpdigestauth|passwordcredentials|basicauth|basic_auth|awscredentials|auth=)\([ \t]*["'][^"'\n]{1,128}["'],[ \t]*["'](?P<secret>[^"'\n]{3,256})["']"#,
        start: Start::Anywhere,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // <https://docs.oracle.com/javase/8/docs/api/java/sql/DriverManager.html>: address, user, password.
    Rule {
        name: "password",
        anchors: &["getConnection("],
        pattern: r#"getConnection\([^,\n]{1,512},[ \t]*"[^"\n]{0,128}",[ \t]*"(?P<secret>[^"\n]{3,256})""#,
        start: Start::Anywhere,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // <https://html.spec.whatwg.org/multipage/input.html>: what a form was filled with.
    Rule {
        name: "password",
        anchors: &["type=\"password", "type='password", "type=password"],
        pattern: r#"type=["']?password["']?[^<>\n]{0,256}?[ \t]value=["'](?P<secret>[^"'\n]{3,256})["']"#,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // A name in an attribute and its value in the element, as Java and Android have it.
    Rule {
        name: "password",
        anchors: &["key=\"", "name=\""],
        pattern: r#"(?i:key|name)="[^"\n]{0,64}(?i:password|passwd|pwd|pass|secret|token|api[_-]?key|access[_-]?key)"[^<>\n]{0,64}>(?P<secret>[^<\s]{3,512})</"#,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // <https://docs.oracle.com/en/database/oracle/oracle-database/23/jjdbc/data-sources-and-URLs.html>: user and password before `@`.
    Rule {
        name: "password",
        anchors: &["jdbc:oracle:", "sqlplus "],
        pattern: r#"(?:jdbc:oracle:[a-z]{2,5}:|sqlplus[ \t]{1,4}(?:-[a-zA-Z]{1,8}[ \t]{1,4}){0,3})[^\s/@:"']{1,64}/(?P<secret>[^\s/@"']{3,128})@"#,
        start: Start::Anywhere,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // <https://curl.se/docs/http-cookies.html>: the last of seven fields of a cookie jar.
    Rule {
        name: "cookie",
        anchors: &["\tTRUE\t", "\tFALSE\t"],
        pattern: r"\t(?:TRUE|FALSE)\t/[^\t\n]*\t(?:TRUE|FALSE)\t[0-9]{1,16}\t[^\t\n]+\t(?P<secret>[^\s]{8,})",
        reach: 4096,
        start: Start::Anywhere,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // curl’s `--cookie name=value`.
    Rule {
        name: "cookie",
        anchors: &["-b ", "--cookie "],
        pattern: r#"(?:-b|--cookie)[ \t]{1,4}["']?[A-Za-z0-9_.-]{1,64}=(?P<secret>[^\s"';]{8,4096})"#,
        ..Rule::DEFAULT
    },
    // The next word, if a machine made it.
    Rule {
        name: "secret",
        anchors: &[
            "token ",
            "secret ",
            "api key ",
            "api-key ",
            "apikey ",
            "access key ",
            "secret key ",
            "auth key ",
            "license key ",
            "application key ",
            "app key ",
            "service key ",
            "private key ",
            "client key ",
            "hmac key ",
            "deploy key ",
            "session key ",
            "signing key ",
        ],
        pattern: r#"(?i:(?:(?:api|access|secret|auth|license|licence|application|app|service|private|client|hmac|deploy|personal access|refresh|bearer|session|2fa|totp|mfa|otp|webhook|signing)[ _-]?(?:key|token|secret)|token|secret))[ \t]{1,3}(?:[—–-][ \t]{1,3})?["'`(\[]{0,2}(?P<secret>[A-Za-z0-9][A-Za-z0-9+/=_.-]{19,256})(?:[\s"'`)\]<>,;&]|\z)"#,
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // The same, of hex digits or base32, behind a name that says what opens something.
    Rule {
        name: "secret",
        anchors: &[
            "api key ",
            "api token ",
            "apikey ",
            "access token ",
            "secret key ",
            "access key ",
            "auth token ",
            "license key ",
            "client secret ",
            "hmac secret ",
            "2fa secret ",
            "totp secret ",
            "mfa secret ",
        ],
        pattern: r#"(?i:api[ _-]?key|(?:api|access|auth) token|(?:secret|access|license) key|(?:client|hmac|2fa|totp|mfa) secret)[ \t]{1,3}(?:[—–-][ \t]{1,3})?["'`(\[]{0,2}(?P<secret>(?:[a-f0-9]{32,64}|[A-Z2-7]{16,64}))(?:[\s"'`)\]<>,;&.]|\z)"#,
        ..Rule::DEFAULT
    },
    // As people write to each other.
    Rule {
        name: "password",
        anchors: &["pw is ", "pwd is ", "pass is "],
        pattern: r#"(?i:pw|pwd|pass)[ \t]is[ \t]{1,3}["'`]?(?P<secret>[^\s"'`<>]{3,127}[^\s"'`<>.,;:!?)\]}])"#,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // Constants of C, as firmware has them.
    Rule {
        name: "password",
        anchors: &["#define"],
        pattern: r#"(?i:#define)[ \t]{1,16}[A-Za-z0-9_]{0,48}?(?i:pass|password|passwd|pwd|psk|secret|token|api_?key)[ \t]{1,32}"(?P<secret>[^"\n]{3,256})""#,
        start: Start::Anywhere,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // <https://www.cisco.com/c/en/us/td/docs/ios-xml/ios/security/d1/sec-d1-cr-book.html>.
    Rule {
        name: "password",
        anchors: &["enable secret", "enable password"],
        pattern: r#"enable (?:secret|password)[ \t]{1,4}(?:[0-9][ \t]{1,4})?(?P<secret>[^\s"'`<>]{4,256})"#,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // Programs that read a password from their input.
    Rule {
        name: "password",
        anchors: &["echo "],
        pattern: r#"echo[ \t]{1,4}(?:-n[ \t]{1,4})?["']?(?P<secret>[^\s"'|$<>]{4,256})["']?[ \t]{0,4}\|[ \t]{0,4}(?:(?:docker|podman|helm registry) login|sudo -S|cryptsetup)"#,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // <https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/net-use>: after the user.
    Rule {
        name: "password",
        anchors: &["net use", "runas"],
        pattern: r#"(?i:net use|runas)[ \t][ -~]{0,160}?/user:[^\s"']{1,128}[ \t]{1,4}["']?(?P<secret>[^\s"'`<>/*][^\s"'`<>]{3,256})"#,
        start: Start::Anywhere,
        check: Check::Spoken,
        ..Rule::DEFAULT
    },
    // <https://www.samba.org/samba/docs/current/man-html/smbclient.1.html>: `user%password`.
    Rule {
        name: "password",
        anchors: &["-U "],
        pattern: r#"-U[ \t]{1,4}["']?[^\s%"'`]{1,64}%(?P<secret>[^\s"'`<>]{3,256})"#,
        start: Start::Token,
        check: Check::Value,
        ..Rule::DEFAULT
    },
    // <https://cloud.google.com/docs/authentication/api-keys-use>: the parameter of Google and of whoever copied it.
    Rule {
        name: "secret",
        anchors: &["?key=", "&key="],
        pattern: r"[?&]key=(?P<secret>[A-Za-z0-9_-]{24,128})(?:[^A-Za-z0-9_.%/-]|\z)",
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // Keys and tokens behind the colon and verbs of CJK text.
    Rule {
        name: "secret",
        anchors: &["令牌", "密钥", "密鑰", "トークン", "토큰"],
        pattern: r#"(?:令牌|密钥|密鑰|トークン|토큰)[ \t]{0,3}(?:：|是|为|は)[ \t]{0,3}["'`「“]?(?P<secret>[A-Za-z0-9][A-Za-z0-9+/=_.-]{15,512})"#,
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // RFC 7578 §4.2: the name of a field stands in its header, the value behind an empty line (see `blocks`).
    Rule {
        name: "password",
        anchors: &["form-data;"],
        pattern: concat!(
            r#"(?i:form-data;[ \t]*name="[^"\r\n]{0,64}(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|auth))"#,
            r#"[^"\r\n]{0,16}"[^\r\n]{0,100}\r?\n(?:[ \t]*[A-Za-z-]+:[^\r\n]*\r?\n){0,3}[ \t]*\r?\n[ \t]*(?P<secret>[^\s\x01][^\r\n\x01]{2,})"#,
        ),
        check: Check::Value,
        start: Start::Word,
        reach: 2048,
        ..Rule::DEFAULT
    },
];
