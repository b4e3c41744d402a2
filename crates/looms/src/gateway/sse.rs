//! A stream of messages as server-sent events.
//!
//! Owns the events: `data:` with the message's JSON, `event: error` with the error's, a comment line in a long silence. The body
//! is pulled: a client that does not read lets the call stand still, one that goes away drops it. Must not know RPCs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};
use prost_reflect::{DynamicMessage, FieldDescriptor};
use tonic::{Status, Streaming};

use super::error::Errors;
use super::json;

/// A comment: clients skip it, proxies see that the response lives.
const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");

/// Tells nginx and those like it to pass each event on at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers with the events of `messages`.
///
/// # Errors
///
/// The status of a stream that fails before its first message: nothing was sent then, and the response can be a plain error.
pub(super) async fn respond(
    mut messages: Streaming<DynamicMessage>,
    part: Option<FieldDescriptor>,
    errors: Arc<Errors>,
    heartbeat: Duration,
) -> Result<Response<Body>, Status> {
    let first = messages.message().await?;
    let body = match first {
        None => Body::empty(),
        first => {
            let events = Box::new(Events { first, messages, part, errors, heartbeat, failed: false });
            Body::from_stream(stream::unfold(events, Events::next))
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

struct Events {
    first: Option<DynamicMessage>,
    messages: Streaming<DynamicMessage>,
    part: Option<FieldDescriptor>,
    errors: Arc<Errors>,
    heartbeat: Duration,
    failed: bool,
}

impl Events {
    /// The next piece of the body; `None` at its end.
    async fn next(mut self: Box<Self>) -> Option<(Result<Bytes, Infallible>, Box<Self>)> {
        if self.failed {
            return None;
        }
        let received = match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => match tokio::time::timeout(self.heartbeat, self.messages.message()).await {
                Ok(received) => received,
                Err(_) => return Some((Ok(HEARTBEAT), self)),
            },
        };
        let event = match received {
            Ok(None) => return None,
            Ok(Some(message)) => self.data(&message),
            Err(status) => Err(status),
        };
        let event = event.unwrap_or_else(|status| {
            self.failed = true;
            framed(b"event: error\ndata: ", &self.errors.json(&status))
        });
        Some((Ok(event), self))
    }

    fn data(&self, message: &DynamicMessage) -> Result<Bytes, Status> {
        // Compact JSON has no line break, so that one `data:` line holds it.
        let mut event = b"data: ".to_vec();
        json::write(&mut event, message, self.part.as_ref())?;
        event.extend_from_slice(b"\n\n");
        Ok(event.into())
    }
}

fn framed(prefix: &[u8], json: &[u8]) -> Bytes {
    [prefix, json, b"\n\n"].concat().into()
}
