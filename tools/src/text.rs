//! Text from outside, made fit for a terminal.

/// `text` on one line of at most `max` characters, without anything that moves the cursor or turns the writing direction:
/// clients choose what stands in the journal.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let mut shown = String::new();
    for (n, char) in text.chars().enumerate() {
        if n == max {
            shown.push_str("...");
            break;
        }
        if is_harmless(char) {
            shown.push(char);
        } else {
            shown.extend(char.escape_default());
        }
    }
    shown
}

fn is_harmless(char: char) -> bool {
    !char.is_control()
        && !matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(plain("a\u{1b}[31mb\nc", 99), "a\\u{1b}[31mb\\nc");
        assert_eq!(plain("\u{202e}x\u{9b}", 99), "\\u{202e}x\\u{9b}");
        assert_eq!(plain("grün 🦀", 99), "grün 🦀");
        assert_eq!((plain("abcd", 4).as_str(), plain("abcde", 4).as_str()), ("abcd", "abcd..."));
    }
}
