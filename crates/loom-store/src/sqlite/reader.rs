//! The readers: a few read-only connections, each used by one caller at a time on the runtime's blocking threads.
//!
//! A reader sees every write that was acknowledged before it began. It must not know any table.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{Limits, open};
use crate::error::StoreError;

/// The pool. Connections are opened when they are first needed: a process that only writes has none.
#[derive(Debug)]
pub(crate) struct Readers {
    path: Arc<Path>,
    limits: Limits,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(crate) fn new(path: Arc<Path>, limits: Limits) -> Self {
        Self { path, limits, permits: Arc::new(Semaphore::new(limits.readers)), idle: Arc::default() }
    }

    /// Has `work` done on one snapshot of the database.
    pub(crate) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let answered = timeout(self.limits.read, self.read_when_free(work)).await;
        answered.unwrap_or_else(|_| Err(StoreError::Busy { path: self.path.to_path_buf() }))
    }

    async fn read_when_free<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let closed = || StoreError::Closed { path: self.path.to_path_buf() };
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let (path, limits, idle) = (Arc::clone(&self.path), self.limits, Arc::clone(&self.idle));
        let permits = Arc::clone(&self.permits);
        let reading = spawn_blocking(move || {
            // Kept here rather than by the caller, who may be gone before the connection is free again.
            let _permit = permit;
            let taken = lock(&idle).pop();
            let connection = match taken {
                Some(connection) => connection,
                None => open::read_only(&path, limits)?,
            };
            let outcome = in_snapshot(&connection, work);
            if !permits.is_closed() {
                lock(&idle).push(connection);
            }
            outcome
        });
        // The task fails only when the runtime ends.
        let outcome = reading.await.map_err(|_| closed())?;
        outcome.map_err(|error| StoreError::sqlite(&self.path, error))
    }

    /// Refuses new reads and closes the connections that nobody uses; the others close when they are done.
    pub(crate) fn close(&self) {
        self.permits.close();
        lock(&self.idle).clear();
    }
}

/// A list of connections is whole at any moment, so that a panic elsewhere takes nothing from it.
fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

fn in_snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}
