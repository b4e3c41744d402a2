//! The store as its users see it: what can be asked, and of whom (the writer or a reader) it is asked.

use std::{io, path::PathBuf, sync::Arc};

use crate::{
    error::StoreError,
    message::{Appended, TurnRecord},
    session::{Conversation, HistoryPage, NewSession, Page, Session, SessionFilter, SessionPage},
    sqlite::{Limits, open, reader::Readers, sessions, writer::Writer},
};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file. It is made (mode 0600, its directory 0700) if it does not exist.
    pub path: PathBuf,
    /// How durable an acknowledged write is.
    pub synchronous: Synchronous,
}

/// How durable an acknowledged write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// It survives a power cut: one flush to the disk for each group of writes.
    Full,
    /// It survives the end of the process, but a power cut may take the last ones.
    Normal,
}

/// What the writer has done since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Writes that were applied, the failed ones included.
    pub writes: u64,
    /// Transactions that were committed: fewer than the writes when they came close together.
    pub commits: u64,
}

/// An open database of sessions. A clone is another handle on the same one.
///
/// Dropping the last handle closes the database after the writes that are queued; [`Store::close`] waits for that. A write
/// whose future is dropped once it was queued still happens.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Writer,
    readers: Readers,
}

impl Store {
    /// Opens the database, and makes it or brings it to this release's schema first where that is needed.
    ///
    /// # Errors
    /// [`StoreError::NewerVersion`] leaves the file as it was. Otherwise [`StoreError::Open`], [`StoreError::Corrupt`], or
    /// [`StoreError::Busy`] while another process migrates it.
    pub async fn open(options: Options) -> Result<Self, StoreError> {
        let path = Arc::from(options.path.as_path());
        let opened = tokio::task::spawn_blocking(move || open::read_write(&options, Limits::DEFAULT)).await;
        let connection = opened.map_err(|error| StoreError::io(&path, io::Error::other(error)))??;
        let writer = Writer::start(connection, Arc::clone(&path), Limits::DEFAULT)?;
        let readers = Readers::new(path, Limits::DEFAULT);
        Ok(Self { inner: Arc::new(Inner { writer, readers }) })
    }

    /// Makes a session without messages.
    ///
    /// # Errors
    /// [`StoreError::SessionExists`] if the owner has one of this id.
    pub async fn create_session(&self, new: NewSession) -> Result<Session, StoreError> {
        let id = new.id.clone();
        let created = self.inner.writer.submit(move |connection| sessions::create(connection, new)).await?;
        created.ok_or(StoreError::SessionExists { id })
    }

    /// The owner's session of this id.
    ///
    /// # Errors
    /// Those of any read: [`StoreError::Busy`], [`StoreError::Corrupt`], [`StoreError::Sqlite`], [`StoreError::Closed`].
    pub async fn session(&self, owner: &str, id: &str) -> Result<Option<Session>, StoreError> {
        let (owner, id) = (owner.to_owned(), id.to_owned());
        self.inner.readers.read(move |connection| sessions::find(connection, &owner, &id)).await
    }

    /// Deletes a session and its messages; `false` if the owner has none of this id.
    ///
    /// # Errors
    /// Those of any write: see [`Store::append_turn`].
    pub async fn delete_session(&self, owner: &str, id: &str) -> Result<bool, StoreError> {
        let (owner, id) = (owner.to_owned(), id.to_owned());
        self.inner.writer.submit(move |connection| sessions::delete(connection, &owner, &id)).await
    }

    /// The owner's sessions that match, newest first.
    ///
    /// # Errors
    /// Those of any read: see [`Store::session`].
    pub async fn list_sessions(
        &self,
        owner: &str,
        filter: SessionFilter,
        page: Page,
    ) -> Result<SessionPage, StoreError> {
        let owner = owner.to_owned();
        self.inner.readers.read(move |connection| sessions::list(connection, &owner, &filter, page)).await
    }

    /// A page of a session's messages, oldest first; `None` if the owner has no session of this id.
    ///
    /// # Errors
    /// Those of any read: see [`Store::session`].
    pub async fn history(&self, owner: &str, id: &str, page: Page) -> Result<Option<HistoryPage>, StoreError> {
        let (owner, id) = (owner.to_owned(), id.to_owned());
        self.inner.readers.read(move |connection| sessions::history(connection, &owner, &id, page)).await
    }

    /// A session with all of its messages; `None` if the owner has no session of this id.
    ///
    /// # Errors
    /// Those of any read: see [`Store::session`].
    pub async fn conversation(&self, owner: &str, id: &str) -> Result<Option<Conversation>, StoreError> {
        let (owner, id) = (owner.to_owned(), id.to_owned());
        self.inner.readers.read(move |connection| sessions::conversation(connection, &owner, &id)).await
    }

    /// Adds a turn's messages to their session and the session's totals with them, durably when it returns.
    ///
    /// Turns of one session are stored in the order in which they were asked for; who asks when is the caller's to order.
    ///
    /// # Errors
    /// Nothing was written on [`StoreError::Busy`], [`StoreError::Closed`] and [`StoreError::Sqlite`];
    /// [`StoreError::Unanswered`] leaves it open.
    pub async fn append_turn(&self, turn: TurnRecord) -> Result<Appended, StoreError> {
        self.inner.writer.submit(move |connection| sessions::append_turn(connection, &turn)).await
    }

    /// What the writer has done so far.
    pub fn stats(&self) -> Stats {
        self.inner.writer.stats()
    }

    /// Takes no more work, finishes the writes that are queued and closes the file. May be called more than once.
    ///
    /// # Errors
    /// [`StoreError::Unanswered`] if that took longer than its deadline; the writer goes on with it all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.readers.close();
        self.inner.writer.close().await
    }
}
