//! A streamed answer as its caller reads it: events as they come, the usage so far, and an end that is never mistaken.
//!
//! A stream that ends without `message_stop` is an error, an exception frame keeps its type, and silence has a deadline.

mod watchdog;

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use crate::codec::{Decoder, Frame};
use crate::error::{Error, ErrorKind, Upstream, Waiting};
use crate::event::{Delta, Event};
use crate::message::MAX_ANSWER_BYTES;
use crate::refusal;
use crate::retry::Attempts;
use crate::transport::root_cause;
use crate::usage::Usage;
use watchdog::Watchdog;

/// How long the end of a finished answer's body is waited for, off the answer's path, so that its connection can serve
/// again.
const TRAILING_BODY: Duration = Duration::from_secs(1);

/// The most that is taken from the socket before what came is handed on; events are much shorter.
const READ_AT_ONCE: usize = 64 * 1024;

/// How many idle limits there are from an answer's first event to its first content: a quarter of an hour by default. A
/// ping is a sign of life and no answer, so pings alone must not hold a caller for ever.
const OPENING_IDLE_LIMITS: u32 = 5;

/// Bytes of text per token where an answer broke off before upstream counted it; Claude's tokens are about this long in
/// English.
const BYTES_PER_TOKEN: f64 = 3.5;

/// The events of one answer.
#[derive(Debug)]
pub struct MessageStream {
    /// `None` once the answer is whole, or when it came in one piece.
    body: Option<Incoming>,
    decoder: Decoder,
    /// Events that were read while the stream was opened.
    opening: VecDeque<Event>,
    idle: Duration,
    watchdog: Watchdog,
    usage: Usage,
    begun: bool,
    counted: bool,
    delta_bytes: usize,
    /// Bytes of the events so far, pings aside: nobody keeps those.
    event_bytes: usize,
    finished: bool,
    /// How the body was lost, while there may be whole events of it in the decoder.
    cut: Option<Error>,
    /// What broke the answer off: told after the events that came before it, and from then on.
    failure: Option<Error>,
    request_id: Option<String>,
    attempts: u32,
    /// What attempts used that broke off before this one.
    spent: Option<Usage>,
}

impl MessageStream {
    /// A stream whose first event is waited for until `deadline`.
    pub(crate) fn new(body: Option<Incoming>, decoder: Decoder, idle: Duration, deadline: Instant) -> Self {
        Self {
            body,
            decoder,
            watchdog: Watchdog::new(deadline, Waiting::Answer),
            opening: VecDeque::new(),
            idle,
            usage: Usage::default(),
            begun: false,
            counted: false,
            delta_bytes: 0,
            event_bytes: 0,
            finished: false,
            cut: None,
            failure: None,
            request_id: None,
            attempts: 1,
            spent: None,
        }
    }

    /// The same, knowing upstream's id of the request.
    pub(crate) fn of_request(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }

    /// An answer that came in one piece, as the events that would have carried it.
    pub(crate) fn of_whole(events: Vec<Event>) -> Self {
        let mut stream = Self::new(None, Decoder::sse(), Duration::ZERO, Instant::now());
        for event in &events {
            stream.account(event);
        }
        stream.opening = events.into();
        stream
    }

    /// The same, knowing how often the request was sent and what that used.
    pub(crate) const fn after(mut self, attempts: &Attempts<'_>) -> Self {
        self.attempts = attempts.number;
        self.spent = attempts.spent;
        self
    }

    /// Tokens used so far, those of attempts that broke off included. Exact once an answer is whole that was begun but
    /// once, else marked as estimated.
    pub fn usage(&self) -> Usage {
        let mut usage = self.usage;
        if !self.counted {
            usage.output_tokens = usage.output_tokens.max(estimated_tokens(self.delta_bytes));
            usage.estimated = self.begun;
        }
        self.spent.map_or(usage, |spent| spent.plus(usage))
    }

