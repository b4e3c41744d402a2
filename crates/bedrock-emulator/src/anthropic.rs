//! How Anthropic's own API writes: its headers, its errors, its server-sent events.

use bytes::Bytes;
use http::response::Builder;
use http::{HeaderMap, HeaderValue, Response, header};
use serde_json::json;

use crate::playback::StreamEvent;
use crate::refusal::Refusal;

/// Checks the API key and the version header. Anthropic's newer SDKs send the key as a bearer token.
pub(crate) fn authenticate(headers: &HeaderMap, api_key: &str) -> Result<(), Refusal> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    match headers.get("x-api-key").map(HeaderValue::as_bytes).or(bearer) {
        None => Err(Refusal::new(401, "authentication_error", "x-api-key header is required")),
        Some(key) if key != api_key.as_bytes() => Err(Refusal::new(401, "authentication_error", "invalid x-api-key")),
        Some(_) if !headers.contains_key("anthropic-version") => {
            Err(Refusal::new(400, "invalid_request_error", "anthropic-version: header is required"))
        }
        Some(_) => Ok(()),
    }
}

/// The headers that every answer has.
pub(crate) fn start(status: u16, request_id: &str, date: &str) -> Builder {
    Response::builder().status(status).header(header::DATE, date).header("request-id", request_id)
}

/// The body of an error answer.
pub(crate) fn refusal_body(refusal: &Refusal, request_id: &str) -> String {
    let error = json!({"type": refusal.name, "message": refusal.message});
    json!({"type": "error", "error": error, "request_id": request_id}).to_string()
}

/// One event as server-sent.
pub(crate) fn event(event: &StreamEvent) -> Bytes {
    Bytes::from(format!("event: {}\ndata: {}\n\n", event.kind, event.json))
}

/// An event whose JSON stops half-way: the nearest thing to a wrong checksum.
pub(crate) fn damaged_event(event: &StreamEvent) -> Bytes {
    let half = event.json.floor_char_boundary(event.json.len() / 2);
    Bytes::from(format!("event: {}\ndata: {}\n\n", event.kind, event.json.get(..half).unwrap_or_default()))
}

/// An error inside a stream.
pub(crate) fn error_event(refusal: &Refusal) -> Bytes {
    let data = json!({"type": "error", "error": {"type": refusal.name, "message": refusal.message}});
    Bytes::from(format!("event: error\ndata: {data}\n\n"))
}

/// The headers of a stream.
pub(crate) fn stream_headers(builder: Builder) -> Builder {
    builder.header(header::CONTENT_TYPE, "text/event-stream; charset=utf-8").header(header::CACHE_CONTROL, "no-cache")
}
