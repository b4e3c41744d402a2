//! Errors on gRPC: the code, and details that say everything else (`ErrorInfo`, `RetryInfo`). HTTP carries the same
//! details as JSON, so this is the one place that writes and reads them.

use std::collections::HashMap;

use http::StatusCode;
use tonic::{Code as Grpc, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{Code, Error};

/// `ErrorInfo.domain` of every error.
const DOMAIN: &str = "loom";

/// Upstream's message is told up to here: details travel in a header, and some peers bound headers at 8 KiB.
const MAX_MESSAGE_CHARS: usize = 1000;

/// `ErrorInfo.metadata` key of an HTTP status that is not its code's own.
const HTTP_STATUS: &str = "http_status";

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let row = error.code().row();
        let mut metadata = HashMap::from([("retryable".to_owned(), error.is_retryable().to_string())]);
        if let Some(hint) = error.hint() {
            metadata.insert("hint".to_owned(), hint.to_owned());
        }
        if error.attempts() > 0 {
            metadata.insert("attempts".to_owned(), error.attempts().to_string());
        }
        if let Some(upstream) = error.upstream() {
            let mut said = |what: &str, value: String| metadata.insert(format!("{}_{what}", error.speaker()), value);
            if !upstream.exception.is_empty() {
                said("exception", upstream.exception.clone());
            }
            said("status", upstream.status.to_string());
            if !upstream.message.is_empty() {
                said("message", upstream.message.chars().take(MAX_MESSAGE_CHARS).collect());
            }
            if let Some(id) = &upstream.request_id {
                said("request_id", id.clone());
            }
        }
        if let Some(session) = error.session() {
            metadata.insert("session_id".to_owned(), session.to_owned());
        }
        if error.http_status() != row.http {
            metadata.insert(HTTP_STATUS.to_owned(), error.http_status().as_u16().to_string());
        }
        let mut details = ErrorDetails::with_error_info(row.text, DOMAIN, metadata);
        if let Some(wait) = error.retry_after() {
            details.set_retry_info(Some(wait));
        }
        Self::with_error_details(row.grpc, error.message(), details)
    }
}

/// The HTTP status of an error that travelled as gRPC.
pub fn http_status(status: &Status) -> StatusCode {
    let info = status.get_details_error_info();
    let own = info.as_ref().and_then(|info| info.metadata.get(HTTP_STATUS)?.parse().ok());
    if let Some(own) = own.and_then(|own| StatusCode::from_u16(own).ok()) {
        return own;
    }
    let code = info.and_then(|info| Code::from_text(&info.reason));
    // Without details it was made on our own side of the services, where an answer did not decode.
    code.unwrap_or(Code::Internal).row().http
}

/// An error that the gRPC framework made of a request, as one of ours; `None` if it is ours already.
pub fn retyped(status: &Status) -> Option<Error> {
    if status.code() == Grpc::Ok || status.get_details_error_info().is_some() {
        return None;
    }
    let error = Error::new(by_grpc_code(status), status.message());
    Some(match status.code() {
        Grpc::OutOfRange => error.with_http_status(StatusCode::PAYLOAD_TOO_LARGE),
        Grpc::Unimplemented if status.message().is_empty() => {
            Error::new(Code::Unsupported, "there is no such RPC").with_hint("`grpcurl … list` shows what is served")
        }
        _ => error,
    })
}

/// What a bare gRPC code means when tonic made it. Ours have details, so this is its verdict on the request: a message over
/// the size limit is OUT_OF_RANGE; one that breaks off, does not decode or has a wrong flag is INTERNAL; UNKNOWN is a body
/// that could not be read.
fn by_grpc_code(status: &Status) -> Code {
    match status.code() {
        Grpc::OutOfRange | Grpc::Internal | Grpc::Unknown => Code::InvalidRequest,
        Grpc::InvalidArgument | Grpc::FailedPrecondition => Code::InvalidRequest,
        Grpc::Unimplemented => Code::Unsupported,
        Grpc::DeadlineExceeded => Code::Timeout,
        Grpc::Cancelled | Grpc::Aborted => Code::Cancelled,
        Grpc::NotFound => Code::NotFound,
        Grpc::PermissionDenied => Code::Forbidden,
        Grpc::Unauthenticated => Code::Unauthenticated,
        Grpc::ResourceExhausted => Code::Overloaded,
        Grpc::Unavailable => Code::ServiceUnavailable,
        Grpc::Ok | Grpc::AlreadyExists | Grpc::DataLoss => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_code_keeps_its_http_status_through_grpc() {
        for code in Code::ALL {
            let status = Status::from(Error::new(code, "x"));
            assert_eq!(status.code(), code.row().grpc);
            assert_eq!(http_status(&status), code.row().http, "{code:?}");
            assert!(retyped(&status).is_none(), "{code:?}");
        }
    }

    #[test]
    fn a_status_of_its_own_survives_and_a_wait_is_told() {
        let error = Error::invalid("too long")
            .with_http_status(StatusCode::PAYLOAD_TOO_LARGE)
            .with_retry_after(Duration::from_secs(2));
        let status = Status::from(error);
        assert_eq!(http_status(&status), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(2)));
    }

    #[test]
    fn what_the_framework_says_becomes_ours() {
        for (grpc, message, code) in [
            (Grpc::OutOfRange, "Error, decoded message length too large", Code::InvalidRequest),
            (Grpc::Internal, "failed to decode Protobuf message", Code::InvalidRequest),
            (Grpc::Internal, "Missing request message.", Code::InvalidRequest),
            (Grpc::Unimplemented, "", Code::Unsupported),
            (Grpc::Unknown, "transport error", Code::InvalidRequest),
        ] {
            let error = retyped(&Status::new(grpc, message)).unwrap();
            assert_eq!((error.code(), error.is_retryable()), (code, false), "{message}");
        }
    }
}
