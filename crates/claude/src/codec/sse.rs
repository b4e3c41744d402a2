//! Server-sent events, as far as the Messages API uses them: `data:` lines make an event, a blank line ends it. Event
//! names, ids and comments carry nothing that the JSON does not.

use bytes::{Bytes, BytesMut};

use super::{DecodeError, Frame, MAX_FRAME_BYTES};

#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The `data:` of the event that is being read.
    data: Option<Vec<u8>>,
    /// How far the buffer was searched for a line's end.
    searched: usize,
    /// A byte order mark may open the stream, and nothing else may.
    begun: bool,
}

impl Lines {
    pub(super) fn next_frame(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        while let Some(line) = self.next_line(buffer)? {
            if line.is_empty() {
                match self.data.take() {
                    Some(data) => return Ok(Some(Frame::Event(Bytes::from(data)))),
                    None => continue,
                }
            }
            self.field(&line)?;
        }
        Ok(None)
    }

    /// The next line without its end. Lines end with LF or CR LF; the API never sends a bare CR.
    fn next_line(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, DecodeError> {
        let fresh = buffer.get(self.searched..).unwrap_or_default();
        let Some(offset) = fresh.iter().position(|byte| *byte == b'\n') else {
            self.searched = buffer.len();
            return if buffer.len() > MAX_FRAME_BYTES { Err(DecodeError::TooLong(buffer.len())) } else { Ok(None) };
        };
        let mut line = buffer.split_to(self.searched + offset + 1);
        self.searched = 0;
        line.truncate(line.len() - 1);
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(b"\xef\xbb\xbf") {
            let _mark = line.split_to(3);
        }
        Ok(Some(line))
    }

    fn field(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        let Some(value) = line.strip_prefix(b"data:") else { return Ok(()) };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => self.data = Some(value.to_vec()),
        }
        let length = self.data.as_ref().map_or(0, Vec::len);
        if length > MAX_FRAME_BYTES { Err(DecodeError::TooLong(length)) } else { Ok(()) }
    }
}
