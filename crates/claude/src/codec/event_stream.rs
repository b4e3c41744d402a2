//! AWS event streams: prelude, headers, payload, two checksums. Parsing is AWS's own crate's; what is ours is to hand it
//! whole frames only (it drains the prelude of an incomplete one) and to refuse a damaged length before waiting for it.

use std::borrow::Cow;

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use aws_smithy_types::str_bytes::StrBytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use super::{DecodeError, Frame, MAX_FRAME_BYTES};

/// Total length, header length, checksum of both.
const PRELUDE_BYTES: usize = 12;

/// The checksum at the end, of all that stands before it.
const CHECKSUM_BYTES: usize = 4;

pub(super) fn next_frame(buffer: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
    loop {
        let Some(length) = frame_length(buffer)? else { return Ok(None) };
        if buffer.len() < length {
            return Ok(None);
        }
        let whole = buffer.split_to(length).freeze();
        // Before anything is read from it, so that damage is never taken for a message that means something else.
        if let Some((content, checksum)) = whole.split_last_chunk()
            && crc32fast::hash(content) != u32::from_be_bytes(*checksum)
        {
            return Err(DecodeError::Checksum);
        }
        let message = read_message_from(whole).map_err(|error| DecodeError::Malformed(error.to_string()))?;
        if let Some(frame) = interpret(&message)? {
            return Ok(Some(frame));
        }
    }
}

/// The length that the prelude states, once it is there and its own checksum holds.
fn frame_length(buffer: &[u8]) -> Result<Option<usize>, DecodeError> {
    let Some(prelude) = buffer.first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
    let [a, b, c, d, _, _, _, _, w, x, y, z] = *prelude;
    if crc32fast::hash(&prelude[..8]) != u32::from_be_bytes([w, x, y, z]) {
        return Err(DecodeError::Checksum);
    }
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(DecodeError::TooLong(length));
    }
    if length < PRELUDE_BYTES + CHECKSUM_BYTES {
        return Err(DecodeError::Malformed(format!("a length of {length} bytes")));
    }
    Ok(Some(length))
}

/// What a message means; `None` for event types that carry no chunk, which later versions may add.
fn interpret(message: &Message) -> Result<Option<Frame>, DecodeError> {
    match header(message, ":message-type") {
        Some("event") if header(message, ":event-type") == Some("chunk") => chunk(message.payload()).map(Some),
        Some("event") => Ok(None),
        Some("exception") => Ok(Some(exception(message, ":exception-type"))),
        Some("error") => Ok(Some(exception(message, ":error-code"))),
        other => Err(DecodeError::Malformed(format!("message type {other:?}"))),
    }
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
    header.value().as_string().ok().map(StrBytes::as_str)
}

/// `{"bytes":"<base64 of the event's JSON>","p":"padding"}`.
fn chunk(payload: &[u8]) -> Result<Frame, DecodeError> {
    #[derive(Deserialize)]
    struct Chunk<'a> {
        /// Owned only where the base64's slashes are escaped.
        #[serde(borrow)]
        bytes: Cow<'a, str>,
    }
    let malformed = |what: &dyn std::fmt::Display| DecodeError::Malformed(format!("a chunk's payload: {what}"));
    let chunk: Chunk<'_> = serde_json::from_slice(payload).map_err(|error| malformed(&error))?;
    let json = STANDARD.decode(chunk.bytes.as_bytes()).map_err(|error| malformed(&error))?;
    Ok(Frame::Event(Bytes::from(json)))
}

fn exception(message: &Message, name_header: &str) -> Frame {
    #[derive(Deserialize)]
    struct Body {
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    let name = header(message, name_header).unwrap_or("unknownException").to_owned();
    let body = serde_json::from_slice::<Body>(message.payload()).ok().and_then(|body| body.message);
    let text = body
        .or_else(|| header(message, ":error-message").map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(message.payload()).into_owned());
    Frame::Exception { name, message: text }
}
