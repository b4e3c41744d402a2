//! A message, what it cost, and the turn that adds messages to a session.

use serde_json::value::RawValue;

/// Who speaks, in the terms of the Messages API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The caller, tool results included.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The role's name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    /// The role of this name, if it is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::Assistant].into_iter().find(|role| role.as_str() == name)
    }
}

/// One message of a conversation. Its place in the session is its place among the others, counted from 1.
#[derive(Debug, Clone)]
pub struct Message {
    /// The caller's id for it.
    pub id: String,
    /// Who speaks.
    pub role: Role,
    /// A JSON array of content blocks, stored and given back byte for byte.
    pub content: Box<RawValue>,
    /// When it was said, in Unix milliseconds.
    pub at_ms: i64,
    /// What the exchange that made it used; `None` where no model was asked.
    pub usage: Option<Usage>,
    /// Whether the caller had gone before the whole of it could be delivered.
    pub undelivered: bool,
}

/// What one exchange with a model used. Token counts are not negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The provider that served it.
    pub provider: String,
    /// The model that served it.
    pub model: String,
    /// Input tokens that no cache was involved in.
    pub input_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// Tokens written to the cache for five minutes.
    pub cache_write_5m_tokens: i64,
    /// Tokens written to the cache for an hour.
    pub cache_write_1h_tokens: i64,
    /// Tokens read from the cache.
    pub cache_read_tokens: i64,
    /// The cost in pico-dollars; `None` is unpriced, which is not free.
    pub cost_pico: Option<i64>,
    /// Whether the numbers are an estimate, because the stream ended before it told them.
    pub estimated: bool,
}

/// The messages that one turn adds to a session, all of them or none.
#[derive(Debug, Clone)]
pub struct TurnRecord {
    /// The caller's identity, empty where there is none.
    pub owner: String,
    /// The session to add to.
    pub session_id: String,
    /// Whether to make the session if the owner has none of this id.
    pub create: bool,
    /// The agent of a session that is made; a session that exists keeps its own.
    pub agent_id: String,
    /// The name of a session that is made; a session that exists keeps its own.
    pub name: String,
    /// When the turn ended, in Unix milliseconds: `created_at_ms` of a session that is made, and `updated_at_ms` of one
    /// that exists unless that is later already.
    pub at_ms: i64,
    /// The messages in their order.
    pub messages: Vec<Message>,
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is on disk, its last message at place `message_count` of the session.
    Stored {
        /// How many messages the session has now.
        message_count: i64,
    },
    /// There is no such session and none was to be made; nothing was written.
    SessionGone,
}
