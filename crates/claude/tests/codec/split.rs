//! A socket gives bytes in any pieces: none of them changes what is read.

use claude::{Decoder, Frame};
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::{collection, prop_assert_eq};

use crate::golden::{CONVERSATIONS, drain, frames, streams};

/// What comes out when the stream comes in these pieces, each asked for its frames at once.
fn in_pieces<'a>(mut decoder: Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut found = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        found.extend(drain(&mut decoder));
    }
    found
}

/// Cuts `bytes` at these places.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

#[test]
fn every_split_in_two_gives_the_same_frames() {
    for name in CONVERSATIONS {
        for (bytes, decoder) in streams(name) {
            let whole = frames(decoder(), &bytes);
            assert!(whole.len() >= 10, "{name}");
            for at in 0..=bytes.len() {
                let (head, tail) = bytes.split_at(at);
                assert_eq!(in_pieces(decoder(), [head, tail]), whole, "{name} split at {at}");
            }
        }
    }
}

#[test]
fn byte_by_byte_gives_the_same_frames() {
    for name in CONVERSATIONS {
        for (bytes, decoder) in streams(name) {
            assert_eq!(in_pieces(decoder(), bytes.chunks(1)), frames(decoder(), &bytes), "{name}");
        }
    }
}

#[test]
fn a_stream_that_stops_anywhere_gives_its_whole_frames_and_nothing_else() {
    for name in CONVERSATIONS {
        for (bytes, decoder) in streams(name) {
            let whole = frames(decoder(), &bytes);
            let mut found = 0;
            for length in 1..bytes.len() {
                let cut = frames(decoder(), &bytes[..length]);
                assert!(cut.len() - found <= 1 && cut == whole[..cut.len()], "{name} cut at {length}");
                found = cut.len();
            }
            assert_eq!(found, whole.len() - 1, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_give_the_same_frames(
        name in 0..CONVERSATIONS.len(),
        framing in 0..2_usize,
        places in collection::vec(any::<usize>(), 0..40),
    ) {
        let (bytes, decoder) = &streams(CONVERSATIONS[name])[framing];
        prop_assert_eq!(in_pieces(decoder(), cut(bytes, &places)), frames(decoder(), bytes));
    }
}
