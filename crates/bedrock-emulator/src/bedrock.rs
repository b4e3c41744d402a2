//! How `bedrock-runtime` writes: its headers, its errors, its frames.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::response::Builder;
use http::{HeaderValue, Response, header};
use serde_json::json;

use crate::frame::{self, Damage};
use crate::message::{InvocationMetrics, Usage};
use crate::playback::{MESSAGE_STOP, StreamEvent};
use crate::refusal::Refusal;

/// What AWS appends to the exception's name in `x-amzn-errortype`.
const ERROR_TYPE_SUFFIX: &str = ":http://internal.amazon.com/coral/com.amazon.bedrock/";

/// The `p` of a chunk is a prefix of this, of varying length: it hides how long the tokens are.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The headers that every answer has.
pub(crate) fn start(status: u16, request_id: &str, date: &str) -> Builder {
    Response::builder().status(status).header(header::DATE, date).header("x-amzn-requestid", request_id)
}

/// The headers of an error answer.
pub(crate) fn refusal_headers(builder: Builder, refusal: &Refusal) -> Builder {
    let error_type = format!("{}{ERROR_TYPE_SUFFIX}", refusal.name);
    // A scripted name may hold what no header may.
    let error_type = HeaderValue::try_from(error_type).unwrap_or(HeaderValue::from_static("UnknownException"));
    builder.header(header::CONTENT_TYPE, "application/json").header("x-amzn-errortype", error_type)
}

/// The body of an error answer, and the payload of an exception frame.
pub(crate) fn refusal_body(refusal: &Refusal) -> String {
    let message = &refusal.message;
    let body = match refusal.name.as_str() {
        "ModelErrorException" => json!({"message": message, "originalStatusCode": 500, "resourceName": "model"}),
        "ModelStreamErrorException" => {
            json!({"message": message, "originalStatusCode": 500, "originalMessage": "the model stopped answering"})
        }
        _ => json!({"message": message}),
    };
    body.to_string()
}

/// The headers of a whole answer.
pub(crate) fn whole_headers(builder: Builder, usage: &Usage, latency_ms: u64) -> Builder {
    builder
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-amzn-bedrock-invocation-latency", latency_ms)
        .header("x-amzn-bedrock-input-token-count", usage.input_tokens)
        .header("x-amzn-bedrock-output-token-count", usage.output_tokens)
        .header("x-amzn-bedrock-cache-read-input-token-count", usage.cache_read_tokens)
        .header("x-amzn-bedrock-cache-write-input-token-count", usage.cache_write_tokens())
}

/// The headers of a stream.
pub(crate) fn stream_headers(builder: Builder) -> Builder {
    builder
        .header(header::CONTENT_TYPE, "application/vnd.amazon.eventstream")
        .header("x-amzn-bedrock-content-type", "application/json")
}

/// One event as a frame. `position` varies the padding.
pub(crate) fn chunk(event: &StreamEvent, position: usize, metrics: &InvocationMetrics, damage: Damage) -> Bytes {
    let bytes = if event.json == MESSAGE_STOP {
        BASE64.encode(json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}).to_string())
    } else {
        BASE64.encode(&event.json)
    };
    let padding = PADDING.get(..position.wrapping_mul(7) % PADDING.len() + 1).unwrap_or_default();
    let payload = format!(r#"{{"bytes":"{bytes}","p":"{padding}"}}"#);
    let headers = [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
    frame::encode(&headers, payload.as_bytes(), damage)
}

/// An exception as a frame.
pub(crate) fn exception(refusal: &Refusal) -> Bytes {
    let name = small_first_letter(&refusal.name);
    let headers =
        [(":exception-type", name.as_str()), (":content-type", "application/json"), (":message-type", "exception")];
    frame::encode(&headers, refusal_body(refusal).as_bytes(), Damage::None)
}

/// Inside a stream AWS writes an exception as the member's name: `throttlingException`.
fn small_first_letter(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// The metrics of the last event.
pub(crate) fn metrics(usage: &Usage, invocation_latency: u64, first_byte_latency: u64) -> InvocationMetrics {
    InvocationMetrics {
        input_token_count: usage.input_tokens,
        output_token_count: usage.output_tokens,
        invocation_latency,
        first_byte_latency,
        cache_read_input_token_count: usage.cache_read_tokens,
        cache_write_input_token_count: usage.cache_write_tokens(),
    }
}
