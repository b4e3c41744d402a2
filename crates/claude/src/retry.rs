//! When a failed attempt is made again, and how long to wait before it.
//!
//! Each kind of failure has one rule. A process-wide budget keeps retries to a fraction of the calls, so that an outage
//! does not turn every caller into three.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower::retry::budget::{Budget, TpsBudget};

use crate::error::{CredentialFault, Error, ErrorKind, Throttle, Unavailability};
use crate::usage::Usage;

/// Calls are remembered for this long when the budget is reckoned.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// Retries per second that are allowed however few the calls are: a lone caller must be able to use its attempts.
const BUDGET_FLOOR_PER_SECOND: u32 = 2;

/// Retries per call beyond the floor.
const BUDGET_SHARE: f32 = 0.2;

/// Waits between attempts: full jitter under an exponential ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the first wait.
    pub base: Duration,
    /// How much the ceiling grows from wait to wait.
    pub factor: u32,
    /// Ceiling of every wait.
    pub cap: Duration,
}

impl Backoff {
    /// The wait before retry number `retry` (the first is 1).
    fn delay(&self, retry: u32) -> Duration {
        let growth = self.factor.saturating_pow(retry.saturating_sub(1));
        self.base.saturating_mul(growth).min(self.cap).mul_f64(fastrand::f64())
    }
}

/// How often and how patiently a request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most attempts at one request, the first included.
    pub max_attempts: u32,
    /// After a throttle: quotas are per minute, so patience pays.
    pub throttled: Backoff,
    /// After a server's failure.
    pub server: Backoff,
}

impl Default for RetryPolicy {
    /// Three attempts; 2 s tripling up to 20 s after a throttle, 0.5 s doubling up to 8 s after a server's failure.
    fn default() -> Self {
        Self {
            max_attempts: 3,
            throttled: Backoff { base: Duration::from_secs(2), factor: 3, cap: Duration::from_secs(20) },
            server: Backoff { base: Duration::from_millis(500), factor: 2, cap: Duration::from_secs(8) },
        }
    }
}

impl RetryPolicy {
    /// How long to wait before the next attempt after number `attempt` failed with `kind`; `None` if there is none.
    pub(crate) fn wait(&self, kind: ErrorKind, attempt: u32) -> Option<Duration> {
        let (most, backoff) = match kind {
            ErrorKind::Throttled(Throttle::Rate) => (self.max_attempts, self.throttled),
            ErrorKind::Unavailable(
                Unavailability::Capacity | Unavailability::NotReady | Unavailability::Unreachable,
            )
            | ErrorKind::Internal => (self.max_attempts, self.server),
            // The model may have worked, and AWS may have billed it: once more, not twice.
            ErrorKind::Unavailable(Unavailability::ConnectionLost)
            | ErrorKind::ModelFailed
            | ErrorKind::StreamInterrupted => (self.max_attempts.min(2), self.server),
            ErrorKind::Throttled(Throttle::Daily | Throttle::Quota)
            | ErrorKind::AccessDenied(_)
            | ErrorKind::ModelNotFound(_)
            | ErrorKind::Credentials(_)
            | ErrorKind::Timeout(_)
            | ErrorKind::InvalidRequest
            | ErrorKind::ContextTooLong
            | ErrorKind::Unexpected => return None,
        };
        (attempt < most).then(|| backoff.delay(attempt))
    }
}

