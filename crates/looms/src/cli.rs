//! The command line: which commands there are, and how each ends.
//!
//! stdout is data, stderr is talk. Exit codes: 0 done, 1 it failed, 2 wrong use, 78 bad configuration.

mod emulator;
mod print;
mod serve;
mod weave;

use std::process::ExitCode;

use clap::{ArgMatches, Command};
use claude::Catalogue;
use tokio::runtime::Runtime;

use crate::config::{self, Config, ConfigError, Environment, Flags, KnownRegions, Problem};
use crate::error::{Code, Error, Terminal};
use crate::log;

/// `EX_CONFIG` of BSD's sysexits.h.
const EXIT_BAD_CONFIG: u8 = 78;

/// What a shell reports of a program that an interrupt ended: 128 and the signal's number.
const EXIT_INTERRUPTED: u8 = 130;

/// How a command ends early.
#[derive(Debug)]
enum Failure {
    Config(ConfigError),
    Error(Error),
    Interrupted,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let done = match matches.subcommand() {
        Some(("serve", matches)) => serve::run(matches),
        Some(("weave", matches)) => weave::run(matches),
        Some(("emulator", matches)) => emulator::run(matches),
        // clap requires one of the commands.
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Config(error)) => {
            for problem in &error.problems {
                print::talk(&shown(problem));
            }
            ExitCode::from(EXIT_BAD_CONFIG)
        }
        Err(Failure::Error(error)) => {
            print::talk(&Terminal(&error).to_string());
            ExitCode::FAILURE
        }
        Err(Failure::Interrupted) => ExitCode::from(EXIT_INTERRUPTED),
    }
}

/// A problem with the configuration. One that has a code reads like every error of that code.
fn shown(problem: &Problem) -> String {
    match (problem.code, &problem.hint) {
        (Some(code), Some(hint)) => format!("Error: {code}: {}\n({})\nhint: {hint}", problem.message, problem.place),
        _ => format!("Error: {problem}"),
    }
}

/// The commands, which the generated page and completions read, too.
pub fn command() -> Command {
    Command::new("looms")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Claude on AWS Bedrock behind one server: gRPC and HTTP, sessions, exact cost")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve::command())
        .subcommand(weave::command())
        .subcommand(emulator::command())
}

/// The configuration that a command's flags ask for.
fn load(matches: &ArgMatches) -> Result<Config, Failure> {
    let regions = known_regions().map_err(Failure::Error)?;
    config::load(Flags::from_matches(matches), Environment::of_process(), &regions).map_err(Failure::Config)
}

/// The reference's regions, and all that the catalogue has.
fn known_regions() -> Result<KnownRegions, Error> {
    let catalogue = Catalogue::embedded().map_err(|error| Error::new(Code::Internal, error.to_string()))?;
    let codes = |usual: bool| {
        let regions = catalogue.regions().iter().filter(|region| !usual || region.in_reference);
        regions.map(|region| region.code.clone()).collect()
    };
    Ok(KnownRegions { usual: codes(true), all: codes(false) })
}

/// Starts the log and says what is odd about the configuration.
fn start_log(config: &Config) {
    log::init(&config.logging);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

fn runtime() -> Result<Runtime, Error> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Error::new(Code::Internal, format!("the runtime cannot start: {error}")))
}

/// Ends when the process is asked to: SIGINT, or SIGTERM where there is one. It listens from the call on, so that a
/// program which calls this before it says that it is ready ends in order from that word on.
fn asked_to_stop() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::interrupt()).and_then(|interrupted| Ok((interrupted, signal(SignalKind::terminate())?)))
    };
    async move {
        #[cfg(unix)]
        if let Ok((mut interrupted, mut terminated)) = signals {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
        // Where signals cannot be listened to, only the outcome ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
