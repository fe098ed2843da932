//! Tool calls as text, as the output mode `obsidian-xml` has them: blocks `<use_tool>…</use_tool>`, written and read.

use serde_json::{Map, Value};

const OPEN: &str = "<use_tool>";
const CLOSE: &str = "</use_tool>";

/// Text that is no object has its place in this element.
const ARGUMENTS: &str = "arguments";

/// The longest block that is waited for, in bytes; what is longer is text.
const BLOCK_MAX: usize = 1 << 20;

/// Finds blocks in a text that comes in pieces.
#[derive(Debug, Default, Clone)]
pub struct BlockScanner {
    /// What may be the beginning of a block.
    held: String,
    /// How much of it was looked through for the end of the block, in bytes.
    searched: usize,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that belongs to no block.
    Text(String),
    /// A whole block.
    Block(Block),
}

/// A call that a model wrote as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The block, verbatim.
    pub text: String,
    /// The tool.
    pub name: String,
    /// The arguments as JSON text: an object of strings.
    pub arguments: String,
}

/// The block that stands for a call of `name` with `arguments`, which are JSON text as the model wrote it.
pub fn block(name: &str, arguments: &str) -> String {
    let mut text = format!("{OPEN}\n  <name>{}</name>\n", escaped(name));
    let mut element = |name: &str, value: &str| {
        for part in ["  <", name, ">", &escaped(value), "</", name, ">\n"] {
            text.push_str(part);
        }
    };
    match serde_json::from_str(arguments) {
        Ok(Value::Object(fields)) if fields.keys().all(|field| is_name(field)) => {
            for (field, value) in &fields {
                match value {
                    Value::String(value) => element(field, value),
                    value => element(field, &value.to_string()),
                }
            }
        }
        _ => element(ARGUMENTS, arguments),
    }
    text + CLOSE
}

// === impl BlockScanner ===

impl BlockScanner {
    /// Takes the next piece.
    pub fn push(&mut self, text: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        self.held.push_str(text);
        loop {
            let Some(start) = self.held.find(OPEN) else {
                let kept = beginning_at_end(&self.held);
                let rest = self.held.split_off(self.held.len() - kept);
                push_text(&mut parts, std::mem::replace(&mut self.held, rest));
                return parts;
            };
            if start > 0 {
                let rest = self.held.split_off(start);
                push_text(&mut parts, std::mem::replace(&mut self.held, rest));
            }
            let from = self.searched.saturating_sub(CLOSE.len());
            let from = (0..=from).rev().find(|at| self.held.is_char_boundary(*at)).unwrap_or(0);
            let Some(end) = self.held[from..].find(CLOSE).map(|at| from + at + CLOSE.len()) else {
                self.searched = self.held.len();
                if self.held.len() > BLOCK_MAX {
                    push_text(&mut parts, self.flush());
                }
                return parts;
            };
            self.searched = 0;
            let rest = self.held.split_off(end);
            let whole = std::mem::replace(&mut self.held, rest);
            match Block::read(&whole) {
                Some(block) => parts.push(Part::Block(block)),
                None => push_text(&mut parts, whole),
            }
        }
    }

    /// What is held once nothing more comes: no block, after all.
    pub fn flush(&mut self) -> String {
        self.searched = 0;
        std::mem::take(&mut self.held)
    }
}

// === impl Block ===

impl Block {
    /// Reads a block; `None` if it names no tool.
    fn read(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix(OPEN)?.strip_suffix(CLOSE)?;
        let mut name = None;
        let mut fields = Map::new();
        while let Some((field, value, tail)) = element(rest) {
            rest = tail;
            if field == "name" && name.is_none() {
                name = Some(unescaped(value.trim()));
            } else {
                fields.insert(field.to_owned(), Value::String(unescaped(value)));
            }
        }
        let name = name.filter(|name| !name.is_empty())?;
        // What has no fields is written as it was given.
        let arguments = match (fields.len(), fields.get(ARGUMENTS).and_then(Value::as_str)) {
            (1, Some(arguments)) if serde_json::from_str::<Value>(arguments).is_ok() => arguments.to_owned(),
            _ => Value::Object(fields).to_string(),
        };
        Some(Self { text: text.to_owned(), name, arguments })
    }

