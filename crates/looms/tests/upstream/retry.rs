//! When a request is sent again: after what, how often, how late, and how much of it a client allows itself in all.

use std::time::Duration;

use bedrock_emulator::{Emulator, Fault};
use claude::{Call, Client, ClientOptions, Error, ErrorKind, RetryPolicy, Throttle};
use tokio::time::Instant;

use crate::server::{Server, Then, answer};
use crate::support::{BOTH, PATIENCE, Upstream, anthropic_client, quick, read};

#[tokio::test]
async fn throttled_twice_then_answers() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.fail_next(2, Fault::ThrottlingFor { seconds: 0 });
        let client = upstream.client(&emulator);
        let stream = client.stream(&upstream.call()).await.unwrap();
        assert_eq!(stream.attempts(), 3);
        assert!(read(stream).await.complete);
        emulator.fail_next(1, Fault::InternalServer);
        assert_eq!(client.send(&upstream.call()).await.unwrap().attempts, 2);
        assert_eq!(emulator.request_count(), 5);
    }
}

#[tokio::test]
async fn each_attempt_is_the_same_request() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.fail_next(2, Fault::ServiceUnavailable);
        upstream.client(&emulator).send(&upstream.call()).await.unwrap();
        let requests = emulator.requests();
        assert_eq!(requests.len(), 3);
        assert!(requests.iter().all(|request| request.body == requests[0].body && request.path == requests[0].path));
    }
}

#[tokio::test]
async fn once_nobody_waits_nothing_is_sent_again() {
    for upstream in BOTH {
        for streamed in [false, true] {
            let emulator = Emulator::start().await.unwrap();
            emulator.always(Fault::ServiceUnavailable);
            let (client, call) = (upstream.client(&emulator), upstream.call());
            call.abandoned.set();
            let error = ask(&client, &call, streamed).await;
            assert_eq!((error.attempts, emulator.request_count()), (1, 1), "{upstream:?} {streamed}");
        }
    }
}

#[tokio::test]
async fn whoever_leaves_during_a_wait_is_not_asked_for_again_after_it() {
    for upstream in BOTH {
        for streamed in [false, true] {
            let emulator = Emulator::start().await.unwrap();
            emulator.always(Fault::ThrottlingFor { seconds: 1 });
            let (client, call) = (upstream.client(&emulator), upstream.call());
            let leaves = async {
                while emulator.request_count() == 0 {
                    tokio::task::yield_now().await;
                }
                assert!(emulator.idle_within(PATIENCE).await);
                call.abandoned.set();
            };
            let (error, ()) = tokio::join!(ask(&client, &call, streamed), leaves);
            assert_eq!(error.kind, ErrorKind::Throttled(Throttle::Rate));
            assert_eq!((error.attempts, emulator.request_count()), (1, 1), "{upstream:?} {streamed}");
        }
    }
}

#[tokio::test]
async fn neither_the_detour_of_a_denied_stream_nor_a_new_signature_is_for_nobody() {
    for clock in [0, 3600] {
        let emulator = Emulator::start().await.unwrap();
        emulator.always(Fault::StreamingDenied);
        emulator.set_clock_offset(clock);
        let (client, call) = (Upstream::Bedrock.client(&emulator), Upstream::Bedrock.call());
        call.abandoned.set();
        ask(&client, &call, true).await;
        assert_eq!(emulator.request_count(), 1, "{clock}");
    }
}

async fn ask(client: &Client, call: &Call, streamed: bool) -> Error {
    if streamed { client.stream(call).await.unwrap_err() } else { client.send(call).await.unwrap_err() }
}

#[tokio::test]
async fn a_policy_of_one_attempt_is_kept() {
    for max_attempts in [0, 1] {
        let emulator = Emulator::start().await.unwrap();
        emulator.always(Fault::ServiceUnavailable);
        let options = ClientOptions { retry: RetryPolicy { max_attempts, ..quick().retry }, ..quick() };
        let client = Upstream::Bedrock.client_with(&emulator, options);
        assert_eq!(client.send(&Upstream::Bedrock.call()).await.unwrap_err().attempts, 1);
        assert_eq!(emulator.request_count(), 1);
    }
}

