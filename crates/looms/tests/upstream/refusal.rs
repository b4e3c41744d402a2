//! Every refusal: its kind, how often the request was sent for it, and what upstream said.

use bedrock_emulator::{Emulator, Fault};
use claude::{CredentialFault, Denial, Error, ErrorKind, MissingModel, Throttle, Unavailability, Waiting};

use crate::support::{Upstream, quick};

const RATE: ErrorKind = ErrorKind::Throttled(Throttle::Rate);
const DAILY: ErrorKind = ErrorKind::Throttled(Throttle::Daily);
const CAPACITY: ErrorKind = ErrorKind::Unavailable(Unavailability::Capacity);
const LOST: ErrorKind = ErrorKind::Unavailable(Unavailability::ConnectionLost);

fn exception(status: u16, name: &str, message: &str) -> Fault {
    Fault::Exception { status, name: name.into(), message: message.into() }
}

/// What Bedrock refuses, what that means, how often it is sent.
fn on_bedrock() -> Vec<(Fault, ErrorKind, u32)> {
    vec![
        (Fault::Throttling, RATE, 3),
        (Fault::ThrottlingFor { seconds: 0 }, RATE, 3),
        (Fault::TooManyTokensPerDay, DAILY, 1),
        (Fault::ServiceUnavailable, CAPACITY, 3),
        (Fault::InternalServer, ErrorKind::Internal, 3),
        (Fault::ModelNotReady, ErrorKind::Unavailable(Unavailability::NotReady), 3),
        (Fault::ModelTimeout, ErrorKind::Timeout(Waiting::Model), 1),
        (Fault::ModelError, ErrorKind::ModelFailed, 2),
        (Fault::AccessDenied, ErrorKind::AccessDenied(Denial::Policy), 1),
        (Fault::Validation("Input is too long for requested model.".into()), ErrorKind::ContextTooLong, 1),
        (Fault::Validation("temperature: range: 0..1".into()), ErrorKind::InvalidRequest, 1),
        (Fault::Reset, LOST, 2),
        (exception(404, "ResourceNotFoundException", "gone"), ErrorKind::ModelNotFound(MissingModel::Unknown), 1),
        (exception(400, "ServiceQuotaExceededException", "full"), ErrorKind::Throttled(Throttle::Quota), 1),
        (exception(403, "ExpiredTokenException", "x"), ErrorKind::Credentials(CredentialFault::Expired), 1),
        (exception(500, "BrandNewException", "?"), ErrorKind::Internal, 3),
        (exception(418, "BrandNewException", "?"), ErrorKind::InvalidRequest, 1),
        (exception(404, "UnknownOperationException", "?"), ErrorKind::Unexpected, 1),
        (exception(502, "", "bad gateway"), CAPACITY, 3),
    ]
}

