//! Anthropic's own path: API key, server-sent events, typed errors.

use bedrock_emulator::{Breakage, Emulator, Fault, Reply, StreamException};
use serde_json::{Value, json};

use crate::client::{Answer, messages, post};

fn body(stream: bool) -> Value {
    json!({
        "model": "claude-sonnet-4-6",
        "max_tokens": 100,
        "stream": stream,
        "messages": [{"role": "user", "content": "hi"}],
    })
}

/// Server-sent events as pairs of event name and data.
fn server_sent(answer: &Answer) -> Vec<(String, String)> {
    let text = answer.text();
    text.split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            (name.strip_prefix("event: ").unwrap().to_owned(), data.strip_prefix("data: ").unwrap().to_owned())
        })
        .collect()
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, kind: &str, message: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["type"], &body["error"]["type"]), (status, &json!("error"), &json!(kind)));
    assert!(body["error"]["message"].as_str().unwrap().contains(message), "{body}");
    assert_eq!(body["request_id"], answer.header("request-id"));
    assert!(answer.header("request-id").starts_with("req_01"));
}

#[tokio::test]
async fn a_whole_answer_and_a_stream_say_the_same() {
    let emulator = Emulator::start().await.unwrap();
    emulator.reply(Reply::text("Hello there!").tokens(12, 20));
    let whole = messages(&emulator, &body(false)).await;
    assert_eq!((whole.status, whole.header("content-type")), (200, "application/json"));
    assert!(whole.json()["id"].as_str().unwrap().starts_with("msg_01"));
    assert_eq!(whole.json()["model"], "claude-sonnet-4-6");

    let stream = messages(&emulator, &body(true)).await;
    assert_eq!(stream.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(stream.header("x-amzn-requestid"), "");
    let events = server_sent(&stream);
    assert_eq!(stream.chunks.len(), events.len());
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["message_start", "content_block_start", "ping"]);
    assert_eq!(names[5..], ["content_block_stop", "message_delta", "message_stop"]);
    assert_eq!(events[7].1, r#"{"type":"message_stop"}"#);
    let data: Vec<Value> = events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect();
    assert!(data.iter().zip(names).all(|(data, name)| data["type"] == name));
    let text: String = data.iter().filter_map(|data| data["delta"]["text"].as_str()).collect();
    assert_eq!(text, whole.json()["content"][0]["text"]);
}

#[tokio::test]
async fn keys_versions_bodies_and_paths_are_checked() {
    let emulator = Emulator::start().await.unwrap();
    let host = ("host", emulator.address().to_string());
    let version = ("anthropic-version", "2023-06-01".to_owned());
    let key = ("x-api-key", emulator.anthropic_api_key().to_owned());
    let wrong_key = ("x-api-key", "guess".to_owned());
    let send = async |path, headers| post(&emulator, path, headers, body(false).to_string().into()).await.unwrap();
    let path = "/v1/messages";
    let no_key = send(path, vec![host.clone(), version.clone()]).await;
    assert_error(&no_key, 401, "authentication_error", "x-api-key header is required");
    let wrong = send(path, vec![host.clone(), version.clone(), wrong_key]).await;
    assert_error(&wrong, 401, "authentication_error", "invalid x-api-key");
    let bearer = ("authorization", format!("Bearer {}", emulator.anthropic_api_key()));
    let by_bearer = send(path, vec![host.clone(), version.clone(), bearer]).await;
    assert_eq!(by_bearer.status, 200);
    let wrong_bearer = ("authorization", "Bearer guess".to_owned());
    let wrong = send(path, vec![host.clone(), version.clone(), wrong_bearer]).await;
    assert_error(&wrong, 401, "authentication_error", "invalid x-api-key");
    let no_version = send(path, vec![host.clone(), key.clone()]).await;
    assert_error(&no_version, 400, "invalid_request_error", "anthropic-version: header is required");
    let elsewhere = send("/v1/nothing", vec![host, key, version]).await;
    assert_error(&elsewhere, 404, "not_found_error", "Not found");

    let mut other_model = body(false);
    other_model["model"] = json!("gpt-4");
    assert_error(&messages(&emulator, &other_model).await, 404, "not_found_error", "model: gpt-4");
    let mut no_tokens = body(false);
    no_tokens.as_object_mut().unwrap().remove("max_tokens");
    let refused = messages(&emulator, &no_tokens).await;
    assert_error(&refused, 400, "invalid_request_error", "max_tokens: Field required");
}

#[tokio::test]
async fn the_same_faults_have_anthropics_shapes() {
    let custom = Fault::Exception { status: 402, name: "billing_error".into(), message: "unpaid".into() };
    let cases = [
        (Fault::Throttling, 429, "rate_limit_error", "1"),
        (Fault::ThrottlingFor { seconds: 9 }, 429, "rate_limit_error", "9"),
        (Fault::TooManyTokensPerDay, 429, "rate_limit_error", ""),
        (Fault::ServiceUnavailable, 529, "overloaded_error", ""),
        (Fault::ModelNotReady, 529, "overloaded_error", ""),
        (Fault::InternalServer, 500, "api_error", ""),
        (Fault::ModelError, 500, "api_error", ""),
        (Fault::ModelTimeout, 504, "timeout_error", ""),
        (Fault::AccessDenied, 403, "permission_error", ""),
        (Fault::Validation("prompt is too long".into()), 400, "invalid_request_error", ""),
        (custom, 402, "billing_error", ""),
    ];
    let emulator = Emulator::start().await.unwrap();
    for (fault, status, kind, retry_after) in cases {
        emulator.fail_next(1, fault);
        let answer = messages(&emulator, &body(true)).await;
        assert_error(&answer, status, kind, "");
        assert_eq!(answer.header("retry-after"), retry_after, "{kind}");
    }
    emulator.fail_next(1, Fault::StreamingDenied);
    assert_eq!(messages(&emulator, &body(true)).await.status, 200);
}

#[tokio::test]
async fn streams_break_here_too() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fail_next(1, Fault::exception(3, StreamException::ServiceUnavailable));
    let answer = messages(&emulator, &body(true)).await;
    let events = server_sent(&answer);
    assert_eq!((answer.status, answer.complete, events.len()), (200, true, 4));
    assert_eq!(events[3].0, "error");
    let data: Value = serde_json::from_str(&events[3].1).unwrap();
    assert_eq!(data, json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}));

    emulator.fail_next(1, Fault::cut(3));
    let cut = messages(&emulator, &body(true)).await;
    assert_eq!((cut.complete, server_sent(&cut).len()), (false, 3));

    emulator.fail_next(1, Fault::Stream { after: 3, breakage: Breakage::MessageCrc });
    let damaged = server_sent(&messages(&emulator, &body(true)).await);
    assert!(serde_json::from_str::<Value>(&damaged[3].1).is_err());
}

#[tokio::test]
async fn http2_by_prior_knowledge_is_spoken_too() {
    let emulator = Emulator::start().await.unwrap();
    let stream = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("{}/v1/messages", emulator.url()))
        .header("x-api-key", emulator.anthropic_api_key())
        .header("anthropic-version", "2023-06-01")
        .body(http_body_util::Full::new(bytes::Bytes::from(body(true).to_string())))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!((response.status(), response.version()), (http::StatusCode::OK, http::Version::HTTP_2));
    let events = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&events).contains("message_stop"));
}
