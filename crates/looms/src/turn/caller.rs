//! Whoever waits for a turn, and what its absence means.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use claude::Abandoned;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{Failure, Outcome};
use crate::error::{Code, Error};
use crate::loom::Disconnect;

/// How long an answer that nobody waits for is read on: a long answer's time, so that its usage is exact and its session
/// whole, and no more.
const DRAIN_LIMIT: Duration = Duration::from_secs(600);

/// The one who waits for the outcome.
pub(super) struct Caller {
    outcome: oneshot::Sender<Result<Outcome, Failure>>,
    on_disconnect: Disconnect,
    /// Ends when the server's patience does; kept over the turn, so that an event does not enlist anew.
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Told to the attempt loop: an answer that AWS began is read on for the books, but none is begun for nobody.
    abandoned: Abandoned,
    /// Since the caller is gone, the end of what is still read for the books.
    drain_until: Option<Instant>,
}

/// Why a turn ends before its answer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// The caller went away.
    Caller,
    /// The server stops, and its patience is over.
    Server,
}

impl Gone {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Caller => Error::new(Code::Cancelled, "the caller went away before the answer was whole"),
            Self::Server => Error::new(Code::ServiceUnavailable, "the server stopped before the answer was whole")
                .with_hint("ask again; the part that arrived is in the session"),
        }
    }
}

impl From<Gone> for Failure {
    fn from(gone: Gone) -> Self {
        gone.into_error().into()
    }
}

impl Caller {
    pub(super) fn new(
        outcome: oneshot::Sender<Result<Outcome, Failure>>,
        on_disconnect: Disconnect,
        stopping: CancellationToken,
    ) -> Self {
        let stopping = Box::pin(stopping.cancelled_owned());
        Self { outcome, on_disconnect, stopping, abandoned: Abandoned::default(), drain_until: None }
    }

    pub(super) fn abandoned(&self) -> Abandoned {
        self.abandoned.clone()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.outcome.is_closed()
    }

    /// Work that is worth nothing without a caller, such as waiting for a place in a queue.
    pub(super) async fn unless_gone<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Gone> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.outcome.closed() => Err(Gone::Caller),
            () = &mut self.stopping => Err(Gone::Server),
        }
    }

    /// Work that upstream bills in any case: it goes on without the caller, within bounds, if that is the policy.
    pub(super) async fn while_wanted<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Gone> {
        tokio::pin!(work);
        if self.drain_until.is_none() {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = &mut self.stopping => return Err(Gone::Server),
                () = self.outcome.closed() => match self.on_disconnect {
                    Disconnect::Cancel => return Err(Gone::Caller),
                    Disconnect::Drain => {
                        self.abandoned.set();
                        self.drain_until = Some(Instant::now() + DRAIN_LIMIT);
                    }
                },
            }
        }
        let until = self.drain_until.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            done = timeout_at(until, &mut work) => done.map_err(|_| Gone::Caller),
            () = &mut self.stopping => Err(Gone::Server),
        }
    }

    pub(super) fn tell(self, result: Result<Outcome, Failure>) {
        // A caller that is gone has no use for it; the store has the answer.
        let _unread = self.outcome.send(result);
    }
}
