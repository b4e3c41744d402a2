//! What is answered when nothing goes wrong.

use bedrock_emulator::{Emulator, Reply, Usage};
use serde_json::{Value, json};

use crate::client::{asking, body, invoke, invoke_stream, signed};

#[tokio::test]
async fn a_whole_answer_has_the_message_and_the_counts() {
    let emulator = Emulator::start().await.unwrap();
    let usage = Usage {
        input_tokens: 12,
        output_tokens: 20,
        cache_read_tokens: 3,
        cache_write_5m_tokens: 4,
        cache_write_1h_tokens: 5,
    };
    emulator.reply(Reply::text("Hello!").usage(usage));
    let answer = invoke(&emulator, &body()).await;
    let message = answer.json();
    assert_eq!(answer.status, 200);
    assert!(message["id"].as_str().unwrap().starts_with("msg_bdrk_01"));
    assert_eq!(message["model"], "claude-sonnet-4-5-20250929");
    assert_eq!(message["content"], json!([{"type": "text", "text": "Hello!"}]));
    assert_eq!((&message["stop_reason"], &message["stop_sequence"]), (&json!("end_turn"), &Value::Null));
    assert_eq!(
        message["usage"],
        json!({
            "input_tokens": 12,
            "output_tokens": 20,
            "cache_read_input_tokens": 3,
            "cache_creation_input_tokens": 9,
            "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
        })
    );
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-amzn-bedrock-input-token-count", "12"),
        ("x-amzn-bedrock-output-token-count", "20"),
        ("x-amzn-bedrock-cache-read-input-token-count", "3"),
        ("x-amzn-bedrock-cache-write-input-token-count", "9"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert!(answer.header("x-amzn-bedrock-invocation-latency").parse::<u64>().is_ok());
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    assert!(answer.header("date").ends_with("GMT"));
}

#[tokio::test]
async fn a_stream_has_the_events_in_order_each_in_a_chunk_of_its_own() {
    let emulator = Emulator::start().await.unwrap();
    emulator.reply(Reply::pieces(["Hel", "lo", "!"]).tokens(12, 20));
    let answer = invoke_stream(&emulator, &body()).await;
    let (events, defect) = answer.events();
    assert_eq!((answer.status, answer.complete, defect), (200, true, None));
    assert_eq!(answer.header("content-type"), "application/vnd.amazon.eventstream");
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(answer.chunks.len(), events.len());
    assert_eq!(text_of(&events), "Hello!");
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 12);
    assert_eq!(events[7]["usage"], json!({"output_tokens": 20}));
    assert_eq!(events[7]["delta"], json!({"stop_reason": "end_turn", "stop_sequence": null}));
    let metrics = &events[8]["amazon-bedrock-invocationMetrics"];
    assert_eq!((&metrics["inputTokenCount"], &metrics["outputTokenCount"]), (&json!(12), &json!(20)));
    assert!(metrics["invocationLatency"].is_u64() && metrics["firstByteLatency"].is_u64());
}