/// The same for Anthropic's own API.
fn on_anthropic() -> Vec<(Fault, ErrorKind, u32)> {
    vec![
        (Fault::ThrottlingFor { seconds: 0 }, RATE, 3),
        (Fault::TooManyTokensPerDay, DAILY, 1),
        (Fault::ServiceUnavailable, CAPACITY, 3),
        (Fault::InternalServer, ErrorKind::Internal, 3),
        (Fault::ModelTimeout, ErrorKind::Timeout(Waiting::Model), 1),
        (Fault::AccessDenied, ErrorKind::AccessDenied(Denial::Policy), 1),
        (Fault::Validation("prompt is too long: 1 > 0 maximum".into()), ErrorKind::ContextTooLong, 1),
        (Fault::Validation("max_tokens: must be positive".into()), ErrorKind::InvalidRequest, 1),
        (Fault::Reset, LOST, 2),
        (exception(402, "billing_error", "pay"), ErrorKind::AccessDenied(Denial::Policy), 1),
        (exception(404, "not_found_error", "model: x"), ErrorKind::ModelNotFound(MissingModel::Unknown), 1),
        (exception(413, "request_too_large", "too large"), ErrorKind::InvalidRequest, 1),
        (exception(500, "brand_new_error", "?"), ErrorKind::Internal, 3),
    ]
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_its_number_of_attempts() {
    for (upstream, rows) in [(Upstream::Bedrock, on_bedrock()), (Upstream::Anthropic, on_anthropic())] {
        for (fault, kind, attempts) in rows {
            for streamed in [false, true] {
                let emulator = Emulator::start().await.unwrap();
                emulator.always(fault.clone());
                let error = refused(upstream, &emulator, streamed).await;
                assert_eq!((error.kind, error.attempts), (kind, attempts), "{upstream:?} {fault:?} {error:?}");
                // A denial that names the streaming action is asked about once more, without it.
                let detour = u64::from(streamed && upstream == Upstream::Bedrock && fault == Fault::AccessDenied);
                assert_eq!(emulator.request_count(), u64::from(attempts) + detour, "{upstream:?} {fault:?}");
                assert_eq!(error.usage, None);
                assert!(!error.message.is_empty());
                assert_eq!(error.upstream.is_some(), fault != Fault::Reset, "{fault:?}");
            }
        }
    }
}

async fn refused(upstream: Upstream, emulator: &Emulator, streamed: bool) -> Error {
    let client = upstream.client(emulator);
    let call = upstream.call();
    if streamed { client.stream(&call).await.unwrap_err() } else { client.send(&call).await.unwrap_err() }
}

#[tokio::test]
async fn a_refusal_carries_upstreams_own_words() {
    for (upstream, exception) in [(Upstream::Bedrock, "ThrottlingException"), (Upstream::Anthropic, "rate_limit_error")]
    {
        let emulator = Emulator::start().await.unwrap();
        emulator.always(Fault::TooManyTokensPerDay);
        let said = *refused(upstream, &emulator, true).await.upstream.unwrap();
        assert_eq!((said.exception.as_str(), said.status), (exception, 429));
        assert!(said.message.contains("per day"));
        assert!(said.request_id.unwrap().len() > 20);
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_apart_and_never_tried_twice() {
    use bedrock_emulator::Credentials;
    let known = Credentials::new("AKIDKNOWN", "right");
    let expired = Credentials::new("AKIDEXPIRED", "right").session_token("t").expired();
    let emulator = Emulator::builder().credentials(known).also_credentials(expired).start().await.unwrap();
    let session = claude::AwsKeys {
        access_key_id: "AKIDEXPIRED".to_owned(),
        secret_access_key: claude::Secret::new("right"),
        session_token: Some(claude::Secret::new("t")),
    };
    let cases = [
        (crate::support::keys("AKIDKNOWN", "wrong"), CredentialFault::BadSignature),
        (crate::support::keys("AKIDUNKNOWN", "right"), CredentialFault::Unrecognized),
        (claude::Credentials::fixed(&session), CredentialFault::Expired),
    ];
    let mut asked = 0;
    for (credentials, fault) in cases {
        let client = crate::support::bedrock_client(emulator.url(), credentials, quick());
        let error = client.stream(&Upstream::Bedrock.call()).await.unwrap_err();
        asked += 1;
        assert_eq!((error.kind, error.attempts), (ErrorKind::Credentials(fault), 1));
        assert_eq!(emulator.request_count(), asked);
    }
    let client = crate::support::anthropic_client(emulator.url(), Some("wrong"), quick());
    let error = client.stream(&Upstream::Anthropic.call()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Credentials(CredentialFault::BadApiKey));
    assert!(!format!("{client:?} {error:?}").contains("wrong\""), "secrets do not show");
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let emulator = Emulator::start().await.unwrap();
    let absent = claude::Credentials::absent("flags, environment");
    let clients = [
        (Upstream::Bedrock, crate::support::bedrock_client(emulator.url(), absent, quick())),
        (Upstream::Anthropic, crate::support::anthropic_client(emulator.url(), None, quick())),
        (Upstream::Anthropic, crate::support::anthropic_client(emulator.url(), Some("line\nbreak"), quick())),
    ];
    for (upstream, client) in clients {
        for error in
            [client.send(&upstream.call()).await.unwrap_err(), client.stream(&upstream.call()).await.unwrap_err()]
        {
            let faults = [CredentialFault::Absent, CredentialFault::BadApiKey];
            assert!(faults.map(ErrorKind::Credentials).contains(&error.kind), "{error:?}");
            assert_eq!(error.upstream, None);
        }
    }
    assert_eq!(emulator.request_count(), 0);
}
