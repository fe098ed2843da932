//! How a setting is written: the [`Form`] trait and the forms there are.
//!
//! Every source of configuration comes through [`Form::parse`], so that a flag, a variable and a line of a file mean the
//! same. What [`Form::show`] writes parses to the same value again (secrets apart).

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use secrecy::SecretString;

/// How the values of a setting are written, checked and shown.
pub trait Form {
    /// What the rest of the program gets.
    type Value;

    /// The TOML kinds it is written as, by the names of the TOML specification.
    const KINDS: &'static [&'static str] = &["string"];

    /// Whether a value must never be shown.
    const SECRET: bool = false;

    /// Reads a value.
    ///
    /// # Errors
    /// What is wrong, as the part of a sentence that follows the key. Never quotes a secret.
    fn parse(text: &str) -> Result<Self::Value, String>;

    /// What is allowed, for people.
    fn allowed() -> String;

    /// The value for people; masked if it is a secret.
    fn show(value: &Self::Value) -> String;

    /// The value when nothing sets it and it has no default; `None` if that must not be.
    fn unset() -> Option<Self::Value> {
        None
    }
}

/// `true` or `false`.
#[derive(Debug)]
pub enum Switch {}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug)]
pub struct Count<T, const MIN: u32, const MAX: u32>(PhantomData<T>);

/// A time span as a whole number of milliseconds, at least `MIN`.
#[derive(Debug)]
pub enum Millis<const MIN: u32> {}

/// A time span with its unit: `500ms`, `2s`, `15m`, `72h`, `90d`. Never zero.
#[derive(Debug)]
pub enum Period {}

/// A number of bytes: `16777216` or `16MiB`. Never zero.
#[derive(Debug)]
pub struct Size<T>(PhantomData<T>);

/// A name of any kind: text that is not empty and has no control characters.
#[derive(Debug)]
pub enum Name {}

/// An address or a name to listen on, without a port.
#[derive(Debug)]
pub enum Host {}

/// An IP address with a port.
#[derive(Debug)]
pub enum Listen {}

/// A path.
#[derive(Debug)]
pub enum FilePath {}

/// The base URL of an API: http or https, no user, no query. The value has no slash at its end.
#[derive(Debug)]
pub enum BaseUrl {}

/// A key or token.
#[derive(Debug)]
pub enum Secret {}

/// What stands before every conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseInstructions {
    /// As the login of Codex needs it.
    Auto,
    /// Nothing.
    None,
    /// Codex's own prompt.
    Codex,
    /// The text of this file.
    File(PathBuf),
}

/// A value that may be missing.
#[derive(Debug)]
pub struct Maybe<F>(PhantomData<F>);

/// How a secret that is set is shown.
pub const MASK: &str = "********";

/// How a setting without a value is shown.
pub const NOT_SET: &str = "(not set)";

/// The longest time span, in milliseconds: what today's timers can hold, a little less than 25 days.
const MAX_MILLIS: u32 = i32::MAX as u32;

/// The longest [`Period`], in milliseconds: a century, far from where times overflow.
const MAX_PERIOD: u64 = 36_525 * 86_400_000;

/// The units of [`Period`] with their milliseconds, largest first.
const PERIOD_UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The units of [`Size`] with their bytes, largest first.
const SIZE_UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

/// A value in a message: quoted, cut when long, control characters escaped.
pub(super) fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// Splits `72h` into 72 and the factor of its unit.
fn parse_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes a number with the largest unit that divides it.
fn show_with_unit(number: u128, units: &[(&str, u64)]) -> String {
    let fits = units.iter().find(|(_, factor)| number.is_multiple_of(u128::from(*factor)));
    fits.map_or_else(|| number.to_string(), |(unit, factor)| format!("{}{unit}", number / u128::from(*factor)))
}

fn parse_between(text: &str, min: u32, max: u32) -> Result<u32, String> {
    let number = text.parse::<i128>().map_err(|_| format!("{} is not a whole number", quote(text)))?;
    let in_range = u32::try_from(number).ok().filter(|number| (min..=max).contains(number));
    in_range.ok_or_else(|| format!("{number} is out of range"))
}

