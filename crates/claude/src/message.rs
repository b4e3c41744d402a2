//! The Messages API's types: what is sent and what comes back.
//!
//! Only the fields that we touch are modelled; the rest is carried through as it was received. Content that goes back
//! into a request is raw JSON, byte for byte: prompt caching works on exact prefixes, thinking signatures on exact
//! blocks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::usage::UsageUpdate;

/// The largest answer that is taken in, streamed or whole. The longest that a model may write is 128,000 tokens; streamed,
/// each in an event of its own of some hundred bytes, they are not half of this.
pub(crate) const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Fields that this version does not model, as received.
pub type Rest = BTreeMap<String, Box<RawValue>>;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person or program that asks; tool results go under this role, too.
    User,
    /// Claude.
    Assistant,
}

impl Role {
    /// The role's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A request's body, less what the framing adds (`model`, `stream`, `anthropic_version`).
#[derive(Debug, Clone, Serialize)]
pub struct MessagesRequest {
    /// The most tokens that the answer may have. Bedrock reserves them from the quota when the request arrives.
    pub max_tokens: u32,
    /// The conversation, oldest first; the roles alternate and the first is the user's.
    pub messages: Vec<RequestMessage>,
    /// The system prompt: a JSON string or an array of blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Box<RawValue>>,
    /// Sampling temperature, 0 to 1. `None` leaves it to the model; 0 is sent as 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Anything else of the API, by its name on the wire.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One message of a request: its content is a JSON string or an array of content blocks, exactly as it is to be sent.
#[derive(Debug, Clone, Serialize)]
pub struct RequestMessage {
    /// Who speaks.
    pub role: Role,
    /// The content, as it is.
    pub content: Box<RawValue>,
}

impl RequestMessage {
    /// A message of one text block.
    ///
    /// # Errors
    /// Never in practice: strings always serialise; the error is serde's to give.
    pub fn text(role: Role, text: &str) -> Result<Self, serde_json::Error> {
        let content = to_raw_value(&[ContentBlock::text(text)])?;
        Ok(Self { role, content })
    }
}

/// Claude's answer, whole or as far as it came.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Upstream's id of the message.
    pub id: String,
    /// The model that answered, by upstream's own name.
    pub model: String,
    /// What it says, in order.
    pub content: Vec<ContentBlock>,
    /// Why it ended; `None` where the stream broke before that was known.
    pub stop_reason: Option<StopReason>,
    /// The stop sequence that was met, if one was.
    pub stop_sequence: Option<String>,
}

impl Message {
    /// The text of all text blocks, joined without anything in between.
    pub fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|block| match block {
            ContentBlock::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

/// The body of a unary answer.
#[derive(Deserialize)]
pub(crate) struct MessageBody {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) model: String,
    pub(crate) content: Vec<Box<RawValue>>,
    pub(crate) stop_reason: Option<StopReason>,
    pub(crate) stop_sequence: Option<String>,
    #[serde(default)]
    pub(crate) usage: UsageUpdate,
}

/// One block of an answer's content.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentBlock {
    /// Text for the reader.
    Text {
        /// The text.
        text: String,
        /// Citations and whatever else came with it.
        #[serde(flatten)]
        rest: Rest,
    },
    /// The model's thinking; valid on its way back only with its signature.
    Thinking {
        /// The thinking, possibly empty where only the signature is given.
        thinking: String,
        /// Upstream's signature over it.
        signature: String,
        /// Whatever else came with it.
        #[serde(flatten)]
        rest: Rest,
    },
    /// The model asks for a tool.
    ToolUse {
        /// Upstream's id of the call, which the result must name.
        id: String,
        /// The tool's name.
        name: String,
        /// The input, a JSON object as the model wrote it.
        input: Box<RawValue>,
        /// Whatever else came with it.
        #[serde(flatten)]
        rest: Rest,
    },
    /// A block of a type that we carry through untouched (`redacted_thinking`, `server_tool_use`, …).
    #[serde(untagged)]
    Other(Box<RawValue>),
}

impl ContentBlock {
    /// A text block.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), rest: Rest::new() }
    }

    /// Reads a block from its JSON. A type that we do not model, or a block that is not of its type's shape, is kept
    /// as it is.
    pub fn from_raw(raw: &RawValue) -> Self {
        Self::modelled(raw).unwrap_or_else(|| Self::Other(raw.to_owned()))
    }

    fn modelled(raw: &RawValue) -> Option<Self> {
        let mut rest: Rest = serde_json::from_str(raw.get()).ok()?;
        let block_type = take_string(&mut rest, "type")?;
        Some(match block_type.as_str() {
            "text" => Self::Text { text: take_string(&mut rest, "text")?, rest },
            "thinking" => Self::Thinking {
                thinking: take_string(&mut rest, "thinking")?,
                signature: take_string(&mut rest, "signature").unwrap_or_default(),
                rest,
            },
            "tool_use" => Self::ToolUse {
                id: take_string(&mut rest, "id")?,
                name: take_string(&mut rest, "name")?,
                input: rest.remove("input")?,
                rest,
            },
            _ => return None,
        })
    }
}

fn take_string(fields: &mut Rest, name: &str) -> Option<String> {
    let value = fields.remove(name)?;
    serde_json::from_str(value.get()).ok()
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The answer is complete.
    EndTurn,
    /// `max_tokens` were used up.
    MaxTokens,
    /// A stop sequence was met.
    StopSequence,
    /// The model waits for a tool's result.
    ToolUse,
    /// The model's turn was interrupted by a long-running server tool; send the answer back to go on.
    PauseTurn,
    /// The model declined.
    Refusal,
    /// The context window is full.
    ModelContextWindowExceeded,
    /// A reason that this version does not know, by its name on the wire.
    #[serde(untagged)]
    Other(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(json: &str) -> String {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        serde_json::to_string(&ContentBlock::from_raw(&raw)).unwrap()
    }

    #[test]
    fn blocks_survive_a_round_trip_with_fields_we_do_not_know() {
        for json in [
            r#"{"type":"text","text":"hi","citations":[{"z":1,"a":2}]}"#,
            r#"{"type":"thinking","thinking":"","signature":"sig","x":null}"#,
            r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{"z":1,  "a":[1.0]}}"#,
            r#"{"type":"redacted_thinking","data":"b64=="}"#,
            r#"{"type":"server_tool_use","id":"s","input":{}}"#,
            r#"{"type":"text","text":7}"#,
        ] {
            assert_eq!(round_trip(json), json);
        }
    }

    #[test]
    fn a_temperature_of_zero_reaches_the_body_as_zero() {
        let request = MessagesRequest {
            max_tokens: 1,
            messages: vec![RequestMessage::text(Role::User, "hi").unwrap()],
            system: None,
            temperature: Some(0.0),
            rest: Rest::new(),
        };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"temperature":0.0}"#
        );
    }

    #[test]
    fn unknown_stop_reasons_keep_their_name() {
        let reason: StopReason = serde_json::from_str(r#""nap""#).unwrap();
        assert_eq!(reason, StopReason::Other("nap".to_owned()));
        assert_eq!(serde_json::from_str::<StopReason>(r#""end_turn""#).unwrap(), StopReason::EndTurn);
    }
}
