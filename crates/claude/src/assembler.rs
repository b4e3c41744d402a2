//! Folds stream events into the message that a unary call would have answered.
//!
//! Knows the rules of the event order and nothing of transports, sessions or prices.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use thiserror::Error;

use crate::event::{Delta, Event};
use crate::message::{ContentBlock, Message};

/// The most content blocks that an answer may have; upstream sends tens. Beyond it the stream is damaged or hostile.
const MAX_BLOCKS: usize = 4096;

/// Events that cannot be part of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AssemblyError {
    /// A delta or stop for a block that never began.
    #[error("event for content block {0}, which never began")]
    NoSuchBlock(u32),
    /// A second start of the same block.
    #[error("content block {0} began twice")]
    BlockBeganTwice(u32),
    /// More blocks than an answer can have.
    #[error("more than {MAX_BLOCKS} content blocks")]
    TooManyBlocks,
}

/// An answer in the making.
#[derive(Debug, Default)]
pub struct Assembler {
    message: Message,
    blocks: BTreeMap<u32, Block>,
    text: String,
    complete: bool,
}

#[derive(Debug)]
struct Block {
    content: ContentBlock,
    /// Pieces of a tool's input, which are JSON only when joined.
    input: String,
    citations: Vec<Box<RawValue>>,
    stopped: bool,
}

impl Assembler {
    /// An empty answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The text so far: all text blocks, joined.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True once `message_stop` was seen.
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Takes the next event. Events of unknown types change nothing.
    ///
    /// # Errors
    /// When the event cannot follow what came before; the answer so far stays as it is.
    pub fn push(&mut self, event: Event) -> Result<(), AssemblyError> {
        match event {
            Event::MessageStart { id, model, .. } => {
                self.message.id = id;
                self.message.model = model;
            }
            Event::BlockStart { index, block } => return self.begin(index, &block),
            Event::BlockDelta { index, delta } => return self.extend(index, delta),
            Event::BlockStop { index } => return self.stop(index),
            Event::MessageDelta { stop_reason, stop_sequence, .. } => {
                self.message.stop_reason = stop_reason.or(self.message.stop_reason.take());
                self.message.stop_sequence = stop_sequence.or(self.message.stop_sequence.take());
            }
            Event::MessageStop { .. } => self.complete = true,
            Event::Ping | Event::Error { .. } | Event::Unknown => {}
        }
        Ok(())
    }

    /// The answer, whole or as far as it came. A block that never stopped is kept only if it is text, cut where it was
    /// cut: an unsigned thinking block or half a tool call would make the session unusable when it is sent back.
    pub fn finish(mut self) -> Message {
        for block in self.blocks.into_values() {
            let whole = block.stopped || matches!(&block.content, ContentBlock::Text { .. });
            let unsigned = matches!(&block.content, ContentBlock::Thinking { signature, .. } if signature.is_empty());
            // The API refuses a text block without anything to read when it is sent back.
            let empty = matches!(&block.content, ContentBlock::Text { text, .. } if text.trim().is_empty());
            if whole && !unsigned && !empty {
                self.message.content.push(block.content);
            }
        }
        self.message
    }

    fn begin(&mut self, index: u32, block: &RawValue) -> Result<(), AssemblyError> {
        if self.blocks.contains_key(&index) {
            return Err(AssemblyError::BlockBeganTwice(index));
        }
        if self.blocks.len() == MAX_BLOCKS {
            return Err(AssemblyError::TooManyBlocks);
        }
        let content = ContentBlock::from_raw(block);
        if let ContentBlock::Text { text, .. } = &content {
            self.text.push_str(text);
        }
        self.blocks.insert(index, Block { content, input: String::new(), citations: Vec::new(), stopped: false });
        Ok(())
    }

    fn extend(&mut self, index: u32, delta: Delta) -> Result<(), AssemblyError> {
        let block = self.blocks.get_mut(&index).ok_or(AssemblyError::NoSuchBlock(index))?;
        match (&mut block.content, delta) {
            (ContentBlock::Text { text, .. }, Delta::Text(piece)) => {
                text.push_str(&piece);
                self.text.push_str(&piece);
            }
            (ContentBlock::Thinking { thinking, .. }, Delta::Thinking(piece)) => thinking.push_str(&piece),
            (ContentBlock::Thinking { signature, .. }, Delta::Signature(piece)) => signature.push_str(&piece),
            (ContentBlock::ToolUse { .. }, Delta::InputJson(piece)) => block.input.push_str(&piece),
            (ContentBlock::Text { .. }, Delta::Citation(citation)) => block.citations.push(citation),
            // A delta that does not fit its block belongs to a version of the API that we do not know.
            _ => {}
        }
        Ok(())
    }

