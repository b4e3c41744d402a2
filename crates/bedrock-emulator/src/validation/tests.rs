//! Bodies and the sentences that refuse them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::parse;
use crate::operation::Protocol;

fn body() -> Value {
    json!({"max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]})
}

fn refusal(body: &Value, protocol: Protocol) -> Option<String> {
    let mut body = body.clone();
    if let Some(object) = body.as_object_mut() {
        let (key, value) = match protocol {
            Protocol::Bedrock => ("anthropic_version", "bedrock-2023-05-31"),
            Protocol::Anthropic => ("model", "claude-sonnet-4-6"),
        };
        object.entry(key).or_insert(json!(value));
    }
    let refusal = parse(body.to_string().as_bytes(), protocol).err()?;
    assert_eq!(refusal.status, 400);
    Some(refusal.message)
}

fn with(key: &str, value: Value) -> Value {
    let mut body = body();
    body[key] = value;
    body
}

#[test]
fn right_bodies_pass() {
    let tool_turn = json!([
        {"role": "user", "content": [{"type": "text", "text": "what time is it?"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "clock", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}]},
    ]);
    let bodies = [
        body(),
        with("temperature", json!(0)),
        with("temperature", json!(1.0)),
        with("stop_sequences", json!(["end"])),
        with("system", json!([{"type": "text", "text": "be brief"}])),
        with("messages", tool_turn),
        with("messages", json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}])),
    ];
    for body in bodies {
        assert_eq!(refusal(&body, Protocol::Bedrock), None, "{body}");
        assert_eq!(refusal(&body, Protocol::Anthropic), None, "{body}");
    }
    assert_eq!(refusal(&with("anthropic_version", json!("2026-10-21")), Protocol::Bedrock), None);
}

#[track_caller]
fn assert_refused(body: &Value, bedrock: &str, anthropic: &str) {
    let found = refusal(body, Protocol::Bedrock).unwrap_or_default();
    assert!(found.contains(bedrock), "{body}: {found}");
    assert_eq!(refusal(body, Protocol::Anthropic).as_deref(), Some(anthropic), "{body}");
}

#[test]
fn each_schema_violation_has_its_words_on_both_protocols() {
    let cases = [
        ("temperature", json!(1.5), "#/temperature: 1.5 is not less or equal to 1", "less than or equal to 1"),
        ("temperature", json!("1"), "#/temperature: expected type: Number, found: String", "a valid number"),
        ("temperature", Value::Null, "#/temperature: expected type: Number, found: Null", "a valid number"),
        ("max_tokens", json!(0), "#/max_tokens: 0 is not greater or equal to 1", "greater than or equal to 1"),
        ("max_tokens", json!(1.5), "#/max_tokens: expected type: Integer, found: Double", "a valid integer"),
        ("messages", json!({}), "#/messages: expected type: JSONArray, found: JSONObject", "a valid list"),
    ];
    for (key, value, bedrock, anthropic) in cases {
        assert_refused(&with(key, value), bedrock, &format!("{key}: Input should be {anthropic}"));
    }
    let extraneous = with("chat_id", json!(1));
    let words = "#: extraneous key [chat_id] is not permitted";
    assert_refused(&extraneous, words, "chat_id: Extra inputs are not permitted");
    let no_content = with("messages", json!([{"role": "user"}]));
    let words = "#/messages/0: required key [content] not found";
    assert_refused(&no_content, words, "messages.0.content: Field required");
    let no_type = with("messages", json!([{"role": "user", "content": [{"text": "no type"}]}]));
    let words = "#/messages/0/content/0: required key [type] not found";
    assert_refused(&no_type, words, "messages.0.content.0.type: Field required");
}

#[test]
fn each_rule_of_the_model_has_the_same_words_on_both_protocols() {
    let cases = [
        (json!([]), "messages: at least one message is required"),
        (json!([{"role": "assistant", "content": "hi"}]), "messages: first message must use the \"user\" role"),
        (
            json!([{"role": "user", "content": ""}]),
            "messages.0: all messages must have non-empty content except for the optional final assistant message",
        ),
        (
            json!([{"role": "user", "content": [{"type": "text", "text": ""}]}]),
            "messages: text content blocks must be non-empty",
        ),
        (json!([{"role": "system", "content": "hi"}]), "messages.0.role: Input should be 'user' or 'assistant'"),
    ];
    for (messages, words) in cases {
        assert_refused(&with("messages", messages), words, words);
    }
}

#[test]
fn what_only_one_service_takes_the_other_refuses() {
    let model = refusal(&with("model", json!("claude-sonnet-4-6")), Protocol::Bedrock).unwrap();
    assert_eq!(
        model,
        "Malformed input request: #: extraneous key [model] is not permitted, please reformat your input and try again."
    );
    let version = refusal(&with("anthropic_version", json!("latest")), Protocol::Bedrock).unwrap();
    assert_eq!(version, "anthropic_version: Invalid API version");
    let twice = with("messages", json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]));
    assert!(refusal(&twice, Protocol::Bedrock).unwrap().starts_with("messages: roles must alternate"));
    assert_eq!(refusal(&twice, Protocol::Anthropic), None);
}

#[test]
fn what_is_not_json_or_no_object_is_refused() {
    for protocol in [Protocol::Bedrock, Protocol::Anthropic] {
        assert!(parse(b"{", protocol).is_err());
        assert!(parse(b"", protocol).is_err());
        assert!(parse(b"[]", protocol).is_err());
        assert!(parse(b"\xff", protocol).is_err());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop_oneof![Just("user"), Just("text"), Just(""), Just("é")].prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("messages"),
        Just("role"),
        Just("content"),
        Just("type"),
        Just("text"),
        Just("max_tokens"),
        Just("temperature"),
        Just("stop_sequences"),
        Just("anthropic_version"),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_panics_and_every_refusal_has_words(body in any_json()) {
        for protocol in [Protocol::Bedrock, Protocol::Anthropic] {
            if let Err(refusal) = parse(body.to_string().as_bytes(), protocol) {
                prop_assert!(!refusal.message.is_empty());
            }
        }
    }
}