/// Says that nobody waits for a call any more. What was sent goes on, since it is billed in any case; nothing is sent
/// again. Clones share the one flag.
#[derive(Debug, Clone, Default)]
pub struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    /// Nobody waits from now on.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether nobody waits.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The attempts at one request. Only what has shown nothing to the caller is made again, within the deadline and the
/// budget, and only for as long as somebody waits.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    policy: &'a RetryPolicy,
    budget: &'a RetryBudget,
    deadline: Instant,
    abandoned: &'a Abandoned,
    /// The attempt that is being made, from 1.
    pub(crate) number: u32,
    /// What the attempts that failed used, all together.
    pub(crate) spent: Option<Usage>,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(
        policy: &'a RetryPolicy,
        budget: &'a RetryBudget,
        deadline: Instant,
        abandoned: &'a Abandoned,
    ) -> Self {
        budget.deposit();
        Self { policy, budget, deadline, abandoned, number: 1, spent: None }
    }

    /// Waits until the next attempt; gives the error back if there is none, with what all attempts used.
    pub(crate) async fn again_after(&mut self, mut error: Error) -> Result<(), Error> {
        // Without credentials nothing was sent.
        let unsent = error.kind == ErrorKind::Credentials(CredentialFault::Absent);
        error.attempts = if unsent { self.number - 1 } else { self.number };
        if let Some(used) = error.usage {
            self.spent = Some(self.spent.map_or(used, |before| before.plus(used)));
        }
        error.usage = self.spent;
        let Some(wait) = self.policy.wait(error.kind, self.number) else { return Err(error) };
        // What upstream asks for, and our jitter on top, so that not everybody who was told the same comes at once.
        let wait = wait.saturating_add(error.retry_after.unwrap_or_default());
        let in_time = Instant::now().checked_add(wait).is_some_and(|next| next < self.deadline);
        if !in_time || self.abandoned.is_set() || !self.budget.withdraw() {
            return Err(error);
        }
        tracing::debug!(attempt = self.number, wait_ms = wait.as_millis(), %error, "trying again");
        sleep(wait).await;
        if self.abandoned.is_set() {
            return Err(error);
        }
        self.number += 1;
        Ok(())
    }
}

/// The budget that all calls of a process share.
#[derive(Debug)]
pub(crate) struct RetryBudget(TpsBudget);

impl Default for RetryBudget {
    fn default() -> Self {
        Self(TpsBudget::new(BUDGET_WINDOW, BUDGET_FLOOR_PER_SECOND, BUDGET_SHARE))
    }
}

impl RetryBudget {
    /// A call is made.
    pub(crate) fn deposit(&self) {
        self.0.deposit();
    }

    /// A retry is wanted: true if the budget has it.
    pub(crate) fn withdraw(&self) -> bool {
        self.0.withdraw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Denial, Waiting};

    #[test]
    fn each_kind_has_its_number_of_attempts() {
        for (kind, attempts) in [
            (ErrorKind::Throttled(Throttle::Rate), 3),
            (ErrorKind::Throttled(Throttle::Daily), 1),
            (ErrorKind::Unavailable(Unavailability::Capacity), 3),
            (ErrorKind::Unavailable(Unavailability::Unreachable), 3),
            (ErrorKind::Unavailable(Unavailability::ConnectionLost), 2),
            (ErrorKind::Internal, 3),
            (ErrorKind::ModelFailed, 2),
            (ErrorKind::StreamInterrupted, 2),
            (ErrorKind::Timeout(Waiting::Answer), 1),
            (ErrorKind::AccessDenied(Denial::Policy), 1),
            (ErrorKind::Credentials(CredentialFault::Expired), 1),
            (ErrorKind::InvalidRequest, 1),
            (ErrorKind::Unexpected, 1),
        ] {
            let policy = RetryPolicy::default();
            let made = (1..10).find(|attempt| policy.wait(kind, *attempt).is_none()).unwrap();
            assert_eq!(made, attempts, "{kind:?}");
        }
    }

    #[test]
    fn waits_stay_under_their_ceiling() {
        let throttled = RetryPolicy::default().throttled;
        for (retry, ceiling) in [(1, 2), (2, 6), (3, 18), (4, 20), (u32::MAX, 20)] {
            assert!(throttled.delay(retry) <= Duration::from_secs(ceiling));
        }
    }

    #[test]
    fn a_lone_caller_has_retries_and_a_storm_does_not() {
        let budget = RetryBudget::default();
        budget.deposit();
        assert!(budget.withdraw());
        let granted = (0..1000).filter(|_| budget.withdraw()).count();
        assert!(granted < 30, "{granted}");
    }
}