    fn stop(&mut self, index: u32) -> Result<(), AssemblyError> {
        let block = self.blocks.get_mut(&index).ok_or(AssemblyError::NoSuchBlock(index))?;
        match &mut block.content {
            // No pieces at all mean the empty input that the block began with.
            ContentBlock::ToolUse { input, .. } if !block.input.is_empty() => {
                // Pieces that make no JSON were cut by `max_tokens`: the call is not whole, and never will be.
                let Ok(whole) = RawValue::from_string(std::mem::take(&mut block.input)) else { return Ok(()) };
                *input = whole;
            }
            ContentBlock::Text { rest, .. } if !block.citations.is_empty() => {
                if let Ok(citations) = serde_json::value::to_raw_value(&block.citations) {
                    rest.insert("citations".to_owned(), citations);
                }
            }
            _ => {}
        }
        block.stopped = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assemble(events: &[&str]) -> Result<Assembler, AssemblyError> {
        let mut assembler = Assembler::new();
        for json in events {
            assembler.push(Event::parse(json.as_bytes()).unwrap())?;
        }
        Ok(assembler)
    }

    fn content(events: &[&str]) -> String {
        serde_json::to_string(&assemble(events).unwrap().finish().content).unwrap()
    }

    const TEXT: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    const TOOL: &str = r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#;
    const THINKING: &str =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#;

    #[test]
    fn text_and_parallel_tools_are_told_apart_by_their_index() {
        let events = [
            r#"{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":1}}}"#,
            TEXT,
            TOOL,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"b\": 1,"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"a\":2}"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}"#,
            r#"{"type":"brand_new_event","x":1}"#,
            r#"{"type":"message_stop"}"#,
        ];
        let assembler = assemble(&events).unwrap();
        assert!(assembler.is_complete());
        assert_eq!(assembler.text(), "Hello");
        assert_eq!(
            content(&events),
            r#"[{"type":"text","text":"Hello"},{"type":"tool_use","id":"t","name":"f","input":{"b": 1,"a":2}}]"#
        );
    }

    #[test]
    fn a_tool_without_input_pieces_keeps_the_empty_object() {
        let content = content(&[TOOL, r#"{"type":"content_block_stop","index":1}"#]);
        assert_eq!(content, r#"[{"type":"tool_use","id":"t","name":"f","input":{}}]"#);
    }

    #[test]
    fn a_signed_thinking_block_is_kept_and_an_unsigned_one_is_not() {
        let piece = r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#;
        let signature =
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#;
        let stop = r#"{"type":"content_block_stop","index":0}"#;
        assert_eq!(
            content(&[THINKING, piece, signature, stop]),
            r#"[{"type":"thinking","thinking":"hm","signature":"s"}]"#
        );
        assert_eq!(content(&[THINKING, piece]), "[]");
    }

    #[test]
    fn a_cut_answer_keeps_its_text_and_drops_half_a_tool_call() {
        let text = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so far"}}"#;
        let half =
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#;
        let stop = r#"{"type":"content_block_stop","index":1}"#;
        for cut in [vec![TEXT, text, TOOL, half], vec![TEXT, text, TOOL, half, stop]] {
            assert_eq!(content(&cut), r#"[{"type":"text","text":"so far"}]"#);
        }
    }

    #[test]
    fn citations_are_gathered_in_their_block() {
        let cite =
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"page": 3}}}"#;
        let text = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#;
        assert_eq!(
            content(&[TEXT, text, cite, r#"{"type":"content_block_stop","index":0}"#]),
            r#"[{"type":"text","text":"x","citations":[{"page": 3}]}]"#
        );
    }

    #[test]
    fn events_that_cannot_follow_are_errors() {
        let delta = r#"{"type":"content_block_delta","index":7,"delta":{"type":"text_delta","text":"x"}}"#;
        for (events, error) in
            [(vec![TEXT, delta], AssemblyError::NoSuchBlock(7)), (vec![TEXT, TEXT], AssemblyError::BlockBeganTwice(0))]
        {
            assert_eq!(assemble(&events).unwrap_err(), error);
        }
    }
}
