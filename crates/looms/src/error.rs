//! The one table of errors: what a caller sees of every failure, on every door.
//!
//! `claude` says what happened, this module says what is told: a code, its HTTP status and gRPC code, whether a retry can
//! help, and a remedy. [`Error`] knows nothing of doors; `status` puts it on gRPC (and so on HTTP), `terminal` on a
//! terminal.

mod status;
mod terminal;
mod upstream;

use std::fmt;
use std::time::Duration;

use http::StatusCode;

pub use status::{http_status, retyped};
pub use terminal::Terminal;
pub use upstream::Asked;

/// What went wrong, as far as a caller can act on it. Add a variant only if some caller would act differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Upstream refuses us: IAM, a service control policy, model access.
    AccessDenied,
    /// There is no such model for us.
    ModelNotFound,
    /// No credentials, or none that upstream accepts.
    CredentialsNotLoaded,
    /// A quota is used up.
    Throttling,
    /// The region is none of those that are served.
    InvalidRegion,
    /// Something took longer than its deadline.
    Timeout,
    /// The request is wrong in itself.
    InvalidRequest,
    /// The prompt does not fit the model's context window.
    ContextTooLong,
    /// This server has more to do than it accepts.
    Overloaded,
    /// There is nothing under that name.
    NotFound,
    /// Upstream cannot serve now.
    ServiceUnavailable,
    /// The model failed on this request.
    ModelError,
    /// The answer broke off.
    StreamInterrupted,
    /// There is no such session for this caller.
    SessionNotFound,
    /// A limit of money is reached.
    BudgetExceeded,
    /// The caller has not said who it is.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// The caller went away, or the server is stopping.
    Cancelled,
    /// A failure of ours, or one that nothing else describes.
    Internal,
    /// Not served: a method, a content type, an RPC.
    Unsupported,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The code as it is written on every door.
    pub text: &'static str,
    /// The HTTP status.
    pub http: StatusCode,
    /// The gRPC code.
    pub grpc: tonic::Code,
}

impl Code {
    /// Every code, in the table's order.
    pub const ALL: [Self; 20] = [
        Self::AccessDenied,
        Self::ModelNotFound,
        Self::CredentialsNotLoaded,
        Self::Throttling,
        Self::InvalidRegion,
        Self::Timeout,
        Self::InvalidRequest,
        Self::ContextTooLong,
        Self::Overloaded,
        Self::NotFound,
        Self::ServiceUnavailable,
        Self::ModelError,
        Self::StreamInterrupted,
        Self::SessionNotFound,
        Self::BudgetExceeded,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Cancelled,
        Self::Internal,
        Self::Unsupported,
    ];

    /// The code's row. The first six are the reference's and fixed.
    pub const fn row(self) -> Row {
        use tonic::Code as Grpc;
        let (text, http, grpc) = match self {
            Self::AccessDenied => ("access_denied", StatusCode::FORBIDDEN, Grpc::PermissionDenied),
            Self::ModelNotFound => ("model_not_found", StatusCode::NOT_FOUND, Grpc::NotFound),
            Self::CredentialsNotLoaded => ("credentials_not_loaded", StatusCode::UNAUTHORIZED, Grpc::Unauthenticated),
            Self::Throttling => ("throttling", StatusCode::TOO_MANY_REQUESTS, Grpc::ResourceExhausted),
            Self::InvalidRegion => ("invalid_region", StatusCode::BAD_REQUEST, Grpc::InvalidArgument),
            Self::Timeout => ("timeout", StatusCode::GATEWAY_TIMEOUT, Grpc::DeadlineExceeded),
            Self::InvalidRequest => ("invalid_request", StatusCode::BAD_REQUEST, Grpc::InvalidArgument),
            Self::ContextTooLong => ("context_too_long", StatusCode::BAD_REQUEST, Grpc::InvalidArgument),
            Self::Overloaded => ("overloaded", StatusCode::SERVICE_UNAVAILABLE, Grpc::Unavailable),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, Grpc::NotFound),
            Self::ServiceUnavailable => ("service_unavailable", StatusCode::SERVICE_UNAVAILABLE, Grpc::Unavailable),
            Self::ModelError => ("model_error", StatusCode::BAD_GATEWAY, Grpc::Internal),
            Self::StreamInterrupted => ("stream_interrupted", StatusCode::BAD_GATEWAY, Grpc::Unavailable),
            Self::SessionNotFound => ("session_not_found", StatusCode::NOT_FOUND, Grpc::NotFound),
            Self::BudgetExceeded => ("budget_exceeded", StatusCode::PAYMENT_REQUIRED, Grpc::ResourceExhausted),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, Grpc::Unauthenticated),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, Grpc::PermissionDenied),
            Self::Cancelled => ("cancelled", CLIENT_CLOSED_REQUEST, Grpc::Cancelled),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, Grpc::Internal),
            Self::Unsupported => ("unsupported", StatusCode::NOT_IMPLEMENTED, Grpc::Unimplemented),
        };
        Row { text, http, grpc }
    }

    /// What the code tells a caller, for the reference page; one or two sentences.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::AccessDenied => {
                "Upstream refuses the call: an IAM or organisation policy, or no access to the model."
            }
            Self::ModelNotFound => "Upstream has no such model for this account and region.",
            Self::CredentialsNotLoaded => "The server has no credentials, or none that upstream accepts.",
            Self::Throttling => "A quota upstream is used up.",
            Self::InvalidRegion => "The region is none of those that are served.",
            Self::Timeout => {
                "It took longer than its deadline: the server's timeout, the caller's, or a stream's idle time."
            }
            Self::InvalidRequest => "The request is wrong in itself; the message names the field.",
            Self::ContextTooLong => "The prompt does not fit the model's context window.",
            Self::Overloaded => "This server has more to do than it accepts.",
            Self::NotFound => "There is nothing under that path or name.",
            Self::ServiceUnavailable => "Upstream cannot be reached or cannot serve now.",
            Self::ModelError => "The model failed on this request.",
            Self::StreamInterrupted => "The answer broke off after it had begun.",
            Self::SessionNotFound => "There is no such session for this caller.",
            Self::BudgetExceeded => "A limit of money is reached.",
            Self::Unauthenticated => "The caller has not said who it is.",
            Self::Forbidden => "The caller may not do this: its key, or a foreign `Host` or `Origin`.",
            Self::Cancelled => "The caller went away, or the server is stopping.",
            Self::Internal => "A failure that no other code describes; the server's log says more.",
            Self::Unsupported => "The server does not serve this method, content type or RPC.",
        }
    }

    /// The code of that text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.row().text == text)
    }

    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Throttling
            | Self::Overloaded
            | Self::ServiceUnavailable
            | Self::ModelError
            | Self::StreamInterrupted
            | Self::Internal => true,
            Self::AccessDenied
            | Self::ModelNotFound
            | Self::CredentialsNotLoaded
            | Self::InvalidRegion
            | Self::Timeout
            | Self::InvalidRequest
            | Self::ContextTooLong
            | Self::NotFound
            | Self::SessionNotFound
            | Self::BudgetExceeded
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::Cancelled
            | Self::Unsupported => false,
        }
    }
}

