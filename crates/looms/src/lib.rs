//! The product: configuration, command line, the turn loop and every front door.
//!
//! One request crosses three of our frames: a front door ([`grpc`], [`gateway`], [`cli`]) decodes it, a [`turn`] runs it,
//! `claude` talks to upstream. Front doors know no upstream, and turns know no door.

pub mod cli;
pub mod config;
pub mod emulate;
pub mod error;
pub mod gateway;
pub mod grpc;
pub mod guard;
pub mod http;
pub mod listen;
pub mod log;
pub mod loom;
pub mod server;
pub mod turn;
