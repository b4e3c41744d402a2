//! One turn: a question goes to Claude, the answer is told as it comes, priced and stored.
//!
//! A turn is a task of its own, so that it can outlive its caller: AWS bills an answer that it began, whether or not
//! anybody still listens. Front doors start a turn ([`Loom::weave`]) and read it; `Weave` is `StreamWeave` without the
//! parts in between. This module knows nothing of gRPC, HTTP or a terminal.

mod caller;
mod live;
mod prompt;

use std::sync::Arc;
use std::time::Duration;

use claude::{Assembler, Call, ErrorKind, MessageStream, StopReason, Usage};
use loom_store::{Appended, TurnRecord};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::{Code, Error};
use crate::loom::{Bill, Loom, stored};
use caller::{Caller, Gone};
pub use live::{Live, Progress};
pub use prompt::Question;
pub(crate) use prompt::new_session_id;
use prompt::{Prompt, check_session_id};

/// Whom a turn is for and until when its answer is wanted.
#[derive(Debug, Clone)]
pub struct TurnRequest {
    /// The caller's identity; empty where it gives none.
    pub owner: String,
    /// The session to go on with; `None` makes a new one.
    pub session_id: Option<String>,
    /// What is asked.
    pub question: Question,
    /// Until when the first of the answer is wanted. Whoever waits for the whole sets that deadline itself.
    pub deadline: Instant,
}

/// A turn that is under way.
#[derive(Debug)]
pub struct RunningTurn {
    loom: Arc<Loom>,
    /// The session it is part of, also where it is new.
    pub session_id: String,
    /// What there is of the answer.
    pub progress: Live,
    /// How it ends. Dropping it tells the turn that its caller is gone.
    pub outcome: oneshot::Receiver<Result<Outcome, Failure>>,
}

/// A turn that ended well.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The session it is part of.
    pub session_id: String,
    /// The answer's text.
    pub text: String,
    /// What it took.
    pub bill: Bill,
    /// Why the model stopped.
    pub stop_reason: Option<StopReason>,
    /// From start to end.
    pub duration: Duration,
    /// From the start to the first text.
    pub time_to_first_token: Option<Duration>,
}

/// A turn that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// What was used before, where an answer had begun.
    pub bill: Option<Bill>,
}

impl Failure {
    /// One line in the log: a warning where whoever runs the server can do something about it.
    pub fn log(&self) {
        let error = &self.error;
        let code = error.code().row().text;
        let upstream = error.upstream();
        let exception = upstream.map(|upstream| upstream.exception.as_str());
        let request_id = upstream.and_then(|upstream| upstream.request_id.as_deref());
        let said = upstream.map(|upstream| upstream.message.as_str());
        let (attempts, session) = (error.attempts(), error.session());
        match error.code() {
            Code::Internal | Code::ServiceUnavailable | Code::CredentialsNotLoaded | Code::AccessDenied => {
                tracing::warn!(
                    code,
                    exception,
                    request_id,
                    said,
                    attempts,
                    session,
                    "Turn failed: {}",
                    error.message()
                );
            }
            _ => {
                tracing::info!(
                    code,
                    exception,
                    request_id,
                    said,
                    attempts,
                    session,
                    "Turn failed: {}",
                    error.message()
                );
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, bill: None }
    }
}

impl Loom {
    /// Starts a turn. Runs until it ends, is cut by the server's stop, or its caller's absence ends it.
    ///
    /// # Errors
    /// When the request is wrong in itself, or the server has too much to do. Whatever fails later is the outcome's.
    pub fn weave(self: &Arc<Self>, request: TurnRequest) -> Result<RunningTurn, Error> {
        let text = request.question.text()?;
        if let Some(id) = &request.session_id {
            check_session_id(id)?;
        }
        self.admit()?;
        let progress = Live::default();
        let (outcome_in, outcome) = oneshot::channel();
        let session_id = request.session_id.clone().unwrap_or_else(new_session_id);
        let turn = Turn {
            loom: Arc::clone(self),
            request,
            text,
            session_id: session_id.clone(),
            progress: progress.clone(),
            started: Instant::now(),
        };
        self.turns().spawn(turn.run(outcome_in));
        Ok(RunningTurn { loom: Arc::clone(self), session_id, progress, outcome })
    }
}

impl RunningTurn {
    /// The outcome alone, for whoever does not read the parts in between.
    pub fn into_outcome(self) -> oneshot::Receiver<Result<Outcome, Failure>> {
        self.outcome
    }

    /// What the answer cost so far; `None` before its first text.
    pub fn bill_so_far(&self) -> Option<Bill> {
        let usage = self.progress.look().usage?;
        Some(self.loom.bill(self.loom.model(), usage))
    }
}

/// A turn's own state.
struct Turn {
    loom: Arc<Loom>,
    request: TurnRequest,
    /// What is asked, its names filled in.
    text: String,
    session_id: String,
    progress: Live,
    started: Instant,
}

impl Turn {
    async fn run(self, outcome: oneshot::Sender<Result<Outcome, Failure>>) {
        let mut caller = Caller::new(outcome, self.loom.on_disconnect(), self.loom.stopping());
        let result = self.answer(&mut caller).await;
        if let (Err(failure), true) = (&result, caller.is_gone()) {
            // Nobody else will say so.
            failure.log();
        }
        caller.tell(result);
    }

