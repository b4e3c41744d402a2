//! The conversations under `golden/`: `NAME.jsonl` is what is said, `.eventstream` and `.sse` how it is framed,
//! `.events.txt` what is read from it and `.message.json` what a unary call would have answered.

use std::fs;
use std::path::Path;

use claude::{Decoder, Event, Frame};

use crate::writer;

/// Every conversation that ends well.
pub(crate) const CONVERSATIONS: [&str; 5] = ["text", "tools", "thinking", "citations", "unknown"];

/// The content of a golden file.
pub(crate) fn read(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file)).unwrap_or_default()
}

/// Holds what was made against a golden file. Where they differ, what was made is put beside the build, to be looked at
/// and copied if it was meant.
pub(crate) fn check(file: &str, made: &[u8]) {
    if read(file) == made {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(file), made).unwrap();
    panic!("tests/golden/{file} differs from what the test made: {}", folder.join(file).display());
}

/// The events of a conversation, as JSON.
pub(crate) fn lines(name: &str) -> Vec<String> {
    let lines = String::from_utf8(read(&format!("{name}.jsonl"))).unwrap();
    lines.lines().map(str::to_owned).collect()
}

/// A stream's bytes, and a decoder for them.
pub(crate) type Stream = (Vec<u8>, fn() -> Decoder);

/// Both streams of a conversation.
pub(crate) fn streams(name: &str) -> [Stream; 2] {
    [(read(&format!("{name}.eventstream")), Decoder::event_stream), (read(&format!("{name}.sse")), Decoder::sse)]
}

/// All frames that are in the decoder.
pub(crate) fn drain(decoder: &mut Decoder) -> Vec<Frame> {
    std::iter::from_fn(|| decoder.next_frame().unwrap()).collect()
}

/// The frames of a stream that comes in one piece.
pub(crate) fn frames(mut decoder: Decoder, bytes: &[u8]) -> Vec<Frame> {
    decoder.push(bytes);
    drain(&mut decoder)
}

/// The event in a frame.
pub(crate) fn event(frame: &Frame) -> Event {
    match frame {
        Frame::Event(json) => Event::parse(json).unwrap(),
        Frame::Exception { .. } => panic!("{frame:?}"),
    }
}

#[test]
fn the_files_are_what_the_writer_writes() {
    for name in CONVERSATIONS {
        let lines = lines(name);
        check(&format!("{name}.eventstream"), &lines.iter().flat_map(|json| writer::chunk(json)).collect::<Vec<_>>());
        check(&format!("{name}.sse"), &lines.iter().flat_map(|json| writer::server_sent(json)).collect::<Vec<_>>());
    }
}

#[test]
fn both_framings_of_a_conversation_carry_its_very_json() {
    for name in CONVERSATIONS {
        let said: Vec<Frame> = lines(name).into_iter().map(|json| Frame::Event(json.into())).collect();
        for (bytes, decoder) in streams(name) {
            assert_eq!(frames(decoder(), &bytes), said, "{name}");
        }
    }
}

#[test]
fn events_are_read_as_expected() {
    for name in CONVERSATIONS {
        for (bytes, decoder) in streams(name) {
            let events: String =
                frames(decoder(), &bytes).iter().map(|frame| format!("{:?}\n", event(frame))).collect();
            check(&format!("{name}.events.txt"), events.as_bytes());
        }
    }
}
