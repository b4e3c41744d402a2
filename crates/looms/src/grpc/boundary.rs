//! What surrounds every RPC: the caller's deadline, and errors that the framework makes by itself.
//!
//! The deadline is taken from `grpc-timeout` and enforced here, so that it ends in an error of ours.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use http::{HeaderMap, HeaderName, Response};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use crate::error::retyped;
use crate::turn::timed_out;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Until when the caller waits, as it told us.
#[derive(Debug, Clone, Copy)]
pub struct CallerDeadline(
    /// The moment.
    pub Instant,
);

/// The outermost layer of the gRPC door.
pub(super) async fn enforce(mut request: Request, next: Next) -> Response<Body> {
    let started = Instant::now();
    let limit = request.headers_mut().remove(GRPC_TIMEOUT).and_then(|value| parse_timeout(value.to_str().ok()?));
    let Some(deadline) = limit.and_then(|limit| started.checked_add(limit)) else {
        return typed(next.run(request).await);
    };
    // What nobody waits for any more is not begun; the timer's grain is a millisecond and would let it through.
    if Instant::now() >= deadline {
        return Status::from(timed_out(started, deadline, None)).into_http();
    }
    request.extensions_mut().insert(CallerDeadline(deadline));
    match timeout_at(deadline, next.run(request)).await {
        Ok(response) => typed(response),
        Err(_) => Status::from(timed_out(started, deadline, None)).into_http(),
    }
}

/// An error that tonic made by itself is in the headers (a trailers-only response) and has no details.
fn typed(response: Response<Body>) -> Response<Body> {
    match untyped_error(response.headers()) {
        Some(status) => status.into_http(),
        None => response,
    }
}

fn untyped_error(headers: &HeaderMap) -> Option<Status> {
    headers.get(GRPC_STATUS)?;
    let status = Status::from_header_map(headers)?;
    retyped(&status).map(Status::from)
}

/// gRPC's own notation: up to eight digits and a unit.
fn parse_timeout(value: &str) -> Option<Duration> {
    let (unit, digits) = (value.chars().last()?, value.get(..value.len().checked_sub(1)?)?);
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(amount * 3600),
        'M' => Duration::from_secs(amount * 60),
        'S' => Duration::from_secs(amount),
        'm' => Duration::from_millis(amount),
        'u' => Duration::from_micros(amount),
        'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit_and_nonsense_is_no_deadline() {
        for (value, parsed) in [
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("100m", Some(Duration::from_millis(100))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("", None),
            ("S", None),
            ("1", None),
            ("-1S", None),
            ("123456789S", None),
            ("1\u{e9}", None),
        ] {
            assert_eq!(parse_timeout(value), parsed, "{value}");
        }
    }
}
