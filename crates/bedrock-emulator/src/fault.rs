//! What can go wrong, as data.
//!
//! A fault names an event in the world ("throttled", "cut after five events"); how each protocol shows it is decided in
//! one total match per protocol. Statuses and names are those of the bedrock-runtime service model, sentences those that
//! users reported from AWS, and Anthropic's are from its page on errors.

use crate::model_id::{caller_arn, resource_arn};
use crate::operation::Protocol;
use crate::refusal::Refusal;
use crate::request::Request;

/// The `retry-after` that Anthropic's path sends with a plain throttle. Bedrock sends none.
const ANTHROPIC_RETRY_AFTER_SECONDS: u32 = 1;

/// Something that goes wrong with a request that was otherwise right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests in this minute (429).
    Throttling,
    /// Too many requests, with a `retry-after` header of so many seconds (429).
    ThrottlingFor {
        /// Seconds until a retry is welcome.
        seconds: u32,
    },
    /// The daily token quota is used up (429): no retry can help today.
    TooManyTokensPerDay,
    /// No capacity (503; on Anthropic's path 529 `overloaded_error`).
    ServiceUnavailable,
    /// An error inside the service (500).
    InternalServer,
    /// The model is cold (429 on Bedrock; 529 on Anthropic's path).
    ModelNotReady,
    /// The model took too long (408; on Anthropic's path 504).
    ModelTimeout,
    /// The model failed (424; on Anthropic's path 500).
    ModelError,
    /// The caller may not call this operation on this model (403).
    AccessDenied,
    /// Only streaming is denied (403): IAM allows `bedrock:InvokeModel` alone. Whole answers, and Anthropic's path, which
    /// has no IAM, answer as if there were no fault.
    StreamingDenied,
    /// The request is refused with this sentence (400): any of those that AWS says.
    Validation(String),
    /// Any other exception.
    Exception {
        /// The HTTP status.
        status: u16,
        /// AWS's exception name or Anthropic's error type, sent as it stands.
        name: String,
        /// The sentence.
        message: String,
    },
    /// The request is read and never answered, not even with headers.
    NeverAnswers,
    /// The connection is reset (TCP RST) after the request was read, before any answer.
    Reset,
    /// The answer starts well and breaks on its way.
    Stream {
        /// How many events are sent whole before. An answer with fewer events is not broken.
        after: usize,
        /// What happens then.
        breakage: Breakage,
    },
}

/// How an answer breaks on its way.
///
/// An answer that is not a stream breaks as alike as it can: an exception becomes its HTTP status, a cut ends half-way
/// through the body, a stall stops there, and the others, which it cannot show, leave it whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breakage {
    /// An exception frame, or `event: error`; the stream ends with it.
    Exception(StreamException),
    /// The connection closes between two events.
    Cut,
    /// The connection closes half-way through the next event.
    CutInside,
    /// The stream ends properly, but without the rest of its events.
    End,
    /// Nothing more comes until the client leaves.
    Stall,
    /// The next frame's prelude has a wrong checksum. On Anthropic's path, which has none, the next event's JSON is cut.
    PreludeCrc,
    /// The next frame has a wrong checksum at its end. On Anthropic's path as [`Breakage::PreludeCrc`].
    MessageCrc,
}

/// An exception inside a stream whose status was 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamException {
    /// `internalServerException`.
    InternalServer,
    /// `modelStreamErrorException`, with the original status and message.
    ModelStreamError,
    /// `validationException` with this sentence.
    Validation(String),
    /// `throttlingException`.
    Throttling,
    /// `modelTimeoutException`.
    ModelTimeout,
    /// `serviceUnavailableException`.
    ServiceUnavailable,
    /// An exception that no service model knows.
    Other {
        /// The `:exception-type`, or Anthropic's error type.
        name: String,
        /// The sentence.
        message: String,
    },
}

const TOO_MANY_REQUESTS: &str = "Too many requests, please wait before trying again.";
const TOO_MANY_TOKENS_PER_DAY: &str = "Too many tokens per day, please wait before trying again.";
const UNABLE: &str = "Bedrock is unable to process your request.";
const UNEXPECTED: &str = "The system encountered an unexpected error during processing. Try your request again.";
const NOT_READY: &str = "The model specified in the request is not ready to serve inference requests.";
const TOO_LONG: &str = "The request took too long to process. Processing time exceeded the model timeout length.";
const MODEL_FAILED: &str = "The request failed due to an error while processing the model.";
const STREAM_FAILED: &str = "An error occurred while streaming the response. Retry your request.";

impl Fault {
    /// The connection closes between two events, after this many.
    #[must_use]
    pub fn cut(after: usize) -> Self {
        Self::Stream { after, breakage: Breakage::Cut }
    }

    /// Nothing more comes after this many events.
    #[must_use]
    pub fn stall(after: usize) -> Self {
        Self::Stream { after, breakage: Breakage::Stall }
    }

    /// An exception takes the place of the event after this many.
    #[must_use]
    pub fn exception(after: usize, exception: StreamException) -> Self {
        Self::Stream { after, breakage: Breakage::Exception(exception) }
    }

    /// The error that this fault answers the request with, before anything else is sent.
    pub(crate) fn refusal(&self, request: &Request, region: &str) -> Option<Refusal> {
        match request.protocol {
            Protocol::Bedrock => self.bedrock_refusal(request, region),
            Protocol::Anthropic => self.anthropic_refusal(request),
        }
    }

