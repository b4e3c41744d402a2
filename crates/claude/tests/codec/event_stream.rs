//! AWS event streams, frame by frame: what is read, what is passed over, and what is refused and how early.

use claude::{DecodeError, Decoder, Frame, MAX_FRAME_BYTES};

use crate::golden::{drain, frames};
use crate::writer::{Value, base64, chunk, chunk_headers, frame, header_bytes, prelude, sealed, text};

const PING: &str = r#"{"type":"ping"}"#;

fn ping() -> Frame {
    Frame::Event(PING.into())
}

/// What a decoder says to these bytes, which must be refused.
fn refusal(bytes: &[u8]) -> DecodeError {
    let mut decoder = Decoder::event_stream();
    decoder.push(bytes);
    loop {
        match decoder.next_frame() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("accepted"),
            Err(error) => return error,
        }
    }
}

#[test]
fn a_prelude_may_come_in_two_pieces() {
    let bytes = chunk(PING);
    for at in 1..12 {
        let mut decoder = Decoder::event_stream();
        for (piece, expected) in [(&bytes[..at], None), (&bytes[at..12], None), (&bytes[12..], Some(ping()))] {
            decoder.push(piece);
            assert_eq!(decoder.next_frame(), Ok(expected), "split at {at}");
        }
        assert_eq!(decoder.next_frame(), Ok(None));
    }
}

#[test]
fn headers_of_every_type_are_read_over() {
    let mut headers = vec![
        ("bool", Value::Bool(true)),
        ("no", Value::Bool(false)),
        ("byte", Value::Byte(-1)),
        ("short", Value::Short(i16::MIN)),
        ("integer", Value::Integer(7)),
        ("long", Value::Long(i64::MAX)),
        ("bytes", Value::Bytes(vec![0, 255])),
        ("text", Value::Text(String::new())),
        ("timestamp", Value::Timestamp(1_767_225_600_000)),
        ("uuid", Value::Uuid([9; 16])),
    ];
    headers.extend(chunk_headers());
    let payload = format!(r#"{{"bytes":"{}"}}"#, base64(PING.as_bytes()));
    assert_eq!(frames(Decoder::event_stream(), &frame(&headers, payload.as_bytes())), [ping()]);
}

#[test]
fn a_chunk_is_read_however_its_json_is_written() {
    let escaped = base64(r#"{"type":"ping","x":"???>>>"}"#.as_bytes());
    assert!(escaped.contains('/'), "{escaped}");
    for (payload, json) in [
        (format!(r#"{{"p":"ab","new":[{{}}],"bytes":"{}"}}"#, base64(PING.as_bytes())), PING),
        (format!("{{\n  \"bytes\" : \"{}\"\n}}", base64(PING.as_bytes())), PING),
        // JSON may write a slash as `\/`, and some gateways' encoders do.
        (format!(r#"{{"bytes":"{}"}}"#, escaped.replace('/', r"\/")), r#"{"type":"ping","x":"???>>>"}"#),
    ] {
        let found = frames(Decoder::event_stream(), &frame(&chunk_headers(), payload.as_bytes()));
        assert_eq!(found, [Frame::Event(json.to_owned().into())], "{payload}");
    }
}

#[test]
fn events_other_than_chunks_are_passed_over() {
    let other = frame(&[text(":message-type", "event"), text(":event-type", "initial-response")], b"\0not json");
    let bytes = [other.clone(), chunk(PING), other].concat();
    assert_eq!(frames(Decoder::event_stream(), &bytes), [ping()]);
}

#[test]
fn a_damaged_prelude_is_refused_before_its_frame_is_there() {
    for bit in 0..96 {
        let mut bytes = chunk(PING);
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(refusal(&bytes[..12]), DecodeError::Checksum, "bit {bit}");
    }
}

#[test]
fn a_length_that_no_frame_has_is_refused_before_any_of_it_is_there() {
    for length in [MAX_FRAME_BYTES + 1, u32::MAX as usize] {
        assert_eq!(refusal(&prelude(length, 0)), DecodeError::TooLong(length));
    }
    for length in [0, 1, 11, 12, 15] {
        assert!(matches!(refusal(&[prelude(length, 0), vec![0; 16]].concat()), DecodeError::Malformed(_)), "{length}");
    }
}

#[test]
fn a_frame_that_was_damaged_anywhere_fails_its_checksum() {
    let good = chunk(PING);
    for at in 12..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x20;
        assert_eq!(refusal(&bytes), DecodeError::Checksum, "byte {at}");
    }
}

#[test]
fn headers_that_cannot_be_headers_are_refused() {
    let good = header_bytes(&chunk_headers());
    for (case, bytes) in [
        ("a header length of one", sealed(1, b"x{}")),
        ("headers longer than the frame", sealed(good.len() + 99, &good)),
        ("headers that end inside a header", sealed(good.len() - 3, &[&good[..], b"{}"].concat())),
        ("a header without a name", sealed(4, &[0, 7, 0, 0])),
        ("a type that is not there", frame(&[("x", Value::Raw(vec![10, 0, 0]))], b"{}")),
        ("a string longer than its frame", frame(&[("x", Value::Raw(vec![7, 255, 255, b'x']))], b"{}")),
        ("a string that is not UTF-8", frame(&[("x", Value::Raw(vec![7, 0, 1, 0xff]))], b"{}")),
        ("no headers at all", frame(&[], b"{}")),
        ("a message type that is new", frame(&[text(":message-type", "rumour")], b"{}")),
        ("a message type that is no string", frame(&[(":message-type", Value::Integer(1))], b"{}")),
    ] {
        assert!(matches!(refusal(&bytes), DecodeError::Malformed(_)), "{case}");
    }
}

#[test]
fn a_chunk_without_readable_json_is_refused() {
    for payload in
        ["", "garbage", "[]", "{}", r#"{"bytes":null}"#, r#"{"bytes":7}"#, r#"{"bytes":"?"}"#, r#"{"bytes":"Zg="}"#]
    {
        let bytes = frame(&chunk_headers(), payload.as_bytes());
        assert!(matches!(refusal(&bytes), DecodeError::Malformed(_)), "{payload}");
    }
}

#[test]
fn nothing_is_read_after_damage() {
    let mut damaged = chunk(PING);
    *damaged.last_mut().unwrap() ^= 1;
    let garbage = frame(&chunk_headers(), b"garbage");
    for bad in [damaged, garbage] {
        let mut decoder = Decoder::event_stream();
        decoder.push(&[chunk(PING), bad, chunk(PING)].concat());
        assert_eq!(decoder.next_frame(), Ok(Some(ping())));
        let error = decoder.next_frame().unwrap_err();
        assert_eq!(decoder.next_frame(), Err(error.clone()));
        decoder.push(&chunk(PING));
        assert_eq!(decoder.next_frame(), Err(error));
    }
}

#[test]
fn the_longest_frame_is_accepted() {
    let headers = chunk_headers();
    let (start, end) = (r#"{"bytes":"e30=","p":""#, r#""}"#);
    let padding = MAX_FRAME_BYTES - 16 - header_bytes(&headers).len() - start.len() - end.len();
    let payload = format!("{start}{}{end}", "x".repeat(padding));
    let bytes = frame(&headers, payload.as_bytes());
    assert_eq!(bytes.len(), MAX_FRAME_BYTES);
    let mut decoder = Decoder::event_stream();
    for piece in bytes.chunks(1024 * 1024) {
        decoder.push(piece);
    }
    assert_eq!(drain(&mut decoder), [Frame::Event("{}".into())]);
}
