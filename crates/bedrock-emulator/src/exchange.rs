//! One request and its answer, from the first byte read to the body handed back.
//!
//! The order is AWS's: route, size, signature, body, and only then whatever the script says. So a request that AWS would
//! refuse takes nothing from the script.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::body::{AnswerBody, Events, Progress, milliseconds, stall};
use crate::clock::Clock;
use crate::credentials::ApiKey;
use crate::fault::{Breakage, Fault};
use crate::operation::{Operation, Protocol};
use crate::playback::Playback;
use crate::recording::{Outcome, Recorder, Ticket};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::request::Request;
use crate::script::Script;
use crate::sigv4::{ReceivedRequest, Verifier};
use crate::{anthropic, bedrock, model_id, unscripted, validation};

/// The longest body of `InvokeModel` (bedrock-runtime service model, `Body`).
const MAX_BEDROCK_BODY_BYTES: usize = 25_000_000;
/// The longest body of Anthropic's path (its page on request size limits).
const MAX_ANTHROPIC_BODY_BYTES: usize = 32 * 1024 * 1024;
/// How much of a body that is too long is read all the same, so that its sender gets to read the refusal.
const MAX_DISCARDED_BYTES: usize = 100_000_000;
/// How long a client may take to send a body: the longest one over a slow line.
const BODY_DEADLINE: Duration = Duration::from_secs(120);

/// What all exchanges of an emulator share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) script: Script,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) clock: Clock,
    pub(crate) verifier: Verifier,
    pub(crate) api_key: ApiKey,
    /// The region that resource names in denials belong to.
    pub(crate) region: String,
}

/// The connection is to be reset instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset before an answer")]
pub(crate) struct Hangup;

/// Answers one request, or asks for its connection to be reset.
pub(crate) async fn answer(
    state: Arc<State>,
    request: http::Request<Incoming>,
) -> Result<Response<AnswerBody>, Hangup> {
    let started = Instant::now();
    let mut ticket = state.recorder.arrived();
    let (head, body) = request.into_parts();
    let operation = Operation::of(&head.method, head.uri.path());
    let protocol = operation.protocol();
    let body = tokio::time::timeout(BODY_DEADLINE, read(body, protocol)).await.map_err(|_| Hangup)??;
    let model_id = match &operation {
        Operation::Invoke { model_id } | Operation::InvokeStream { model_id } => Some(model_id.as_str()),
        Operation::Messages | Operation::Unknown(_) => None,
    };
    ticket.record(&head, body.as_ref().unwrap_or(&Bytes::new()), model_id);
    let accepted = match body {
        Ok(body) => accept(&state, &head, operation, &body),
        Err(too_large) => Err(too_large),
    };
    let exchange = Exchange { state, protocol, ticket, started, request_id: request_id(protocol) };
    match accepted {
        Ok(request) => exchange.perform(request).await,
        Err(refusal) => exchange.refuse(&refusal),
    }
}

/// Reads a body up to its protocol's limit. A client that stops sending is hung up on.
async fn read(mut body: Incoming, protocol: Protocol) -> Result<Result<Bytes, Refusal>, Hangup> {
    let limit = match protocol {
        Protocol::Bedrock => MAX_BEDROCK_BODY_BYTES,
        Protocol::Anthropic => MAX_ANTHROPIC_BODY_BYTES,
    };
    let mut first: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Hangup)?.into_data() else { continue };
        total += data.len();
        if total > MAX_DISCARDED_BYTES {
            break;
        }
        if total > limit {
            joined = BytesMut::new();
            continue;
        }
        // Most bodies arrive in one piece, which need not be copied.
        match first.take() {
            None if joined.is_empty() => first = Some(data),
            earlier => {
                joined.extend_from_slice(&earlier.unwrap_or_default());
                joined.extend_from_slice(&data);
            }
        }
    }
    if total > limit { Ok(Err(too_large(protocol))) } else { Ok(Ok(first.unwrap_or_else(|| joined.freeze()))) }
}

fn too_large(protocol: Protocol) -> Refusal {
    match protocol {
        Protocol::Bedrock => {
            Refusal::new(413, "RequestEntityTooLargeException", "Request size exceeds the maximum of 25000000 bytes.")
        }
        Protocol::Anthropic => Refusal::new(413, "request_too_large", "Request exceeds the maximum size"),
    }
}

/// Lets a request through that the service itself would let through.
fn accept(state: &State, head: &Parts, operation: Operation, body: &Bytes) -> Result<Request, Refusal> {
    match operation {
        Operation::Unknown(Protocol::Bedrock) => {
            Err(Refusal::new(404, "UnknownOperationException", "The requested operation is not recognized."))
        }
        Operation::Unknown(Protocol::Anthropic) => Err(Refusal::new(404, "not_found_error", "Not found")),
        Operation::Messages => accept_messages(state, head, body),
        Operation::Invoke { model_id } => accept_invoke(state, head, model_id, body, false),
        Operation::InvokeStream { model_id } => accept_invoke(state, head, model_id, body, true),
    }
}

fn accept_invoke(
    state: &State,
    head: &Parts,
    model_id: String,
    body: &Bytes,
    streaming: bool,
) -> Result<Request, Refusal> {
    let received = ReceivedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    };
    state.verifier.verify(&received, state.clock.now())?;
    if !model_id::is_well_formed(&model_id) {
        return Err(Refusal::new(400, "ValidationException", "The provided model identifier is invalid."));
    }
    let body = validation::parse(body, Protocol::Bedrock)?;
    Ok(Request { protocol: Protocol::Bedrock, model_id, streaming, body })
}

