//! A running turn as the events of `StreamWeave`.
//!
//! `partial_content` is the whole text so far, which sent per token is quadratic on the wire: updates that come close
//! together are joined, the more the longer the text is. The first one is sent at once.

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::ready;
use futures_util::stream::{Stream, StreamExt as _, once, unfold};
use jiff::Timestamp;
use loom_proto::v1::{ExecutionResult, ExecutionStage, WeaveProgress};
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::{convert, lost};
use crate::error::Error;
use crate::turn::{Failure, Outcome, Progress, RunningTurn, timed_out};

/// The least time between two updates: fluent to read, and far fewer than tokens.
const JOIN: Duration = Duration::from_millis(40);

/// How much longer that is per KiB of text, which keeps the bytes per second of a long answer level.
const JOIN_PER_KIB: Duration = Duration::from_millis(10);

/// The most that an update waits.
const JOIN_MOST: Duration = Duration::from_secs(1);

/// What `progress` says while the model writes; nobody knows how much is to come.
const WRITING_PERCENT: i32 = 50;

type Events = Pin<Box<dyn Stream<Item = Result<WeaveProgress, Status>> + Send>>;

/// The events of a turn. Returns when the first is there, so that a failure before it is a plain error.
pub(super) async fn begin(running: RunningTurn, started: Instant, wanted: Wanted) -> Result<Events, Status> {
    let mut reader = Reader { turn: running, started, wanted, told: 0, next_update: None, state: State::Reading };
    let first = match reader.read().await {
        Told::Failed(failure) if failure.bill.is_none() => {
            failure.log();
            return Err(failure.error.into());
        }
        told => reader.event(told),
    };
    let rest = unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) });
    Ok(Box::pin(once(ready(Ok(first))).chain(rest)))
}

/// What the caller wants of a stream.
pub(super) struct Wanted {
    /// The new piece of text alone, instead of the whole so far.
    pub(super) new_content_only: bool,
    /// Until when it waits.
    pub(super) caller_deadline: Option<Instant>,
}

struct Reader {
    turn: RunningTurn,
    started: Instant,
    wanted: Wanted,
    /// How much of the text was told.
    told: usize,
    /// When the next update may be sent; `None` before the first, which waits for nothing.
    next_update: Option<Instant>,
    state: State,
}

enum State {
    Reading,
    /// The FAILED event was sent, its error not yet.
    Failed(Status),
    Ended,
}

/// What there is to tell.
enum Told {
    Update(Progress),
    Done(Box<Outcome>),
    Failed(Box<Failure>),
}

impl Reader {
    async fn next(&mut self) -> Option<Result<WeaveProgress, Status>> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Reading => {
                let told = self.read().await;
                Some(Ok(self.event(told)))
            }
            State::Failed(status) => Some(Err(status)),
            State::Ended => None,
        }
    }

    /// Waits for what there is to tell next.
    async fn read(&mut self) -> Told {
        let deadline = self.wanted.caller_deadline;
        let RunningTurn { progress, outcome, .. } = &mut self.turn;
        let (next_update, told) = (self.next_update, self.told);
        let update = async {
            // What was told meanwhile may be news no more.
            while progress.look().text.len() == told {
                progress.changed().await;
            }
            // A timer waits for its next tick even if its time has come.
            if let Some(next) = next_update.filter(|next| Instant::now() < *next) {
                sleep_until(next).await;
            }
            progress.look().clone()
        };
        let expired = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = outcome => match outcome {
                Ok(Ok(outcome)) => Told::Done(Box::new(outcome)),
                Ok(Err(failure)) => Told::Failed(Box::new(failure)),
                Err(_) => Told::Failed(Box::new(lost().into())),
            },
            progress = update => Told::Update(progress),
            () = expired => {
                let error = timed_out(self.started, deadline.unwrap_or(self.started), None);
                Told::Failed(Box::new(Failure { error, bill: self.turn.bill_so_far() }))
            }
        }
    }

    /// What is told, as an event; what follows it is settled here.
    fn event(&mut self, told: Told) -> WeaveProgress {
        let timestamp = Timestamp::now().as_second();
        let session_id = self.turn.session_id.clone();
        match told {
            Told::Update(progress) => {
                let length = u32::try_from(progress.text.len() / 1024).unwrap_or(u32::MAX);
                let join = JOIN.saturating_add(JOIN_PER_KIB.saturating_mul(length)).min(JOIN_MOST);
                self.next_update = Some(Instant::now() + join);
                self.state = State::Reading;
                let told = std::mem::replace(&mut self.told, progress.text.len());
                let piece =
                    self.wanted.new_content_only.then(|| progress.text.get(told..).unwrap_or_default().to_owned());
                WeaveProgress { session_id, ..written(progress, piece, timestamp) }
            }
            Told::Done(outcome) => {
                self.state = State::Ended;
                let rest = outcome.text.get(self.told..).filter(|_| self.wanted.new_content_only);
                let new_content = rest.unwrap_or_default().to_owned();
                WeaveProgress { session_id, new_content, ..completed(*outcome, timestamp) }
            }
            Told::Failed(failure) => {
                failure.log();
                let Failure { error, bill } = *failure;
                let event = failed(&error, bill.as_ref().map(convert::cost), timestamp);
                self.state = State::Failed(error.into());
                WeaveProgress { session_id, ..event }
            }
        }
    }
}

/// An update: the whole text so far, or the new piece of it.
fn written(progress: Progress, piece: Option<String>, timestamp: i64) -> WeaveProgress {
    let (partial_content, new_content) = match piece {
        Some(piece) => (String::new(), piece),
        None => (progress.text, String::new()),
    };
    WeaveProgress {
        progress: WRITING_PERCENT,
        timestamp,
        token_count: i32::try_from(progress.pieces).unwrap_or(i32::MAX),
        ttft_ms: progress.time_to_first_token.map_or(0, convert::millis),
        partial_content,
        new_content,
        is_token_stream: true,
        ..of_stage(ExecutionStage::LlmGeneration)
    }
}

fn completed(outcome: Outcome, timestamp: i64) -> WeaveProgress {
    let result = ExecutionResult {
        r#type: "text".to_owned(),
        data_json: outcome.text.clone(),
        duration_ms: convert::millis(outcome.duration),
        ..ExecutionResult::default()
    };
    WeaveProgress {
        progress: 100,
        timestamp,
        partial_result: Some(result),
        token_count: i32::try_from(outcome.bill.usage.output_tokens).unwrap_or(i32::MAX),
        ttft_ms: outcome.time_to_first_token.map_or(0, convert::millis),
        cost: Some(convert::cost(&outcome.bill)),
        context_state: Some(convert::context_state(&outcome.bill)),
        partial_content: outcome.text,
        ..of_stage(ExecutionStage::Completed)
    }
}

fn failed(error: &Error, cost: Option<loom_proto::v1::CostInfo>, timestamp: i64) -> WeaveProgress {
    WeaveProgress { message: error.to_string(), timestamp, cost, ..of_stage(ExecutionStage::Failed) }
}

fn of_stage(stage: ExecutionStage) -> WeaveProgress {
    WeaveProgress { stage: stage.into(), ..WeaveProgress::default() }
}
