//! Turns of one session run one after another. Each session has a queue while somebody is in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Turnstile, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};

use crate::error::{Code, Error};

/// The most turns of one session that may wait. A session is one conversation; more than this is a loop gone wild.
const MAX_WAITING: usize = 16;

type Key = (String, String);

/// The queues of all sessions that have a turn running.
#[derive(Debug, Default)]
pub(crate) struct SessionQueues(Mutex<HashMap<Key, Arc<Turnstile<()>>>>);

/// The right to run a session's next turn; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queues: Arc<SessionQueues>,
    key: Key,
    /// `Some` until dropped.
    held: Option<OwnedMutexGuard<()>>,
}

impl SessionQueues {
    /// Waits until the turns before are done.
    pub(crate) async fn enter(self: &Arc<Self>, owner: &str, session: &str, deadline: Instant) -> Result<Place, Error> {
        let key = (owner.to_owned(), session.to_owned());
        let turnstile = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let turnstile = queues.entry(key.clone()).or_default();
            // One for the map, one for the running turn, the rest wait.
            if Arc::strong_count(turnstile) >= MAX_WAITING + 2 {
                return Err(Error::new(
                    Code::Overloaded,
                    format!("{MAX_WAITING} turns of session `{session}` are waiting"),
                )
                .with_hint("wait for the answers, or use another session"));
            }
            Arc::clone(turnstile)
        };
        let mut place = Place { queues: Arc::clone(self), key, held: None };
        match timeout_at(deadline, turnstile.lock_owned()).await {
            Ok(held) => {
                place.held = Some(held);
                Ok(place)
            }
            Err(_) => Err(Error::new(
                Code::Timeout,
                format!("the turns before this one in session `{session}` took longer than its timeout"),
            )
            .with_hint("raise `timeout_seconds`, or use a session of its own")),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.held.take());
        let mut queues = self.queues.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.get(&self.key).is_some_and(|turnstile| Arc::strong_count(turnstile) == 1) {
            queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn the_second_turn_waits_for_the_first_and_the_queue_goes_when_empty() {
        let queues = Arc::new(SessionQueues::default());
        let first = queues.enter("", "s", soon()).await.unwrap();
        let late = queues.enter("", "s", Instant::now()).await.unwrap_err();
        assert_eq!(late.code(), Code::Timeout);
        let second = tokio::spawn({
            let queues = Arc::clone(&queues);
            async move { queues.enter("", "s", soon()).await.map(drop) }
        });
        queues.enter("", "other", soon()).await.unwrap();
        queues.enter("bob", "s", soon()).await.unwrap();
        drop(first);
        second.await.unwrap().unwrap();
        assert!(queues.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_queue_has_an_end() {
        let queues = Arc::new(SessionQueues::default());
        let _first = queues.enter("", "s", soon()).await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(queues.enter("", "s", soon()))).collect();
        for place in &mut waiting {
            assert!(futures_util::poll!(place).is_pending());
        }
        assert_eq!(queues.enter("", "s", soon()).await.unwrap_err().code(), Code::Overloaded);
    }
}
