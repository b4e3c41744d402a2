//! `looms serve`.

use clap::{ArgMatches, Command};
use claude::RetryPolicy;
use tokio_util::sync::CancellationToken;

use super::{Failure, asked_to_stop, load, runtime, start_log};
use crate::config::{self, Config};
use crate::emulate;
use crate::error::{Code, Error};
use crate::server::{Server, announce, probe};

pub(super) fn command() -> Command {
    config::flags(Command::new("serve").about("Serve Claude over gRPC and HTTP"))
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let config = load(matches)?;
    start_log(&config);
    let runtime = runtime()?;
    runtime.block_on(serve(config))?;
    // What is left after the server's own patience is cut.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(mut config: Config) -> Result<(), Error> {
    let _emulator = emulate::start(&mut config).await?;
    let server = Server::bind(&config, RetryPolicy::default()).await?;
    let asked = asked_to_stop();
    announce(&config, &server).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
    probe(&config, &server);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        asked.await;
        stopped.cancel();
    });
    server.run(stop).await;
    Ok(())
}
