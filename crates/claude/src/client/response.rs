//! What comes back on HTTP: refusals decoded, bodies read within bounds, headers looked at.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, ErrorKind, Unavailability, Upstream, Waiting};
use crate::refusal;
use crate::transport::root_cause;

/// A refusal's body is a sentence; a proxy's page may be long, and none of it is needed beyond this.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// Reads a refusal and decodes it.
pub(super) async fn refused(response: Response<Incoming>, deadline: Instant) -> Error {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    // A body that cannot be read leaves the status and the headers, which say most of it.
    let body = read_body(response, MAX_REFUSAL_BYTES, deadline).await.unwrap_or_default();
    let parsed: RefusalBody = serde_json::from_slice(&body).unwrap_or_default();
    let named = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let exception = match named {
        Some(name) => name.split(':').next().unwrap_or_default().to_owned(),
        None => parsed.error.error_type,
    };
    let message = match parsed.message {
        Some(message) => message,
        None if !parsed.error.message.is_empty() => parsed.error.message,
        None => String::from_utf8_lossy(&body).chars().take(500).collect(),
    };
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let kind = refusal::decode(&exception, status, &message);
    let shown = match kind {
        ErrorKind::Unexpected => format!("upstream answered with status {status}, which is not an answer of this API"),
        _ if message.is_empty() => format!("upstream answered with status {status}"),
        _ => message.clone(),
    };
    let upstream = Upstream { exception, status, request_id: request_id(&headers), message };
    let mut error = Error::new(kind, shown).with_upstream(upstream);
    error.retry_after = retry_after.map(Duration::from_secs);
    error
}

/// AWS says `{"message":…}` (its auth layer `{"Message":…}`), Anthropic `{"type":"error","error":{…}}`.
#[derive(Default, Deserialize)]
struct RefusalBody {
    #[serde(alias = "Message")]
    message: Option<String>,
    #[serde(default)]
    error: RefusalError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RefusalError {
    #[serde(rename = "type")]
    error_type: String,
    message: String,
}

pub(super) async fn read_body(response: Response<Incoming>, limit: usize, deadline: Instant) -> Result<Bytes, Error> {
    let lost = |cause: String| {
        let kind = ErrorKind::Unavailable(Unavailability::ConnectionLost);
        Error::new(kind, format!("the answer could not be read to its end: {cause}"))
    };
    match timeout_at(deadline, Limited::new(response.into_body(), limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) => Err(lost(root_cause(error.as_ref()))),
        Err(_) => Err(Error::new(ErrorKind::Timeout(Waiting::Answer), "no whole answer within the deadline")),
    }
}

pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

/// Bedrock and Anthropic each have a header for it.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-amzn-requestid").or_else(|| headers.get("request-id"))?;
    value.to_str().ok().map(str::to_owned)
}

/// A success that is not of the API's type: a captive portal, a proxy's page, the wrong service.
pub(super) fn unexpected(content_type: Option<&str>) -> Error {
    let found = content_type.unwrap_or("no content type");
    Error::new(ErrorKind::Unexpected, format!("upstream answered `{found}`, which is not an answer of this API"))
}
