//! Failures as HTTP responses: `google.rpc.Status` in proto3 JSON, whoever the failure comes from.
//!
//! Owns the kinds of request that the gateway itself refuses, and the shape of an error's body. Must not know error codes: the
//! product gives it the two functions of [`ErrorShape`].

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use tonic::Status;
use tonic_types::{StatusExt, pb};

/// How the product's error table reaches the gateway.
#[derive(Clone, Copy)]
pub struct ErrorShape {
    /// The HTTP status of an error that a service answered with.
    pub http_status: fn(&Status) -> StatusCode,
    /// The error for a request that the gateway refused. The HTTP status is [`Rejection::http_status`], `Display` the message.
    pub reject: fn(&Rejection) -> Status,
}

/// Why the gateway refused a request. `Display` is a message for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The path, the query or the body does not make a request message.
    #[error("{message}")]
    InvalidRequest {
        /// What is wrong, naming the parameter or the place in the body.
        message: String,
        /// What would be right, where that is known.
        hint: Option<String>,
    },
    /// The body is longer than the limit.
    #[error("the request body is longer than {limit} bytes")]
    BodyTooLarge {
        /// The most bytes a body may have.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the request body did not arrive within {} ms", deadline.as_millis())]
    BodyTooSlow {
        /// How long a body may take.
        deadline: Duration,
    },
    /// No rule has this path.
    #[error("no such path: `{path}`")]
    NotFound {
        /// The path as it was sent.
        path: String,
    },
    /// The path exists, with other methods.
    #[error("`{path}` has no method `{method}`")]
    MethodNotAllowed {
        /// The method as it was sent.
        method: String,
        /// The path as it was sent.
        path: String,
        /// The methods it has, as the `Allow` header lists them.
        allow: String,
    },
    /// The body is declared as something else than JSON.
    #[error("the request body is `{found}`, not `application/json`")]
    UnsupportedMediaType {
        /// The declared type, or the content coding that is not understood.
        found: String,
    },
}

impl Rejection {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidRequest { message: message.into(), hint: None }
    }

    /// The HTTP status that the gateway answers with.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest { .. } => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    /// What the caller can do about it, where that is more than the message says.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InvalidRequest { hint, .. } => hint.clone(),
            Self::MethodNotAllowed { allow, .. } => Some(format!("use one of: {allow}")),
            Self::UnsupportedMediaType { .. } => {
                Some("send plain JSON with the header `content-type: application/json`".to_owned())
            }
            Self::NotFound { .. } | Self::BodyTooLarge { .. } | Self::BodyTooSlow { .. } => None,
        }
    }
}

/// Why a gateway cannot be built from the descriptors.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A rule that cannot be served.
    #[error("http rule `{rule}` of `{rpc}`: {reason}")]
    Rule {
        /// The RPC's full name.
        rpc: String,
        /// Method and path template.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The descriptors of `google.rpc` cannot be read.
    #[error("the descriptors of `google.rpc.Status` are unusable")]
    ErrorDescriptors(#[source] prost_reflect::DescriptorError),
    /// The descriptors of `google.rpc` lack its status.
    #[error("`google.rpc.Status` has no descriptor")]
    NoErrorDescriptor,
}

/// What ends a request without an answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The gateway refused it.
    Rejected(Rejection),
    /// The service answered with an error.
    Failed(Status),
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// Writes errors.
pub(super) struct Errors {
    shape: ErrorShape,
    status: MessageDescriptor,
}

impl Errors {
    pub(super) fn new(shape: ErrorShape) -> Result<Self, BuildError> {
        let pool = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).map_err(BuildError::ErrorDescriptors)?;
        let status = pool.get_message_by_name("google.rpc.Status").ok_or(BuildError::NoErrorDescriptor)?;
        Ok(Self { shape, status })
    }

    pub(super) fn response(&self, failure: &Failure) -> Response<Body> {
        let (code, status, allow) = match failure {
            Failure::Failed(status) => ((self.shape.http_status)(status), status.clone(), None),
            Failure::Rejected(rejection) => {
                (rejection.http_status(), (self.shape.reject)(rejection), allowed_methods(rejection))
            }
        };
        let mut response = Response::new(Body::from(self.json(&status)));
        *response.status_mut() = code;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(allow) = allow {
            headers.insert(ALLOW, allow);
        }
        if let Some(seconds) = retry_after(&status) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// `status` as `google.rpc.Status` in JSON, with every detail whose type `google.rpc` defines.
    pub(super) fn json(&self, status: &Status) -> Vec<u8> {
        let details = pb::Status::decode(status.details()).map(|decoded| decoded.details).unwrap_or_default();
        let code = i32::from(status.code());
        let whole = pb::Status { code, message: status.message().to_owned(), details };
        // A detail of a foreign type has no JSON form; the error itself must reach the caller all the same.
        self.encode(&whole).or_else(|| self.encode(&pb::Status { details: Vec::new(), ..whole })).unwrap_or_default()
    }

    fn encode(&self, status: &pb::Status) -> Option<Vec<u8>> {
        let message = DynamicMessage::decode(self.status.clone(), status.encode_to_vec().as_slice()).ok()?;
        serde_json::to_vec(&message).ok()
    }
}

impl fmt::Debug for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errors").finish_non_exhaustive()
    }
}

fn allowed_methods(rejection: &Rejection) -> Option<HeaderValue> {
    match rejection {
        Rejection::MethodNotAllowed { allow, .. } => HeaderValue::from_str(allow).ok(),
        _ => None,
    }
}

/// Whole seconds to wait, rounded up so that nobody comes back too early.
fn retry_after(status: &Status) -> Option<u64> {
    let delay = status.get_details_retry_info()?.retry_delay?;
    Some(delay.as_secs() + u64::from(delay.subsec_nanos() > 0))
}
