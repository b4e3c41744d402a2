//! The one upstream call that everything here makes: its path, its body, and where frames end.

use bytes::Bytes;

/// The path of InvokeModelWithResponseStream for the server's default model.
pub(super) const PATH: &str = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream";

/// The region that requests are signed for.
pub(super) const REGION: &str = "us-west-2";

/// What is asked, in every way of asking.
pub(super) const QUESTION: &str = "Say hello to everybody who measures this, and take your time.";

/// The events of an answer around its texts: `message_start`, `content_block_start` and a `ping` stand before the first.
pub(super) const FRAMES_TO_FIRST_TEXT: usize = 4;

/// What the server sends upstream for [`QUESTION`], so that the bare proxy has the same to hash and to send.
pub(super) fn body() -> Bytes {
    let body = serde_json::json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}],
    });
    Bytes::from(body.to_string())
}

/// Counts whole event-stream frames in bytes that come in any split.
#[derive(Debug, Default)]
pub(super) struct FrameCount {
    pub(super) whole: usize,
    /// The length that the current frame's first four bytes state, as far as they are there.
    length: [u8; 4],
    /// How much of the current frame has come.
    position: usize,
}

impl FrameCount {
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let Some(slot) = self.length.get_mut(self.position) {
                *slot = byte;
                self.position += 1;
                bytes = rest;
                continue;
            }
            let total = u32::from_be_bytes(self.length) as usize;
            let missing = total.saturating_sub(self.position).max(1);
            let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
            self.position += taken.len();
            if self.position >= total {
                self.whole += 1;
                self.position = 0;
            }
            bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_in_any_split() {
        let frame = [0, 0, 0, 16, 0, 0, 0, 0, 5, 194, 72, 235, 125, 152, 200, 255];
        let bytes = frame.repeat(3);
        for split in 1..bytes.len() {
            let mut count = FrameCount::default();
            bytes.chunks(split).for_each(|chunk| count.push(chunk));
            assert_eq!(count.whole, 3, "in pieces of {split}");
            count.push(&frame[..15]);
            assert_eq!(count.whole, 3);
        }
    }
}
