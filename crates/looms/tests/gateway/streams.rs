//! Streams as server-sent events.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use loom_proto::v1::{ExecutionStage, WeaveProgress};
use looms::gateway::Limits;
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Status};

use crate::loom::{self, Loom};
use crate::support::{error, request, send};

fn progress(content: &str) -> WeaveProgress {
    WeaveProgress {
        stage: ExecutionStage::LlmGeneration.into(),
        partial_content: content.to_owned(),
        ttft_ms: 7,
        ..WeaveProgress::default()
    }
}

fn broken() -> Status {
    error(Code::Unavailable, "throttling", "cut off", [].into())
}

#[tokio::test]
async fn each_message_is_an_event() {
    let gateway = loom::gateway(Loom::streaming([Ok(progress("a\nb")), Ok(progress("c"))]));
    let reply = send(&gateway, "POST /v1/weave:stream", r#"{"query": "hi"}"#).await;
    let event = |text: &str| {
        let json = r#"{"stage":"EXECUTION_STAGE_LLM_GENERATION","partialContent":"TEXT","ttftMs":"7"}"#;
        format!("data: {}\n\n", json.replace("TEXT", text))
    };
    assert_eq!(reply.text(), event("a\\nb") + &event("c"));
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("content-type"), "text/event-stream");
    assert_eq!(reply.header("cache-control"), "no-cache");
    assert_eq!(reply.header("x-accel-buffering"), "no");
    assert_eq!(reply.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn a_failure_before_the_first_message_is_a_plain_error() {
    for loom in [Loom::failing(broken()), Loom::streaming([Err(broken())])] {
        let reply = send(&loom::gateway(loom), "POST /v1/weave:stream", "{}").await;
        assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.json()["message"], "cut off");
    }
}

#[tokio::test]
async fn a_later_failure_is_an_error_event_and_the_last() {
    let gateway = loom::gateway(Loom::streaming([Ok(progress("a")), Err(broken())]));
    let reply = send(&gateway, "POST /v1/weave:stream", "{}").await;
    assert_eq!(reply.status, StatusCode::OK);
    let (_, error) = reply.text().split_once("event: error\ndata: ").unwrap();
    assert!(error.ends_with("}\n\n"));
    let status: serde_json::Value = serde_json::from_str(error).unwrap();
    assert_eq!((&status["code"], &status["details"][0]["reason"]), (&14.into(), &"throttling".into()));
}

#[tokio::test]
async fn an_empty_stream_is_an_empty_response() {
    let reply = send(&loom::gateway(Loom::streaming([])), "POST /v1/weave:stream", "{}").await;
    assert_eq!((reply.status, reply.text()), (StatusCode::OK, ""));
    assert_eq!(reply.header("content-type"), "text/event-stream");
}

#[tokio::test]
async fn a_silence_is_filled_with_comments() {
    let (sender, receiver) = mpsc::channel(1);
    let limits = Limits { heartbeat: Duration::from_millis(5), ..Limits::default() };
    let gateway = loom::gateway_with(Loom::live(receiver, None), limits);
    sender.send(Ok(progress("a"))).await.unwrap();
    let mut body = open(&gateway).await;
    assert!(next(&mut body).await.unwrap().starts_with("data: "));
    assert_eq!(next(&mut body).await.unwrap(), ": heartbeat\n\n");
    assert_eq!(next(&mut body).await.unwrap(), ": heartbeat\n\n");
    sender.send(Ok(progress("b"))).await.unwrap();
    drop(sender);
    let mut rest = String::new();
    while let Some(event) = next(&mut body).await {
        rest.push_str(&event);
    }
    assert_eq!(rest.matches("data: ").count(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_drops_the_call() {
    let (sender, receiver) = mpsc::channel(1);
    let (dropped, was_dropped) = oneshot::channel();
    let gateway = loom::gateway(Loom::live(receiver, Some(dropped)));
    sender.send(Ok(progress("a"))).await.unwrap();
    let mut body = open(&gateway).await;
    assert!(next(&mut body).await.is_some());
    drop(body);
    let closed = tokio::time::timeout(Duration::from_secs(5), was_dropped).await;
    assert!(closed.expect("the service's stream is dropped with the body").is_err());
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_service_back() {
    let (sender, receiver) = mpsc::channel(1);
    let gateway = loom::gateway(Loom::live(receiver, None));
    sender.send(Ok(progress("first"))).await.unwrap();
    let _unread = open(&gateway).await;
    let mut sent = 0;
    // A full queue refuses at once; without back-pressure this loop would not end.
    while sender.try_send(Ok(progress("more"))).is_ok() {
        sent += 1;
        tokio::task::yield_now().await;
        assert!(sent < 100, "messages are read ahead of the client");
    }
}

async fn open(gateway: &looms::gateway::Gateway) -> axum::body::Body {
    let mut call = request("POST /v1/weave:stream", "{}".into());
    call.headers_mut().insert("content-type", "application/json".parse().unwrap());
    gateway.handle(call).await.into_body()
}

async fn next(body: &mut axum::body::Body) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}
