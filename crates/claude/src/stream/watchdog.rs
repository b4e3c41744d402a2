//! The limit on silence. One timer for a whole stream: a read notes its time, and the timer is armed again only when it
//! fires, which costs next to nothing per event.

use std::pin::Pin;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::Waiting;

#[derive(Debug)]
pub(super) struct Watchdog {
    timer: Pin<Box<Sleep>>,
    until: Instant,
    /// What is waited for.
    pub(super) waiting: Waiting,
}

impl Watchdog {
    pub(super) fn new(until: Instant, waiting: Waiting) -> Self {
        Self { timer: Box::pin(sleep_until(until)), until, waiting }
    }

    /// Waits for something else from now on.
    pub(super) fn set(&mut self, until: Instant, waiting: Waiting) {
        self.until = until;
        self.waiting = waiting;
        if until < self.timer.deadline() {
            self.timer.as_mut().reset(until);
        }
    }

    /// Ends when the limit has passed.
    pub(super) async fn expired(&mut self) {
        loop {
            self.timer.as_mut().await;
            if Instant::now() >= self.until {
                return;
            }
            self.timer.as_mut().reset(self.until);
        }
    }
}
