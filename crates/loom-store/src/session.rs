//! A session, and the pages in which sessions and their messages are read.

use std::collections::BTreeMap;

use crate::message::Message;

/// A session to be made, without messages as yet.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The caller's identity, empty where there is none. Ids are unique per owner.
    pub owner: String,
    /// Its id.
    pub id: String,
    /// Its name, which may be empty.
    pub name: String,
    /// The agent that serves it.
    pub agent_id: String,
    /// The caller's own notes on it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made, in Unix milliseconds.
    pub at_ms: i64,
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, unique per owner.
    pub id: String,
    /// Its name, which may be empty.
    pub name: String,
    /// The agent that serves it.
    pub agent_id: String,
    /// The caller's own notes on it.
    pub metadata: BTreeMap<String, String>,
    /// The provider chosen for this session instead of the configured one.
    pub provider: Option<String>,
    /// The model chosen for this session instead of the configured one.
    pub model: Option<String>,
    /// When it was made, in Unix milliseconds.
    pub created_at_ms: i64,
    /// When its last turn ended, in Unix milliseconds; never goes back.
    pub updated_at_ms: i64,
    /// How many messages it has.
    pub message_count: i64,
    /// The sum of its priced messages, in pico-dollars.
    pub total_cost_pico: i64,
    /// Whether some message was unpriced, so that the total is a lower bound.
    pub has_unpriced: bool,
}

impl Session {
    /// The state that every session is in.
    pub const STATE: &'static str = "active";
    /// The backend of every session: none.
    pub const BACKEND: &'static str = "";
}

/// Which sessions of an owner to list: those that match every field that is given.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Only sessions in this state; see [`Session::STATE`].
    pub state: Option<String>,
    /// Only sessions of this backend; see [`Session::BACKEND`].
    pub backend: Option<String>,
    /// Only sessions of this agent.
    pub agent_id: Option<String>,
}

/// Which part of a list to read.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// How many entries to skip.
    pub offset: u32,
    /// How many entries to return at most.
    pub limit: u32,
}

impl Page {
    /// Everything.
    pub const ALL: Self = Self { offset: 0, limit: u32::MAX };
}

/// One page of a listing, newest `updated_at_ms` first and among equals the session made last.
#[derive(Debug, Clone, Default)]
pub struct SessionPage {
    /// The sessions of the page.
    pub sessions: Vec<Session>,
    /// How many sessions match, whatever the page.
    pub total: i64,
}

/// One page of a session's messages, oldest first.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// The messages of the page.
    pub messages: Vec<Message>,
    /// How many messages the session has, whatever the page.
    pub total: i64,
}

/// A session with all of its messages, oldest first, as of one moment.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// The session.
    pub session: Session,
    /// Its messages.
    pub messages: Vec<Message>,
}
