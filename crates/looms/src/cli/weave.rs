//! `looms weave "…"`: one turn from the terminal, in this process.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use claude::RetryPolicy;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tokio::time::{Instant, timeout_at};
use tracing::Level;

use super::{Failure, asked_to_stop, load, print, runtime, start_log};
use crate::config::{self, Config};
use crate::emulate;
use crate::error::{Code, Error};
use crate::grpc::weave_response;
use crate::loom::Loom;
use crate::turn::{Outcome, Question, RunningTurn, TurnRequest, timed_out};

const QUERY: &str = "query";
const SESSION: &str = "session";
const JSON: &str = "json";

pub(super) fn command() -> Command {
    let command = Command::new("weave")
        .about("Ask Claude once, and print the answer")
        .arg(Arg::new(QUERY).value_name("QUERY").required(true).help("What to ask"))
        .arg(
            Arg::new(SESSION).long(SESSION).value_name("ID").help("Go on with this session, or begin it under this id"),
        )
        .arg(Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Print the whole WeaveResponse as JSON"));
    config::flags(command)
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let mut config = load(matches)?;
    if !config.settings.is_explicit("logging.level") {
        // A server's life is no news to somebody who asks one question.
        config.logging.level = Level::WARN;
    }
    start_log(&config);
    let text = |name| matches.get_one::<String>(name).cloned();
    let question = Question { query: text(QUERY).unwrap_or_default(), ..Question::default() };
    runtime()?.block_on(weave(config, question, text(SESSION), matches.get_flag(JSON)))
}

async fn weave(mut config: Config, question: Question, session_id: Option<String>, json: bool) -> Result<(), Failure> {
    let _emulator = emulate::start(&mut config).await?;
    let loom = Loom::open(&config, RetryPolicy::default()).await?;
    let started = Instant::now();
    let deadline = started + loom.timeout();
    let asked = loom.weave(TurnRequest { owner: String::new(), session_id, question, deadline });
    let told = match asked {
        Ok(running) => tell(running, started, deadline, !json && print::is_terminal()).await,
        Err(error) => Err(error.into()),
    };
    // Everything acknowledged is stored; an interrupted turn stores what it has.
    loom.stop(Duration::ZERO).await;
    let outcome = told?;
    match json {
        true => print::line(&as_json(&outcome)?)?,
        false if print::is_terminal() => print::line("")?,
        false => print::line(&outcome.text)?,
    }
    print::talk(&summary(&outcome));
    Ok(())
}

/// Waits for the end, printing on the way what arrives if a person reads it.
async fn tell(running: RunningTurn, started: Instant, deadline: Instant, live: bool) -> Result<Outcome, Failure> {
    let RunningTurn { progress, mut outcome, .. } = running;
    let stop = asked_to_stop();
    tokio::pin!(stop);
    let mut shown = 0;
    loop {
        tokio::select! {
            biased;
            ended = timeout_at(deadline, &mut outcome) => {
                let Ok(ended) = ended else { return Err(timed_out(started, deadline, None).into()) };
                let lost = |_| Error::new(Code::Internal, "the turn ended without an outcome");
                let outcome = ended.map_err(lost)?.map_err(|failure| failure.error)?;
                if live {
                    print::piece(outcome.text.get(shown..).unwrap_or_default())?;
                }
                return Ok(outcome);
            }
            () = progress.changed(), if live => {
                let progress = progress.look();
                print::piece(progress.text.get(shown..).unwrap_or_default())?;
                shown = progress.text.len();
            }
            () = &mut stop => return Err(Failure::Interrupted),
        }
    }
}

/// `12 input + 20 output tokens, $0.000336, <model>, 1.2s, session sess_…`.
fn summary(outcome: &Outcome) -> String {
    let usage = &outcome.bill.usage;
    let cost = outcome.bill.cost.map_or_else(|| "unpriced".to_owned(), |cost| cost.to_string());
    let cached = match usage.cache_read_tokens + usage.cache_write_tokens() {
        0 => String::new(),
        _ => format!(" ({} cache read, {} cache write)", usage.cache_read_tokens, usage.cache_write_tokens()),
    };
    let estimated = if usage.estimated { " (estimated)" } else { "" };
    format!(
        "{} input + {} output tokens{cached}{estimated}, {cost}, {}, {:.1}s, session {}",
        usage.input_tokens,
        usage.output_tokens,
        outcome.bill.model,
        outcome.duration.as_secs_f64(),
        outcome.session_id
    )
}

/// The answer to `Weave` as proto3 JSON, as the HTTP door would write it.
fn as_json(outcome: &Outcome) -> Result<String, Error> {
    let unwritable = |error: &dyn std::fmt::Display| Error::new(Code::Internal, format!("no JSON: {error}"));
    let pool = DescriptorPool::decode(loom_proto::DESCRIPTOR_SET).map_err(|error| unwritable(&error))?;
    let descriptor = pool.get_message_by_name("loom.v1.WeaveResponse").ok_or_else(|| unwritable(&"no descriptor"))?;
    let encoded = weave_response(outcome.clone()).encode_to_vec();
    let message = DynamicMessage::decode(descriptor, encoded.as_slice()).map_err(|error| unwritable(&error))?;
    serde_json::to_string_pretty(&message).map_err(|error| unwritable(&error))
}
