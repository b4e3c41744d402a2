//! Raw events folded into the message they make, for a whole answer to a reply that was scripted as events.

use serde_json::{Value, json};

/// The content blocks that these events make.
pub(super) fn blocks(events: &[Value]) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    for event in events {
        match event.get("type").and_then(Value::as_str) {
            Some("content_block_start") => blocks.push(event.get("content_block").cloned().unwrap_or_default()),
            Some("content_block_delta") => {
                let index = event.get("index").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
                let block = index.and_then(|at| blocks.get_mut(at));
                if let (Some(block), Some(delta)) = (block, event.get("delta")) {
                    append(block, delta);
                }
            }
            _ => {}
        }
    }
    blocks.iter_mut().for_each(parse_input);
    blocks
}

/// The message that these events make, around its blocks.
pub(super) fn message(events: &[Value], blocks: &[Value]) -> Value {
    let of_kind = |kind: &str| events.iter().find(|event| event.get("type").and_then(Value::as_str) == Some(kind));
    let mut message = of_kind("message_start").and_then(|event| event.get("message")).cloned().unwrap_or(json!({}));
    let end = of_kind("message_delta");
    let Some(object) = message.as_object_mut() else { return message };
    object.insert("content".to_owned(), Value::from(blocks.to_vec()));
    let delta = end.and_then(|event| event.get("delta")).and_then(Value::as_object);
    object.extend(delta.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    let counted = end.and_then(|event| event.get("usage")).and_then(Value::as_object);
    if let Some(usage) = object.entry("usage").or_insert(json!({})).as_object_mut() {
        usage.extend(counted.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    }
    message
}

fn append(block: &mut Value, delta: &Value) {
    let (from, to) = match delta.get("type").and_then(Value::as_str) {
        Some("text_delta") => ("text", "text"),
        Some("thinking_delta") => ("thinking", "thinking"),
        Some("signature_delta") => ("signature", "signature"),
        // Joined as text until all of it is there.
        Some("input_json_delta") => ("partial_json", "input"),
        _ => return,
    };
    let piece = delta.get(from).and_then(Value::as_str).unwrap_or_default();
    let Some(object) = block.as_object_mut() else { return };
    let so_far = object.get(to).and_then(Value::as_str).unwrap_or_default();
    object.insert(to.to_owned(), Value::from(format!("{so_far}{piece}")));
}

fn parse_input(block: &mut Value) {
    let Some(input) = block.get_mut("input") else { return };
    if let Some(text) = input.as_str() {
        *input = serde_json::from_str(text).unwrap_or(json!({}));
    }
}
