//! Bytes to frames, frames to events, events to a message: the codec at its boundaries.
//!
//! The streams under `golden/` were not written by this crate's codec: `writer` makes them by hand from `*.jsonl`.

#![cfg(test)]

mod damage;
mod event_stream;
mod exception;
mod golden;
mod message;
mod split;
mod sse;
mod writer;
