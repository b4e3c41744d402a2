//! The closed sets among the settings, each with the names that the file, the variables and the flags use.
//!
//! Owns nothing but names. Knows nothing of what follows from a choice.

/// Who serves the model (`llm.provider`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Claude on AWS Bedrock.
    Bedrock,
    /// Anthropic's own API.
    Anthropic,
}

impl Provider {
    pub(super) const NAMES: &'static [&'static str] = &["bedrock", "anthropic"];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "bedrock" => Some(Self::Bedrock),
            "anthropic" => Some(Self::Anthropic),
            _ => None,
        }
    }
}

/// What becomes of an answer whose caller went away (`llm.on_disconnect`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDisconnect {
    /// Drain on Bedrock, which bills a begun answer anyway; cancel on Anthropic's API.
    Auto,
    /// Read it to its end within bounds and keep it in its session.
    Drain,
    /// Close the connection.
    Cancel,
}

impl OnDisconnect {
    pub(super) const NAMES: &'static [&'static str] = &["auto", "drain", "cancel"];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "drain" => Some(Self::Drain),
            "cancel" => Some(Self::Cancel),
            _ => None,
        }
    }
}

/// When SQLite waits for the disk (`storage.sqlite.synchronous`; <https://sqlite.org/pragma.html#pragma_synchronous>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// At every commit.
    Full,
    /// At checkpoints.
    Normal,
}

impl Synchronous {
    pub(super) const NAMES: &'static [&'static str] = &["full", "normal"];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "full" => Some(Self::Full),
            "normal" => Some(Self::Normal),
            _ => None,
        }
    }
}

/// Shape of the log's lines (`logging.format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    pub(super) const NAMES: &'static [&'static str] = &["text", "json"];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}
