//! A reply made into an answer: the message as a whole, or its events in order.
//!
//! It joins request and reply, estimates what neither says, and writes JSON. It does not know frames or connections.

mod fold;

use std::time::Duration;

use serde_json::{Value, json};

use crate::message::{Delta, End, Event, Message, OutputUsage, Usage};
use crate::model_id::model_name;
use crate::operation::Protocol;
use crate::reply::{Content, Reply};
use crate::request::Request;
use crate::tokens;

/// How many pieces a tool's input JSON is streamed in, so that readers must join them.
const JSON_PIECES: usize = 4;

/// The JSON of the last event; Bedrock adds its metrics to it.
pub(crate) const MESSAGE_STOP: &str = r#"{"type":"message_stop"}"#;

/// One event: its type and its JSON.
#[derive(Debug)]
pub(crate) struct StreamEvent {
    pub(crate) kind: String,
    pub(crate) json: String,
}

/// An answer about to be sent.
pub(crate) struct Playback<'a> {
    reply: &'a Reply,
    id: String,
    model: &'a str,
    stop_reason: &'a str,
    blocks: Vec<Value>,
    pub(crate) usage: Usage,
    pub(crate) first_event_delay: Duration,
    pub(crate) event_pause: Duration,
}

impl<'a> Playback<'a> {
    pub(crate) fn new(request: &'a Request, reply: &'a Reply) -> Self {
        let blocks = match &reply.content {
            Content::Pieces(pieces) => vec![json!({"type": "text", "text": pieces.concat()})],
            Content::Blocks(blocks) => blocks.clone(),
            Content::Events(events) => fold::blocks(events),
        };
        let is_tool_use = |block: &Value| block.get("type").and_then(Value::as_str) == Some("tool_use");
        let usual = if blocks.iter().any(is_tool_use) { "tool_use" } else { "end_turn" };
        Self {
            id: message_id(request.protocol),
            model: model_name(&request.model_id),
            stop_reason: reply.stop_reason.as_deref().unwrap_or(usual),
            usage: reply.usage.unwrap_or_else(|| estimate(request, &blocks)),
            first_event_delay: reply.first_event_delay,
            event_pause: reply.event_pause,
            blocks,
            reply,
        }
    }

    /// The message as a whole.
    pub(crate) fn message(&self) -> String {
        if let Content::Events(events) = &self.reply.content {
            return fold::message(events, &self.blocks).to_string();
        }
        let mut message = self.start(self.usage.output_tokens);
        message.content = &self.blocks;
        message.stop_reason = Some(self.stop_reason);
        message.stop_sequence = self.reply.stop_sequence.as_deref();
        json_of(&message)
    }

    /// The message as events.
    pub(crate) fn events(&self) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        match &self.reply.content {
            Content::Events(raw) => return raw.iter().map(raw_event).collect(),
            Content::Pieces(pieces) => {
                // Claude counts the first token before it knows the rest.
                push(&mut events, &Event::MessageStart { message: self.start(1) });
                let deltas = pieces.iter().map(|text| Delta::Text { text });
                push_block(&mut events, 0, json!({"type": "text", "text": ""}), deltas);
            }
            Content::Blocks(blocks) => {
                push(&mut events, &Event::MessageStart { message: self.start(1) });
                for (index, block) in blocks.iter().enumerate() {
                    push_any_block(&mut events, index, block);
                }
            }
        }
        let delta = End { stop_reason: self.stop_reason, stop_sequence: self.reply.stop_sequence.as_deref() };
        let usage = OutputUsage { output_tokens: self.usage.output_tokens };
        push(&mut events, &Event::MessageDelta { delta, usage });
        push(&mut events, &Event::MessageStop);
        events
    }

    fn start(&self, output_tokens: u64) -> Message<'_> {
        Message {
            id: &self.id,
            kind: "message",
            role: "assistant",
            model: self.model,
            content: &[],
            stop_reason: None,
            stop_sequence: None,
            usage: self.usage.object(output_tokens),
        }
    }
}

fn push_any_block(events: &mut Vec<StreamEvent>, index: usize, block: &Value) {
    let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default();
    match block.get("type").and_then(Value::as_str) {
        Some("text") => {
            let pieces = crate::reply::word_pieces(text("text"));
            let deltas = pieces.iter().map(|text| Delta::Text { text });
            push_block(events, index, with(block, "text", json!("")), deltas);
        }
        Some("tool_use" | "server_tool_use") => {
            let input = block.get("input").map_or_else(|| "{}".to_owned(), Value::to_string);
            // The first piece is empty, and so is all of the input of a tool that takes none.
            let pieces = if input == "{}" { vec![""] } else { json_pieces(&input) };
            let deltas = pieces.into_iter().map(|partial_json| Delta::InputJson { partial_json });
            push_block(events, index, with(block, "input", json!({})), deltas);
        }
        Some("thinking") => {
            let pieces = crate::reply::word_pieces(text("thinking"));
            let signature = std::iter::once(Delta::Signature { signature: text("signature") });
            let deltas = pieces.iter().map(|thinking| Delta::Thinking { thinking }).chain(signature);
            let empty = with(&with(block, "thinking", json!("")), "signature", json!(""));
            push_block(events, index, empty, deltas);
        }
        _ => push_block(events, index, block.clone(), std::iter::empty()),
    }
}

fn push_block<'d>(
    events: &mut Vec<StreamEvent>,
    index: usize,
    content_block: Value,
    deltas: impl Iterator<Item = Delta<'d>>,
) {
    push(events, &Event::ContentBlockStart { index, content_block });
    if index == 0 {
        push(events, &Event::Ping);
    }
    for delta in deltas {
        push(events, &Event::ContentBlockDelta { index, delta });
    }
    push(events, &Event::ContentBlockStop { index });
}

fn push(events: &mut Vec<StreamEvent>, event: &Event<'_>) {
    events.push(StreamEvent { kind: event.kind().to_owned(), json: json_of(event) });
}

fn raw_event(event: &Value) -> StreamEvent {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or("unknown").to_owned();
    StreamEvent { kind, json: event.to_string() }
}

fn with(block: &Value, key: &str, value: Value) -> Value {
    let mut block = block.clone();
    if let Some(object) = block.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
    block
}

/// Splits JSON anywhere, as Claude does: an empty piece, then `JSON_PIECES` of about the same length.
fn json_pieces(json: &str) -> Vec<&str> {
    let mut pieces = vec![""];
    let mut rest = json;
    let step = json.len().div_ceil(JSON_PIECES);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(step));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn estimate(request: &Request, blocks: &[Value]) -> Usage {
    let output_tokens = blocks.iter().map(tokens::of_block).sum::<u64>().max(1);
    Usage { input_tokens: request.input_tokens(), output_tokens, ..Usage::default() }
}

/// Message ids look like `msg_bdrk_01…` on Bedrock and `msg_01…` on Anthropic's path.
fn message_id(protocol: Protocol) -> String {
    let prefix = match protocol {
        Protocol::Bedrock => "msg_bdrk_01",
        Protocol::Anthropic => "msg_01",
    };
    std::iter::repeat_with(fastrand::alphanumeric).take(22).fold(prefix.to_owned(), |mut id, c| {
        id.push(c);
        id
    })
}

/// The shapes of [`crate::message`] have string keys only, so writing them cannot fail.
pub(crate) fn json_of<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