    /// Whether it stands for a call of `name` with `arguments`.
    pub fn stands_for(&self, name: &str, arguments: &str) -> bool {
        let as_written = Self::read(&block(name, arguments));
        as_written.is_some_and(|other| (&other.name, &other.arguments) == (&self.name, &self.arguments))
    }
}

fn push_text(parts: &mut Vec<Part>, text: String) {
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}

/// The length of the longest end of `text` that begins a block.
fn beginning_at_end(text: &str) -> usize {
    (1..OPEN.len()).rev().find(|length| text.ends_with(&OPEN[..*length])).unwrap_or(0)
}

/// The first element of `text`: its name, what is in it, and what follows it.
fn element(text: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = text.split_once('<')?;
    let (name, rest) = rest.split_once('>')?;
    if !is_name(name) {
        return None;
    }
    let (value, rest) = rest.split_once(&format!("</{name}>"))?;
    Some((name, value, rest))
}

fn is_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(pieces: &[&str]) -> Vec<Part> {
        let mut scanner = BlockScanner::default();
        let mut parts: Vec<Part> = pieces.iter().flat_map(|piece| scanner.push(piece)).collect();
        push_text(&mut parts, scanner.flush());
        parts
    }

    #[test]
    fn a_call_is_written_as_partners_know_it() {
        let expected = "<use_tool>\n  <name>search</name>\n  <query>a &lt; b</query>\n  <limit>3</limit>\n</use_tool>";
        assert_eq!(block("search", r#"{"query":"a < b","limit":3}"#), expected);
        assert_eq!(block("f", "{}"), "<use_tool>\n  <name>f</name>\n</use_tool>");
        assert_eq!(
            block("f", "no json"),
            "<use_tool>\n  <name>f</name>\n  <arguments>no json</arguments>\n</use_tool>"
        );
    }

    #[test]
    fn a_block_that_is_split_is_found() {
        let text = "<use_tool>\n<name>f</name>\n<path>a/b</path>\n</use_tool>";
        let found = Part::Block(Block {
            text: text.to_owned(),
            name: "f".to_owned(),
            arguments: r#"{"path":"a/b"}"#.to_owned(),
        });
        let (head, tail) = text.split_at(30);
        let pieces = ["see: <us", &head[3..], tail, " done"];
        assert_eq!(run(&pieces), [Part::Text("see: ".into()), found, Part::Text(" done".into())]);
    }

    #[test]
    fn what_is_no_block_is_text() {
        for text in ["<use_tool> and no more", "<use_tool></use_tool>", "a < b", "<use_tool><name></name></use_tool>"] {
            let text_of = |part| match part {
                Part::Text(text) => text,
                Part::Block(block) => panic!("{block:?}"),
            };
            assert_eq!(run(&[text]).into_iter().map(text_of).collect::<String>(), text);
        }
    }

    #[test]
    fn a_block_is_known_again_as_its_call() {
        let [Part::Block(found)] = &run(&[&block("f", r#"{ "a": "x", "b": 1 }"#)])[..] else { panic!() };
        assert!(found.stands_for("f", r#"{"a":"x","b":1}"#));
        assert!(!found.stands_for("f", r#"{"a":"y","b":1}"#) && !found.stands_for("g", r#"{"a":"x","b":1}"#));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_the_text_is_split(
            text in "(<use_tool>|</use_tool>|<name>f</name>|<a>ß</a>|[a<> ä]){0,12}", size in 1usize..7,
        ) {
            let characters: Vec<char> = text.chars().collect();
            let pieces: Vec<String> = characters.chunks(size).map(|piece| piece.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let joined = |parts: Vec<Part>| -> (String, usize) {
                let blocks = parts.iter().filter(|part| matches!(part, Part::Block(_))).count();
                let text = parts.into_iter().map(|part| match part {
                    Part::Text(text) => text,
                    Part::Block(block) => block.text,
                });
                (text.collect(), blocks)
            };
            let (split, whole) = (joined(run(&pieces)), joined(run(&[&text])));
            prop_assert_eq!(&split, &whole);
            prop_assert_eq!(split.0, text);
        }
    }
}
