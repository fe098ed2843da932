//! Tokens as the public vocabulary `o200k_base` has them, for what the worker reports no count of: limits, and answers that were cut.
//!
//! The vocabulary is a table of some 200,000 entries. It is made at the first use, which takes a fraction of a second: [`load`] does
//! so where waiting is allowed.

use serde_json::Value;
use tiktoken_rs::{CoreBPE, o200k_base_singleton};

/// Texts are encoded in stretches of about this many bytes: the expression that splits words fails on long runs of white space,
/// and merging takes long on long words.
const STRETCH: usize = 1024;

/// Makes the vocabulary, unless it is there. Blocks.
pub fn load() {
    vocabulary();
}

/// How many tokens `text` is.
pub fn count(text: &str) -> usize {
    let mut rest = text;
    let mut tokens = 0;
    while !rest.is_empty() {
        let (stretch, tail) = rest.split_at(stretch(rest));
        tokens += vocabulary().encode_ordinary(stretch).len();
        rest = tail;
    }
    tokens
}

/// How many tokens the texts of `items`, in the form of the Responses API, are; images count nothing.
pub fn count_items(items: &[Value]) -> usize {
    items.iter().flat_map(texts).map(count).sum()
}

/// Whether the texts of `items` are more than `limit` tokens. Looks no further than it needs to.
pub fn exceed(items: &[Value], limit: usize) -> bool {
    // No token is less than a byte.
    if items.iter().flat_map(texts).map(str::len).sum::<usize>() <= limit {
        return false;
    }
    let mut tokens = 0;
    for mut text in items.iter().flat_map(texts) {
        while !text.is_empty() {
            let (stretch, tail) = text.split_at(stretch(text));
            tokens += vocabulary().encode_ordinary(stretch).len();
            if tokens > limit {
                return true;
            }
            text = tail;
        }
    }
    false
}

/// The longest beginning of `text`, which should not be long, that is at most `max` tokens and ends where a token does.
pub fn beginning(text: &str, max: usize) -> &str {
    let tokens = vocabulary().encode_ordinary(text);
    let bytes = vocabulary().decode_bytes(&tokens[..max.min(tokens.len())]).unwrap_or_default();
    let mut end = bytes.len().min(text.len());
    // A token can end inside of a character, and what is left can be more tokens by itself.
    while !text.is_char_boundary(end) || count(&text[..end]) > max {
        end -= 1;
    }
    &text[..end]
}

/// The last place in `text` where it falls into two parts whose tokens are those of the whole, whatever follows; 0 if there is none.
pub fn last_seam(text: &str) -> usize {
    let mut after = None;
    for (at, character) in text.char_indices().rev() {
        if let Some((place, next)) = after
            && is_seam(character, next)
        {
            return place;
        }
        after = Some((at, character));
    }
    0
}

/// Whether a word of the vocabulary's expression always ends between these two. A space begins a word; letters and digits go on with
/// nothing but their like (and a contraction); white space does not go on with a letter unless it is a single character of a line.
fn is_seam(before: char, after: char) -> bool {
    // Symbols from there on count as letters in one place and not in another.
    let is_letter = before.is_alphabetic() && before < '\u{10000}' && !('\u{2000}'..'\u{2c00}').contains(&before);
    let ends_word = matches!(after, '\n' | '.' | ',' | ';' | ':' | '!' | '?' | '(' | ')' | '"' | '/' | '=' | '_')
        || ('\u{3000}'..='\u{3003}').contains(&after);
    (after == ' ' && !before.is_whitespace())
        || (ends_word && (is_letter || before.is_ascii_digit()))
        || (before == '\n' && after.is_ascii_alphabetic())
}

/// The length of the next stretch of `text`, which is not empty.
fn stretch(text: &str) -> usize {
    if text.len() <= STRETCH {
        return text.len();
    }
    let end = (0..=STRETCH).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    match last_seam(&text[..end]) {
        0 => end,
        seam => seam,
    }
}

fn texts(item: &Value) -> impl Iterator<Item = &str> {
    let parts = item.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let fields = ["name", "arguments", "output"].into_iter().filter_map(|field| item.get(field));
    parts.iter().filter_map(|part| part.get("text")).chain(fields).filter_map(Value::as_str)
}

fn vocabulary() -> &'static CoreBPE {
    o200k_base_singleton()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_are_those_of_the_vocabulary() {
        for (text, tokens) in [("", 0), ("Hello there, friend.", 5), ("hello world", 2), ("日本語", 2)] {
            assert_eq!(count(text), tokens, "{text}");
        }
        let long = "The quick brown fox.\n".repeat(1000);
        assert_eq!(count(&long), vocabulary().encode_ordinary(&long).len());
    }

    #[test]
    fn runs_of_white_space_and_of_letters_take_no_long_time() {
        assert!(count(&" ".repeat(2_000_000)) > 1000);
        assert!(count(&"a".repeat(500_000)) > 1000);
    }

    #[test]
    fn every_text_of_an_item_counts() {
        let items = [
            json!({ "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "hello world" }, { "type": "input_image", "image_url": "data:" },
            ] }),
            json!({ "type": "function_call", "call_id": "c", "name": "hello", "arguments": "world" }),
            json!({ "type": "function_call_output", "call_id": "c", "output": "hello" }),
        ];
        assert_eq!(count_items(&items), 5);
        assert!(exceed(&items, 4) && !exceed(&items, 5) && !exceed(&items, 100));
    }

    #[test]
    fn a_beginning_has_whole_characters_and_at_most_so_many_tokens() {
        assert_eq!(beginning("hello world", 1), "hello");
        assert_eq!(beginning("hello", 9), "hello");
        assert_eq!(beginning("hello", 0), "");
        for max in 0..8 {
            assert!(count(beginning("🤷🏽‍♀️🏴󠁧󠁢󠁳󠁣󠁴󠁿 ok", max)) <= max);
        }
    }

    proptest! {
        #[test]
        fn a_seam_changes_no_count(text in "([a-zA-Z]{1,5}|[0-9]{1,4}|[ \n\t]{1,3}|['.,/)(_=-]{1,2}|[äß語。]|Ⓐ){0,20}") {
            let whole = vocabulary().encode_ordinary(&text);
            let (head, tail) = text.split_at(last_seam(&text));
            let mut parts = vocabulary().encode_ordinary(head);
            parts.extend(vocabulary().encode_ordinary(tail));
            prop_assert_eq!(whole, parts);
        }
    }
}
