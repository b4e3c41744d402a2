//! Failures in mid-stream, in both framings.

use claude::{Decoder, Event, Frame};

use crate::golden::{check, frames, lines};
use crate::writer::{chunk, exception, frame, server_sent, text};

/// The six exceptions of `ResponseStream` in bedrock-runtime's service model, one that it does not have, and the two
/// shapes that the auth layer and the framing's own errors add.
fn exceptions() -> Vec<Vec<u8>> {
    let stream_error = r#"{"message":"m2","originalStatusCode":500,"originalMessage":"why"}"#;
    let error = [text(":message-type", "error"), text(":error-code", "502"), text(":error-message", "no route")];
    vec![
        exception("internalServerException", r#"{"message":"m1"}"#),
        exception("modelStreamErrorException", stream_error),
        exception("validationException", r#"{"message":"m3"}"#),
        exception("throttlingException", r#"{"message":"m4"}"#),
        exception("modelTimeoutException", r#"{"message":"m5"}"#),
        exception("serviceUnavailableException", r#"{"message":"Grüße"}"#),
        exception("brandNewException", r#"{"message":"m7","fault":"new"}"#),
        exception("accessDeniedException", r#"{"Message":"m8"}"#),
        exception("internalServerException", ""),
        exception("internalServerException", "not json"),
        frame(&error, b""),
        frame(&[text(":message-type", "exception")], br#"{"message":null}"#),
    ]
}

#[test]
fn an_exception_keeps_its_name_and_its_message() {
    let bytes = exceptions().concat();
    check("exceptions.eventstream", &bytes);
    let frames: String = frames(Decoder::event_stream(), &bytes).iter().map(|frame| format!("{frame:?}\n")).collect();
    check("exceptions.frames.txt", frames.as_bytes());
}

#[test]
fn an_exception_comes_after_the_events_before_it() {
    let ping = r#"{"type":"ping"}"#;
    let bytes = [chunk(ping), exception("throttlingException", r#"{"message":"slow down"}"#)].concat();
    let thrown = Frame::Exception { name: "throttlingException".into(), message: "slow down".into() };
    assert_eq!(frames(Decoder::event_stream(), &bytes), [Frame::Event(ping.into()), thrown]);
}

#[test]
fn anthropics_error_is_an_event() {
    let bytes: Vec<u8> = lines("error").iter().flat_map(|json| server_sent(json)).collect();
    check("error.sse", &bytes);
    let frames = frames(Decoder::sse(), &bytes);
    let events = frames.iter().map(crate::golden::event).map(|event| format!("{event:?}\n")).collect::<String>();
    check("error.events.txt", events.as_bytes());
    let Event::Error { error_type, message } = crate::golden::event(frames.last().unwrap()) else {
        panic!("{frames:?}");
    };
    assert_eq!((error_type.as_str(), message.as_str()), ("overloaded_error", "Overloaded"));
}
