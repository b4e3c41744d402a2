//! One upstream, and the exchanges with it: the attempt loop, the deadlines, and the two operations of each framing.
//!
//! Knows nothing of sessions or callers. A caller that goes away drops the future or the stream; what becomes of the
//! answer then is the caller's policy.

mod response;

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::codec::Decoder;
use crate::credentials::Secret;
use crate::endpoint::{Api, Authorization, Endpoint, Provider};
use crate::error::{CredentialFault, Denial, Error, ErrorKind, Waiting};
use crate::event::Event;
use crate::message::{ContentBlock, MAX_ANSWER_BYTES, Message, MessageBody, MessagesRequest};
use crate::retry::{Abandoned, Attempts, RetryBudget, RetryPolicy};
use crate::sign::{ClockSkew, HashedBody, sign_request};
use crate::stream::MessageStream;
use crate::transport::Transport;
use crate::usage::{CacheCreation, Usage, UsageUpdate};
use response::{content_type, read_body, refused, request_id, unexpected};

/// What InvokeModel's body must say; right for every model, whatever newer value a client's SDK sends.
const BEDROCK_VERSION: &str = "bedrock-2023-05-31";

/// The version of Anthropic's API that this crate speaks.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
const SSE: &str = "text/event-stream";

/// For how long a denied streaming action is remembered, before it is tried again.
const STREAM_DENIED_FOR: Duration = Duration::from_secs(600);

/// One upstream: an endpoint, a framing, a pool.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    api: Api,
    options: ClientOptions,
    transport: Transport,
    budget: RetryBudget,
    skew: ClockSkew,
    stream_denied_until: Mutex<Option<Instant>>,
}

/// How patient a client is.
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// The longest silence between two events of a stream. Thinking pauses of two minutes are healthy.
    pub stream_idle: Duration,
    /// When and how often a request is sent again.
    pub retry: RetryPolicy,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { stream_idle: Duration::from_secs(180), retry: RetryPolicy::default() }
    }
}

/// One request to one model.
#[derive(Debug, Clone)]
pub struct Call {
    /// The model's id on the wire.
    pub model: String,
    /// What to say to it.
    pub request: MessagesRequest,
    /// Until when the answer has to begin (a stream) or be whole (a unary call), retries included.
    pub deadline: Instant,
    /// Set by the caller once nobody waits for the answer: then no request is made that was not made before.
    pub abandoned: Abandoned,
}

/// A unary answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The message.
    pub message: Message,
    /// What it used.
    pub usage: Usage,
    /// Upstream's id of the request.
    pub request_id: Option<String>,
    /// How often the request was sent.
    pub attempts: u32,
}