fn parse_text(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        Err("is empty".to_owned())
    } else if text.contains(char::is_control) {
        Err(format!("{} holds a control character", quote(text)))
    } else {
        Ok(text)
    }
}

// === impl Switch ===

impl Form for Switch {
    type Value = bool;

    const KINDS: &'static [&'static str] = &["boolean"];

    fn parse(text: &str) -> Result<bool, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(format!("{} is neither true nor false", quote(text))),
        }
    }

    fn allowed() -> String {
        "`true`, `false`".to_owned()
    }

    fn show(value: &bool) -> String {
        value.to_string()
    }
}

// === impl Count ===

impl<T: TryFrom<u32> + ToString, const MIN: u32, const MAX: u32> Form for Count<T, MIN, MAX> {
    type Value = T;

    const KINDS: &'static [&'static str] = &["integer"];

    fn parse(text: &str) -> Result<T, String> {
        let number = parse_between(text, MIN, MAX)?;
        T::try_from(number).map_err(|_| format!("{number} is out of range"))
    }

    fn allowed() -> String {
        format!("{MIN} to {MAX}")
    }

    fn show(value: &T) -> String {
        value.to_string()
    }
}

// === impl Millis ===

impl<const MIN: u32> Form for Millis<MIN> {
    type Value = Duration;

    const KINDS: &'static [&'static str] = &["integer"];

    fn parse(text: &str) -> Result<Duration, String> {
        parse_between(text, MIN, MAX_MILLIS).map(|millis| Duration::from_millis(u64::from(millis)))
    }

    fn allowed() -> String {
        format!("{MIN} to {MAX_MILLIS} milliseconds")
    }

    fn show(value: &Duration) -> String {
        value.as_millis().to_string()
    }
}

// === impl Period ===

impl Form for Period {
    type Value = Duration;

    fn parse(text: &str) -> Result<Duration, String> {
        let millis = parse_with_unit(text, PERIOD_UNITS).filter(|millis| *millis > 0);
        let millis = millis.ok_or_else(|| format!("{} is not a time span", quote(text)))?;
        if millis > MAX_PERIOD {
            return Err(format!("{} is longer than a century", quote(text)));
        }
        Ok(Duration::from_millis(millis))
    }

    fn allowed() -> String {
        "a whole number above zero with its unit (`ms`, `s`, `m`, `h`, `d`), such as `72h`".to_owned()
    }

    fn show(value: &Duration) -> String {
        show_with_unit(value.as_millis(), PERIOD_UNITS)
    }
}

// === impl Size ===

impl<T: Copy + TryFrom<u64> + TryInto<u128, Error: fmt::Debug>> Form for Size<T> {
    type Value = T;

    const KINDS: &'static [&'static str] = &["integer", "string"];

    fn parse(text: &str) -> Result<T, String> {
        let bytes = parse_with_unit(text, SIZE_UNITS).filter(|bytes| *bytes > 0);
        let bytes = bytes.and_then(|bytes| T::try_from(bytes).ok());
        bytes.ok_or_else(|| format!("{} is not a size", quote(text)))
    }

    fn allowed() -> String {
        "a whole number of bytes above zero, or with a unit (`KiB`, `MiB`, `GiB`), such as `16MiB`".to_owned()
    }

    fn show(value: &T) -> String {
        show_with_unit((*value).try_into().expect("no size is negative"), SIZE_UNITS)
    }
}

// === impl Name ===

impl Form for Name {
    type Value = String;

    fn parse(text: &str) -> Result<String, String> {
        parse_text(text).map(str::to_owned)
    }

    fn allowed() -> String {
        "a name".to_owned()
    }

    fn show(value: &String) -> String {
        value.clone()
    }
}

// === impl Host ===

impl Form for Host {
    type Value = String;

