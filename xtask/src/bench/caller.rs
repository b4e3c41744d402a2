//! One caller on a connection of its own: asks, reads the answer to its end, and says how long it took.
//!
//! An answer that is not what it should be is a failure, so that nothing is measured that does not work.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use loom_proto::v1::loom_service_client::LoomServiceClient;
use loom_proto::v1::{ExecutionStage, WeaveRequest};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

use super::CALL_WITHIN;
use super::wire::{FRAMES_TO_FIRST_TEXT, FrameCount, PATH, QUESTION, body};
use crate::Result;

/// How one asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Door {
    /// Bedrock's own HTTP call: of the upstream itself, or of the bare proxy.
    Bedrock,
    /// `Weave` over gRPC, each in a new session.
    Weave,
    /// `StreamWeave` over gRPC, each in a new session.
    StreamWeave,
}

/// How long one call took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// Until the first text was there; a unary answer has its text at its end.
    pub(super) first_token: Duration,
    pub(super) whole: Duration,
}

/// A caller that is connected.
pub(super) enum Caller {
    Bedrock { sender: SendRequest<Full<Bytes>>, host: HeaderValue },
    Weave(LoomServiceClient<Channel>),
    StreamWeave(LoomServiceClient<Channel>),
}

impl Caller {
    pub(super) async fn connect(door: Door, address: SocketAddr) -> Result<Self> {
        if let Door::Bedrock = door {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            return Ok(Self::Bedrock { sender, host: HeaderValue::try_from(address.to_string())? });
        }
        let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
        let client = LoomServiceClient::new(channel);
        Ok(match door {
            Door::StreamWeave => Self::StreamWeave(client),
            Door::Bedrock | Door::Weave => Self::Weave(client),
        })
    }

    /// Asks once.
    pub(super) async fn call(&mut self) -> Result<Timing> {
        let asked = async {
            match self {
                Self::Bedrock { sender, host } => bedrock(sender, host).await,
                Self::Weave(client) => weave(client).await,
                Self::StreamWeave(client) => stream_weave(client).await,
            }
        };
        timeout(CALL_WITHIN, asked).await.unwrap_or_else(|_| Err(format!("no answer in {CALL_WITHIN:?}").into()))
    }
}

async fn bedrock(sender: &mut SendRequest<Full<Bytes>>, host: &HeaderValue) -> Result<Timing> {
    let started = Instant::now();
    let request = Request::post(PATH).header(HOST, host).header(CONTENT_TYPE, "application/json");
    sender.ready().await?;
    let response = sender.send_request(request.body(Full::new(body()))?).await?;
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()).into());
    }
    let mut answer = response.into_body();
    let (mut frames, mut first_token) = (FrameCount::default(), None);
    while let Some(piece) = answer.frame().await {
        if let Some(data) = piece?.data_ref() {
            frames.push(data);
        }
        if frames.whole >= FRAMES_TO_FIRST_TEXT {
            first_token.get_or_insert_with(|| started.elapsed());
        }
    }
    let first_token = first_token.ok_or("an answer without a text")?;
    Ok(Timing { first_token, whole: started.elapsed() })
}

async fn weave(client: &mut LoomServiceClient<Channel>) -> Result<Timing> {
    let started = Instant::now();
    let answer = client.weave(question()).await?.into_inner();
    if answer.text.is_empty() || answer.session_id.is_empty() {
        return Err("an answer without a text or a session".into());
    }
    let whole = started.elapsed();
    Ok(Timing { first_token: whole, whole })
}

async fn stream_weave(client: &mut LoomServiceClient<Channel>) -> Result<Timing> {
    let started = Instant::now();
    let mut events = client.stream_weave(question()).await?.into_inner();
    let (mut first_token, mut completed) = (None, false);
    while let Some(event) = events.message().await? {
        if !event.partial_content.is_empty() {
            first_token.get_or_insert_with(|| started.elapsed());
        }
        completed = event.stage == i32::from(ExecutionStage::Completed);
    }
    let whole = started.elapsed();
    match completed {
        true => Ok(Timing { first_token: first_token.unwrap_or(whole), whole }),
        false => Err("a stream that did not complete".into()),
    }
}

fn question() -> WeaveRequest {
    WeaveRequest { query: QUESTION.to_owned(), ..WeaveRequest::default() }
}
