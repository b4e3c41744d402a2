//! A stream, folded, is the message that a unary call would have answered, and costs the same.

use claude::{Assembler, ContentBlock, Event, Usage, UsageUpdate};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::golden::{CONVERSATIONS, event, frames, read, streams};

/// A unary answer's body.
#[derive(Deserialize)]
struct Unary {
    id: String,
    model: String,
    content: Vec<Box<RawValue>>,
    stop_reason: Value,
    stop_sequence: Value,
    usage: UsageUpdate,
}

fn usage_of(events: &[Event]) -> Usage {
    let mut usage = Usage::default();
    for event in events {
        match event {
            Event::MessageStart { usage: update, .. } | Event::MessageDelta { usage: update, .. } => {
                usage.apply(update);
            }
            Event::MessageStop { metrics: Some(metrics) } => usage.fill_from(metrics),
            _ => {}
        }
    }
    usage
}

#[test]
fn a_whole_stream_is_the_unary_message() {
    for name in CONVERSATIONS {
        let unary: Unary = serde_json::from_slice(&read(&format!("{name}.message.json"))).unwrap();
        for (bytes, decoder) in streams(name) {
            let events: Vec<Event> = frames(decoder(), &bytes).iter().map(event).collect();
            let mut usage = Usage::default();
            usage.apply(&unary.usage);
            assert_eq!(usage_of(&events), usage, "{name}");

            let mut assembler = Assembler::new();
            for event in events {
                assembler.push(event).unwrap();
            }
            assert!(assembler.is_complete());
            let text = assembler.text().to_owned();
            let message = assembler.finish();
            assert_eq!((&message.id, &message.model), (&unary.id, &unary.model));
            assert_eq!(message.text(), text);
            assert_eq!(serde_json::to_value(&message.stop_reason).unwrap(), unary.stop_reason);
            assert_eq!(serde_json::to_value(&message.stop_sequence).unwrap(), unary.stop_sequence);
            assert_eq!(serde_json::to_value(&message.content).unwrap(), serde_json::to_value(&unary.content).unwrap());
        }
    }
}

#[test]
fn blocks_of_a_unary_answer_go_back_as_they_came() {
    for name in CONVERSATIONS {
        let unary: Unary = serde_json::from_slice(&read(&format!("{name}.message.json"))).unwrap();
        for raw in &unary.content {
            let sent = serde_json::to_string(&ContentBlock::from_raw(raw)).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&sent).unwrap(),
                serde_json::from_str::<Value>(raw.get()).unwrap()
            );
        }
    }
}

/// Wherever a stream breaks, what is kept of it could be sent back: the blocks of the whole message, but for the last
/// text, which may be shorter.
#[test]
fn a_cut_stream_is_a_beginning_of_the_message() {
    for name in CONVERSATIONS {
        let whole: Value = serde_json::from_slice(&read(&format!("{name}.message.json"))).unwrap();
        let (bytes, decoder) = &streams(name)[0];
        let events: Vec<Event> = frames(decoder(), bytes).iter().map(event).collect();
        for length in 0..events.len() {
            let mut assembler = Assembler::new();
            for event in &events[..length] {
                assembler.push(event.clone()).unwrap();
            }
            assert!(!assembler.is_complete());
            let content = serde_json::to_value(assembler.finish().content).unwrap();
            for block in content.as_array().unwrap() {
                let whole = whole["content"].as_array().unwrap();
                let cut = |known: &Value| match (block["text"].as_str(), known["text"].as_str()) {
                    (Some(text), Some(known)) => known.starts_with(text),
                    _ => false,
                };
                assert!(whole.iter().any(|known| known == block || cut(known)), "{name} after {length}: {block}");
            }
        }
    }
}