    fn parse(text: &str) -> Result<String, String> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let is_name = text.len() <= 253 && text.split('.').all(is_label);
        if is_name || text.parse::<IpAddr>().is_ok() {
            Ok(text.to_owned())
        } else {
            Err(format!("{} is neither an IP address nor a host name", quote(text)))
        }
    }

    fn allowed() -> String {
        "an IP address or a host name, without a port".to_owned()
    }

    fn show(value: &String) -> String {
        value.clone()
    }
}

// === impl Listen ===

impl Form for Listen {
    type Value = String;

    fn parse(text: &str) -> Result<String, String> {
        let address: Result<SocketAddr, _> = text.parse();
        address.map(|address| address.to_string()).map_err(|_| format!("{} is no address with a port", quote(text)))
    }

    fn allowed() -> String {
        "an IP address with a port, such as `127.0.0.1:9443`; port 0 picks a free one".to_owned()
    }

    fn show(value: &String) -> String {
        value.clone()
    }
}

// === impl FilePath ===

impl Form for BaseInstructions {
    type Value = Self;

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            "codex" => Ok(Self::Codex),
            // Only with a separator, so that a word that is none of these is no file.
            path if path.contains('/') => FilePath::parse(path).map(Self::File),
            _ => Err(format!("{} is none of the words, and no path with a `/`", quote(text))),
        }
    }

    fn allowed() -> String {
        "`auto`, `none`, `codex`, or the path of a file, with a `/` in it".to_owned()
    }

    fn show(value: &Self) -> String {
        match value {
            Self::Auto => "auto".to_owned(),
            Self::None => "none".to_owned(),
            Self::Codex => "codex".to_owned(),
            Self::File(path) => FilePath::show(path),
        }
    }
}

impl Form for FilePath {
    type Value = PathBuf;

    fn parse(text: &str) -> Result<PathBuf, String> {
        let path = parse_text(text)?;
        if path.starts_with('~') {
            return Err(format!("{} begins with `~`, which only a shell expands", quote(path)));
        }
        Ok(PathBuf::from(path))
    }

    fn allowed() -> String {
        "a path".to_owned()
    }

    fn show(value: &PathBuf) -> String {
        value.display().to_string()
    }
}

// === impl BaseUrl ===

impl Form for BaseUrl {
    type Value = String;

    fn parse(text: &str) -> Result<String, String> {
        // Checked before anything quotes the text: what stands before an `@` may be a password, and so may a query.
        if text.contains('@') {
            return Err("holds a user or password; its key belongs in PROXY_UPSTREAM_API_KEY".to_owned());
        }
        if text.contains(['?', '#']) {
            return Err("holds a query or a fragment".to_owned());
        }
        let uri = text.parse::<Uri>().map_err(|error| format!("{} is not a URL: {error}", quote(text)))?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_http || uri.host().is_none_or(str::is_empty) {
            return Err(format!("{} is not an http or https URL", quote(text)));
        }
        Ok(text.trim_end_matches('/').to_owned())
    }

    fn allowed() -> String {
        "`http://` or `https://`, a host, and a path if there is one, such as `https://api.openai.com/v1`".to_owned()
    }

    fn show(value: &String) -> String {
        value.clone()
    }
}

// === impl Secret ===

impl Form for Secret {
    type Value = SecretString;

    const SECRET: bool = true;

    fn parse(text: &str) -> Result<SecretString, String> {
        if text.is_empty() {
            Err("is empty".to_owned())
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            // It travels in a header, which can hold nothing else.
            Err("holds characters that are not printable ASCII, or spaces".to_owned())
        } else {
            Ok(text.into())
        }
    }

    fn allowed() -> String {
        "printable ASCII without spaces".to_owned()
    }

    fn show(_: &SecretString) -> String {
        MASK.to_owned()
    }
}

// === impl Maybe ===

impl<F: Form> Form for Maybe<F> {
    type Value = Option<F::Value>;

