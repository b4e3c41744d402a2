//! Request bodies: JSON only, no longer and no slower than the limits allow.
//!
//! Owns when a body is refused. Must not know what is in it.

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Limits;
use super::error::Rejection;

/// Reads the whole body. An empty one needs no content type.
pub(super) async fn read(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Bytes, Rejection> {
    if body.is_end_stream() && !headers.contains_key(CONTENT_TYPE) {
        return Ok(Bytes::new());
    }
    check_type(headers)?;
    let too_large = || Rejection::BodyTooLarge { limit: limits.body_bytes };
    if body.size_hint().lower() > limits.body_bytes as u64 {
        return Err(too_large());
    }
    let collecting = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.body_deadline, collecting).await {
        Err(_) => Err(Rejection::BodyTooSlow { deadline: limits.body_deadline }),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Rejection::invalid(format!("the request body broke off: {error}"))),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}

/// Anything but plain JSON is refused: a browser sends other types to strangers' servers without asking them first.
fn check_type(headers: &HeaderMap) -> Result<(), Rejection> {
    let unsupported =
        |found: &[u8]| Rejection::UnsupportedMediaType { found: String::from_utf8_lossy(found).into_owned() };
    let declared = headers.get(CONTENT_TYPE).map_or(&b"untyped"[..], |value| value.as_bytes());
    let essence = declared.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !essence.eq_ignore_ascii_case(b"application/json") {
        return Err(unsupported(declared));
    }
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        Some(coding) if !coding.eq_ignore_ascii_case(b"identity") => Err(unsupported(coding)),
        _ => Ok(()),
    }
}
