//! `claude` against the emulator over real sockets: what it sends, what it makes of every failure, when it tries again
//! and when it must not.
//!
//! Nothing here knows the product: the library is used as anyone would use it.

#![cfg(test)]

mod answer;
mod breakage;
mod connection;
mod deadline;
mod refusal;
mod relay;
mod retry;
mod server;
mod support;
mod tls;
mod wire;