impl Client {
    /// A client with a pool of its own. Opens no connection.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(endpoint: Endpoint, api: Api, options: ClientOptions) -> Result<Self, Error> {
        let transport = Transport::new(endpoint.is_https())?;
        Ok(Self {
            endpoint,
            api,
            options,
            transport,
            budget: RetryBudget::default(),
            skew: ClockSkew::default(),
            stream_denied_until: Mutex::new(None),
        })
    }

    /// Where requests go.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Who serves and bills.
    pub const fn provider(&self) -> Provider {
        match self.endpoint.authorization {
            Authorization::SigV4 { .. } => Provider::Bedrock,
            Authorization::ApiKey(_) => Provider::Anthropic,
        }
    }

    /// Asks for a streamed answer. Returns when its first content is there, so that every failure before it is a plain
    /// error, tried again where that can help. Where IAM denies only the streaming action, the answer is fetched in
    /// one piece, and the denial is remembered for ten minutes.
    ///
    /// # Errors
    /// See [`ErrorKind`]; `attempts` says how often the request was sent.
    pub async fn stream(&self, call: &Call) -> Result<MessageStream, Error> {
        let (mut denied, mut spent) = (None, None);
        if !self.stream_is_denied() {
            let outgoing = self.outgoing(call, true)?;
            let mut attempts = self.attempts(call);
            loop {
                match self.open(&outgoing, call).await {
                    Ok(stream) => return Ok(stream.after(&attempts)),
                    Err(error) if is_denied_stream(&error) && !call.abandoned.is_set() => {
                        denied = Some(error);
                        spent = attempts.spent;
                        break;
                    }
                    Err(error) => attempts.again_after(error).await?,
                }
            }
        }
        let (answer, attempts) = self.send_after(call, spent).await?;
        // Only now is it sure that streaming alone is denied.
        if let Some(error) = denied {
            self.remember_denied_stream(&error);
        }
        let events = events_of(answer.message, answer.usage);
        Ok(MessageStream::of_whole(events).of_request(answer.request_id).after(&attempts))
    }

    /// Asks for an answer in one piece.
    ///
    /// # Errors
    /// As [`Client::stream`].
    pub async fn send(&self, call: &Call) -> Result<Answer, Error> {
        Ok(self.send_after(call, None).await?.0)
    }

    /// The same, after streamed attempts that `spent` this much.
    async fn send_after<'a>(&'a self, call: &'a Call, spent: Option<Usage>) -> Result<(Answer, Attempts<'a>), Error> {
        let outgoing = self.outgoing(call, false)?;
        let mut attempts = self.attempts(call);
        attempts.spent = spent;
        loop {
            match self.fetch(&outgoing, call).await {
                Ok(answer) => return Ok((Answer { attempts: attempts.number, ..answer }, attempts)),
                Err(error) => attempts.again_after(error).await?,
            }
        }
    }

    fn attempts<'a>(&'a self, call: &'a Call) -> Attempts<'a> {
        Attempts::new(&self.options.retry, &self.budget, call.deadline, &call.abandoned)
    }

    async fn open(&self, outgoing: &Outgoing, call: &Call) -> Result<MessageStream, Error> {
        let response = self.exchange(outgoing, call).await?;
        let decoder = match (self.api, content_type(response.headers())) {
            (Api::Invoke, Some(EVENT_STREAM)) => Decoder::event_stream(),
            (Api::Messages, Some(SSE)) => Decoder::sse(),
            (_, other) => return Err(unexpected(other)),
        };
        let request_id = request_id(response.headers());
        let stream = MessageStream::new(Some(response.into_body()), decoder, self.options.stream_idle, call.deadline);
        let mut stream = stream.of_request(request_id);
        stream.open().await?;
        Ok(stream)
    }

    async fn fetch(&self, outgoing: &Outgoing, call: &Call) -> Result<Answer, Error> {
        let response = self.exchange(outgoing, call).await?;
        let request_id = request_id(response.headers());
        let found = content_type(response.headers()).map(str::to_owned);
        let body = read_body(response, MAX_ANSWER_BYTES, call.deadline).await?;
        let Ok(body) = serde_json::from_slice::<MessageBody>(&body) else {
            return Err(unexpected(found.as_deref()));
        };
        let mut usage = Usage::default();
        usage.apply(&body.usage);
        let content = body.content.iter().map(|raw| ContentBlock::from_raw(raw)).collect();
        let MessageBody { id, model, stop_reason, stop_sequence, .. } = body;
        let message = Message { id, model, content, stop_reason, stop_sequence };
        Ok(Answer { message, usage, request_id, attempts: 1 })
    }

    /// Sends once, and once more if the signature was refused for its time. Anything but success is an error here.
    async fn exchange(&self, outgoing: &Outgoing, call: &Call) -> Result<Response<Incoming>, Error> {
        let mut resigned = false;
        loop {
            let request = self.authorised(outgoing).await?;
            let Ok(sent) = timeout_at(call.deadline, self.transport.send(request)).await else {
                return Err(Error::new(ErrorKind::Timeout(Waiting::Answer), "no answer within the deadline"));
            };
            let response = sent?;
            if response.status() == StatusCode::OK {
                return Ok(response);
            }
            let headers = response.headers().clone();
            let error = refused(response, call.deadline).await;
            let skewed = error.kind == ErrorKind::Credentials(CredentialFault::ClockSkew);
            if !skewed || resigned || call.abandoned.is_set() || !self.skew.learn(&headers) {
                return Err(error);
            }
            resigned = true;
        }
    }

    fn outgoing(&self, call: &Call, streamed: bool) -> Result<Outgoing, Error> {
        let unsendable = |what: &dyn std::fmt::Display| {
            Error::new(ErrorKind::InvalidRequest, format!("the request cannot be sent: {what}"))
        };
        let body = match self.api {
            Api::Invoke => {
                serde_json::to_vec(&InvokeBody { anthropic_version: BEDROCK_VERSION, request: &call.request })
            }
            Api::Messages => {
                serde_json::to_vec(&MessagesBody { model: &call.model, stream: streamed, request: &call.request })
            }
        };
        let body = HashedBody::new(Bytes::from(body.map_err(|error| unsendable(&error))?));
        let mut head =
            Request::post(self.endpoint.uri(&self.api.path(&call.model, streamed)).map_err(|e| unsendable(&e))?)
                .body(())
                .map_err(|error| unsendable(&error))?;
        let headers = head.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(self.endpoint.host_header()).map_err(|error| unsendable(&error))?);
        headers.insert(CONTENT_TYPE, JSON);
        match (self.api, streamed) {
            (Api::Invoke, true) => headers.insert("x-amzn-bedrock-accept", JSON),
            (Api::Messages, true) => headers.insert(ACCEPT, HeaderValue::from_static(SSE)),
            (_, false) => headers.insert(ACCEPT, JSON),
        };
        if self.api == Api::Messages {
            headers.insert("anthropic-version", ANTHROPIC_VERSION);
        }
        Ok(Outgoing { head, body })
    }

    async fn authorised(&self, outgoing: &Outgoing) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = outgoing.head.clone().map(|()| Full::new(outgoing.body.bytes.clone()));
        match &self.endpoint.authorization {
            Authorization::SigV4 { region, credentials } => {
                sign_request(&mut request, &outgoing.body, region, credentials, &self.skew).await?;
            }
            Authorization::ApiKey(key) => {
                request.headers_mut().insert("x-api-key", api_key(key.as_ref())?);
            }
        }
        Ok(request)
    }

    fn stream_is_denied(&self) -> bool {
        let until = self.stream_denied_until.lock().map_or(None, |until| *until);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn remember_denied_stream(&self, error: &Error) {
        tracing::warn!(%error, "streaming is denied by policy; answers come in one piece for the next ten minutes");
        if let Ok(mut until) = self.stream_denied_until.lock() {
            *until = Some(Instant::now() + STREAM_DENIED_FOR);
        }
    }
}

