//! The Messages answer as it is written: the message, its usage and its stream events.
//!
//! Shapes only, in the field order that AWS sends. What an answer says is decided elsewhere.

use serde::Serialize;
use serde_json::Value;

/// Token counts of an answer, by price class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens that came neither from nor into the cache.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Input tokens read from the prompt cache.
    pub cache_read_tokens: u64,
    /// Input tokens written to the prompt cache for five minutes.
    pub cache_write_5m_tokens: u64,
    /// Input tokens written to the prompt cache for an hour.
    pub cache_write_1h_tokens: u64,
}

impl Usage {
    pub(crate) fn cache_write_tokens(&self) -> u64 {
        self.cache_write_5m_tokens + self.cache_write_1h_tokens
    }

    /// The `usage` object, with `output_tokens` as given: a stream's first event does not know the end yet.
    pub(crate) fn object(&self, output_tokens: u64) -> UsageObject {
        UsageObject {
            input_tokens: self.input_tokens,
            cache_creation_input_tokens: self.cache_write_tokens(),
            cache_read_input_tokens: self.cache_read_tokens,
            cache_creation: CacheCreation {
                ephemeral_5m_input_tokens: self.cache_write_5m_tokens,
                ephemeral_1h_input_tokens: self.cache_write_1h_tokens,
            },
            output_tokens,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct UsageObject {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: CacheCreation,
    output_tokens: u64,
}

#[derive(Debug, Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) id: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) role: &'static str,
    pub(crate) model: &'a str,
    pub(crate) content: &'a [Value],
    pub(crate) stop_reason: Option<&'a str>,
    pub(crate) stop_sequence: Option<&'a str>,
    pub(crate) usage: UsageObject,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    MessageStart { message: Message<'a> },
    ContentBlockStart { index: usize, content_block: Value },
    Ping,
    ContentBlockDelta { index: usize, delta: Delta<'a> },
    ContentBlockStop { index: usize },
    MessageDelta { delta: End<'a>, usage: OutputUsage },
    MessageStop,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(crate) enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
}

#[derive(Debug, Serialize)]
pub(crate) struct End<'a> {
    pub(crate) stop_reason: &'a str,
    pub(crate) stop_sequence: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OutputUsage {
    pub(crate) output_tokens: u64,
}

impl Event<'_> {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::Ping => "ping",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }
}

/// What Bedrock adds to its last event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvocationMetrics {
    pub(crate) input_token_count: u64,
    pub(crate) output_token_count: u64,
    /// Milliseconds.
    pub(crate) invocation_latency: u64,
    /// Milliseconds.
    pub(crate) first_byte_latency: u64,
    pub(crate) cache_read_input_token_count: u64,
    pub(crate) cache_write_input_token_count: u64,
}