    /// Upstream's id of the request.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// How often the request was sent before this answer began.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The next events: all that one read of the socket brought, so that they can be handed on together. `None` after
    /// `message_stop`.
    ///
    /// # Errors
    /// When upstream raises an exception, breaks off, damages a frame or falls silent for longer than the idle limit.
    /// The error carries what was used so far. Cancel-safe: a call that is dropped loses no event.
    pub async fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        if !self.opening.is_empty() {
            return Ok(Some(std::mem::take(&mut self.opening).into()));
        }
        self.watchdog.set(Instant::now() + self.idle, Waiting::NextEvent);
        loop {
            let events = self.decode();
            if !events.is_empty() {
                return Ok(Some(events));
            }
            if self.finished {
                return Ok(None);
            }
            self.check()?;
            self.read().await?;
        }
    }

    /// Reads up to the first piece of the answer's content, so that a stream which breaks before it can still be tried
    /// again. The first event has until the deadline that the stream was made with; from then on each has the idle limit,
    /// and the first content a number of them. Pings are not kept.
    pub(crate) async fn open(&mut self) -> Result<(), Error> {
        let mut content_until = None;
        loop {
            let mut events = self.decode();
            if !events.is_empty() {
                self.wait_on(*content_until.get_or_insert_with(|| Instant::now() + self.idle * OPENING_IDLE_LIMITS));
            }
            let content =
                events.iter().any(|event| matches!(event, Event::BlockDelta { .. } | Event::MessageDelta { .. }));
            events.retain(|event| !matches!(event, Event::Ping));
            self.opening.extend(events);
            if content || self.finished {
                return Ok(());
            }
            self.check()?;
            self.read().await?;
        }
    }

    /// Waits for the next event before the first content: for the idle limit, and no longer than `content_until`.
    fn wait_on(&mut self, content_until: Instant) {
        let idle_until = Instant::now() + self.idle;
        match idle_until < content_until {
            true => self.watchdog.set(idle_until, Waiting::NextEvent),
            false => self.watchdog.set(content_until, Waiting::Content),
        }
    }

    /// Gives the decoder what the socket has: at least one piece, and whatever else is there already.
    async fn read(&mut self) -> Result<(), Error> {
        let Some(body) = &mut self.body else {
            let cut = self.cut.take();
            self.failure = Some(cut.unwrap_or_else(|| interrupted("the answer ended before it was whole")));
            return Ok(());
        };
        let first = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = self.watchdog.expired() => return Err(self.silent()),
        };
        let (mut next, mut read) = (Some(first), 0);
        while let Some(frame) = next {
            match frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.decoder.push(data);
                        read += data.len();
                    }
                }
                Some(Err(error)) => {
                    let cause = root_cause(&error);
                    self.cut = Some(interrupted(&format!("the connection was lost in mid-answer: {cause}")));
                    self.body = None;
                    return Ok(());
                }
                None => {
                    self.body = None;
                    return Ok(());
                }
            }
            next = if read < READ_AT_ONCE { body.frame().now_or_never() } else { None };
        }
        Ok(())
    }

    /// Fails once the answer has broken off and all that came before was handed on.
    fn check(&self) -> Result<(), Error> {
        self.failure.clone().map_or(Ok(()), |failure| Err(self.failed(failure)))
    }

    /// All whole events that are there, up to the answer's end or to what breaks it off.
    fn decode(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while !self.finished && self.failure.is_none() {
            match self.decode_one() {
                Ok(Some(event)) => {
                    self.account(&event);
                    events.push(event);
                }
                Ok(None) => break,
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
        }
        if self.finished {
            self.release();
        }
        events
    }

    fn decode_one(&mut self) -> Result<Option<Event>, Error> {
        let frame = self.decoder.next_frame();
        match frame.map_err(|error| interrupted(&format!("the answer was damaged: {error}")))? {
            None => Ok(None),
            Some(Frame::Exception { name, message }) => Err(self.exception(name, message)),
            Some(Frame::Event(json)) => match Event::parse(&json) {
                Ok(Event::Error { error_type, message }) => Err(self.exception(error_type, message)),
                Ok(Event::Ping) => Ok(Some(Event::Ping)),
                Ok(event) => self.within_bounds(event, json.len()).map(Some),
                Err(error) => Err(interrupted(&format!("an event cannot be read: {error}"))),
            },
        }
    }

    /// Whoever assembles an answer keeps all of it, so that one without an end must not go on.
    fn within_bounds(&mut self, event: Event, bytes: usize) -> Result<Event, Error> {
        self.event_bytes = self.event_bytes.saturating_add(bytes);
        if self.event_bytes > MAX_ANSWER_BYTES {
            let limit = MAX_ANSWER_BYTES / (1024 * 1024);
            return Err(interrupted(&format!("the answer is longer than {limit} MiB, which no model's is")));
        }
        Ok(event)
    }

    fn account(&mut self, event: &Event) {
        match event {
            Event::MessageStart { usage, .. } => {
                self.begun = true;
                self.usage.apply(usage);
            }
            Event::BlockDelta { delta, .. } => {
                self.delta_bytes += match delta {
                    Delta::Text(piece) | Delta::InputJson(piece) | Delta::Thinking(piece) => piece.len(),
                    Delta::Signature(_) | Delta::Citation(_) | Delta::Unknown => 0,
                };
            }
            Event::MessageDelta { usage, .. } => {
                self.usage.apply(usage);
                self.counted = usage.output_tokens.is_some();
            }
            Event::MessageStop { metrics } => {
                if let Some(metrics) = metrics {
                    // Until it is counted, the output is what `message_start` began with, and no gap to be filled.
                    if let (false, Some(tokens)) = (self.counted, metrics.output_token_count) {
                        self.usage.output_tokens = tokens;
                        self.counted = true;
                    }
                    self.usage.fill_from(metrics);
                }
                self.finished = true;
            }
            _ => {}
        }
    }

    /// Lets the connection serve again: its body has to be read to the end, which is mostly there already.
    fn release(&mut self) {
        let Some(mut body) = self.body.take() else { return };
        if let Some(None) = body.frame().now_or_never() {
            return;
        }
        tokio::spawn(async move {
            let rest = async { while let Some(Ok(_)) = body.frame().await {} };
            let _ = timeout(TRAILING_BODY, rest).await;
        });
    }

    fn exception(&self, name: String, message: String) -> Error {
        let kind = refusal::decode(&name, 200, &message);
        let upstream = Upstream { exception: name, status: 200, request_id: self.request_id.clone(), message };
        Error::new(kind, format!("upstream broke off its answer: {}", upstream.message)).with_upstream(upstream)
    }

    fn silent(&self) -> Error {
        let waiting = self.watchdog.waiting;
        let message = match waiting {
            Waiting::NextEvent => format!("no event for {}s in mid-answer", self.idle.as_secs_f32()),
            Waiting::Content => "the answer had begun, and no content of it came".to_owned(),
            Waiting::Answer | Waiting::Model => "no answer within the deadline".to_owned(),
        };
        self.failed(Error::new(ErrorKind::Timeout(waiting), message))
    }

    fn failed(&self, mut error: Error) -> Error {
        error.attempts = self.attempts;
        error.usage = (self.begun || self.spent.is_some()).then(|| self.usage());
        if let (None, Some(id)) = (&error.upstream, &self.request_id) {
            let upstream = Upstream { status: 200, request_id: Some(id.clone()), ..Upstream::default() };
            error = error.with_upstream(upstream);
        }
        error
    }
}

fn interrupted(message: &str) -> Error {
    Error::new(ErrorKind::StreamInterrupted, message)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of a length that fits memory"
)]
fn estimated_tokens(bytes: usize) -> u64 {
    (bytes as f64 / BYTES_PER_TOKEN).ceil() as u64
}
