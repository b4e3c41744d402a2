//! AWS's event-stream frames, written by hand from the [event stream encoding].
//!
//! A frame is `total length, headers length, CRC-32 of both, headers, payload, CRC-32 of all before`, numbers big-endian.
//! Frames can be damaged on purpose. What the payload means is not known here.
//!
//! [event stream encoding]: https://smithy.io/2.0/aws/amazon-eventstream.html

use bytes::{BufMut, Bytes, BytesMut};

/// Prelude with its checksum, and the checksum at the end.
const OVERHEAD_BYTES: usize = 12 + 4;

/// The header value type of a string.
const STRING: u8 = 7;

/// Which checksum of a frame is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    None,
    Prelude,
    Message,
}

/// A frame with string headers.
pub(crate) fn encode(headers: &[(&str, &str)], payload: &[u8], damage: Damage) -> Bytes {
    let header_bytes: usize = headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len()).sum();
    let total_bytes = OVERHEAD_BYTES + header_bytes + payload.len();
    let mut frame = BytesMut::with_capacity(total_bytes);
    frame.put_u32(length(total_bytes));
    frame.put_u32(length(header_bytes));
    frame.put_u32(checksum(&frame, damage == Damage::Prelude));
    for (name, value) in headers {
        frame.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        frame.put_slice(name.as_bytes());
        frame.put_u8(STRING);
        frame.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        frame.put_slice(value.as_bytes());
    }
    frame.put_slice(payload);
    frame.put_u32(checksum(&frame, damage == Damage::Message));
    frame.freeze()
}

/// Frames here are made from requests of 25 MB at most, so the lengths fit; a longer one would be refused by its reader.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn checksum(bytes: &[u8], damaged: bool) -> u32 {
    let crc = crc32fast::hash(bytes);
    if damaged { !crc } else { crc }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_frame_of_the_specifications_test_vectors() {
        // The `empty_message` vector of the AWS SDKs' event-stream test suite.
        let expected = [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(encode(&[], b"", Damage::None).as_ref(), expected);
    }

    #[test]
    fn damage_touches_one_checksum_only() {
        let good = encode(&[(":message-type", "event")], b"{}", Damage::None);
        let prelude = encode(&[(":message-type", "event")], b"{}", Damage::Prelude);
        let message = encode(&[(":message-type", "event")], b"{}", Damage::Message);
        assert_ne!(good[8..12], prelude[8..12]);
        assert_eq!(good[..good.len() - 4], message[..message.len() - 4]);
        assert_ne!(good[good.len() - 4..], message[message.len() - 4..]);
    }
}
