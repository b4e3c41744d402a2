//! What AWS refuses, refused in its words, and without taking anything from the script.

use bedrock_emulator::{Credentials, Emulator, Fault};
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::json;

use crate::client::{Answer, SONNET, body, invoke, post, signed, signed_by};
use crate::signer::Signer;

const PATH: &str = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke";

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, exception: &str, message: &str) {
    assert_eq!((answer.status, answer.exception()), (status, exception));
    assert_eq!(
        answer.header("x-amzn-errortype"),
        format!("{exception}:http://internal.amazon.com/coral/com.amazon.bedrock/")
    );
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    let body = answer.json();
    assert!(body["message"].as_str().unwrap().starts_with(message), "{body}");
}

#[tokio::test]
async fn wrong_keys_scopes_and_clocks() {
    let emulator = Emulator::start().await.unwrap();
    let right = Signer::of(&emulator);
    let wrong_secret = Signer { secret_access_key: "guess".into(), ..right.clone() };
    let unknown = Signer { access_key_id: "AKIDNOBODY".into(), ..right.clone() };
    let region = Signer { region: "eu-west-1".into(), ..right.clone() };
    let service = Signer { service: "bedrock-runtime".into(), ..right.clone() };
    let early = Signer { time: right.time - SignedDuration::from_mins(6), ..right.clone() };
    let late = Signer { time: right.time + SignedDuration::from_mins(6), ..right.clone() };
    let cases = [
        (wrong_secret, "InvalidSignatureException", "The request signature we calculated does not match the signature"),
        (unknown, "UnrecognizedClientException", "The security token included in the request is invalid."),
        (region, "InvalidSignatureException", "Credential should be scoped to a valid region, not 'eu-west-1'."),
        (service, "InvalidSignatureException", "Credential should be scoped to correct service: 'bedrock'."),
        (early, "InvalidSignatureException", "Signature expired: "),
        (late, "InvalidSignatureException", "Signature not yet current: "),
    ];
    for (signer, exception, message) in cases {
        assert_refused(&signed_by(&signer, &emulator, PATH, &body()).await, 403, exception, message);
    }
    assert_eq!(signed_by(&right, &emulator, PATH, &body()).await.status, 200);
}

#[tokio::test]
async fn a_clock_that_is_set_shows_in_date_and_refuses_signatures() {
    let emulator = Emulator::start().await.unwrap();
    emulator.set_clock_offset(3_600);
    let refused = invoke(&emulator, &body()).await;
    assert_refused(&refused, 403, "InvalidSignatureException", "Signature expired: ");
    let theirs = jiff::fmt::rfc2822::parse(refused.header("date")).unwrap().timestamp();
    let signer = Signer { time: theirs, ..Signer::of(&emulator) };
    assert_eq!(signed_by(&signer, &emulator, PATH, &body()).await.status, 200);
}

#[tokio::test]
async fn unsigned_bearer_and_tampered_requests() {
    let emulator = Emulator::start().await.unwrap();
    let host = ("host", emulator.address().to_string());
    let sent = Bytes::from(body().to_string());
    let unsigned = post(&emulator, PATH, vec![host.clone()], sent.clone()).await.unwrap();
    assert_refused(&unsigned, 403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    let bearer = vec![host, ("authorization", "Bearer abc".into())];
    let bearer = post(&emulator, PATH, bearer, sent.clone()).await.unwrap();
    assert_refused(&bearer, 403, "AccessDeniedException", "Authentication failed: Please make sure your API Key");
    let headers = Signer::of(&emulator).headers(&emulator.address().to_string(), PATH, b"another body");
    let tampered = post(&emulator, PATH, headers, sent).await.unwrap();
    assert_refused(&tampered, 403, "InvalidSignatureException", "The request signature we calculated");
}

#[tokio::test]
async fn session_tokens_are_required_and_expire() {
    let temporary = Credentials::new("AKIDTEMPORARY", "secret").session_token("token");
    let expired = Credentials::new("AKIDEXPIRED", "secret").session_token("token").expired();
    let emulator = Emulator::builder().credentials(temporary).also_credentials(expired).start().await.unwrap();
    let right = Signer::of(&emulator);
    assert_eq!(signed_by(&right, &emulator, PATH, &body()).await.status, 200);
    for token in [None, Some("other".to_owned())] {
        let signer = Signer { session_token: token, ..right.clone() };
        let answer = signed_by(&signer, &emulator, PATH, &body()).await;
        assert_refused(&answer, 403, "UnrecognizedClientException", "The security token included in the request");
    }
    let signer = Signer { access_key_id: "AKIDEXPIRED".into(), ..right };
    let answer = signed_by(&signer, &emulator, PATH, &body()).await;
    assert_refused(&answer, 403, "ExpiredTokenException", "The security token included in the request is expired");
}

#[tokio::test]
async fn any_region_is_taken_if_asked_for() {
    let emulator = Emulator::builder().any_region().start().await.unwrap();
    let signer = Signer { region: "eu-central-1".into(), ..Signer::of(&emulator) };
    assert_eq!(signed_by(&signer, &emulator, PATH, &body()).await.status, 200);
}

#[tokio::test]
async fn bodies_ids_and_paths() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fail_next(1, Fault::Throttling);
    let mut with_model = body();
    with_model["model"] = json!("x");
    let cases = [
        (PATH, with_model, "Malformed input request: #: extraneous key [model] is not permitted, please reformat"),
        (PATH, json!({}), "Malformed input request: #: required key [anthropic_version] not found#: required key"),
        ("/model/gpt-4/invoke", body(), "The provided model identifier is invalid."),
    ];
    for (path, body, message) in cases {
        assert_refused(&signed(&emulator, path, &body).await, 400, "ValidationException", message);
    }
    let unknown = signed(&emulator, &format!("/model/{SONNET}/explode"), &body()).await;
    assert_refused(&unknown, 404, "UnknownOperationException", "");
    // None of these took the throttle from the queue.
    assert_eq!(invoke(&emulator, &body()).await.status, 429);
}

#[tokio::test]
async fn a_body_over_twenty_five_million_bytes() {
    let emulator = Emulator::start().await.unwrap();
    let host = ("host", emulator.address().to_string());
    let answer = post(&emulator, PATH, vec![host], Bytes::from(vec![b' '; 25_000_001])).await.unwrap();
    assert_refused(&answer, 413, "RequestEntityTooLargeException", "");
}
