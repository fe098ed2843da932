//! Settings that are one of a few names.

use std::fmt;

use super::form::{Form, quote};

/// Defines an enum with one name per variant.
macro_rules! choice {
    ($(#[$attribute:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// The name used in configuration.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Form for $name {
            type Value = Self;

            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("{} is none of the choices", quote(text))),
                }
            }

            fn allowed() -> String {
                [$(concat!("`", $text, "`")),+].join(", ")
            }

            fn show(value: &Self) -> String {
                value.to_string()
            }
        }
    };
}

choice! {
    /// Which family of model names the service advertises.
    Stage {
        /// The names for partners.
        Prod = "prod",
        /// The names for development.
        Dev = "dev",
    }
}

choice! {
    /// What commands of the worker may touch. The names are Codex's.
    SandboxMode {
        /// Read files.
        ReadOnly = "read-only",
        /// Write below the working folder too.
        WorkspaceWrite = "workspace-write",
        /// Anything.
        DangerFullAccess = "danger-full-access",
    }
}

choice! {
    /// When what happened is on disk.
    Durability {
        /// Within a short time, whatever the request does.
        Interval = "interval",
        /// Before the last byte of the answer that it belongs to leaves.
        BeforeFinalByte = "before_final_byte",
    }
}

choice! {
    /// What happens to requests while the journal cannot be written.
    OnFailure {
        /// They are refused.
        Refuse = "refuse",
        /// They are served, and what could not be recorded is counted.
        Continue = "continue",
    }
}

choice! {
    /// What is kept of the content of requests and answers.
    Content {
        /// All but the secrets in it.
        Redact = "redact",
        /// Sizes and digests.
        Drop = "drop",
    }
}

choice! {
    /// Which IP addresses the scrubber takes for personal.
    Addresses {
        /// Those of other machines.
        All = "all",
        /// Of those, the ones that are no private network's.
        Public = "public",
        /// None.
        None = "none",
    }
}

choice! {
    /// How an answer shows its tool calls.
    OutputMode {
        /// As OpenAI's API does.
        OpenaiJson = "openai-json",
        /// In the text too, as blocks.
        ObsidianXml = "obsidian-xml",
    }
}

choice! {
    /// What counts as behind the tool calls of an answer.
    StopAfterTools {
        /// All that follows the first of them.
        First = "first",
        /// What follows calls that come close behind each other.
        Burst = "burst",
    }
}

choice! {
    /// Where an error tells the address of the login, beside its `details`.
    LoginUrlMode {
        /// In its code.
        Code = "code",
        /// In its message.
        Message = "message",
        /// In both.
        CodeAndMessage = "code+message",
    }
}

choice! {
    /// Whose names for metrics are there beside ours.
    MetricsCompat {
        /// Those of the service before this one.
        CodexV0 = "codex_v0",
    }
}
