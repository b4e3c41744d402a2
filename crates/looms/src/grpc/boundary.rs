//! What surrounds every RPC: the type of its content, the time that it may take, and errors that the framework makes by
//! itself.
//!
//! The caller's deadline is taken from `grpc-timeout` and enforced here, so that it ends in an error of ours.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, timeout_at};
use tonic::Status;

use crate::error::{Code, Error, retyped};
use crate::turn::timed_out;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// How long a request may take to arrive, whatever the caller's own deadline: enough for the largest at 5 Mbit/s. Whoever
/// sends more slowly, or never ends, holds memory for too long.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The services whose requests are streams, which stay open for as long as the caller likes.
const STREAMED_REQUESTS: &str = "/grpc.reflection.";

/// Until when the caller waits, as it told us.
#[derive(Debug, Clone, Copy)]
pub struct CallerDeadline(
    /// The moment.
    pub Instant,
);

/// The outermost layer of the gRPC door.
pub(super) async fn enforce(request: Request, next: Next) -> Response<Body> {
    enforce_with(BODY_TIMEOUT, request, next).await
}

async fn enforce_with(body_timeout: Duration, request: Request, next: Next) -> Response<Body> {
    if let Err(error) = check_type(request.headers()) {
        let mut response = Status::from(error).into_http();
        // Who does not speak gRPC does not read a gRPC status.
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    let request = if request.uri().path().starts_with(STREAMED_REQUESTS) {
        request
    } else {
        request.map(|body| Body::new(Arriving::new(body, body_timeout)))
    };
    within_deadline(request, next).await
}

/// Protobuf alone is spoken. Anything else is refused: a browser sends other types to strangers' servers without asking
/// them first.
fn check_type(headers: &HeaderMap) -> Result<(), Error> {
    let declared = headers.get(CONTENT_TYPE).map_or(&b"untyped"[..], |value| value.as_bytes());
    let essence = declared.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    if essence == b"application/grpc" || essence == b"application/grpc+proto" {
        return Ok(());
    }
    let shown: String = String::from_utf8_lossy(declared).chars().take(100).collect();
    Err(Error::new(Code::Unsupported, format!("the request is `{shown}`, not `application/grpc`"))
        .with_http_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .with_hint("send protobuf with the header `content-type: application/grpc`; JSON is for the HTTP port"))
}

/// A request's body that has to end in time.
struct Arriving {
    body: Body,
    limit: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl Arriving {
    fn new(body: Body, limit: Duration) -> Self {
        Self { body, limit, deadline: Box::pin(sleep(limit)) }
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        // First of all, for there is no end to a body that always has something to read.
        if self.deadline.as_mut().poll(context).is_ready() {
            let message = format!("the request did not arrive within {} ms", self.limit.as_millis());
            let late = Error::new(Code::Timeout, message).with_http_status(StatusCode::REQUEST_TIMEOUT);
            return Poll::Ready(Some(Err(Status::from(late).into())));
        }
        Pin::new(&mut self.body).poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn within_deadline(mut request: Request, next: Next) -> Response<Body> {
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
    use futures_util::StreamExt as _;
    use futures_util::stream::{once, pending, repeat};
    use tonic_types::StatusExt as _;
    use tower::ServiceExt as _;

    use super::*;

    /// How a request of this content ends at the health service, if it has this long to arrive.
    async fn checked(timeout: Duration, content: Body) -> Option<Status> {
        let (_, health) = tonic_health::server::health_reporter();
        let layer = axum::middleware::from_fn(move |request, next| enforce_with(timeout, request, next));
        let router = tonic::service::Routes::new(health).into_axum_router().layer(layer);
        let request = Request::post("/grpc.health.v1.Health/Check").header(CONTENT_TYPE, "application/grpc");
        let response = router.oneshot(request.body(content).unwrap()).await.unwrap();
        Status::from_header_map(response.headers())
    }

    #[tokio::test]
    async fn a_request_that_never_ends_is_given_up() {
        // An empty message, complete: only the end is missing.
        async fn message() -> Result<Bytes, axum::Error> {
            tokio::task::yield_now().await;
            Ok(Bytes::from_static(&[0; 5]))
        }
        assert!(checked(BODY_TIMEOUT, Body::from_stream(once(message()))).await.is_none());
        let silent = Body::from_stream(once(message()).chain(pending()));
        let busy = Body::from_stream(repeat(()).then(|()| message()));
        for endless in [silent, busy] {
            let given_up = checked(Duration::from_millis(20), endless);
            let status = tokio::time::timeout(BODY_TIMEOUT, given_up).await.expect("an end").unwrap();
            assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
            assert_eq!(status.get_details_error_info().unwrap().reason, "timeout");
        }
    }

    #[test]
    fn protobuf_alone_is_taken() {
        let verdict = |declared: Option<&'static str>| {
            let types = declared.map(|declared| (CONTENT_TYPE, http::HeaderValue::from_static(declared)));
            check_type(&types.into_iter().collect()).map_err(|error| (error.code(), error.http_status().as_u16()))
        };
        for taken in ["application/grpc", "application/grpc+proto", "Application/GRPC ; charset=utf-8"] {
            assert_eq!(verdict(Some(taken)), Ok(()), "{taken}");
        }
        for refused in ["text/plain", "application/json", "application/grpc+json", "application/grpc-web", ""] {
            assert_eq!(verdict(Some(refused)), Err((Code::Unsupported, 415)), "{refused}");
        }
        assert_eq!(verdict(None), Err((Code::Unsupported, 415)));
    }

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
