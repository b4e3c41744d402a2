//! From bytes to the JSON of events, for both framings: SSE and AWS event streams.
//!
//! A decoder is fed whatever the socket gave, in any split, and yields whole frames. It knows nothing of what the JSON
//! means.

mod event_stream;
mod sse;

use bytes::{Bytes, BytesMut};
use thiserror::Error;

/// The longest frame or SSE line that is accepted. AWS allows 16 MiB of payload in an event-stream message; a length
/// beyond it is damage, not data.
pub const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The JSON of one event.
    Event(Bytes),
    /// An exception that upstream raised in mid-stream.
    Exception {
        /// AWS's name of it, such as `throttlingException`.
        name: String,
        /// AWS's message.
        message: String,
    },
}

/// Why bytes could not be read as frames. The stream is lost from there on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A checksum does not match: the bytes were damaged on their way.
    #[error("a frame's checksum does not match")]
    Checksum,
    /// A frame or line is longer than [`MAX_FRAME_BYTES`].
    #[error("a frame of {0} bytes is longer than the {MAX_FRAME_BYTES} that are accepted")]
    TooLong(usize),
    /// A frame is whole but not of the expected shape.
    #[error("a frame cannot be read: {0}")]
    Malformed(String),
}

/// Bytes in, frames out.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    buffer: BytesMut,
    /// Why the bytes could not be read any further: what stands behind damage is no frame, even if it looks like one.
    damage: Option<DecodeError>,
}

#[derive(Debug)]
enum Framing {
    EventStream,
    Sse(sse::Lines),
}

impl Decoder {
    /// For `application/vnd.amazon.eventstream`.
    pub fn event_stream() -> Self {
        Self { framing: Framing::EventStream, buffer: BytesMut::new(), damage: None }
    }

    /// For `text/event-stream`.
    pub fn sse() -> Self {
        Self { framing: Framing::Sse(sse::Lines::default()), buffer: BytesMut::new(), damage: None }
    }

    /// Takes what the socket gave.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// When the bytes cannot be frames; nothing after that can be trusted, and the error stays.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        let next = match &mut self.framing {
            Framing::EventStream => event_stream::next_frame(&mut self.buffer),
            Framing::Sse(lines) => lines.next_frame(&mut self.buffer),
        };
        next.inspect_err(|damage| self.damage = Some(damage.clone()))
    }
}
