//! What the last user text of a conversation asks the stub to do.

use serde_json::Value;

/// The script language, as `--help` explains it.
pub(crate) const SCRIPTS: &str = "\
The last user text of the injected items is the script of the turn:

  say:<text>            stream <text> word by word
  burst:<n>             stream n words back to back
  anything else         stream \"echo \" and the text

Faults around an answer, which is \"A normal answer.\" unless it says otherwise:

  garbage               lines that are no frames, unknown notifications, answers nobody asked for
                        and frames of others between the words
  split                 write every frame of the turn in single bytes and odd pieces
  long:<bytes>          one line of that many bytes first
  server-request        ask for an approval, wait, and quote the refusal: \"refused: \" and the error
  will-retry            report an error that Codex would retry by itself first
  duplicate-usage       report the usage of the one response twice

Faults instead of an answer:

  silent                never answer turn/start
  rpc-error:<code>:<message>
                        answer turn/start with this error
  exit:<code>[:<n>]     start the turn and exit after n words, 0 if not given
  hang-interrupt        stream words for ever and ignore turn/interrupt
  compaction            compact the context, then answer as if nothing was
  interrupted           end half-way as interrupted although nobody asked
  close-stdout          close stdout half-way, and live on";

/// A parsed script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Script {
    Say(String),
    Burst(usize),
    Garbage,
    Split,
    Long(usize),
    ServerRequest,
    WillRetry,
    DuplicateUsage,
    Silent,
    RpcError { code: i64, message: String },
    Exit { code: i32, after: usize },
    HangInterrupt,
    Compaction,
    Interrupted,
    CloseStdout,
}

// === impl Script ===

impl Script {
    /// The script in these Responses API items.
    pub(crate) fn of_items(items: &[Value]) -> Self {
        let last = items.iter().rev().find(|item| item["type"] == "message" && item["role"] == "user");
        let parts = last.and_then(|item| item["content"].as_array()).into_iter().flatten().rev();
        let text = parts.filter(|part| part["type"] == "input_text").find_map(|part| part["text"].as_str());
        Self::parse(text.unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        Self::parse_fault(text).unwrap_or_else(|| Self::Say(format!("echo {text}")))
    }

    fn parse_fault(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        Some(match name {
            "say" => Self::Say(rest.to_owned()),
            "burst" => Self::Burst(rest.parse().ok()?),
            "garbage" => Self::Garbage,
            "split" => Self::Split,
            "long" => Self::Long(rest.parse().ok()?),
            "server-request" => Self::ServerRequest,
            "will-retry" => Self::WillRetry,
            "duplicate-usage" => Self::DuplicateUsage,
            "silent" => Self::Silent,
            "rpc-error" => {
                let (code, message) = rest.split_once(':')?;
                Self::RpcError { code: code.parse().ok()?, message: message.to_owned() }
            }
            "exit" => {
                let (code, after) = rest.split_once(':').unwrap_or((rest, "0"));
                Self::Exit { code: code.parse().ok()?, after: after.parse().ok()? }
            }
            "hang-interrupt" => Self::HangInterrupt,
            "compaction" => Self::Compaction,
            "interrupted" => Self::Interrupted,
            "close-stdout" => Self::CloseStdout,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scripts_are_read() {
        assert_eq!(Script::parse("say:a:b c"), Script::Say("a:b c".into()));
        assert_eq!(Script::parse("exit:3"), Script::Exit { code: 3, after: 0 });
        assert_eq!(Script::parse("exit:3:5"), Script::Exit { code: 3, after: 5 });
        let message = "no: never".to_owned();
        assert_eq!(Script::parse("rpc-error:-32000:no: never"), Script::RpcError { code: -32000, message });
        assert_eq!(Script::parse("burst:many"), Script::Say("echo burst:many".into()));
    }

    #[test]
    fn the_last_user_text_is_the_script() {
        let message = |role: &str, text: &str| json!({ "type": "message", "role": role, "content": [{ "type": "input_text", "text": text }] });
        let items = [message("user", "silent"), message("user", "split"), message("assistant", "garbage")];
        assert_eq!(Script::of_items(&items), Script::Split);
    }
}
