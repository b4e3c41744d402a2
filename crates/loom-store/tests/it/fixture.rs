//! Stores in directories of their own, and turns to put into them.

use std::path::{Path, PathBuf};

use loom_store::{Appended, Message, NewSession, Options, Role, Store, Synchronous, TurnRecord, Usage};
use serde_json::value::RawValue;
use tempfile::TempDir;

/// A directory with a database in it, removed when it is dropped.
pub(crate) struct Database {
    directory: TempDir,
}

impl Database {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("loom.db")
    }

    pub(crate) async fn open(&self) -> Store {
        open(&self.path()).await
    }
}

pub(crate) async fn open(path: &Path) -> Store {
    Store::open(Options { path: path.to_owned(), synchronous: Synchronous::Full }).await.unwrap()
}

pub(crate) fn new_session(owner: &str, id: &str, at_ms: i64) -> NewSession {
    NewSession {
        owner: owner.to_owned(),
        id: id.to_owned(),
        name: String::new(),
        agent_id: "default".to_owned(),
        metadata: [("k".to_owned(), "v".to_owned())].into(),
        at_ms,
    }
}

/// A turn of one question and one answer at 100 pico-dollars, which makes its session where there is none.
pub(crate) fn turn(owner: &str, session_id: &str, text: &str, at_ms: i64) -> TurnRecord {
    TurnRecord {
        owner: owner.to_owned(),
        session_id: session_id.to_owned(),
        create: true,
        agent_id: "default".to_owned(),
        name: "made by a turn".to_owned(),
        at_ms,
        messages: vec![question(text, at_ms), answer(text, at_ms, Some(100))],
    }
}

pub(crate) fn question(text: &str, at_ms: i64) -> Message {
    Message {
        id: format!("q-{text}"),
        role: Role::User,
        content: content(&format!(r#"[{{"type":"text","text":"{text}"}}]"#)),
        at_ms,
        usage: None,
        undelivered: false,
    }
}

pub(crate) fn answer(text: &str, at_ms: i64, cost_pico: Option<i64>) -> Message {
    let usage = Usage {
        provider: "bedrock".to_owned(),
        model: "anthropic.claude-sonnet-4-5-20250929-v1:0".to_owned(),
        input_tokens: 12,
        output_tokens: 20,
        cache_write_5m_tokens: 1,
        cache_write_1h_tokens: 2,
        cache_read_tokens: 3,
        cost_pico,
        estimated: false,
    };
    Message { id: format!("a-{text}"), role: Role::Assistant, usage: Some(usage), ..question(text, at_ms) }
}

pub(crate) fn content(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

pub(crate) async fn append(store: &Store, turn: TurnRecord) -> i64 {
    match store.append_turn(turn).await.unwrap() {
        Appended::Stored { message_count } => message_count,
        Appended::SessionGone => panic!("the session is gone"),
    }
}
