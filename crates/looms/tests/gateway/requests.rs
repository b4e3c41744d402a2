//! What surrounds a call: request ids, metadata, content types, limits, HEAD.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use looms::gateway::Limits;

use crate::loom::{self, Loom};
use crate::support::{exchange, request, send};

#[tokio::test]
async fn the_contract_is_served_by_its_rules() {
    let gateway = loom::gateway(Loom::default());
    let cases = [
        ("POST /v1/weave", r#"{"query": "hi", "session_id": "s"}"#, r#"{"text":"hi","sessionId":"s"}"#),
        ("POST /v1/sessions", r#"{"name": "n"}"#, r#"{"id":"sess_new","name":"n","createdAt":"1700000000"}"#),
        ("GET /v1/sessions/s1", "", r#"{"id":"s1"}"#),
        ("GET /v1/sessions?limit=3&agent_id=a", "", r#"{"sessions":[{"agentId":"a"}],"totalCount":3}"#),
        ("DELETE /v1/sessions/s1", "", r#"{"success":true}"#),
        ("GET /v1/sessions/s1/history?offset=2", "", r#"{"sessionId":"s1","totalCount":2}"#),
    ];
    for (line, body, expected) in cases {
        let reply = send(&gateway, line, body).await;
        assert_eq!((reply.status, reply.text()), (StatusCode::OK, expected), "{line}");
    }
}

#[tokio::test]
async fn a_request_id_comes_back_and_reaches_the_service() {
    let gateway = loom::gateway(Loom::default());
    let too_long = "x".repeat(129);
    for (given, kept) in [("req-1.a:b", true), ("", false), ("a b", false), ("a\"b", false), (too_long.as_str(), false)]
    {
        let mut call = request("GET /v1/sessions/echo-metadata", Body::empty());
        call.headers_mut().insert("x-request-id", given.parse().unwrap());
        let reply = exchange(&gateway, call).await;
        let id = reply.header("x-request-id");
        assert_eq!(id == given, kept, "{given}");
        assert!((1..=128).contains(&id.len()), "{given}");
        assert_eq!(reply.json()["metadata"]["x-request-id"], id, "{given}");
    }
    let failed = send(&gateway, "GET /nowhere", "").await;
    assert_eq!(failed.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn headers_reach_the_service_but_for_those_of_the_connection() {
    let headers = [
        ("x-user-id", "ann", true),
        ("authorization", "Bearer t", true),
        ("traceparent", "00-1-2-01", true),
        ("grpc-timeout", "5S", true),
        ("grpc-encoding", "gzip", false),
        ("connection", "close, x-hop", false),
        ("x-hop", "1", false),
        ("accept-encoding", "gzip", false),
        ("cookie", "a=b", false),
        ("host", "localhost", false),
    ];
    let mut call = request("GET /v1/sessions/echo-metadata", Body::empty());
    for (name, value, _) in headers {
        call.headers_mut().insert(name, value.parse().unwrap());
    }
    let seen = exchange(&loom::gateway(Loom::default()), call).await.json()["metadata"].clone();
    for (name, value, forwarded) in headers {
        assert_eq!(seen[name].as_str(), forwarded.then_some(value), "{name}");
    }
}

#[tokio::test]
async fn only_json_is_taken_as_a_body() {
    let gateway = loom::gateway(Loom::default());
    let cases = [
        (Some("application/json"), None, "{}", 200),
        (Some("Application/JSON;charset=utf-8"), None, "{}", 200),
        (Some("application/json"), Some("identity"), "{}", 200),
        (None, None, "", 200),
        (None, None, "{}", 415),
        (Some("text/plain"), None, "{}", 415),
        (Some("application/x-www-form-urlencoded"), None, "", 415),
        (Some("application/jsonp"), None, "{}", 415),
        (Some("application/json"), Some("gzip"), "{}", 415),
    ];
    for (content_type, encoding, body, status) in cases {
        let mut call = request("POST /v1/sessions", body.into());
        for (name, value) in [("content-type", content_type), ("content-encoding", encoding)] {
            if let Some(value) = value {
                call.headers_mut().insert(name, value.parse().unwrap());
            }
        }
        let reply = exchange(&gateway, call).await;
        assert_eq!(reply.status.as_u16(), status, "{content_type:?} {encoding:?} {body}");
        if status == 415 {
            assert_eq!(reply.json()["details"][0]["reason"], "unsupported");
        }
    }
}

#[tokio::test]
async fn a_long_body_is_refused_without_being_read_to_its_end() {
    let limits = Limits { body_bytes: 16, ..Limits::default() };
    let gateway = loom::gateway_with(Loom::default(), limits);
    let endless = Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b"        "))));
    for (body, status) in [(r#"{"name": "1234"}"#.into(), 200), (r#"{"name": "12345"}"#.into(), 413), (endless, 413)] {
        let mut call = request("POST /v1/sessions", body);
        call.headers_mut().insert("content-type", "application/json".parse().unwrap());
        let reply = exchange(&gateway, call).await;
        assert_eq!(reply.status.as_u16(), status);
        if status == 413 {
            assert_eq!(reply.json()["message"], "the request body is longer than 16 bytes");
        }
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused_in_time() {
    let limits = Limits { body_deadline: Duration::from_millis(20), ..Limits::default() };
    let gateway = loom::gateway_with(Loom::default(), limits);
    let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let mut call = request("POST /v1/sessions", silent);
    call.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let reply = exchange(&gateway, call).await;
    assert_eq!(reply.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(reply.json()["message"], "the request body did not arrive within 20 ms");
}

#[tokio::test]
async fn head_is_get_without_the_content() {
    let gateway = loom::gateway(Loom::default());
    let get = send(&gateway, "GET /v1/sessions/s1", "").await;
    let head = send(&gateway, "HEAD /v1/sessions/s1", "").await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-type"), get.header("content-type"));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(send(&gateway, "HEAD /v1/sessions/missing", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(send(&gateway, "HEAD /v1/weave", "").await.status, StatusCode::METHOD_NOT_ALLOWED);
}
