//! What is sent, as the emulator received it.

use bedrock_emulator::{Emulator, RecordedRequest};
use claude::Call;
use serde_json::{Value, json};

use crate::support::{ANTHROPIC_MODEL, BOTH, Upstream, read};

async fn sent(upstream: Upstream, call: &Call, streamed: bool) -> RecordedRequest {
    let emulator = Emulator::start().await.unwrap();
    let client = upstream.client(&emulator);
    match streamed {
        true => drop(read(client.stream(call).await.unwrap()).await),
        false => drop(client.send(call).await.unwrap()),
    }
    let request = emulator.requests().pop().unwrap();
    assert_eq!(request.header("host"), Some(emulator.address().to_string().as_str()), "the host has its port");
    request
}

fn body(request: &RecordedRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn invoke_model_gets_the_native_body_with_its_version_and_no_model() {
    for (streamed, operation) in [(true, "invoke-with-response-stream"), (false, "invoke")] {
        let request = sent(Upstream::Bedrock, &Upstream::Bedrock.call(), streamed).await;
        let expected = json!({
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 1000,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}],
        });
        assert_eq!(body(&request), expected);
        assert_eq!(request.path, format!("/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/{operation}"));
        assert_eq!((request.method.as_str(), request.header("content-type")), ("POST", Some("application/json")));
        let accept = if streamed { "x-amzn-bedrock-accept" } else { "accept" };
        assert_eq!(request.header(accept), Some("application/json"));
        assert!(request.header("authorization").is_some() && request.header("x-amz-date").is_some());
    }
}

#[tokio::test]
async fn the_messages_path_gets_the_model_and_whether_to_stream() {
    for streamed in [true, false] {
        let request = sent(Upstream::Anthropic, &Upstream::Anthropic.call(), streamed).await;
        let found = body(&request);
        assert_eq!((&found["model"], &found["stream"]), (&json!(ANTHROPIC_MODEL), &json!(streamed)));
        assert_eq!(found.get("anthropic_version"), None);
        assert_eq!(request.path, "/v1/messages");
        assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("accept"), Some(if streamed { "text/event-stream" } else { "application/json" }));
    }
}

#[tokio::test]
async fn what_the_caller_set_is_sent_and_nothing_else() {
    for upstream in BOTH {
        let mut call = upstream.call();
        call.request.temperature = Some(0.0);
        call.request.system = Some(serde_json::value::to_raw_value("Be brief. Grüße").unwrap());
        let tools = r#"[{"name":"f",  "input_schema":{"type":"object","z":1,"a":2}}]"#;
        call.request.rest.insert("tools".to_owned(), serde_json::from_str(tools).unwrap());
        let request = sent(upstream, &call, true).await;
        let text = std::str::from_utf8(&request.body).unwrap();
        assert!(text.contains(r#""temperature":0.0"#) || text.contains(r#""temperature":0,"#), "{text}");
        assert!(text.contains(r#""system":"Be brief. Grüße""#), "{text}");
        // Caching works on exact prefixes, so what the caller wrote is not written anew.
        assert!(text.contains(tools), "{text}");
    }
}

#[tokio::test]
async fn ids_and_arns_arrive_as_they_were_meant() {
    for (id, encoded) in [
        ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1%3A0"),
        (
            "arn:aws:bedrock:us-west-2:111122223333:inference-profile/us.anthropic.claude-sonnet-4-6",
            "arn%3Aaws%3Abedrock%3Aus-west-2%3A111122223333%3Ainference-profile%2Fus.anthropic.claude-sonnet-4-6",
        ),
        (
            "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/a1b2c3d4e5f6",
            "arn%3Aaws%3Abedrock%3Aus-west-2%3A111122223333%3Aapplication-inference-profile%2Fa1b2c3d4e5f6",
        ),
    ] {
        let call = Call { model: id.to_owned(), ..Upstream::Bedrock.call() };
        let request = sent(Upstream::Bedrock, &call, true).await;
        assert_eq!(request.path, format!("/model/{encoded}/invoke-with-response-stream"));
        assert_eq!(request.model_id.as_deref(), Some(id));
    }
}
