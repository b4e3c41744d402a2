//! What was asked, readable back.
//!
//! Every request is counted; the latest are kept, up to a bound, with secrets masked. It does not judge them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::Notify;

/// How many requests are kept unless told otherwise: more than a test sends, little to a server that runs for weeks.
pub const RECORDED_REQUESTS: usize = 1_000;

/// How much of a body is kept: a long conversation, but not every image.
pub const RECORDED_BODY_BYTES: usize = 1024 * 1024;

/// Headers whose values are never kept.
const SECRET_HEADERS: &[&str] = &["authorization", "x-api-key", "x-amz-security-token"];

/// A request that the emulator received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The place in the order of arrival, from 1; it counts all requests, kept or not.
    pub sequence: u64,
    /// The HTTP method.
    pub method: String,
    /// Path and query as received, still percent-encoded.
    pub path: String,
    /// Headers in the order received; the values of secret ones are `***`.
    pub headers: Vec<(String, String)>,
    /// The body, up to [`RECORDED_BODY_BYTES`].
    pub body: Bytes,
    /// The model id that was asked for, decoded.
    pub model_id: Option<String>,
    /// The status of the answer, once there is one.
    pub status: Option<u16>,
    /// How many events of the stream were handed to the connection.
    pub events_sent: usize,
    /// How it ended.
    pub outcome: Outcome,
}

impl RecordedRequest {
    /// The value of a header, if it was sent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended.
    InProgress,
    /// The answer, or an error in its place, was handed to the connection whole.
    Answered,
    /// A fault ended it.
    Broken,
    /// The client went away before.
    ClientLeft,
}

/// The records of one emulator.
#[derive(Debug)]
pub(crate) struct Recorder {
    limit: usize,
    count: AtomicU64,
    in_flight: AtomicUsize,
    idle: Notify,
    kept: Mutex<VecDeque<Arc<Mutex<RecordedRequest>>>>,
}

impl Recorder {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            count: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            idle: Notify::new(),
            kept: Mutex::new(VecDeque::new()),
        }
    }

    /// Counts an arriving request. The ticket follows it to its end.
    pub(crate) fn arrived(self: &Arc<Self>) -> Ticket {
        let sequence = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        Ticket { recorder: Arc::clone(self), sequence, record: None, finished: false }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.kept).iter().map(|record| lock(record).clone()).collect()
    }

    /// Waits until no exchange is open.
    pub(crate) async fn idle(&self) {
        loop {
            let ended = self.idle.notified();
            if self.in_flight.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    fn keep(&self, record: &Arc<Mutex<RecordedRequest>>) {
        let mut kept = lock(&self.kept);
        if kept.len() >= self.limit {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(record));
    }
}

/// Follows one exchange. Dropped before it was finished, it records that the client left.
#[derive(Debug)]
pub(crate) struct Ticket {
    recorder: Arc<Recorder>,
    sequence: u64,
    record: Option<Arc<Mutex<RecordedRequest>>>,
    finished: bool,
}

impl Ticket {
    /// Keeps what was asked, if anything is kept.
    pub(crate) fn record(&mut self, head: &http::request::Parts, body: &Bytes, model_id: Option<&str>) {
        if self.recorder.limit == 0 {
            return;
        }
        let record = RecordedRequest {
            sequence: self.sequence,
            method: head.method.to_string(),
            path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: masked(&head.headers),
            body: kept_body(body),
            model_id: model_id.map(ToOwned::to_owned),
            status: None,
            events_sent: 0,
            outcome: Outcome::InProgress,
        };
        let record = Arc::new(Mutex::new(record));
        self.recorder.keep(&record);
        self.record = Some(record);
    }

    pub(crate) fn model_id(&self, model_id: &str) {
        self.update(|record| record.model_id = Some(model_id.to_owned()));
    }

    pub(crate) fn status(&self, status: u16) {
        self.update(|record| record.status = Some(status));
    }

    pub(crate) fn event_sent(&self) {
        self.update(|record| record.events_sent += 1);
    }

    /// Says how it ended; only the first word counts.
    pub(crate) fn finish(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.update(|record| record.outcome = outcome);
        if self.recorder.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.recorder.idle.notify_waiters();
        }
    }

    fn update(&self, change: impl FnOnce(&mut RecordedRequest)) {
        if let Some(record) = &self.record {
            change(&mut lock(record));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.finish(Outcome::ClientLeft);
    }
}

fn masked(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = |name: &str, value: &[u8]| {
        if SECRET_HEADERS.contains(&name) { "***".to_owned() } else { String::from_utf8_lossy(value).into_owned() }
    };
    headers.iter().map(|(name, value)| (name.to_string(), shown(name.as_str(), value.as_bytes()))).collect()
}

/// A long body is copied, so that keeping its start does not keep all of it.
fn kept_body(body: &Bytes) -> Bytes {
    body.get(..RECORDED_BODY_BYTES).map_or_else(|| body.clone(), Bytes::copy_from_slice)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
