//! Requests that are wrong in themselves: each is refused by name, with the way out, and upstream never hears of it.

use bedrock_emulator::Emulator;
use loom_proto::v1::{CreateSessionRequest, ListSessionsRequest, WeaveRequest};
use prost_types::Timestamp;
use tonic::Code;

use crate::support::{Looms, Problem, ask, ask_in, by};

#[tokio::test]
async fn a_wrong_weave_is_refused_before_it_costs_anything() {
    let too_long = "x".repeat(129);
    let cases: [(WeaveRequest, Code, &str, &str); 9] = [
        (ask(""), Code::InvalidArgument, "invalid_request", "`query`"),
        (ask(" \n\t"), Code::InvalidArgument, "invalid_request", "`query`"),
        (ask_in(&too_long, "hi"), Code::InvalidArgument, "invalid_request", "`session_id`"),
        (ask_in("a/b", "hi"), Code::InvalidArgument, "invalid_request", "`session_id`"),
        (timeout(-1), Code::InvalidArgument, "invalid_request", "`timeout_seconds` is -1"),
        (timeout(601), Code::InvalidArgument, "invalid_request", "`timeout_seconds` is 601"),
        (WeaveRequest { agent_id: "nobody".into(), ..ask("hi") }, Code::NotFound, "not_found", "`nobody`"),
        (
            WeaveRequest { occurred_at: Some(Timestamp { seconds: 1, nanos: 0 }), ..ask("hi") },
            Code::Unimplemented,
            "unsupported",
            "`occurred_at`",
        ),
        (WeaveRequest { agent_id: "default".into(), ..ask("") }, Code::InvalidArgument, "invalid_request", "`query`"),
    ];
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    for (request, code, reason, named) in cases {
        let unary = looms.ask(request.clone()).await.unwrap_err();
        let streamed = looms.stream(request).await.map(|told| told.events).unwrap_err();
        for problem in [Problem::from(unary), Problem::from(streamed)] {
            assert_eq!((problem.grpc, problem.reason.as_str()), (code, reason), "{named}");
            assert!(problem.message.contains(named), "{}", problem.message);
            assert!(!problem.hint().is_empty(), "{named}");
        }
    }
    assert_eq!(up.request_count(), 0);
}

fn timeout(seconds: i32) -> WeaveRequest {
    WeaveRequest { timeout_seconds: seconds, ..ask("hi") }
}

#[tokio::test]
async fn on_http_it_is_refused_the_same() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    for (body, status, reason, named) in [
        (r#"{"query": ""}"#, 400, "invalid_request", "`query`"),
        ("{}", 400, "invalid_request", "`query`"),
        (r#"{"query": "hi", "qurey": "hi"}"#, 400, "invalid_request", "qurey"),
        (r#"{"query": "hi", "timeoutSeconds": 601}"#, 400, "invalid_request", "`timeout_seconds` is 601"),
        (r#"{"query": "hi""#, 400, "invalid_request", "EOF"),
        ("\u{7f}\u{0}", 400, "invalid_request", "line 1"),
        (r#"{"query": "hi", "agentId": "nobody"}"#, 404, "not_found", "`nobody`"),
        (r#"{"query": "hi", "occurredAt": "2026-01-01T00:00:00Z"}"#, 501, "unsupported", "`occurred_at`"),
    ] {
        for path in ["POST /v1/weave", "POST /v1/weave:stream"] {
            let problem = Problem::from(looms.http(path, body).await);
            assert_eq!((problem.http, problem.reason.as_str()), (Some(status), reason), "{body}");
            assert_eq!(problem.domain, "loom");
            assert!(problem.message.contains(named), "{}", problem.message);
        }
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn the_ends_of_the_timeouts_range_are_in_it() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    for seconds in [0, 1, 600] {
        looms.ask(timeout(seconds)).await.unwrap();
    }
}

#[tokio::test]
async fn an_identity_that_cannot_be_one_is_refused() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let status = looms.grpc().weave(by(&"x".repeat(257), ask("hi"))).await.unwrap_err();
    let problem = Problem::from(status);
    assert_eq!((problem.grpc, problem.reason.as_str()), (Code::InvalidArgument, "invalid_request"));
    assert!(problem.message.contains("`x-user-id`"), "{}", problem.message);
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn a_wrong_session_request_is_refused() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let create = |backend: &str, key: &str, agent: &str| {
        let config = [key].into_iter().filter(|key| !key.is_empty()).map(|key| (key.to_owned(), String::new()));
        CreateSessionRequest {
            backend: backend.to_owned(),
            config: config.collect(),
            agent_id: agent.to_owned(),
            ..CreateSessionRequest::default()
        }
    };
    for (request, reason) in [
        (create("postgres", "", ""), "not_found"),
        (create("", "depth", ""), "invalid_request"),
        (create("", "", "nobody"), "not_found"),
    ] {
        assert_eq!(Problem::from(looms.grpc().create_session(request).await.unwrap_err()).reason, reason);
    }
    let negative = ListSessionsRequest { offset: -1, ..ListSessionsRequest::default() };
    assert_eq!(Problem::from(looms.grpc().list_sessions(negative).await.unwrap_err()).reason, "invalid_request");
}