    async fn answer(&self, caller: &mut Caller) -> Result<Outcome, Failure> {
        let prompt = caller.unless_gone(Prompt::prepare(self)).await??;
        let call = Call {
            model: prompt.model.clone(),
            request: prompt.messages_request(&self.loom)?,
            deadline: self.request.deadline,
            abandoned: caller.abandoned(),
        };
        let opened = caller.while_wanted(self.loom.client().stream(&call)).await.map_err(Gone::into_error)?;
        let mut reading = match opened {
            Ok(stream) => Reading { stream, assembler: Assembler::new() },
            Err(error) => return Err(self.failed(&prompt, error)),
        };
        let read = self.read(&mut reading, caller).await;
        self.conclude(&prompt, reading, read, caller).await
    }

    /// Reads the answer to its end, telling of it on the way.
    async fn read(&self, reading: &mut Reading, caller: &mut Caller) -> Result<(), ReadError> {
        let Reading { stream, assembler } = reading;
        loop {
            let events = match caller.while_wanted(stream.next()).await {
                Ok(Ok(Some(events))) => events,
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(ReadError::Upstream(error)),
                Err(gone) => return Err(ReadError::Gone(gone)),
            };
            let (before, mut pieces) = (assembler.text().len(), 0);
            for event in events {
                let length = assembler.text().len();
                assembler.push(event).map_err(|error| ReadError::Malformed(error.to_string()))?;
                pieces += u32::from(assembler.text().len() > length);
            }
            self.tell(assembler.text().get(before..).unwrap_or_default(), pieces, stream.usage());
        }
    }

    /// Hands on what one read of the socket brought, as one change.
    fn tell(&self, piece: &str, pieces: u32, usage: Usage) {
        if piece.is_empty() {
            return;
        }
        self.progress.write(|progress| {
            progress.text.push_str(piece);
            progress.pieces += pieces;
            progress.usage = Some(usage);
            progress.time_to_first_token.get_or_insert_with(|| self.started.elapsed());
        });
    }

    /// Prices and stores what there is, and says how it ended.
    async fn conclude(
        &self,
        prompt: &Prompt,
        reading: Reading,
        read: Result<(), ReadError>,
        caller: &Caller,
    ) -> Result<Outcome, Failure> {
        let Reading { stream, assembler } = reading;
        let text = assembler.text().to_owned();
        let bill = self.loom.bill(&prompt.model, stream.usage());
        let message = assembler.finish();
        // An answer that broke off before its first text leaves the session as it was, ready to be asked again.
        let kept = read.is_ok() || !text.trim().is_empty();
        if kept {
            let undelivered = read.is_err() || caller.is_gone();
            let turn = prompt.record(self, &message.content, &bill, undelivered)?;
            self.store(turn).await.map_err(|error| Failure { error, bill: Some(bill.clone()) })?;
        }
        tracing::debug!(
            model = prompt.model,
            request_id = stream.request_id(),
            attempts = stream.attempts(),
            input_tokens = bill.usage.input_tokens,
            output_tokens = bill.usage.output_tokens,
            "answered"
        );
        let error = match read {
            Ok(()) => {
                return Ok(Outcome {
                    session_id: self.session_id.clone(),
                    text,
                    bill,
                    stop_reason: message.stop_reason,
                    duration: self.started.elapsed(),
                    time_to_first_token: self.progress.look().time_to_first_token,
                });
            }
            Err(ReadError::Upstream(error)) => self.loom.asked(&prompt.model).error(error),
            Err(ReadError::Malformed(what)) => {
                Error::new(Code::StreamInterrupted, format!("the answer is not one: {what}"))
            }
            Err(ReadError::Gone(gone)) => gone.into_error(),
        };
        let error = if kept { error.with_session(&self.session_id) } else { error };
        Err(Failure { error, bill: Some(bill) })
    }

    /// Stores the turn, durably. A session that was deleted in the meantime stays deleted: its owner wanted nothing kept,
    /// and the caller still gets the answer.
    async fn store(&self, turn: TurnRecord) -> Result<(), Error> {
        let session = turn.session_id.clone();
        match stored(self.loom.store().append_turn(turn).await)? {
            Appended::Stored { .. } => {}
            Appended::SessionGone => tracing::info!(session, "deleted while its turn ran; the turn is not kept"),
        }
        Ok(())
    }

    fn failed(&self, prompt: &Prompt, error: claude::Error) -> Failure {
        let bill = error.usage.map(|usage| self.loom.bill(&prompt.model, usage));
        let error = match error.kind {
            ErrorKind::Timeout(claude::Waiting::Answer) => timed_out(self.started, self.request.deadline, Some(error)),
            _ => self.loom.asked(&prompt.model).error(error),
        };
        Failure { error, bill }
    }
}

/// The reference's sentence for a deadline that passed.
pub fn timed_out(started: Instant, deadline: Instant, cause: Option<claude::Error>) -> Error {
    let limit = deadline.saturating_duration_since(started).as_secs_f64();
    let limit = (limit * 10.0).round() / 10.0;
    let detail = cause.filter(|cause| cause.attempts > 1).map(|cause| format!(" ({} attempts)", cause.attempts));
    Error::new(Code::Timeout, format!("request exceeded timeout of {limit}s{}", detail.unwrap_or_default()))
        .with_hint("raise `timeout_seconds` (setting `llm.timeout_seconds`), ask for less with `llm.max_tokens`, or use a faster model")
}

/// An answer that is being read.
struct Reading {
    stream: MessageStream,
    assembler: Assembler,
}

enum ReadError {
    Upstream(claude::Error),
    Malformed(String),
    Gone(Gone),
}