    fn bedrock_refusal(&self, request: &Request, region: &str) -> Option<Refusal> {
        let refusal = match self {
            Self::Throttling => Refusal::new(429, "ThrottlingException", TOO_MANY_REQUESTS),
            Self::ThrottlingFor { seconds } => {
                Refusal::new(429, "ThrottlingException", TOO_MANY_REQUESTS).retry_after(*seconds)
            }
            Self::TooManyTokensPerDay => Refusal::new(429, "ThrottlingException", TOO_MANY_TOKENS_PER_DAY),
            Self::ServiceUnavailable => Refusal::new(503, "ServiceUnavailableException", UNABLE),
            Self::InternalServer => Refusal::new(500, "InternalServerException", UNEXPECTED),
            Self::ModelNotReady => Refusal::new(429, "ModelNotReadyException", NOT_READY),
            Self::ModelTimeout => Refusal::new(408, "ModelTimeoutException", TOO_LONG),
            Self::ModelError => Refusal::new(424, "ModelErrorException", MODEL_FAILED),
            Self::AccessDenied => denial(request, region),
            Self::StreamingDenied if request.streaming => denial(request, region),
            Self::Validation(message) => Refusal::new(400, "ValidationException", message),
            Self::Exception { status, name, message } => Refusal::new(*status, name, message),
            Self::Stream { breakage: Breakage::Exception(exception), .. } if !request.streaming => {
                exception.as_bedrock_refusal()
            }
            Self::StreamingDenied | Self::NeverAnswers | Self::Reset | Self::Stream { .. } => return None,
        };
        Some(refusal)
    }

    fn anthropic_refusal(&self, request: &Request) -> Option<Refusal> {
        let rate_limit = |message: &str| Refusal::new(429, "rate_limit_error", message);
        let refusal = match self {
            Self::Throttling => {
                rate_limit("This request would exceed your account's rate limit. Please try again later.")
                    .retry_after(ANTHROPIC_RETRY_AFTER_SECONDS)
            }
            Self::ThrottlingFor { seconds } => {
                rate_limit("This request would exceed your account's rate limit. Please try again later.")
                    .retry_after(*seconds)
            }
            Self::TooManyTokensPerDay => {
                rate_limit("This request would exceed your organization's limit of input tokens per day.")
            }
            Self::ServiceUnavailable | Self::ModelNotReady => Refusal::new(529, "overloaded_error", "Overloaded"),
            Self::InternalServer | Self::ModelError => Refusal::new(500, "api_error", "Internal server error"),
            Self::ModelTimeout => Refusal::new(504, "timeout_error", "Request timed out"),
            Self::AccessDenied => {
                let message = "Your API key does not have permission to use the specified resource.";
                Refusal::new(403, "permission_error", message)
            }
            Self::Validation(message) => Refusal::new(400, "invalid_request_error", message),
            Self::Exception { status, name, message } => Refusal::new(*status, name, message),
            Self::Stream { breakage: Breakage::Exception(exception), .. } if !request.streaming => {
                exception.as_anthropic_refusal()
            }
            Self::StreamingDenied | Self::NeverAnswers | Self::Reset | Self::Stream { .. } => return None,
        };
        Some(refusal)
    }
}

fn denial(request: &Request, region: &str) -> Refusal {
    let action = if request.streaming { "bedrock:InvokeModelWithResponseStream" } else { "bedrock:InvokeModel" };
    let (caller, resource) = (caller_arn(), resource_arn(&request.model_id, region));
    let message = format!(
        "User: {caller} is not authorized to perform: {action} on resource: {resource} because no identity-based policy \
         allows the {action} action"
    );
    Refusal::new(403, "AccessDeniedException", message)
}

impl StreamException {
    /// The exception as `InvokeModel` would answer it; its name in a stream is this one with a small first letter.
    pub(crate) fn as_bedrock_refusal(&self) -> Refusal {
        match self {
            Self::InternalServer => Refusal::new(500, "InternalServerException", UNEXPECTED),
            Self::ModelStreamError => Refusal::new(424, "ModelStreamErrorException", STREAM_FAILED),
            Self::Validation(message) => Refusal::new(400, "ValidationException", message),
            Self::Throttling => Refusal::new(429, "ThrottlingException", TOO_MANY_REQUESTS),
            Self::ModelTimeout => Refusal::new(408, "ModelTimeoutException", TOO_LONG),
            Self::ServiceUnavailable => Refusal::new(503, "ServiceUnavailableException", UNABLE),
            Self::Other { name, message } => Refusal::new(500, name, message),
        }
    }

    /// The error as Anthropic's path answers it; its type is the same inside a stream.
    pub(crate) fn as_anthropic_refusal(&self) -> Refusal {
        match self {
            Self::InternalServer | Self::ModelStreamError => Refusal::new(500, "api_error", "Internal server error"),
            Self::Validation(message) => Refusal::new(400, "invalid_request_error", message),
            Self::Throttling => Refusal::new(429, "rate_limit_error", TOO_MANY_REQUESTS),
            Self::ModelTimeout => Refusal::new(504, "timeout_error", "Request timed out"),
            Self::ServiceUnavailable => Refusal::new(529, "overloaded_error", "Overloaded"),
            Self::Other { name, message } => Refusal::new(500, name, message),
        }
    }
}
