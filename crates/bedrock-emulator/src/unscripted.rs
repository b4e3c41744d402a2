//! The answer when nothing is scripted: it says what it is, so that nobody takes it for Claude's.
//!
//! It repeats what the user said, earlier messages too, so that sessions can be tried without an account. It honours
//! `max_tokens` and stop sequences as the model would.

use crate::reply::{Content, Reply};
use crate::request::Request;
use crate::tokens;

/// How much of the last user message is quoted.
const QUOTED_CHARS: usize = 2_000;
/// How much of each earlier user message is quoted.
const QUOTED_EARLIER_CHARS: usize = 200;
/// How many earlier user messages are quoted: the latest ones.
const QUOTED_EARLIER_MESSAGES: usize = 20;

/// The emulator's own answer.
pub(crate) fn reply(request: &Request) -> Reply {
    let mut text = words(request);
    let mut reply = Reply::text("");
    let stop = request.stop_sequences().filter_map(|sequence| Some((text.find(sequence)?, sequence))).min();
    if let Some((at, sequence)) = stop {
        text.truncate(at);
        reply = reply.stop_reason("stop_sequence").stop_sequence(sequence);
    }
    let room = tokens::max_bytes(request.max_tokens());
    if text.len() > room {
        text.truncate(text.floor_char_boundary(room));
        reply = reply.stop_reason("max_tokens");
        reply.stop_sequence = None;
    }
    reply.content = Content::Pieces(crate::reply::word_pieces(&text));
    reply
}

fn words(request: &Request) -> String {
    let user_texts = request.user_texts();
    let model = &request.model_id;
    let mut text = format!("This is the Bedrock emulator; no model was called, `{model}` never saw this.");
    let Some((last, earlier)) = user_texts.split_last() else { return text };
    text += &format!(" You said: \"{}\"", bounded(last, QUOTED_CHARS));
    if !earlier.is_empty() {
        text += " Before that you said:";
        let skipped = earlier.len().saturating_sub(QUOTED_EARLIER_MESSAGES);
        for (at, message) in earlier.iter().enumerate().skip(skipped) {
            text += &format!(" ({}) \"{}\"", at + 1, bounded(message, QUOTED_EARLIER_CHARS));
        }
    }
    text
}

fn bounded(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
