//! Bytes that nobody meant: whatever comes, the decoder answers, and never with more than it was given.

use claude::{DecodeError, Decoder, Event, Frame};
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use proptest::sample::Index;
use proptest::{collection, prop_assert_eq};

use crate::golden::{CONVERSATIONS, streams};
use crate::writer::sealed;

/// Reads all there is. What was read is no longer than what was given, and an error is the end.
fn read(mut decoder: Decoder, pieces: &[&[u8]]) -> Result<(), DecodeError> {
    let (mut given, mut taken) = (0, 0);
    for piece in pieces {
        decoder.push(piece);
        given += piece.len();
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => taken += length_of(&frame),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.next_frame(), Err(error.clone()));
                    return Err(error);
                }
            }
            assert!(taken <= given, "{taken} bytes from {given}");
        }
    }
    Ok(())
}

/// An event's JSON is parsed as well: damage that passes the frames must not panic behind them.
fn length_of(frame: &Frame) -> usize {
    match frame {
        Frame::Event(json) => {
            let _ = Event::parse(json);
            json.len()
        }
        // The name is a header of the frame or a word of ours, and damaged text grows where it is made readable.
        Frame::Exception { .. } => 0,
    }
}

fn decoders() -> [Decoder; 2] {
    [Decoder::event_stream(), Decoder::sse()]
}

/// Something that happens to a stream on its way.
#[derive(Debug, Clone)]
enum Mutation {
    Flip(Index, u8),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize),
    Truncate(Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &Index, bytes: &[u8]| index.index(bytes.len() + 1);
        let end = |start: usize, count: usize, bytes: &[u8]| (start + count).min(bytes.len());
        match self {
            Self::Flip(index, bits) if !bytes.is_empty() => {
                let place = index.index(bytes.len());
                bytes[place] ^= bits;
            }
            Self::Flip(..) => {}
            Self::Remove(index, count) => {
                let start = at(index, bytes);
                bytes.drain(start..end(start, *count, bytes));
            }
            Self::Insert(index, new) => {
                let start = at(index, bytes);
                bytes.splice(start..start, new.iter().copied());
            }
            Self::Repeat(index, count) => {
                let start = at(index, bytes);
                bytes.extend_from_within(start..end(start, *count, bytes));
            }
            Self::Truncate(index) => bytes.truncate(at(index, bytes)),
        }
    }
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let one = proptest::prop_oneof![
        (any::<Index>(), 1..=u8::MAX).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        (any::<Index>(), 1..64_usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (any::<Index>(), collection::vec(any::<u8>(), 1..32)).prop_map(|(at, new)| Mutation::Insert(at, new)),
        (any::<Index>(), 1..512_usize).prop_map(|(at, count)| Mutation::Repeat(at, count)),
        any::<Index>().prop_map(Mutation::Truncate),
    ];
    collection::vec(one, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in collection::vec(any::<u8>(), 0..512), at in any::<Index>()) {
        let (head, tail) = bytes.split_at(at.index(bytes.len() + 1));
        for decoder in decoders() {
            let _ = read(decoder, &[head, tail]);
        }
    }

    #[test]
    fn a_good_stream_after_any_accident_is_answered(
        name in 0..CONVERSATIONS.len(),
        mutations in mutations(),
    ) {
        for (mut bytes, decoder) in streams(CONVERSATIONS[name]) {
            for mutation in &mutations {
                mutation.apply(&mut bytes);
            }
            let _ = read(decoder(), &[&bytes]);
        }
    }

    /// Right checksums let the parser of headers and payloads see anything.
    #[test]
    fn a_frame_of_anything_is_answered(
        header_length in 0..80_usize,
        inside in collection::vec(any::<u8>(), 0..80),
    ) {
        let found = read(Decoder::event_stream(), &[&sealed(header_length, &inside)]);
        prop_assert_eq!(found == Err(DecodeError::Checksum), false);
    }

    /// The same with headers that begin well: a name, a type, and then anything.
    #[test]
    fn a_header_of_anything_is_answered(
        name in "[a-z:-]{0,12}",
        kind in 0..12_u8,
        value in collection::vec(any::<u8>(), 0..40),
        less in 0..8_usize,
    ) {
        let name_length = u8::try_from(name.len()).unwrap();
        let header = [&[name_length], name.as_bytes(), &[kind], &value].concat();
        let _ = read(Decoder::event_stream(), &[&sealed(header.len().saturating_sub(less), &header)]);
    }

    #[test]
    fn any_json_of_an_event_is_answered(json in r#"\{"type":"[a-z_]{0,20}","(delta|message|index|usage|error)":.{0,40}\}"#) {
        let _ = Event::parse(json.as_bytes());
    }
}
