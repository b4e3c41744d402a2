//! Server-sent events, line by line (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use claude::{DecodeError, Decoder, Frame, MAX_FRAME_BYTES};

use crate::golden::drain;

/// The data of the events in a stream, in whole and byte by byte.
fn events(stream: &str) -> Vec<String> {
    let data = |frames: Vec<Frame>| -> Vec<String> {
        let json = frames.into_iter().map(|frame| match frame {
            Frame::Event(json) => String::from_utf8(json.to_vec()).unwrap(),
            Frame::Exception { .. } => panic!("{frame:?}"),
        });
        json.collect()
    };
    let mut decoder = Decoder::sse();
    decoder.push(stream.as_bytes());
    let whole = data(drain(&mut decoder));
    let (mut decoder, mut frames) = (Decoder::sse(), Vec::new());
    for byte in stream.as_bytes() {
        decoder.push(&[*byte]);
        frames.extend(drain(&mut decoder));
    }
    assert_eq!(data(frames), whole, "{stream:?}");
    whole
}

#[test]
fn lines_are_read_as_the_standard_has_it() {
    for (case, stream, expected) in [
        ("as Anthropic writes it", "event: ping\ndata: {}\n\n", vec!["{}"]),
        ("with CR LF", "event: ping\r\ndata: {}\r\n\r\ndata: 2\r\n\r\n", vec!["{}", "2"]),
        ("without a space", "data:{}\n\n", vec!["{}"]),
        ("with two spaces, of which one is data", "data:  x\n\n", vec![" x"]),
        ("with a byte order mark", "\u{feff}data: {}\n\n", vec!["{}"]),
        ("with a mark where none may be", "data: 1\n\n\u{feff}data: 2\n\ndata: 3\n\n", vec!["1", "3"]),
        ("with comments", ": keep-alive\n\n:\n\ndata: 1\n:x\n\n", vec!["1"]),
        ("data over several lines", "data: {\ndata: \"a\": 1\ndata: }\n\n", vec!["{\n\"a\": 1\n}"]),
        ("data and other fields mixed", "data: 1\nid: 7\nretry: 9\ndata: 2\nevent: x\n\n", vec!["1\n2"]),
        ("an event without data", "event: ping\n\n\n\ndata: 1\n\n", vec!["1"]),
        ("another field that begins alike", "database: x\n\ndata: 1\n\n", vec!["1"]),
        ("multi-byte text", "data: \"Grüße 🧵\"\n\n", vec!["\"Grüße 🧵\""]),
        ("an event that was not ended", "data: 1\n\ndata: 2\n", vec!["1"]),
        ("a last line that was not ended", "data: 1\n\ndata: 2", vec!["1"]),
        ("nothing", "", vec![]),
    ] {
        assert_eq!(events(stream), expected, "{case}");
    }
}

#[test]
fn data_has_a_longest_length_whether_in_one_line_or_in_many() {
    let longest = "x".repeat(MAX_FRAME_BYTES - 6);
    assert_eq!(events_of(&["data: ", &longest]), Ok(0));
    assert!(matches!(events_of(&["data: ", &longest, "y"]), Err(DecodeError::TooLong(_))));
    let line = format!("data: {}\n", "x".repeat(1024 * 1024));
    assert!(matches!(events_of(&[line.as_str(); 17]), Err(DecodeError::TooLong(_))));
    // What is no data is not kept, so there may be any amount of it.
    let comment = format!(": {}\n", "x".repeat(1024 * 1024));
    assert_eq!(events_of(&[comment.as_str(); 17]), Ok(0));
}

/// How many events there are, the decoder being asked after each piece.
fn events_of(pieces: &[&str]) -> Result<usize, DecodeError> {
    let (mut decoder, mut found) = (Decoder::sse(), 0);
    for piece in pieces {
        decoder.push(piece.as_bytes());
        while decoder.next_frame()?.is_some() {
            found += 1;
        }
    }
    Ok(found)
}