#[tokio::test]
async fn blocks_stream_as_the_deltas_of_their_type() {
    let emulator = Emulator::start().await.unwrap();
    let blocks = [
        json!({"type": "thinking", "thinking": "let me see", "signature": "c2ln"}),
        json!({"type": "tool_use", "id": "toolu_1", "name": "clock", "input": {"zone": "Europe/Zürich"}}),
        json!({"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}),
    ];
    emulator.reply(Reply::blocks(blocks.clone()));
    let (events, _) = invoke_stream(&emulator, &body()).await.events();
    let joined = |index: u64, key: &str| -> String {
        let of_block = events.iter().filter(|event| event["index"] == index);
        of_block.filter_map(|event| event["delta"][key].as_str()).collect()
    };
    assert_eq!(joined(0, "thinking"), "let me see");
    assert_eq!(joined(0, "signature"), "c2ln");
    assert_eq!(joined(1, "partial_json"), blocks[1]["input"].to_string());
    assert_eq!(joined(2, "partial_json"), "");
    let starts: Vec<&Value> = events.iter().map(|event| &event["content_block"]).filter(|b| b.is_object()).collect();
    assert_eq!(starts[1], &json!({"type": "tool_use", "id": "toolu_1", "name": "clock", "input": {}}));
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "tool_use");

    let whole = invoke(&emulator, &body()).await.json();
    assert_eq!(whole["content"], json!(blocks));
    assert_eq!(whole["stop_reason"], "tool_use");
}

#[tokio::test]
async fn raw_events_go_out_as_they_stand_and_fold_into_a_whole_answer() {
    let emulator = Emulator::start().await.unwrap();
    let events = vec![
        json!({"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "usage": {"input_tokens": 2}}}),
        json!({"type": "something_new", "x": 1}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "b"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}),
    ];
    emulator.reply(Reply::events(events.clone()));
    assert_eq!(invoke_stream(&emulator, &body()).await.events(), (events, None));
    let whole = invoke(&emulator, &body()).await.json();
    assert_eq!(whole["content"], json!([{"type": "text", "text": "ab"}]));
    assert_eq!(whole["usage"], json!({"input_tokens": 2, "output_tokens": 9}));
    assert_eq!(whole["stop_reason"], "end_turn");
}

#[tokio::test]
async fn unscripted_it_says_what_it_is_and_repeats_the_user() {
    let emulator = Emulator::start().await.unwrap();
    let mut conversation = body();
    conversation["messages"] = json!([
        {"role": "user", "content": "my name is Ada"},
        {"role": "assistant", "content": "noted"},
        {"role": "user", "content": [{"type": "text", "text": "what is my name?"}]},
    ]);
    let message = invoke(&emulator, &conversation).await.json();
    let text = message["content"][0]["text"].as_str().unwrap();
    for part in ["Bedrock emulator", "no model was called", "sonnet-4-5", "my name is Ada", "what is my name?"] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    let (events, _) = invoke_stream(&emulator, &conversation).await.events();
    assert_eq!(text_of(&events), text);
    assert!(message["usage"]["input_tokens"].as_u64().unwrap() > 10);

    let long = invoke(&emulator, &asking(&"é".repeat(10_000))).await.json();
    assert!(long["content"][0]["text"].as_str().unwrap().chars().count() < 2_300);
}

#[tokio::test]
async fn unscripted_it_honours_max_tokens_and_stop_sequences() {
    let emulator = Emulator::start().await.unwrap();
    let mut short = body();
    short["max_tokens"] = json!(5);
    let message = invoke(&emulator, &short).await.json();
    assert_eq!((&message["stop_reason"], &message["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(5)));

    let mut stopped = body();
    stopped["stop_sequences"] = json!(["never there", " emulator"]);
    let message = invoke(&emulator, &stopped).await.json();
    assert_eq!(message["content"][0]["text"], "This is the Bedrock");
    assert_eq!((&message["stop_reason"], &message["stop_sequence"]), (&json!("stop_sequence"), &json!(" emulator")));
}

#[tokio::test]
async fn ids_arrive_percent_encoded_arns_too() {
    let emulator = Emulator::start().await.unwrap();
    let paths = [
        "/model/anthropic.claude-sonnet-4-5-20250929-v1:0/invoke",
        "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke",
        "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A111122223333%3Ainference-profile%2Fus.anthropic.claude-sonnet-4-6/invoke",
    ];
    for path in paths {
        assert_eq!(signed(&emulator, path, &body()).await.status, 200, "{path}");
    }
    let ids: Vec<_> = emulator.requests().into_iter().filter_map(|request| request.model_id).collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[2], "arn:aws:bedrock:us-west-2:111122223333:inference-profile/us.anthropic.claude-sonnet-4-6");
}

fn text_of(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect()
}
