//! The flags of the settings, for a command line built with clap.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Command};

use super::table::{CONFIG_FILE, SETTINGS};

/// The flag that names the configuration file.
pub(super) const CONFIG_FLAG: &str = "config";

/// Adds `--config` and one argument for each setting that has a flag, before or after any subcommand.
///
/// The arguments take any text: the configuration checks it together with everything else.
pub fn add_flags(command: Command) -> Command {
    let file = argument(CONFIG_FLAG, "FILE")
        .help(format!("Configuration file [env: PROXY_CONFIG] [default: {CONFIG_FILE}, if it is there]"));
    SETTINGS.iter().fold(command.arg(file), |command, setting| {
        let Some(flag) = setting.flag else {
            return command;
        };
        let help = format!("{} [env: {}] [default: {}]", setting.meaning, setting.env, setting.default_text());
        command.arg(argument(flag, "VALUE").help(help))
    })
}

/// The flags that were given, by name without dashes, for [`Sources::flags`](super::Sources::flags).
pub fn given_flags(matches: &ArgMatches) -> BTreeMap<String, String> {
    // clap hands global arguments down, so that the innermost subcommand knows them all.
    let mut innermost = matches;
    while let Some((_, inner)) = innermost.subcommand() {
        innermost = inner;
    }
    let names = SETTINGS.iter().filter_map(|setting| setting.flag).chain([CONFIG_FLAG]);
    let given = |name: &str| innermost.try_get_one::<String>(name).ok().flatten().cloned();
    names.filter_map(|name| Some((name.to_owned(), given(name)?))).collect()
}

fn argument(name: &'static str, value_name: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value_name).global(true)
}
