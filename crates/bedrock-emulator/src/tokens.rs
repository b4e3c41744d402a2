//! A plausible token count.
//!
//! Claude's tokenizer is not public. About 3.5 bytes of English make one token, so a text counts its bytes times 2/7,
//! rounded up, and anything at all counts at least 1. The count is the same for the same bytes, on every machine.
//! Images count as Anthropic documents them on average (about 1,600 tokens at full size), whatever their bytes.

use serde_json::Value;

/// Tokens of one image or document block: its base64 text is not read as text.
const MEDIA_TOKENS: u64 = 1_600;

/// Tokens that a message costs beside its content, for its role and its boundaries.
const MESSAGE_TOKENS: u64 = 3;

/// Tokens of a text.
pub(crate) fn of_text(text: &str) -> u64 {
    of_bytes(text.len())
}

fn of_bytes(bytes: usize) -> u64 {
    let bytes = bytes as u64;
    (bytes * 2).div_ceil(7).max(1)
}

/// The most bytes that a text of so many tokens can have.
pub(crate) fn max_bytes(tokens: u64) -> usize {
    usize::try_from(tokens.saturating_mul(7) / 2).unwrap_or(usize::MAX)
}

/// Tokens of a request: system, tools and messages.
pub(crate) fn of_request(body: &Value) -> u64 {
    let system = body.get("system").map_or(0, of_content);
    let tools = body.get("tools").and_then(Value::as_array).map_or(0, |tools| tools.iter().map(of_json).sum());
    let messages = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let messages: u64 = messages.iter().map(|m| MESSAGE_TOKENS + m.get("content").map_or(0, of_content)).sum();
    (system + tools + messages).max(1)
}

/// Tokens of a `content`: a string or a list of blocks.
pub(crate) fn of_content(content: &Value) -> u64 {
    match content {
        Value::String(text) => of_text(text),
        Value::Array(blocks) => blocks.iter().map(of_block).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => of_json(content),
    }
}

pub(crate) fn of_block(block: &Value) -> u64 {
    match block.get("type").and_then(Value::as_str) {
        Some("text") => block.get("text").and_then(Value::as_str).map_or(1, of_text),
        Some("image" | "document") => MEDIA_TOKENS,
        _ => of_json(block),
    }
}

fn of_json(value: &Value) -> u64 {
    of_bytes(value.to_string().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn about_three_and_a_half_bytes_make_a_token_and_nothing_is_free() {
        assert_eq!(of_text(""), 1);
        assert_eq!(of_text("seven b"), 2);
        assert_eq!(of_text(&"x".repeat(3_500)), 1_000);
        assert_eq!(of_text(&"x".repeat(max_bytes(40))), 40);
    }

    #[test]
    fn system_tools_and_every_block_count() {
        let bare = json!({"messages": [{"role": "user", "content": "hello there"}]});
        let mut more = bare.clone();
        more["system"] = json!([{"type": "text", "text": "be brief"}]);
        more["tools"] = json!([{"name": "clock", "input_schema": {"type": "object"}}]);
        let mut image = bare.clone();
        image["messages"][0]["content"] = json!([{"type": "image", "source": {"data": "AAAA"}}]);
        assert_eq!(of_request(&bare), 3 + 4);
        assert!(of_request(&more) > of_request(&bare) + 10);
        assert_eq!(of_request(&image), 3 + MEDIA_TOKENS);
    }
}
