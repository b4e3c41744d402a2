//! A request that was accepted: what a behaviour may look at to choose and word its answer.

use serde_json::Value;

use crate::operation::Protocol;
use crate::tokens;

/// An accepted request for an answer.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) protocol: Protocol,
    pub(crate) model_id: String,
    /// Whether the answer is to be a stream of events.
    pub(crate) streaming: bool,
    /// The Messages body; it passed validation.
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn max_tokens(&self) -> u64 {
        self.body.get("max_tokens").and_then(Value::as_u64).unwrap_or(u64::MAX)
    }

    pub(crate) fn stop_sequences(&self) -> impl Iterator<Item = &str> {
        let sequences = self.body.get("stop_sequences").and_then(Value::as_array).map(Vec::as_slice);
        sequences.unwrap_or_default().iter().filter_map(Value::as_str).filter(|sequence| !sequence.is_empty())
    }

    pub(crate) fn input_tokens(&self) -> u64 {
        tokens::of_request(&self.body)
    }

    /// The text of every user message, oldest first.
    pub(crate) fn user_texts(&self) -> Vec<String> {
        let messages = self.body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_user = |message: &&Value| message.get("role").and_then(Value::as_str) == Some("user");
        messages.iter().filter(is_user).filter_map(|message| message.get("content")).map(text_of).collect()
    }
}

/// The text of a content; blocks that hold none are named by their type.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<String> = blocks.iter().map(block_text).collect();
            texts.join("\n")
        }
        other => other.to_string(),
    }
}

fn block_text(block: &Value) -> String {
    match block.get("text").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => format!("[{}]", block.get("type").and_then(Value::as_str).unwrap_or("block")),
    }
}
