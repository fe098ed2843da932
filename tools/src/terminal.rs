//! What is known of whoever looks at the output: how wide it is, whether it has colours, and whether it is paged.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use clap::{Args, ValueEnum};

/// Said of the process as a whole, like its environment.
static TERMINAL: OnceLock<Terminal> = OnceLock::new();

/// The pager where none is configured: it ends by itself if all fits, keeps colours, and leaves the text where it is.
const PAGER: &str = "less -FRX";

#[derive(Args)]
pub(crate) struct TerminalArgs {
    /// Whether to use colours; auto: on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    color: When,
    /// Do not show what is long through $PAGER (less -FRX), as is done on a terminal
    #[arg(long, global = true)]
    no_pager: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

/// Where stdout leads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Characters on a line; `None` for as many as there are.
    pub(crate) width: Option<usize>,
    pub(crate) colour: bool,
    /// The command that shows what is long.
    pub(crate) pager: Option<String>,
    /// Whether a person sees it as it is written, and not a file or a program.
    pub(crate) is_tty: bool,
}

/// What stdout leads to; a file, until [`TerminalArgs::apply`] has found out.
pub(crate) fn terminal() -> &'static Terminal {
    static FILE: Terminal = Terminal { width: None, colour: false, pager: None, is_tty: false };
    TERMINAL.get().unwrap_or(&FILE)
}

// === impl TerminalArgs ===

impl TerminalArgs {
    /// Finds out what stdout leads to, once for the process.
    pub(crate) fn apply(&self) {
        let stdout = io::stdout();
        let is_tty = stdout.is_terminal();
        let size = is_tty.then(|| rustix::termios::tcgetwinsize(stdout).ok()).flatten();
        let measured = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
        let terminal = self.terminal(is_tty, measured, |name| env::var_os(name).filter(|value| !value.is_empty()));
        // A second call finds the same.
        TERMINAL.get_or_init(|| terminal);
    }

    fn terminal(&self, is_tty: bool, measured: Option<usize>, env: impl Fn(&str) -> Option<OsString>) -> Terminal {
        let text = |name: &str| env(name).and_then(|value| value.into_string().ok());
        let colour = match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => is_tty && env("NO_COLOR").is_none() && text("TERM").as_deref() != Some("dumb"),
        };
        let named = text("COLUMNS").and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
        let pager = text("PAGER").unwrap_or_else(|| PAGER.to_owned());
        let pager = Some(pager).filter(|pager| is_tty && !self.no_pager && pager != "cat");
        Terminal { width: named.or(measured), colour, pager, is_tty }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(color: When, is_tty: bool, env: &[(&str, &str)]) -> Terminal {
        let args = TerminalArgs { color, no_pager: false };
        let env: Vec<_> = env.iter().map(|(name, value)| (name.to_string(), OsString::from(value))).collect();
        args.terminal(is_tty, is_tty.then_some(120), |name| {
            env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn colours_are_for_terminals_unless_somebody_says_otherwise() {
        for (colour, when, is_tty, env) in [
            (true, When::Auto, true, &[][..]),
            (false, When::Auto, false, &[]),
            (false, When::Auto, true, &[("NO_COLOR", "1")]),
            (false, When::Auto, true, &[("TERM", "dumb")]),
            (true, When::Always, false, &[("NO_COLOR", "1")]),
            (false, When::Never, true, &[]),
        ] {
            assert_eq!(found(when, is_tty, env).colour, colour, "{env:?}");
        }
    }

    #[test]
    fn width_and_pager_are_those_of_the_terminal_or_as_named() {
        let (tty, file) = (found(When::Auto, true, &[]), found(When::Auto, false, &[]));
        assert_eq!((tty.width, tty.pager.as_deref()), (Some(120), Some(PAGER)));
        assert_eq!((file.width, file.pager), (None, None));
        assert_eq!(found(When::Auto, false, &[("COLUMNS", "80")]).width, Some(80));
        assert_eq!(found(When::Auto, true, &[("COLUMNS", "wide")]).width, Some(120));
        assert_eq!(found(When::Auto, true, &[("PAGER", "cat")]).pager, None);
        assert_eq!(found(When::Auto, true, &[("PAGER", "most -w")]).pager.as_deref(), Some("most -w"));
        let args = TerminalArgs { color: When::Auto, no_pager: true };
        assert_eq!(args.terminal(true, None, |_| None).pager, None);
    }
}