#[tokio::test]
async fn a_retry_waits_for_as_long_as_upstream_asks() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.fail_next(1, Fault::ThrottlingFor { seconds: 1 });
        let asked = Instant::now();
        let answer = upstream.client(&emulator).send(&upstream.call()).await.unwrap();
        assert!(asked.elapsed() >= Duration::from_secs(1));
        assert_eq!(answer.attempts, 2);
    }
}

#[tokio::test]
async fn a_retry_after_beyond_all_time_is_an_error_like_any_other() {
    for after in [u64::MAX.to_string(), (i64::MAX as u64).to_string(), "1e9".into(), "-1".into(), "soon".into()] {
        let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"later"}}"#;
        let headers = format!("content-type: application/json\r\nretry-after: {after}\r\n");
        let server = Server::answering(answer("429 Too Many Requests", &headers, body), Then::Close).await;
        let client = anthropic_client(server.url(), Some("key"), quick());
        let error = client.send(&Upstream::Anthropic.call()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Throttled(Throttle::Rate), "{after}");
        assert_eq!(error.attempts as usize, server.requests());
    }
}

/// A fifth of the calls and a floor of two a second over ten seconds: of 200 calls at once, 60 may be made again.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_kept_to_its_budget() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.always(Fault::ServiceUnavailable);
        let client = upstream.client(&emulator);
        let calls = (0..200).map(|_| {
            let (client, call) = (&client, upstream.call());
            async move { client.stream(&call).await.unwrap_err() }
        });
        let errors = futures_util::future::join_all(calls).await;
        assert!(errors.iter().all(|error| error.upstream.is_some()));
        let retries = emulator.request_count() - 200;
        assert!((20..=60).contains(&retries), "{upstream:?}: {retries} retries");
        let attempts: u64 = errors.iter().map(|error| u64::from(error.attempts)).sum();
        assert_eq!(attempts, emulator.request_count());
    }
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_one_more_signature_that_is_no_attempt() {
    for offset in [3600, -3600, 86_400 * 365] {
        let emulator = Emulator::start().await.unwrap();
        emulator.set_clock_offset(offset);
        let client = Upstream::Bedrock.client(&emulator);
        let stream = client.stream(&Upstream::Bedrock.call()).await.unwrap();
        assert_eq!((stream.attempts(), emulator.request_count()), (1, 2), "{offset}");
        assert!(read(stream).await.complete);
        // What was learned is kept, until the clocks change again.
        client.send(&Upstream::Bedrock.call()).await.unwrap();
        assert_eq!(emulator.request_count(), 3);
        emulator.set_clock_offset(0);
        assert_eq!(client.send(&Upstream::Bedrock.call()).await.unwrap().attempts, 1);
        assert_eq!(emulator.request_count(), 5);
    }
}

#[tokio::test]
async fn a_signature_that_stays_refused_for_its_time_is_made_once_more_and_no_oftener() {
    let body = r#"{"message":"Signature expired: 20200101T000000Z is now earlier than 20260101T000000Z"}"#;
    for (date, requests) in [("Fri, 01 Jan 2100 00:00:00 GMT", 2), ("yesterday", 1), ("", 1)] {
        let headers = format!("x-amzn-errortype: InvalidSignatureException\r\ndate: {date}\r\n");
        let server = Server::answering(answer("403 Forbidden", &headers, body), Then::Close).await;
        let client = crate::support::bedrock_client(server.url(), crate::support::keys("AKID", "secret"), quick());
        let error = client.send(&Upstream::Bedrock.call()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Credentials(claude::CredentialFault::ClockSkew));
        assert_eq!((error.attempts, server.requests()), (1, requests), "{date}");
    }
}
