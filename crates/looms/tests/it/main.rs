//! The server as its callers see it: the real one in process, on real sockets, with the Bedrock emulator as its upstream.
//!
//! What the HTTP gateway does by itself is in `tests/gateway`, the configuration in `tests/config.rs`, the program in
//! `tests/cli`.

#![cfg(test)]

mod boundary;
mod callers;
mod connections;
mod conversation;
mod disconnect;
mod faults;
mod guard;
mod queue;
mod requests;
mod services;
mod sessions;
mod shutdown;
mod stream;
mod support;
mod weave;
