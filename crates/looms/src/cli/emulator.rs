//! `looms emulator`: the Bedrock emulator for other people's clients.

use std::net::{Ipv4Addr, SocketAddr};

use bedrock_emulator::Emulator;
use clap::{Arg, ArgMatches, Command, value_parser};

use super::{Failure, asked_to_stop, print, runtime};
use crate::error::{Code, Error};

/// Where it listens unless told otherwise; AWS emulators have made this port familiar.
const DEFAULT_PORT: &str = "4566";

const PORT: &str = "port";

pub(super) fn command() -> Command {
    let port = Arg::new(PORT)
        .long(PORT)
        .value_name("PORT")
        .default_value(DEFAULT_PORT)
        .value_parser(value_parser!(u16))
        .help("The port on 127.0.0.1; 0 takes any that is free");
    Command::new("emulator")
        .about("Run the Bedrock emulator, and print what a client needs to use it")
        .long_about(
            "Run the Bedrock emulator: Bedrock's wire protocol and Anthropic's, without a model. On stdout it prints the \
             `export` lines that point any AWS or Anthropic client at it; it runs until it is interrupted.",
        )
        .arg(port)
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let port = matches.get_one::<u16>(PORT).copied().unwrap_or_default();
    runtime()?.block_on(emulate(port))?;
    Ok(())
}

async fn emulate(port: u16) -> Result<(), Error> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let emulator = Emulator::builder().address(address).any_region().recorded_requests(0).start().await;
    let emulator = emulator.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Error::new(Code::Internal, format!("{error}{cause}")).with_hint("choose another port with --port (0 takes any)")
    })?;
    let asked = asked_to_stop();
    for (name, value) in [
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", emulator.url()),
        ("AWS_REGION", emulator.region()),
        ("AWS_DEFAULT_REGION", emulator.region()),
        ("AWS_ACCESS_KEY_ID", emulator.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", emulator.secret_access_key()),
        ("ANTHROPIC_BASE_URL", emulator.url()),
        ("ANTHROPIC_API_KEY", emulator.anthropic_api_key()),
    ] {
        print::line(&format!("export {name}={value}"))?;
    }
    print::talk(&format!("The Bedrock emulator listens on {}. It calls no model. Ctrl-C ends it.", emulator.url()));
    asked.await;
    emulator.shutdown().await;
    Ok(())
}
