//! The one function that turns an upstream refusal into a kind. Nothing else in the product looks at message texts.
//!
//! AWS names an exception and, within it, tells cases apart only by sentence; the sentences are those that users have
//! reported (each row names where). The auth layer says `Message`, the service `message`; the apostrophe in «isn’t»
//! comes as U+2019 and as ASCII, so the rows avoid it.

use crate::error::{CredentialFault, Denial, ErrorKind, MissingModel, Throttle, Unavailability, Waiting};

/// What a refusal means. `exception` is AWS's exception, with or without `Exception` and in any case of its first
/// letter (streams write it small), or Anthropic's error type; `status` the HTTP status, which decides alone where no
/// exception is known; `message` upstream's sentence.
pub fn decode(exception: &str, status: u16, message: &str) -> ErrorKind {
    let text = message.to_lowercase();
    let mut name = exception.strip_suffix("Exception").unwrap_or(exception).to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    match name.as_str() {
        "AccessDenied" | "Permission_error" | "Billing_error" => denied(&text),
        "ResourceNotFound" | "Not_found_error" => ErrorKind::ModelNotFound(missing(&text)),
        "Validation" | "Invalid_request_error" | "Request_too_large" => invalid(&text),
        "Throttling" | "Rate_limit_error" | "TooManyRequests" => throttled(&text),
        "ServiceQuotaExceeded" => ErrorKind::Throttled(Throttle::Quota),
        "ServiceUnavailable" | "Overloaded_error" => ErrorKind::Unavailable(Unavailability::Capacity),
        "ModelNotReady" => ErrorKind::Unavailable(Unavailability::NotReady),
        "ModelTimeout" | "Timeout_error" => ErrorKind::Timeout(Waiting::Model),
        "ModelError" | "ModelStreamError" => ErrorKind::ModelFailed,
        "InternalServer" | "InternalFailure" | "Api_error" => ErrorKind::Internal,
        "Authentication_error" => ErrorKind::Credentials(CredentialFault::BadApiKey),
        "UnrecognizedClient" | "InvalidClientTokenId" | "MissingAuthenticationToken" | "MissingAuthentication" => {
            ErrorKind::Credentials(CredentialFault::Unrecognized)
        }
        "InvalidSignature" | "SignatureDoesNotMatch" | "IncompleteSignature" => {
            ErrorKind::Credentials(signature(&text))
        }
        "RequestExpired" | "RequestTimeTooSkewed" => ErrorKind::Credentials(CredentialFault::ClockSkew),
        "ExpiredToken" => ErrorKind::Credentials(CredentialFault::Expired),
        // What AWS's front answers to a path that the service does not have: the wrong service, or the wrong path.
        "UnknownOperation" => ErrorKind::Unexpected,
        "" => by_status_alone(status, &text),
        _ => by_status(status, &text),
    }
}

/// AccessDenied covers five situations with five remedies.
fn denied(text: &str) -> ErrorKind {
    if text.contains("api key is valid") {
        // litellm open-science#53: a bad or foreign Bedrock API key.
        return ErrorKind::Credentials(CredentialFault::BadApiKey);
    }
    ErrorKind::AccessDenied(if text.contains("still being processed") {
        // AWS, troubleshooting-api-error-codes: MPAgreementBeingCreated.
        Denial::SubscriptionPending
    } else if text.contains("marketplace") {
        // anthropic-on-aws#252.
        Denial::Marketplace
    } else if text.contains("invokemodelwithresponsestream") {
        Denial::Streaming
    } else if text.contains("have access to the model") {
        Denial::Model
    } else {
        Denial::Policy
    })
}

fn missing(text: &str) -> MissingModel {
    if text.contains("end of its life") {
        // accelerated-idp#708.
        MissingModel::EndOfLife
    } else if text.contains("as legacy") {
        // amazon-bedrock-workshop#386, llmeter#35.
        MissingModel::Legacy
    } else if text.contains("use case") || text.contains("use-case") {
        // AWS, troubleshooting: FTUFormNotFilled.
        MissingModel::UseCaseForm
    } else {
        MissingModel::Unknown
    }
}

/// AWS answers a wrong model with 400 as well, so a validation message may be about the model or about the request.
fn invalid(text: &str) -> ErrorKind {
    let model = if text.contains("on-demand throughput") {
        // LibreChat#4570, cline#2482.
        Some(MissingModel::NeedsProfile)
    } else if text.contains("model identifier is invalid") {
        // LibreChat#5001, opencode#16747.
        Some(MissingModel::Unknown)
    } else if text.contains("end of its life") {
        Some(MissingModel::EndOfLife)
    } else if text.contains("use-case form") || text.contains("use case details") {
        // truefoundry#934.
        Some(MissingModel::UseCaseForm)
    } else {
        None
    };
    match model {
        Some(missing) => ErrorKind::ModelNotFound(missing),
        None if text.contains("prompt is too long") || text.contains("input is too long") => ErrorKind::ContextTooLong,
        None => ErrorKind::InvalidRequest,
    }
}

/// «Too many tokens» is a throttle, never an overflow of the context (opencode#39623, crewAI#7377).
fn throttled(text: &str) -> ErrorKind {
    ErrorKind::Throttled(if text.contains("per day") { Throttle::Daily } else { Throttle::Rate })
}

fn signature(text: &str) -> CredentialFault {
    if text.contains("signature expired") || text.contains("not yet current") {
        CredentialFault::ClockSkew
    } else {
        CredentialFault::BadSignature
    }
}

/// For replies that name no exception at all, as the API's own always do. A 404 then says that there is no such path,
/// unless its sentence is about a model after all.
fn by_status_alone(status: u16, text: &str) -> ErrorKind {
    match (status, missing(text)) {
        (404, MissingModel::Unknown) => ErrorKind::Unexpected,
        _ => by_status(status, text),
    }
}

/// For replies without a known exception: a proxy's page, or a status that AWS documents under another name. The API
/// neither redirects nor has other successes than 200, and 405 and 407 come from who stands before it.
fn by_status(status: u16, text: &str) -> ErrorKind {
    match status {
        400 | 413 | 422 => invalid(text),
        401 => ErrorKind::Credentials(CredentialFault::Unrecognized),
        402 | 403 => denied(text),
        404 => ErrorKind::ModelNotFound(missing(text)),
        408 => ErrorKind::Timeout(Waiting::Model),
        424 => ErrorKind::ModelFailed,
        429 => throttled(text),
        201..=399 | 405 | 407 => ErrorKind::Unexpected,
        // Whatever else is the client's fault stays so, however often it is asked.
        400..=499 => ErrorKind::InvalidRequest,
        502..=504 | 529 => ErrorKind::Unavailable(Unavailability::Capacity),
        _ => ErrorKind::Internal,
    }
}
