//! A raw HTTP/1.1 client: one connection per request, chunks as they came.

use std::time::Duration;

use bedrock_emulator::Emulator;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::frames::{self, Defect};
use crate::signer::Signer;

/// How long anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0";

/// An answer that was read until its end or until it broke.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) chunks: Vec<Bytes>,
    /// Whether the body ended as HTTP wants it.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes()).unwrap()
    }

    /// The Messages events of an event stream, up to its first defect.
    pub(crate) fn events(&self) -> (Vec<Value>, Option<Defect>) {
        let (frames, defect) = frames::decode(&self.bytes());
        (frames.iter().map(frames::Frame::event).collect(), defect)
    }

    /// AWS's exception name, its prefix cut off the header.
    pub(crate) fn exception(&self) -> &str {
        self.header("x-amzn-errortype").split(':').next().unwrap()
    }
}

pub(crate) fn body() -> Value {
    asking("Hello from a test!")
}

pub(crate) fn asking(text: &str) -> Value {
    json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": text}],
    })
}

pub(crate) async fn invoke(emulator: &Emulator, body: &Value) -> Answer {
    signed(emulator, &format!("/model/{SONNET}/invoke"), body).await
}

pub(crate) async fn invoke_stream(emulator: &Emulator, body: &Value) -> Answer {
    signed(emulator, &format!("/model/{SONNET}/invoke-with-response-stream"), body).await
}

pub(crate) async fn signed(emulator: &Emulator, path: &str, body: &Value) -> Answer {
    signed_by(&Signer::of(emulator), emulator, path, body).await
}

pub(crate) async fn signed_by(signer: &Signer, emulator: &Emulator, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let headers = signer.headers(&emulator.address().to_string(), path, body.as_bytes());
    post(emulator, path, headers, body.into()).await.unwrap()
}

pub(crate) async fn messages(emulator: &Emulator, body: &Value) -> Answer {
    let headers = vec![
        ("host", emulator.address().to_string()),
        ("x-api-key", emulator.anthropic_api_key().to_owned()),
        ("anthropic-version", "2023-06-01".to_owned()),
    ];
    post(emulator, "/v1/messages", headers, body.to_string().into()).await.unwrap()
}

/// Posts and reads all there is.
pub(crate) async fn post(
    emulator: &Emulator,
    path: &str,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
) -> hyper::Result<Answer> {
    let exchange = async {
        let response = open(emulator, path, headers, body).await?;
        let (head, mut body) = response.into_parts();
        let mut answer =
            Answer { status: head.status.as_u16(), headers: head.headers, chunks: Vec::new(), complete: true };
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => answer.chunks.extend(frame.into_data()),
                Err(_) => answer.complete = false,
            }
        }
        Ok(answer)
    };
    tokio::time::timeout(DEADLINE, exchange).await.unwrap()
}

/// Posts and hands back the response, its body unread.
pub(crate) async fn open(
    emulator: &Emulator,
    path: &str,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
) -> hyper::Result<http::Response<Incoming>> {
    let stream = TcpStream::connect(emulator.address()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = http::Request::post(path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    sender.send_request(request.body(Full::new(body)).unwrap()).await
}
