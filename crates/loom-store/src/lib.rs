//! Sessions, kept durably.
//!
//! This crate owns what is stored of a session and how: its row, its messages, their order, and the promise that what was
//! acknowledged is there after a `kill -9` and a power cut. It must not know what the content blocks mean, what a token
//! costs, who may call, or how a request came in. Times are given to it; it never looks at a clock.
//!
//! The types of [`session`](Session) and [`message`](Message) and the calls of [`Store`] say nothing of SQLite: everything
//! that does is in the private module `sqlite`.
//!
//! A [`Store`] must be used within a Tokio runtime with its timer enabled; it never blocks the runtime's threads.

mod error;
mod message;
mod session;
mod sqlite;
mod store;

pub use crate::{
    error::StoreError,
    message::{Appended, Message, Role, TurnRecord, Usage},
    session::{Conversation, HistoryPage, NewSession, Page, Session, SessionFilter, SessionPage},
    store::{Options, Stats, Store, Synchronous},
};