fn accept_messages(state: &State, head: &Parts, body: &Bytes) -> Result<Request, Refusal> {
    anthropic::authenticate(&head.headers, &state.api_key.0)?;
    let body = validation::parse(body, Protocol::Anthropic)?;
    let model_id = body.get("model").and_then(|model| model.as_str()).unwrap_or_default().to_owned();
    if !model_id.starts_with("claude-") {
        return Err(Refusal::new(404, "not_found_error", format!("model: {model_id}")));
    }
    let streaming = body.get("stream").and_then(serde_json::Value::as_bool).unwrap_or(false);
    Ok(Request { protocol: Protocol::Anthropic, model_id, streaming, body })
}

/// An exchange whose request was read.
struct Exchange {
    state: Arc<State>,
    protocol: Protocol,
    ticket: Ticket,
    started: Instant,
    request_id: String,
}

impl Exchange {
    /// Does what the script says.
    async fn perform(mut self, request: Request) -> Result<Response<AnswerBody>, Hangup> {
        self.ticket.model_id(&request.model_id);
        let behaviour = self.state.script.next(&request);
        if let Some(fault) = &behaviour.fault {
            if let Some(refusal) = fault.refusal(&request, &self.state.region) {
                return self.refuse(&refusal);
            }
            match fault {
                Fault::NeverAnswers => match stall(&self.ticket).await {},
                Fault::Reset => {
                    self.ticket.finish(Outcome::Broken);
                    return Err(Hangup);
                }
                _ => {}
            }
        }
        let breakage = match &behaviour.fault {
            Some(Fault::Stream { after, breakage }) => Some((*after, breakage.clone())),
            Some(_) | None => None,
        };
        let own: Reply;
        let reply = match &behaviour.reply {
            Some(reply) => reply,
            None => {
                own = unscripted::reply(&request);
                &own
            }
        };
        let playback = Playback::new(&request, reply);
        if request.streaming { self.stream(&playback, breakage) } else { self.whole(&playback, breakage).await }
    }

    fn stream(
        self,
        playback: &Playback<'_>,
        breakage: Option<(usize, Breakage)>,
    ) -> Result<Response<AnswerBody>, Hangup> {
        let head = match self.protocol {
            Protocol::Bedrock => bedrock::stream_headers(self.start(200)),
            Protocol::Anthropic => anthropic::stream_headers(self.start(200)),
        };
        let events = Events {
            protocol: self.protocol,
            events: playback.events().into_iter(),
            breakage,
            usage: playback.usage,
            first_event_delay: playback.first_event_delay,
            event_pause: playback.event_pause,
            started: self.started,
            ticket: self.ticket,
            progress: Progress::default(),
        };
        head.body(AnswerBody::events(events)).map_err(|_| Hangup)
    }

    async fn whole(
        self,
        playback: &Playback<'_>,
        breakage: Option<(usize, Breakage)>,
    ) -> Result<Response<AnswerBody>, Hangup> {
        if !playback.first_event_delay.is_zero() {
            tokio::time::sleep(playback.first_event_delay).await;
        }
        let head = match self.protocol {
            Protocol::Bedrock => {
                bedrock::whole_headers(self.start(200), &playback.usage, milliseconds(self.started.elapsed()))
            }
            Protocol::Anthropic => self.start(200).header(header::CONTENT_TYPE, "application/json"),
        };
        let bytes = Bytes::from(playback.message());
        let stalls = match breakage {
            Some((_, Breakage::Cut | Breakage::CutInside)) => false,
            Some((_, Breakage::Stall)) => true,
            _ => return head.body(AnswerBody::whole(bytes, self.ticket)).map_err(|_| Hangup),
        };
        let head = head.header(header::CONTENT_LENGTH, bytes.len());
        head.body(AnswerBody::half(&bytes, stalls, self.ticket)).map_err(|_| Hangup)
    }

    fn refuse(self, refusal: &Refusal) -> Result<Response<AnswerBody>, Hangup> {
        let start = self.start(refusal.status);
        let (mut head, body) = match self.protocol {
            Protocol::Bedrock => (bedrock::refusal_headers(start, refusal), bedrock::refusal_body(refusal)),
            Protocol::Anthropic => (
                start.header(header::CONTENT_TYPE, "application/json"),
                anthropic::refusal_body(refusal, &self.request_id),
            ),
        };
        if let Some(seconds) = refusal.retry_after {
            head = head.header(header::RETRY_AFTER, seconds);
        }
        head.body(AnswerBody::whole(body, self.ticket)).map_err(|_| Hangup)
    }

    /// The headers that every answer has. A scripted status that HTTP does not know becomes 500.
    fn start(&self, status: u16) -> http::response::Builder {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).as_u16();
        self.ticket.status(status);
        let date = self.state.clock.http_date();
        match self.protocol {
            Protocol::Bedrock => bedrock::start(status, &self.request_id, &date),
            Protocol::Anthropic => anthropic::start(status, &self.request_id, &date),
        }
    }
}

fn request_id(protocol: Protocol) -> String {
    match protocol {
        Protocol::Bedrock => uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid().to_string(),
        Protocol::Anthropic => {
            format!("req_01{}", std::iter::repeat_with(fastrand::alphanumeric).take(22).collect::<String>())
        }
    }
}
