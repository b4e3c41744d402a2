//! What there is of an answer while it is being written: one turn writes, one door reads when it likes.
//!
//! A `watch` channel would do the same for any number of readers, and its notifications were 4 % of a stream's CPU.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claude::Usage;
use tokio::sync::Notify;

/// What there is of an answer so far.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The text, whole.
    pub text: String,
    /// Events that brought text: about its number of tokens.
    pub pieces: u32,
    /// What it used so far, an estimate while it runs.
    pub usage: Option<Usage>,
    /// From the start of the turn to the first text.
    pub time_to_first_token: Option<Duration>,
}

/// The answer in the making, shared by its writer and its reader.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    progress: Mutex<Progress>,
    changed: Notify,
}

impl Live {
    /// Ends when there is something new since the last time; never, once nobody writes any more.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// What there is now, for a look that does not wait.
    pub fn look(&self) -> MutexGuard<'_, Progress> {
        self.0.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what there is, and tells the reader.
    pub(super) fn write(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.look());
        self.0.changed.notify_one();
    }
}
