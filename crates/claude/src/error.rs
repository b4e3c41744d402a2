//! What can go wrong with an exchange, as far as anyone can act on it.
//!
//! Kinds say what happened; what a caller is told, with which status and which remedy, is the product's table, not ours.
//! Add a variant only where somebody would act differently.

use std::fmt;
use std::time::Duration;

use crate::usage::Usage;

/// A failed exchange.
#[derive(Debug, Clone)]
pub struct Error {
    /// What happened.
    pub kind: ErrorKind,
    /// One sentence about this occurrence, in our words; safe to show to a caller.
    pub message: String,
    /// What upstream said, where it spoke.
    pub upstream: Option<Box<Upstream>>,
    /// How often the request was sent, this failure included.
    pub attempts: u32,
    /// How long upstream asked us to wait, where it did.
    pub retry_after: Option<Duration>,
    /// What was used before the failure, where an answer had begun; that of earlier attempts included.
    pub usage: Option<Usage>,
}

/// Upstream's own words about a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upstream {
    /// AWS's exception (`ThrottlingException`) or Anthropic's error type (`rate_limit_error`); empty if neither came.
    pub exception: String,
    /// The HTTP status; 200 where the failure came inside a stream.
    pub status: u16,
    /// The request id, which AWS support asks for.
    pub request_id: Option<String>,
    /// The message as it came.
    pub message: String,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Upstream knows who we are and refuses.
    AccessDenied(Denial),
    /// There is no such model for us.
    ModelNotFound(MissingModel),
    /// There are no credentials, or upstream does not accept them.
    Credentials(CredentialFault),
    /// A quota is used up.
    Throttled(Throttle),
    /// Upstream cannot serve now.
    Unavailable(Unavailability),
    /// Something took longer than its deadline.
    Timeout(Waiting),
    /// The request is wrong in itself.
    InvalidRequest,
    /// The prompt does not fit the model's context window.
    ContextTooLong,
    /// The model failed on this request.
    ModelFailed,
    /// The answer broke off, or its bytes were damaged.
    StreamInterrupted,
    /// The answer is none of this API's: a proxy's page, a redirect, the wrong service. Asking again gives the same.
    Unexpected,
    /// Upstream failed, by its own account or by an exception that nobody knows.
    Internal,
}

/// Why access is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denial {
    /// An IAM policy, a service control policy or an API key's permissions.
    Policy,
    /// Only the streaming action is denied: the answer can still be had in one piece.
    Streaming,
    /// The account may not subscribe to the model through AWS Marketplace.
    Marketplace,
    /// The subscription is being made; it takes some minutes.
    SubscriptionPending,
    /// The account has no access to this model.
    Model,
}

/// Why a model is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MissingModel {
    /// The id is unknown to upstream, or not offered in this region.
    Unknown,
    /// The bare id cannot be called on demand; an inference profile's id can.
    NeedsProfile,
    /// The model has reached its end of life.
    EndOfLife,
    /// The model is legacy and this account has not used it lately.
    Legacy,
    /// Anthropic's use-case form has not been filed for the account.
    UseCaseForm,
}

/// What is wrong with the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialFault {
    /// None were found.
    Absent,
    /// Upstream does not know the key.
    Unrecognized,
    /// The signature does not match: the secret is wrong.
    BadSignature,
    /// The signature was refused for its time: a clock is wrong.
    ClockSkew,
    /// Temporary credentials have expired.
    Expired,
    /// An API key is not accepted.
    BadApiKey,
}

/// Which quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Throttle {
    /// Requests or tokens per minute; waiting helps.
    Rate,
    /// Tokens per day; waiting a minute does not help.
    Daily,
    /// A service quota that is not a rate.
    Quota,
}

/// Why upstream cannot serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unavailability {
    /// Out of capacity.
    Capacity,
    /// The model is being loaded.
    NotReady,
    /// No connection could be made: name, route, port or TLS.
    Unreachable,
    /// The connection broke after the request was written: it may have been served.
    ConnectionLost,
}

/// What was waited for when a deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// The first event of an answer, or the whole of a unary one.
    Answer,
    /// The next event of a stream.
    NextEvent,
    /// The first content of an answer that had begun, and of which only signs of life came.
    Content,
    /// The model, by upstream's own deadline.
    Model,
}

impl ErrorKind {
    /// Whether the same request may succeed if it is sent again later, by whoever sends it.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Throttled(Throttle::Rate)
            | Self::Unavailable(_)
            | Self::ModelFailed
            | Self::StreamInterrupted
            | Self::Internal
            | Self::AccessDenied(Denial::SubscriptionPending) => true,
            Self::Throttled(Throttle::Daily | Throttle::Quota)
            | Self::AccessDenied(Denial::Policy | Denial::Streaming | Denial::Marketplace | Denial::Model)
            | Self::ModelNotFound(_)
            | Self::Credentials(_)
            | Self::Timeout(_)
            | Self::InvalidRequest
            | Self::ContextTooLong
            | Self::Unexpected => false,
        }
    }
}

impl Error {
    /// A failure of one attempt.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), upstream: None, attempts: 1, retry_after: None, usage: None }
    }

    /// The same, with upstream's words.
    pub(crate) fn with_upstream(mut self, upstream: Upstream) -> Self {
        self.upstream = Some(Box::new(upstream));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Upstream {
    /// `ThrottlingException 429 <request id>: <message>`, the form in which the terminal and the log show it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exception = if self.exception.is_empty() { "no exception named" } else { &self.exception };
        write!(formatter, "{exception} {}", self.status)?;
        if let Some(id) = &self.request_id {
            write!(formatter, " {id}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}
