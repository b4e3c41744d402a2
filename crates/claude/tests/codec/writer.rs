//! Writes streams by hand, from the specifications: nothing in here is shared with the codec under test.
//!
//! A frame is `total length, headers length, CRC-32 of both, headers, payload, CRC-32 of all before`, numbers big-endian
//! (<https://smithy.io/2.0/aws/amazon-eventstream.html>).

/// The value of a frame's header, by the type that the specification numbers from 0.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Bool(bool),
    Byte(i8),
    Short(i16),
    Integer(i32),
    Long(i64),
    Bytes(Vec<u8>),
    Text(String),
    Timestamp(i64),
    Uuid([u8; 16]),
    /// Bytes as they stand, the type's number included.
    Raw(Vec<u8>),
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        let mut typed = |number: u8, bytes: &[u8]| {
            out.push(number);
            out.extend_from_slice(bytes);
        };
        match self {
            Self::Bool(true) => typed(0, &[]),
            Self::Bool(false) => typed(1, &[]),
            Self::Byte(value) => typed(2, &value.to_be_bytes()),
            Self::Short(value) => typed(3, &value.to_be_bytes()),
            Self::Integer(value) => typed(4, &value.to_be_bytes()),
            Self::Long(value) => typed(5, &value.to_be_bytes()),
            Self::Bytes(value) => typed(6, &counted(value)),
            Self::Text(value) => typed(7, &counted(value.as_bytes())),
            Self::Timestamp(value) => typed(8, &value.to_be_bytes()),
            Self::Uuid(value) => typed(9, value),
            Self::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

/// A header with a string, as all of AWS's are.
pub(crate) fn text(name: &'static str, value: &str) -> (&'static str, Value) {
    (name, Value::Text(value.to_owned()))
}

/// Headers in the bytes of a frame.
pub(crate) fn header_bytes(headers: &[(&str, Value)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(u8::try_from(name.len()).unwrap());
        bytes.extend_from_slice(name.as_bytes());
        value.write(&mut bytes);
    }
    bytes
}

/// A frame of these headers and this payload.
pub(crate) fn frame(headers: &[(&str, Value)], payload: &[u8]) -> Vec<u8> {
    let headers = header_bytes(headers);
    sealed(headers.len(), &[headers, payload.to_vec()].concat())
}

/// A frame whose checksums are right, whatever its inside is: `inside` is headers and payload, of which the prelude says
/// that `header_length` bytes are headers.
pub(crate) fn sealed(header_length: usize, inside: &[u8]) -> Vec<u8> {
    let mut frame = prelude(inside.len() + 16, header_length);
    frame.extend_from_slice(inside);
    frame.extend_from_slice(&crc32(&frame).to_be_bytes());
    frame
}

/// A prelude with its checksum.
pub(crate) fn prelude(total_length: usize, header_length: usize) -> Vec<u8> {
    let lengths = [total_length, header_length].map(|length| u32::try_from(length).unwrap().to_be_bytes()).concat();
    let checksum = crc32(&lengths);
    [lengths, checksum.to_be_bytes().to_vec()].concat()
}

/// The headers of a chunk.
pub(crate) fn chunk_headers() -> Vec<(&'static str, Value)> {
    vec![text(":event-type", "chunk"), text(":content-type", "application/json"), text(":message-type", "event")]
}

/// An event as Bedrock frames it.
pub(crate) fn chunk(json: &str) -> Vec<u8> {
    frame(&chunk_headers(), format!(r#"{{"bytes":"{}","p":"abcdefgh"}}"#, base64(json.as_bytes())).as_bytes())
}

/// An exception as Bedrock frames it.
pub(crate) fn exception(name: &str, payload: &str) -> Vec<u8> {
    let kind = text(":exception-type", name);
    let headers = [kind, text(":content-type", "application/json"), text(":message-type", "exception")];
    frame(&headers, payload.as_bytes())
}

/// An event as Anthropic sends it.
pub(crate) fn server_sent(json: &str) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    format!("event: {}\ndata: {json}\n\n", value["type"].as_str().unwrap()).into_bytes()
}

/// RFC 4648, section 4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// CRC-32 as zip has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn the_writer_agrees_with_the_specifications_vectors() {
    // `empty_message` of the event-stream test suite that AWS's SDKs share, and RFC 4648, section 10.
    assert_eq!(frame(&[], b""), [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff]);
    assert_eq!(
        ["", "f", "fo", "foo", "foobar"].map(|text| base64(text.as_bytes())),
        ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYmFy"]
    );
}