    const KINDS: &'static [&'static str] = F::KINDS;
    const SECRET: bool = F::SECRET;

    fn parse(text: &str) -> Result<Self::Value, String> {
        F::parse(text).map(Some)
    }

    fn allowed() -> String {
        F::allowed()
    }

    fn show(value: &Self::Value) -> String {
        value.as_ref().map_or_else(|| NOT_SET.to_owned(), F::show)
    }

    fn unset() -> Option<Self::Value> {
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parses, and returns what is shown for the value or what is wrong.
    fn read<F: Form>(text: &str) -> Result<String, String> {
        F::parse(text).map(|value| F::show(&value))
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(Size::<u64>::parse("16777216"), Size::<u64>::parse("16MiB"));
        assert_eq!(read::<Size<u64>>("1536KiB"), Ok("1536KiB".into()));
        for wrong in ["", "0", "16MB", "1.5MiB", "-1", "MiB", "99999999999GiB"] {
            assert!(Size::<u64>::parse(wrong).is_err(), "{wrong:?} is no size");
        }
    }

    #[test]
    fn periods_have_units() {
        assert_eq!(Period::parse("72h"), Ok(Duration::from_secs(72 * 3600)));
        assert_eq!(Period::parse("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "5", "0s", "1w", "-1h", "1h30m", "h", "99999999d"] {
            assert!(Period::parse(wrong).is_err(), "{wrong:?} is no time span");
        }
    }

    #[test]
    fn numbers_keep_to_their_range() {
        assert_eq!(Count::<u32, 1, 5>::parse("5"), Ok(5));
        for wrong in ["0", "6", "-1", "99999999999", "five", "1.0", ""] {
            assert!(Count::<u32, 1, 5>::parse(wrong).is_err(), "{wrong:?} is not between 1 and 5");
        }
        assert!(Millis::<1>::parse("0").is_err());
        assert_eq!(Millis::<0>::parse("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn hosts_are_addresses_or_names() {
        for right in ["127.0.0.1", "::", "::1", "localhost", "proxy-1.example.org"] {
            assert_eq!(read::<Host>(right), Ok(right.into()));
        }
        for wrong in ["", "[::1]", "localhost:80", "http://localhost", "a b", "a..b"] {
            assert!(Host::parse(wrong).is_err(), "{wrong:?} is no host");
        }
    }

    #[test]
    fn base_urls_are_http_without_user_or_query() {
        assert_eq!(read::<BaseUrl>("http://127.0.0.1:8080/v1/"), Ok("http://127.0.0.1:8080/v1".into()));
        for wrong in ["", "api.openai.com/v1", "/v1", "ftp://host/", "http://", "https://host/?k=hush", "https://h/#x"]
        {
            assert!(BaseUrl::parse(wrong).is_err(), "{wrong:?} is no base URL");
        }
        for secret in ["https://user:hush@host/v1", "https://host/?k=hush", "https://host/#hush"] {
            assert!(!BaseUrl::parse(secret).unwrap_err().contains("hush"), "{secret} is told on");
        }
    }

    #[test]
    fn secrets_are_never_quoted() {
        assert!(!Secret::parse("hush hush").unwrap_err().contains("hush"));
        assert_eq!(read::<Secret>("hush"), Ok(MASK.into()));
        assert_eq!(Maybe::<Secret>::show(&None), NOT_SET);
    }

    #[test]
    fn a_tilde_is_not_taken_for_a_folder() {
        assert!(FilePath::parse("~/state").is_err());
        assert!(FilePath::parse("").is_err());
    }

    #[test]
    fn quotes_are_short_and_escaped() {
        assert_eq!(quote("a\n"), r#""a\n""#);
        assert!(quote(&"é".repeat(500)).chars().count() < 70);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes in 1_u64..1 << 40, seconds in 1_u64..1 << 31) {
            prop_assert_eq!(Size::<u64>::parse(&Size::<u64>::show(&bytes)), Ok(bytes));
            let period = Duration::from_secs(seconds);
            prop_assert_eq!(Period::parse(&Period::show(&period)), Ok(period));
        }
    }
}