/// A request that can be sent any number of times; each attempt is authorised afresh.
struct Outgoing {
    head: Request<()>,
    body: HashedBody,
}

#[derive(Serialize)]
struct InvokeBody<'a> {
    anthropic_version: &'static str,
    #[serde(flatten)]
    request: &'a MessagesRequest,
}

#[derive(Serialize)]
struct MessagesBody<'a> {
    model: &'a str,
    stream: bool,
    #[serde(flatten)]
    request: &'a MessagesRequest,
}

fn is_denied_stream(error: &Error) -> bool {
    error.kind == ErrorKind::AccessDenied(Denial::Streaming)
}

fn api_key(key: Option<&Secret>) -> Result<HeaderValue, Error> {
    let Some(key) = key else {
        let absent = ErrorKind::Credentials(CredentialFault::Absent);
        return Err(Error::new(absent, "no Anthropic API key is configured"));
    };
    let unfit = |_| Error::new(ErrorKind::Credentials(CredentialFault::BadApiKey), "the API key cannot be a header");
    let mut value = HeaderValue::from_str(key.expose()).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The events that would have streamed this message.
fn events_of(message: Message, usage: Usage) -> Vec<Event> {
    let update = UsageUpdate {
        input_tokens: Some(usage.input_tokens),
        output_tokens: Some(usage.output_tokens),
        cache_creation_input_tokens: None,
        cache_read_input_tokens: Some(usage.cache_read_tokens),
        cache_creation: Some(CacheCreation {
            ephemeral_5m_input_tokens: usage.cache_write_5m_tokens,
            ephemeral_1h_input_tokens: usage.cache_write_1h_tokens,
        }),
    };
    let mut events = vec![Event::MessageStart { id: message.id, model: message.model, usage: update }];
    for (index, block) in (0..).zip(message.content) {
        if let Ok(block) = serde_json::value::to_raw_value(&block) {
            events.push(Event::BlockStart { index, block });
            events.push(Event::BlockStop { index });
        }
    }
    let (stop_reason, stop_sequence) = (message.stop_reason, message.stop_sequence);
    events.push(Event::MessageDelta { stop_reason, stop_sequence, usage: update });
    events.push(Event::MessageStop { metrics: None });
    events
}
