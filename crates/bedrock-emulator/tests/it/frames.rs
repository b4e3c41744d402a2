//! A decoder for event-stream frames that trusts nothing.

use std::collections::HashMap;

use base64::Engine as _;
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) payload: Value,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    Incomplete,
    PreludeChecksum,
    MessageChecksum,
}

impl Frame {
    /// The Messages event inside a chunk.
    pub(crate) fn event(&self) -> Value {
        assert_eq!(self.headers[":message-type"], "event");
        assert_eq!(self.headers[":event-type"], "chunk");
        assert_eq!(self.headers[":content-type"], "application/json");
        assert!(!self.payload["p"].as_str().unwrap().is_empty());
        let bytes = base64::engine::general_purpose::STANDARD.decode(self.payload["bytes"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// All frames up to the first defect.
pub(crate) fn decode(mut bytes: &[u8]) -> (Vec<Frame>, Option<Defect>) {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        match decode_one(bytes) {
            Ok((frame, rest)) => {
                frames.push(frame);
                bytes = rest;
            }
            Err(defect) => return (frames, Some(defect)),
        }
    }
    (frames, None)
}

fn decode_one(bytes: &[u8]) -> Result<(Frame, &[u8]), Defect> {
    let number = |at: usize| {
        let four = bytes.get(at..at + 4).ok_or(Defect::Incomplete)?;
        Ok(u32::from_be_bytes(four.try_into().unwrap()))
    };
    let (total, headers_length) = (number(0)? as usize, number(4)? as usize);
    if number(8)? != crc32fast::hash(&bytes[..8]) {
        return Err(Defect::PreludeChecksum);
    }
    if number(total - 4)? != crc32fast::hash(&bytes[..total - 4]) {
        return Err(Defect::MessageChecksum);
    }
    let mut headers = HashMap::new();
    let mut rest = &bytes[12..12 + headers_length];
    while !rest.is_empty() {
        let name_end = 1 + rest[0] as usize;
        assert_eq!(rest[name_end], 7, "only string headers are sent");
        let length = u16::from_be_bytes([rest[name_end + 1], rest[name_end + 2]]) as usize;
        let value_end = name_end + 3 + length;
        let text = |range: &[u8]| String::from_utf8(range.to_vec()).unwrap();
        headers.insert(text(&rest[1..name_end]), text(&rest[name_end + 3..value_end]));
        rest = &rest[value_end..];
    }
    let payload = serde_json::from_slice(&bytes[12 + headers_length..total - 4]).unwrap();
    Ok((Frame { headers, payload }, &bytes[total..]))
}