/// 499, which nginx coined for a client that went away; no RFC has a better one.
const CLIENT_CLOSED_REQUEST: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

/// A failure as it is told to a caller.
#[derive(Debug, Clone)]
pub struct Error(Box<Body>);

#[derive(Debug, Clone)]
struct Body {
    code: Code,
    message: String,
    hint: Option<String>,
    retryable: bool,
    retry_after: Option<Duration>,
    upstream: Option<(claude::Provider, claude::Upstream)>,
    attempts: u32,
    session: Option<String>,
    http: StatusCode,
}

impl Error {
    /// An error of that code; `message` is one sentence without a full stop that names the thing.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Body {
            code,
            message: message.into(),
            hint: None,
            retryable: code.is_retryable(),
            retry_after: None,
            upstream: None,
            attempts: 0,
            session: None,
            http: code.row().http,
        }))
    }

    /// A request that is wrong in itself.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// A session that this caller does not have.
    pub fn no_session(id: &str) -> Self {
        Self::new(Code::SessionNotFound, format!("session `{id}` does not exist")).with_hint(
            "ListSessions (GET /v1/sessions) lists the caller's sessions; an id belongs to the x-user-id that made it",
        )
    }

    /// With what a person can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// With another HTTP status than its code's: 405, 413 and 415 have no code of their own.
    #[must_use]
    pub const fn with_http_status(mut self, status: StatusCode) -> Self {
        self.0.http = status;
        self
    }

    /// With the time after which a retry makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self.0.retryable = true;
        self
    }

    /// With the session that keeps what there is of the answer.
    #[must_use]
    pub fn with_session(mut self, id: &str) -> Self {
        self.0.session = Some(id.to_owned());
        self
    }

    /// What went wrong.
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the same request may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// When to try again, where that is known.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What upstream said, where it spoke.
    pub fn upstream(&self) -> Option<&claude::Upstream> {
        self.0.upstream.as_ref().map(|(_, upstream)| upstream)
    }

    /// Who spoke, as the word that stands before what was said: `aws` or `anthropic`.
    pub const fn speaker(&self) -> &'static str {
        match self.0.upstream {
            Some((claude::Provider::Anthropic, _)) => "anthropic",
            Some((claude::Provider::Bedrock, _)) | None => "aws",
        }
    }

    /// The session that keeps what there is of the answer.
    pub fn session(&self) -> Option<&str> {
        self.0.session.as_deref()
    }

    /// How often the request was sent upstream; 0 if it never was.
    pub const fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The status on HTTP.
    pub const fn http_status(&self) -> StatusCode {
        self.0.http
    }
}

impl fmt::Display for Error {
    /// `<code>: <sentence>`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.0.code.row().text, self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<loom_store::StoreError> for Error {
    /// The store's failures are ours to explain: what a caller can do is wait, or ask whoever runs the server.
    fn from(error: loom_store::StoreError) -> Self {
        use loom_store::StoreError;
        let message = error.to_string();
        let (code, hint) = match error {
            StoreError::Busy { .. } => {
                return Self::new(Code::Overloaded, message).with_retry_after(Duration::from_secs(1));
            }
            StoreError::SessionExists { .. } => return Self::invalid(message),
            StoreError::Closed { .. } => (Code::ServiceUnavailable, "the server is stopping: try again in a moment"),
            StoreError::NewerVersion { .. } => (Code::Internal, "its directory is `LOOM_DATA_DIR`"),
            StoreError::Open { .. } => {
                (Code::Internal, "check that the directory can be written to, or set LOOM_DATA_DIR")
            }
            StoreError::Corrupt { .. } => {
                (Code::Internal, "keep a copy of the file, then restore a backup or move it away")
            }
            StoreError::Unanswered { .. } | StoreError::Sqlite { .. } => {
                (Code::Internal, "check the disk: its space, its health and the file's permissions")
            }
        };
        let mut cause = String::new();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            cause = format!(": {inner}");
            source = inner.source();
        }
        Self::new(code, format!("{message}{cause}")).with_hint(hint)
    }
}
