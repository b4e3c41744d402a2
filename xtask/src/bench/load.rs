//! Load: callers that ask as fast as they are answered, and what a round of that showed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::caller::{Caller, Door, Timing};
use super::process::Process;
use crate::Result;

/// Calls per caller before anything is measured: connections upstream, caches and the allocator's pages are there then.
const WARM_UP: u32 = 10;

/// Callers whose connections last from round to round.
pub(super) struct Load {
    callers: Vec<Caller>,
}

/// A round of calls.
#[derive(Debug)]
pub(super) struct Round {
    /// From the first call to the last answer.
    wall: Duration,
    /// What the process under test used in that time.
    cpu: Duration,
    /// The calls that were answered.
    calls: Vec<Timing>,
    /// Why others were not.
    pub(super) failures: Vec<String>,
}

impl Load {
    /// Connects the callers and lets them warm up.
    pub(super) async fn connect(door: Door, process: &Process, callers: u32) -> Result<Self> {
        let mut load = Self { callers: connect(door, process.address, callers).await? };
        load.round(callers * WARM_UP, process).await?.flawless(process)?;
        Ok(load)
    }

    /// Has so many calls made, by whichever caller is free, of `process`.
    pub(super) async fn round(&mut self, requests: u32, process: &Process) -> Result<Round> {
        let left = Arc::new(AtomicU32::new(requests));
        let mut running = JoinSet::new();
        let (started, used_before) = (Instant::now(), process.cpu()?);
        for caller in self.callers.drain(..) {
            running.spawn(ask_while_some_are_left(caller, Arc::clone(&left)));
        }
        let (mut calls, mut failures) = (Vec::new(), Vec::new());
        while let Some(done) = running.join_next().await {
            let (caller, its_calls, its_failures) = done?;
            self.callers.push(caller);
            calls.extend(its_calls);
            failures.extend(its_failures);
        }
        let (wall, cpu) = (started.elapsed(), process.cpu()?.saturating_sub(used_before));
        Ok(Round { wall, cpu, calls, failures })
    }
}

async fn connect(door: Door, address: SocketAddr, callers: u32) -> Result<Vec<Caller>> {
    let mut connected = Vec::new();
    for _ in 0..callers {
        connected.push(Caller::connect(door, address).await?);
    }
    Ok(connected)
}

async fn ask_while_some_are_left(mut caller: Caller, left: Arc<AtomicU32>) -> (Caller, Vec<Timing>, Vec<String>) {
    let (mut calls, mut failures) = (Vec::new(), Vec::new());
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    while take() {
        match caller.call().await {
            Ok(timing) => calls.push(timing),
            Err(error) => failures.push(error.to_string()),
        }
    }
    (caller, calls, failures)
}

impl Round {
    /// The round, if no call failed: what fails costs less, and would flatter.
    pub(super) fn flawless(self, process: &Process) -> Result<Self> {
        match self.failures.first() {
            None => Ok(self),
            Some(first) => {
                let (failed, log) = (self.failures.len(), process.log());
                Err(format!("{failed} calls failed, one of them for: {first}\nthe process said:\n{log}").into())
            }
        }
    }

    /// CPU time of the process per answered call, in microseconds.
    pub(super) fn cpu_per_call(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.answered()
    }

    /// Answered calls per second.
    pub(super) fn throughput(&self) -> f64 {
        self.answered() / self.wall.as_secs_f64()
    }

    /// The time that so many percent of the answered calls took at most, in milliseconds.
    pub(super) fn latency(&self, percent: usize) -> f64 {
        percentile(self.calls.iter().map(|call| call.whole).collect(), percent)
    }

    /// The median time to the first token, in milliseconds.
    pub(super) fn first_token(&self) -> f64 {
        percentile(self.calls.iter().map(|call| call.first_token).collect(), 50)
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of calls is far below 2^52")]
    fn answered(&self) -> f64 {
        self.calls.len() as f64
    }
}

/// In milliseconds; the nearest rank.
fn percentile(mut times: Vec<Duration>, percent: usize) -> f64 {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1) - 1;
    times.get(rank).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let times = |count: u64| (1..=count).rev().map(Duration::from_millis).collect();
        assert_eq!((percentile(times(100), 50), percentile(times(100), 99)), (50.0, 99.0));
        assert_eq!((percentile(times(3), 50), percentile(times(1), 99)), (2.0, 1.0));
        assert!(percentile(Vec::new(), 50).is_nan());
    }
}
