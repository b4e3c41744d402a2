//! Stream events of the Messages API, parsed from the JSON that both framings carry.
//!
//! Knows nothing of frames or sockets. An event or delta of an unknown type is carried as such, never an error: the API
//! adds types without notice.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::message::StopReason;
use crate::usage::{InvocationMetrics, UsageUpdate};

/// One event of a streamed answer. The order on the wire is `message_start`, then per content block a start, deltas and
/// a stop, then `message_delta` and `message_stop`; `ping` may come anywhere.
#[derive(Debug, Clone)]
pub enum Event {
    /// The answer begins; the input side of the usage is known from here on.
    MessageStart {
        /// Upstream's id of the message (`msg_…`).
        id: String,
        /// The model that answers, by upstream's own name.
        model: String,
        /// The input side, and a first count of the output.
        usage: UsageUpdate,
    },
    /// A content block begins; `block` is its JSON as received.
    BlockStart {
        /// Position of the block in the answer's content.
        index: u32,
        /// The block as it begins (`{"type":"text","text":""}`).
        block: Box<RawValue>,
    },
    /// A piece of a content block.
    BlockDelta {
        /// Position of the block it belongs to.
        index: u32,
        /// The piece.
        delta: Delta,
    },
    /// A content block is complete.
    BlockStop {
        /// Position of the block.
        index: u32,
    },
    /// The answer's end is decided: why, and the final output count.
    MessageDelta {
        /// Why the model stopped, where it says so.
        stop_reason: Option<StopReason>,
        /// The stop sequence that was met, if one was.
        stop_sequence: Option<String>,
        /// Cumulative usage.
        usage: UsageUpdate,
    },
    /// The answer is whole.
    MessageStop {
        /// Bedrock's closing counts; Anthropic sends none.
        metrics: Option<InvocationMetrics>,
    },
    /// A sign of life.
    Ping,
    /// Upstream failed in mid-stream and says so in Anthropic's shape.
    Error {
        /// Anthropic's error type, such as `overloaded_error`.
        error_type: String,
        /// Anthropic's message.
        message: String,
    },
    /// An event of a type that this version does not know.
    Unknown,
}

/// A piece of a content block.
#[derive(Debug, Clone)]
pub enum Delta {
    /// More text.
    Text(String),
    /// More of a tool's input; the pieces make JSON only when joined.
    InputJson(String),
    /// More thinking.
    Thinking(String),
    /// The signature that makes a thinking block valid when it is sent back.
    Signature(String),
    /// One more citation, as received.
    Citation(Box<RawValue>),
    /// A delta of a type that this version does not know.
    Unknown,
}

impl Event {
    /// Parses the JSON of one event.
    ///
    /// # Errors
    /// When the bytes are not JSON of an event's shape, or a known event lacks what makes it one.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let wire: Wire<'_> = match serde_json::from_slice(json) {
            Ok(wire) => wire,
            // What we do not know may give the fields that we do know another shape.
            Err(error) => return Self::unknown(json).ok_or(error),
        };
        let index = wire.index;
        let missing = |what| Err(serde::de::Error::missing_field(what));
        Ok(match wire.event_type {
            EventType::MessageStart => match wire.message {
                Some(message) => Self::MessageStart {
                    id: message.id.unwrap_or_default(),
                    model: message.model.unwrap_or_default(),
                    usage: message.usage.unwrap_or_default(),
                },
                None => return missing("message"),
            },
            EventType::ContentBlockStart => match wire.content_block {
                Some(block) => Self::BlockStart { index, block: block.to_owned() },
                None => return missing("content_block"),
            },
            EventType::ContentBlockDelta => match wire.delta {
                Some(delta) => Self::BlockDelta { index, delta: delta.into_delta() },
                None => return missing("delta"),
            },
            EventType::ContentBlockStop => Self::BlockStop { index },
            EventType::MessageDelta => {
                let delta = wire.delta.unwrap_or_default();
                Self::MessageDelta {
                    stop_reason: delta.stop_reason,
                    stop_sequence: delta.stop_sequence,
                    usage: wire.usage.map(|usage| *usage).unwrap_or_default(),
                }
            }
            EventType::MessageStop => Self::MessageStop { metrics: wire.metrics.map(|metrics| *metrics) },
            EventType::Ping => Self::Ping,
            EventType::Error => {
                let error = wire.error.unwrap_or_default();
                Self::Error { error_type: error.error_type, message: error.message }
            }
            EventType::Unknown => Self::Unknown,
        })
    }

    /// The event, if its type or the type of its delta is unknown.
    fn unknown(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Types {
            #[serde(rename = "type")]
            event_type: EventType,
        }
        #[derive(Deserialize)]
        struct DeltaTypes {
            index: u32,
            delta: InnerType,
        }
        #[derive(Deserialize)]
        struct InnerType {
            #[serde(rename = "type")]
            delta_type: DeltaType,
        }
        match serde_json::from_slice::<Types>(json).ok()?.event_type {
            EventType::Unknown => Some(Self::Unknown),
            EventType::ContentBlockDelta => match serde_json::from_slice(json).ok()? {
                DeltaTypes { index, delta: InnerType { delta_type: DeltaType::Unknown } } => {
                    Some(Self::BlockDelta { index, delta: Delta::Unknown })
                }
                DeltaTypes { .. } => None,
            },
            _ => None,
        }
    }
}

/// Every field that any event has: one pass over the bytes, nothing buffered. What few events have is boxed, because the
/// whole is moved for each.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(default)]
    index: u32,
    message: Option<Box<WireMessage>>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<WireDelta<'a>>,
    usage: Option<Box<UsageUpdate>>,
    error: Option<Box<WireError>>,
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<Box<InvocationMetrics>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EventType {
    MessageStart,
    ContentBlockStart,
    ContentBlockDelta,
    ContentBlockStop,
    MessageDelta,
    MessageStop,
    Ping,
    Error,
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct WireMessage {
    id: Option<String>,
    model: Option<String>,
    usage: Option<UsageUpdate>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireDelta<'a> {
    #[serde(rename = "type")]
    delta_type: DeltaType,
    text: Option<String>,
    partial_json: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
    stop_reason: Option<StopReason>,
    stop_sequence: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeltaType {
    TextDelta,
    InputJsonDelta,
    ThinkingDelta,
    SignatureDelta,
    CitationsDelta,
    #[default]
    #[serde(other)]
    Unknown,
}

impl WireDelta<'_> {
    fn into_delta(self) -> Delta {
        match self.delta_type {
            DeltaType::TextDelta => Delta::Text(self.text.unwrap_or_default()),
            DeltaType::InputJsonDelta => Delta::InputJson(self.partial_json.unwrap_or_default()),
            DeltaType::ThinkingDelta => Delta::Thinking(self.thinking.unwrap_or_default()),
            DeltaType::SignatureDelta => Delta::Signature(self.signature.unwrap_or_default()),
            DeltaType::CitationsDelta => match self.citation {
                Some(citation) => Delta::Citation(citation.to_owned()),
                None => Delta::Unknown,
            },
            DeltaType::Unknown => Delta::Unknown,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireError {
    #[serde(rename = "type")]
    error_type: String,
    message: String,
}
