//! What a value looks like: random, a word, or a stand-in for a value.

/// Fewest characters of a value that a machine made.
const RANDOM_MIN: usize = 8;

/// Fewest different characters in it.
const VARIETY_MIN: usize = 6;

/// What a word begins with that says that a value is to be filled in.
const STAND_INS: &[&str] = &[
    "your",
    "my_",
    "my-",
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "replace",
    "insert",
    "enter_",
    "enter-",
    "todo",
    "dummy",
];

/// Whether a value looks as if a machine had made it: long and varied enough, with digits, or capitals where no word has them.
///
/// Where a value [with few digits](has_many_digits) does not, no part of it does that begins with a part of a word.
pub(crate) fn is_random(value: &str) -> bool {
    let bytes = value.as_bytes();
    if bytes.len() < RANDOM_MIN || bytes.iter().any(u8::is_ascii_whitespace) || variety(bytes) < VARIETY_MIN {
        return false;
    }
    // `claude-3-5-sonnet` and `2026-11-24` are names: words and numbers, each alone.
    let has_mixed_part = || bytes.split(|byte| !byte.is_ascii_alphanumeric()).any(is_mixed);
    let symbols = || {
        let mut seen = 0_u128;
        bytes.iter().filter(|byte| byte.is_ascii_punctuation()).for_each(|&byte| seen |= 1 << byte);
        seen.count_ones()
    };
    has_mixed_part()
        || count_digits(bytes) >= 3 && symbols() >= 4
        || has_many_digits(value) && bytes.len() > 2 * RANDOM_MIN && !bytes.contains(&b'-')
}

/// Whether it has so many digits that they alone look random.
pub(crate) fn has_many_digits(value: &str) -> bool {
    count_digits(value.as_bytes()) >= RANDOM_MIN
}

fn count_digits(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// Whether letters and digits, or letters of both cases, are mixed as in no word.
fn is_mixed(bytes: &[u8]) -> bool {
    if bytes.len() < 4 {
        return false;
    }
    let changes = bytes.windows(2).filter(|pair| {
        let class = |byte: u8| if byte.is_ascii_digit() { 0 } else { 1 + u8::from(byte.is_ascii_uppercase()) };
        // A capital begins a word, so what comes after it is no change.
        class(pair[0]) != class(pair[1]) && !(pair[0].is_ascii_uppercase() && pair[1].is_ascii_lowercase())
    });
    let changes = changes.count();
    let digits = count_digits(bytes);
    changes >= 2 && (digits > 0 || changes * 4 >= bytes.len()) || digits > 0 && changes >= 1 && bytes.len() >= 12
}

/// Whether a value is words: letters in one case, capitals only where a word begins, joined by `_` or `-`.
pub(crate) fn is_word(value: &str) -> bool {
    value.split(['_', '-', '.', '/', '\'', '’']).all(|part| {
        let mut changes = 0;
        let mut before_is_lower = false;
        part.chars().all(|c| {
            changes += usize::from(c.is_uppercase() && before_is_lower);
            before_is_lower = c.is_lowercase();
            c.is_alphabetic()
        }) && changes * 4 <= part.len()
    })
}

/// Whether a value is empty or only shows where one goes, if only by calling it what it is (`user:password`): `<your key>`,
/// `${TOKEN}`, `$TOKEN`, `{{token}}`, `sk-...`, `****`, or is what was left in place of one.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    let wrapped = |open: &str, close: &str| {
        let inner = value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        inner.is_some_and(|inner| !inner.contains(['<', '>', '{', '}']))
    };
    let variable = value.strip_prefix(['$', '%']).is_some_and(|name| {
        let name = name.trim_matches(['(', ')', '%', '{', '}']);
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
    });
    let is_elided = |ellipsis| {
        value.strip_suffix(ellipsis).is_some_and(|head: &str| {
            head.len() <= 8 && head.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'))
        })
    };
    let is_fill = |c: char| matches!(c, 'x' | 'X' | '*' | '.' | '•' | '-' | '_' | '?' | '#' | '…');
    let is_one = || value.bytes().all(|byte| byte == value.as_bytes()[0]);
    let filled = || value == "…" || (is_one() || value.chars().all(is_fill)) && value.chars().count() >= 3;
    let says_so = || {
        let first = value.as_bytes().first().map(u8::to_ascii_lowercase);
        let begins_with = |word: &str| value.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        STAND_INS.iter().any(|word| word.bytes().next() == first && begins_with(word)) && is_word(value)
    };
    // Tags of YAML: `!vault |`; and templates that go on behind a space.
    let is_tag =
        ["!vault", "!secret", "!ref", "!sub", "!env", "!reference"].iter().any(|tag| tag.eq_ignore_ascii_case(value));
    value.is_empty()
        || is_tag
        || matches!(value, "password" | "PASSWORD" | "passwd" | "pass" | "PASS")
        || matches!(value, "${{" | "{{" | "${")
        // The closing bracket may have been taken for one of the text around it.
        || value.strip_prefix('[').is_some_and(is_word)
        || wrapped("<", ">")
        || wrapped("${", "}")
        || wrapped("{{", "}}")
        || wrapped("[", "]")
        || wrapped("%(", ")s")
        || variable
        || is_elided("...")
        || is_elided("…")
        || filled()
        || says_so()
}

/// How many different bytes there are.
pub(crate) fn variety(bytes: &[u8]) -> usize {
    let mut seen = [0_u64; 4];
    for &byte in bytes {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    seen.iter().map(|seen| seen.count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_make_no_words() {
        for value in [
            "1609c9d9871c9bc7bf3a0aeb1a88c369",
            "4BDIdW5tcZXeTor7eFRJuM3L",
            "AUBveFQ3_82yoTJDXw",
            "rt_9soHO6O9e9z",
            "c0ffee12",
            "KqXwPzRtYmBn",
        ] {
            assert!(is_random(value), "{value}");
        }
        for value in [
            "password",
            "get_password",
            "claude-3-5-sonnet",
            "2026-11-24",
            "authentication",
            "HelloWorld",
            "short1",
            "aaaaaaaaaaaa",
            "next_page",
        ] {
            assert!(!is_random(value), "{value}");
        }
    }

    #[test]
    fn placeholders_are_told_from_values() {
        for text in [
            "<your key>",
            "${TOKEN}",
            "$MY_TOKEN",
            "{{ token }}",
            "sk-...",
            "********",
            "xxxx",
            "…",
            "",
            "%TOKEN%",
            "your-api-key",
            "YOUR_API_KEY",
            "example",
        ] {
            assert!(is_placeholder(text), "{text:?}");
        }
        for text in ["hunter2", "$ecret", "abc", "sk-0123...", "<a><b>", "x", "your1Pa55"] {
            assert!(!is_placeholder(text), "{text:?}");
        }
    }
}
