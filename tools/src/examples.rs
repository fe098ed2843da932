//! Examples of every command, below its help.

use clap::{Command, CommandFactory as _};

use crate::cli::Cli;

/// Commands and their examples. Those that say more below their help than examples say it where they are.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "list",
        "\
  codex-trace list --limit 20                          the newest
  codex-trace list --since 2h --outcome server_error   what failed here in the last two hours
  codex-trace list --since 1d --sort duration          the slowest first
  codex-trace list --tool get_weather --grep Oslo      by the tool that was called, and by what was said
  codex-trace list --since 2026-11-01 --csv > november.csv",
    ),
    (
        "events",
        "\
  codex-trace events --json > events.jsonl   everything, in order
  codex-trace events --from 4711             from an event on
  codex-trace events --request 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b",
    ),
    (
        "show",
        "\
  codex-trace show 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b
  codex-trace show 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b --gap 2s              mark only long pauses
  codex-trace show 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b --request | sh        ask the same again
  codex-trace show 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b --html request.html   for a ticket
  codex-trace show 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b --diff 0197a0b1-c2d5-7e4f-8a5b-6c7d8e9f0a1b",
    ),
    ("export", "  codex-trace export 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b --output bug.codextrace"),
    ("import", "  codex-trace import bug.codextrace --state-dir /tmp/elsewhere   then list, show and replay there"),
    (
        "tail",
        "\
  codex-trace tail -n 50
  codex-trace tail -f          go on with what happens
  codex-trace tail -f --json   the same for a program",
    ),
    (
        "grep",
        "\
  codex-trace grep 'rate limit' --since 1d
  codex-trace grep -i timeout -C 3             with three events of the same request on each side
  codex-trace grep --regex '\"code\":-32[0-9]+' --limit 10",
    ),
    (
        "stats",
        "\
  codex-trace stats --since 1h
  codex-trace stats --since 1d --by model
  codex-trace stats --since 1d --route chat/completions --json",
    ),
    (
        "top",
        "\
  codex-trace top
  codex-trace top | head -3   one frame, for a program",
    ),
    (
        "verify",
        "\
  codex-trace verify
  codex-trace verify --json > verified.json",
    ),
    ("retention", "  codex-trace retention plan   what the next sweep disposes of"),
    ("retention status", "  codex-trace retention status --json"),
    ("retention plan", "  codex-trace retention plan"),
    (
        "retention run",
        "\
  codex-trace retention run
  codex-trace retention run --confirm-clock   the wall clock is right",
    ),
    (
        "erase",
        "\
  codex-trace erase --request 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b --reason 'asked for by acme'
  codex-trace erase --key acme --reason 'contract ended'   whatever that partner said",
    ),
    ("audit", "  codex-trace audit log --since 7d   who read or changed what"),
    (
        "audit log",
        "\
  codex-trace audit log --since 7d
  codex-trace audit log --actor key:engineer --action export --json",
    ),
    (
        "audit report",
        "\
  codex-trace audit report --quarter 2026Q4 --output report.md
  codex-trace audit report --since 30d --format html --output report.html",
    ),
    ("audit evidence", "  codex-trace audit evidence --quarter 2026Q4 --output evidence   then sh evidence/check.sh"),
    ("hold", "  codex-trace hold list   what is kept beyond its time"),
    (
        "hold place",
        "\
  codex-trace hold place --request 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b --reason 'case 7'
  codex-trace hold place --since 2026-11-01 --until 2026-11-08 --reason 'case 8'",
    ),
    ("hold list", "  codex-trace hold list --json"),
    ("hold lift", "  codex-trace hold lift h1 --reason 'case 7 is closed'"),
    (
        "ledger",
        "\
  codex-trace ledger
  codex-trace ledger --json > ledger.jsonl   with signatures, to be checked by any tool",
    ),
    ("ledger head", "  codex-trace ledger head >> anchors.txt   kept elsewhere, for `verify --anchor`"),
    ("segments", "  codex-trace segments"),
    ("backup", "  codex-trace backup /backups/2026-11-23"),
    ("restore", "  codex-trace restore /backups/2026-11-23 --into /var/lib/codex-proxy"),
    ("rekey", "  codex-trace rekey --new-key-file /run/keys/journal-2026"),
    (
        "completions",
        "\
  codex-trace completions bash > ~/.local/share/bash-completion/completions/codex-trace
  codex-trace completions fish > ~/.config/fish/completions/codex-trace.fish",
    ),
    ("man", "  codex-trace man ~/.local/share/man/man1"),
];

/// The command line with its examples.
pub(crate) fn command() -> Command {
    with_examples(Cli::command(), "")
}

/// `command`, whose place below `codex-trace` is `path`.
fn with_examples(command: Command, path: &str) -> Command {
    let names: Vec<_> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let command = names.iter().fold(command, |command, name| {
        let path = format!("{path} {name}");
        command.mut_subcommand(name, |command| with_examples(command, path.trim_start()))
    });
    match EXAMPLES.iter().find(|(name, _)| *name == path) {
        Some((_, examples)) => command.after_help(format!("Examples:\n{examples}")),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command by its path, and what stands below its help.
    fn all() -> Vec<(String, String)> {
        fn collect(command: &Command, path: &str, found: &mut Vec<(String, String)>) {
            for command in command.get_subcommands() {
                let path = format!("{path} {}", command.get_name()).trim_start().to_owned();
                let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                found.push((path.clone(), below));
                collect(command, &path, found);
            }
        }
        let mut found = Vec::new();
        collect(&command(), "", &mut found);
        found
    }

    /// The words of an example, without what a shell does with its output and without its explanation.
    fn words(example: &str) -> Vec<String> {
        let end = ["   ", " > ", " >> ", " | "].iter().filter_map(|end| example.find(end)).min();
        let mut words = vec![String::new()];
        let mut quoted = false;
        for char in example[..end.unwrap_or(example.len())].chars() {
            match char {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                char => words.last_mut().unwrap().push(char),
            }
        }
        words
    }

    #[test]
    fn every_command_has_an_example_of_itself() {
        for (path, below) in all() {
            assert!(below.contains("Example"), "{path} has none");
            assert!(below.contains(&format!("codex-trace {path}")), "{path}: {below}");
        }
        assert!(all().iter().any(|(path, _)| path == "hold place"));
    }

    #[test]
    fn every_example_is_a_command_line() {
        let examples = all().into_iter().flat_map(|(_, below)| {
            let lines = below.lines().filter_map(|line| line.strip_prefix("  codex-trace")).map(str::to_owned);
            lines.collect::<Vec<_>>()
        });
        let mut tried = 0;
        for example in examples {
            let words = words(&format!("codex-trace{example}"));
            let parsed = command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
            tried += 1;
        }
        assert!(tried >= EXAMPLES.len(), "{tried}");
    }

    #[test]
    fn every_example_is_of_a_command() {
        let all = all();
        for (path, _) in EXAMPLES {
            assert!(all.iter().any(|(known, _)| known == path), "there is no command {path}");
        }
    }

    #[test]
    fn the_page_has_every_command() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/codex-trace.md");
        let page = std::fs::read_to_string(page).unwrap();
        for (path, _) in all() {
            assert!(page.contains(&format!("codex-trace {path}")), "docs/codex-trace.md does not have {path}");
        }
    }
}
