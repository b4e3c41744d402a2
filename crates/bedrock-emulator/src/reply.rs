//! What the emulator says, as data.
//!
//! A reply knows content, counts and pace. It does not know whether it goes out whole or as a stream, nor in whose
//! shape: one reply serves every operation.

use std::time::Duration;

use serde_json::Value;

use crate::fault::Fault;
use crate::message::Usage;
use crate::script::Behaviour;

/// A scripted answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What is said.
    pub content: Content,
    /// Token counts; estimated from the request and the content if `None`.
    pub usage: Option<Usage>,
    /// `end_turn`, or `tool_use` if a block asks for a tool, if `None`.
    pub stop_reason: Option<String>,
    /// The stop sequence that ended the answer.
    pub stop_sequence: Option<String>,
    /// How long after the response's headers the first event comes; a whole answer waits before its headers.
    pub first_event_delay: Duration,
    /// The pause between two events of a stream.
    pub event_pause: Duration,
}

/// The content of a [`Reply`].
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// One text block, streamed in exactly these pieces: a stream of `n` pieces has `n + 6` events.
    Pieces(Vec<String>),
    /// Content blocks as they stand (`tool_use`, `thinking`, …), streamed with the deltas of their type.
    Blocks(Vec<Value>),
    /// Stream events as they stand, one JSON object each. A whole answer folds them into a message.
    Events(Vec<Value>),
}

impl Reply {
    /// A text, streamed word by word.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::of(Content::Pieces(word_pieces(text)))
    }

    /// A text, streamed in exactly these pieces.
    pub fn pieces<P: Into<String>>(pieces: impl IntoIterator<Item = P>) -> Self {
        Self::of(Content::Pieces(pieces.into_iter().map(Into::into).collect()))
    }

    /// Content blocks as the Messages API defines them.
    pub fn blocks(blocks: impl IntoIterator<Item = Value>) -> Self {
        Self::of(Content::Blocks(blocks.into_iter().collect()))
    }

    /// Raw stream events, for what the other constructors cannot say.
    pub fn events(events: impl IntoIterator<Item = Value>) -> Self {
        Self::of(Content::Events(events.into_iter().collect()))
    }

    fn of(content: Content) -> Self {
        Self {
            content,
            usage: None,
            stop_reason: None,
            stop_sequence: None,
            first_event_delay: Duration::ZERO,
            event_pause: Duration::ZERO,
        }
    }

    /// Sets the input and output tokens that the answer reports, without any cache.
    #[must_use]
    pub fn tokens(self, input: u64, output: u64) -> Self {
        self.usage(Usage { input_tokens: input, output_tokens: output, ..Usage::default() })
    }

    /// Sets all token classes that the answer reports.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Sets why the model stopped.
    #[must_use]
    pub fn stop_reason(mut self, reason: &str) -> Self {
        self.stop_reason = Some(reason.to_owned());
        self
    }

    /// Sets the stop sequence that was met.
    #[must_use]
    pub fn stop_sequence(mut self, sequence: &str) -> Self {
        self.stop_sequence = Some(sequence.to_owned());
        self
    }

    /// Sets how long the first event takes.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.first_event_delay = delay;
        self
    }

    /// Sets the pause between events.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.event_pause = pause;
        self
    }

    /// This reply, broken by a fault on its way.
    #[must_use]
    pub fn broken_by(self, fault: Fault) -> Behaviour {
        Behaviour { reply: Some(self), fault: Some(fault) }
    }
}

/// Splits a text so that every piece is a word with the space before it, as Claude's own deltas mostly are.
pub(crate) fn word_pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for character in text.chars() {
        if character.is_whitespace() && !piece.trim_start().is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        piece.push(character);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_words_and_lose_nothing() {
        assert_eq!(word_pieces("Hello, wide  world"), ["Hello,", " wide", "  world"]);
        assert_eq!(word_pieces(""), Vec::<String>::new());
        assert_eq!(word_pieces(" \n"), [" \n"]);
    }
}
