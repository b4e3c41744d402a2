//! Which behaviour the next request gets.
//!
//! The one place of choice. Today that is a queue in front of a default, filled by tests; it is handed the request, so
//! that other ways to choose need no change around it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault::Fault;
use crate::reply::Reply;
use crate::request::Request;

/// What a request gets: an answer, a fault, or an answer that a fault breaks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Behaviour {
    /// The answer; the emulator's own if `None`.
    pub reply: Option<Reply>,
    /// What goes wrong, if anything.
    pub fault: Option<Fault>,
}

impl From<Reply> for Behaviour {
    fn from(reply: Reply) -> Self {
        Self { reply: Some(reply), fault: None }
    }
}

impl From<Fault> for Behaviour {
    fn from(fault: Fault) -> Self {
        Self { reply: None, fault: Some(fault) }
    }
}

/// The queue and what comes after it. Its lock is held for a pointer's copy only.
#[derive(Debug, Default)]
pub(crate) struct Script {
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    queue: VecDeque<Arc<Behaviour>>,
    afterwards: Arc<Behaviour>,
}

impl Script {
    /// Takes the behaviour for this request.
    pub(crate) fn next(&self, _request: &Request) -> Arc<Behaviour> {
        let mut plan = self.plan();
        plan.queue.pop_front().unwrap_or_else(|| Arc::clone(&plan.afterwards))
    }

    pub(crate) fn enqueue(&self, behaviour: Behaviour, times: usize) {
        let behaviour = Arc::new(behaviour);
        self.plan().queue.extend(std::iter::repeat_n(behaviour, times));
    }

    pub(crate) fn afterwards(&self, behaviour: Behaviour) {
        self.plan().afterwards = Arc::new(behaviour);
    }

    pub(crate) fn clear(&self) {
        *self.plan() = Plan::default();
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
