//! What the tests share: sending a request, and an error table of the tests' own.

use std::collections::HashMap;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use looms::gateway::{ErrorShape, Gateway, Rejection};
use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends `method path`, with `body` as JSON where there is one.
pub(crate) async fn send(gateway: &Gateway, line: &str, body: &str) -> Reply {
    let mut request = request(line, body.to_owned().into());
    if !body.is_empty() {
        request.headers_mut().insert("content-type", "application/json; charset=utf-8".parse().unwrap());
    }
    exchange(gateway, request).await
}

pub(crate) fn request(line: &str, body: Body) -> Request<Body> {
    let (method, uri) = line.split_once(' ').unwrap();
    Request::builder().method(method).uri(uri).body(body).unwrap()
}

pub(crate) async fn exchange(gateway: &Gateway, request: Request<Body>) -> Reply {
    let (parts, body) = gateway.handle(request).await.into_parts();
    Reply { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

pub(crate) const ERRORS: ErrorShape = ErrorShape { http_status, reject };

fn http_status(status: &Status) -> StatusCode {
    match status.get_details_error_info().map(|info| info.reason).as_deref() {
        Some("throttling") => StatusCode::TOO_MANY_REQUESTS,
        Some("session_not_found") => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn reject(rejection: &Rejection) -> Status {
    let (code, reason) = match rejection {
        Rejection::NotFound { .. } => (Code::NotFound, "not_found"),
        Rejection::MethodNotAllowed { .. } | Rejection::UnsupportedMediaType { .. } => {
            (Code::Unimplemented, "unsupported")
        }
        _ => (Code::InvalidArgument, "invalid_request"),
    };
    let hint = rejection.hint().map(|hint| ("hint".to_owned(), hint));
    error(code, reason, &rejection.to_string(), hint.into_iter().collect())
}

pub(crate) fn error(code: Code, reason: &str, message: &str, metadata: HashMap<String, String>) -> Status {
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, "loom", metadata))
}
