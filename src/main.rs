//! `codex-proxy`: the command line.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use codex_completions_api::app::Service;
use codex_completions_api::backend::exec::WorkerExec;
use codex_completions_api::config::{self, Config, Purpose, Sources};
use codex_completions_api::ctl::Ctl;
use codex_completions_api::demo;
use codex_completions_api::exit::Exit;
use codex_completions_api::gateway;
use codex_completions_api::keys_command::KeysCommand;
use codex_completions_api::logging;
use codex_completions_api::memory;
use codex_completions_api::selftest;
use codex_completions_api::state_dir::StateDir;

const EXAMPLES: &str = "\
Examples:
  codex-proxy demo                                  try it without an account
  PROXY_API_KEY=$(openssl rand -hex 24) codex-proxy  serve with Codex's own login
  codex-proxy config show                           every setting, its value and where that came from
  codex-proxy keys add acme --rate 60/1m            a key of its own for a partner
  codex-proxy ctl maintenance on --retry-after 20   tell clients to come back later, without a restart

Exit codes: 0 done, 4 the self-test found a secret that was not scrubbed, 64 wrong command line, 69 Codex is missing or unusable, 70 internal error, 75 something is in use or
out of reach now (port, state folder, disk), 78 wrong configuration.";

fn main() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // A reader of the help who has seen enough is no error.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    match matches.subcommand() {
        None | Some(("serve", _)) => {
            memory::give_back_what_is_free();
            serve(&matches)
        }
        Some(("demo", _)) => {
            memory::give_back_what_is_free();
            run(demo::run(sources(&matches, Purpose::Serve)))
        }
        Some(("check-config", _)) => check_config(&matches),
        Some(("selftest", _)) => match load(&matches, Purpose::Inspect) {
            Ok(config) => selftest::main(&config),
            Err(exit) => exit,
        },
        Some(("config", _)) => show_config(&matches),
        Some(("keys", command)) => keys(&matches, command),
        Some(("ctl", command)) => ctl(&matches, command),
        Some(("worker-exec", matches)) => worker_exec(matches),
        Some((name, _)) => unreachable!("clap knows no subcommand {name}"),
    }
    .into()
}

fn command() -> Command {
    let serve = Command::new("serve").about("Serve the API (the default)");
    let demo = Command::new("demo")
        .about("Serve the API on a scripted model, with a throwaway key: try everything without an account");
    let check =
        Command::new("check-config").about("Check the configuration: exit code 0, or 78 with everything that is wrong");
    let selftest = Command::new("selftest").about(
        "Record made-up secrets of every kind in a journal of their own and search its files: exit code 0, or 4 with what survived",
    );
    let show = Command::new("show").about("Print every setting with its value and where that came from");
    let config = Command::new("config").about("Look at the configuration").subcommand_required(true).subcommand(show);
    let keys = KeysCommand::augment_args(
        Command::new("keys").about("Make, list, rotate and revoke keys; a running service notices within a second"),
    );
    let ctl = Ctl::augment_args(Command::new("ctl").about("Tell the running service what to do"));
    let exec = WorkerExec::augment_args(Command::new("worker-exec").hide(true));
    let command = Command::new("codex-proxy")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An OpenAI-compatible HTTP API in front of a supervised Codex app-server")
        .after_help(EXAMPLES)
        .subcommands([serve, demo, check, selftest, config, keys, ctl, exec]);
    config::add_flags(command)
}

fn sources(matches: &ArgMatches, purpose: Purpose) -> Sources {
    let flags: BTreeMap<String, String> = config::given_flags(matches);
    Sources { flags, environment: config::process_environment(), purpose }
}

fn load(matches: &ArgMatches, purpose: Purpose) -> Result<Config, Exit> {
    config::load(&sources(matches, purpose)).map_err(|mistakes| {
        eprintln!("{mistakes}");
        Exit::Configuration
    })
}

fn serve(matches: &ArgMatches) -> Exit {
    match load(matches, Purpose::Serve) {
        Ok(config) => run(async {
            let service = match Service::start(config, sources(matches, Purpose::Serve)).await {
                Ok(service) => service,
                Err(error) => {
                    eprintln!("codex-proxy: {error}");
                    return error.exit();
                }
            };
            println!("codex-proxy listening on {}", service.base_url());
            service.run().await;
            Exit::Ok
        }),
        Err(exit) => exit,
    }
}

fn run(service: impl Future<Output = Exit>) -> Exit {
    let exit = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(service),
        Err(error) => {
            eprintln!("codex-proxy: cannot start the runtime: {error}");
            Exit::Internal
        }
    };
    logging::flush();
    exit
}

fn check_config(matches: &ArgMatches) -> Exit {
    match load(matches, Purpose::Serve) {
        Ok(config) => {
            for warning in &config.warnings {
                eprintln!("warning: {warning}");
            }
            println!("the configuration is valid");
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

fn show_config(matches: &ArgMatches) -> Exit {
    match load(matches, Purpose::Inspect) {
        Ok(config) => {
            print!("{}", config::render_show(&config));
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

fn keys(matches: &ArgMatches, command: &ArgMatches) -> Exit {
    match (load(matches, Purpose::Inspect), KeysCommand::from_arg_matches(command)) {
        (Ok(config), Ok(keys)) => match StateDir::prepare(&config.state_dir) {
            Ok(_) => keys.run(&gateway::keys_file(&config)),
            Err(error) => {
                eprintln!("codex-proxy: {error}");
                Exit::TemporaryFailure
            }
        },
        (Err(exit), _) => exit,
        (_, Err(error)) => {
            let _ = error.print();
            Exit::Usage
        }
    }
}

fn ctl(matches: &ArgMatches, command: &ArgMatches) -> Exit {
    match (load(matches, Purpose::Inspect), Ctl::from_arg_matches(command)) {
        (Ok(config), Ok(ctl)) => run(ctl.run(&config.state_dir)),
        (Err(exit), _) => exit,
        (_, Err(error)) => {
            let _ = error.print();
            Exit::Usage
        }
    }
}

fn worker_exec(matches: &ArgMatches) -> Exit {
    match WorkerExec::from_arg_matches(matches) {
        Ok(exec) => {
            eprintln!("codex-proxy worker-exec: {}", exec.exec());
            Exit::Unavailable
        }
        Err(error) => {
            let _ = error.print();
            Exit::Usage
        }
    }
}
