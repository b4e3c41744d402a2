//! The writer: one thread that owns the only connection that writes, and commits what is queued in groups.
//!
//! One flush to the disk then serves every caller that waits for one. It must not know any table: work comes as a closure
//! over the open transaction.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use rusqlite::Connection;
use tokio::{
    sync::{
        mpsc::{self, error::SendTimeoutError},
        oneshot, watch,
    },
    time::timeout,
};

use super::Limits;
use crate::{error::StoreError, store::Stats};

/// Queued work. Given the open transaction, or the reason why there is none, it does its statements and returns what is to
/// be called once the fate of the group is known.
type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

enum Command {
    Run(Job),
    Close,
}

/// The callers' end of the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    path: Arc<Path>,
    limits: Limits,
    queue: mpsc::Sender<Command>,
    /// Ends when the thread has closed its connection.
    running: watch::Receiver<()>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    writes: AtomicU64,
    commits: AtomicU64,
}

impl Writer {
    /// Starts the thread. It ends when it is closed or the `Writer` is dropped, after the work that is queued.
    pub(crate) fn start(connection: Connection, path: Arc<Path>, limits: Limits) -> Result<Self, StoreError> {
        let (queue, commands) = mpsc::channel(limits.queue);
        let (alive, running) = watch::channel(());
        let counters = Arc::new(Counters::default());
        let thread = Thread { connection, path: Arc::clone(&path), counters: Arc::clone(&counters) };
        thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                thread.run(commands, limits.group);
                drop(alive);
            })
            .map_err(|error| StoreError::io(&path, error))?;
        Ok(Self { path, limits, queue, running, counters })
    }

    /// Has `work` done within a transaction, and returns its result once that is committed. If `work` fails, what it did is
    /// undone, whatever becomes of its group.
    pub(crate) async fn submit<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let path = Arc::clone(&self.path);
        let job: Job = Box::new(move |transaction| {
            let outcome = transaction.and_then(|connection| {
                in_savepoint(connection, work).map_err(|error| StoreError::sqlite(&path, error))
            });
            Box::new(move |committed| {
                // The caller may have gone: the write stands all the same.
                let _ = reply.send(outcome.and_then(|value| committed.map(|()| value)));
            })
        });
        let path = self.path.to_path_buf();
        match self.queue.send_timeout(Command::Run(job), self.limits.enqueue).await {
            Ok(()) => {}
            Err(SendTimeoutError::Timeout(_)) => return Err(StoreError::Busy { path }),
            Err(SendTimeoutError::Closed(_)) => return Err(StoreError::Closed { path }),
        }
        match timeout(self.limits.answer, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StoreError::Closed { path }),
            Err(_) => Err(StoreError::Unanswered { path }),
        }
    }

    /// Takes no more work and waits until what is queued is done and the connection closed.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let ended = async {
            // Refused only if somebody closes it already; the end is the same.
            let _ = self.queue.send(Command::Close).await;
            let mut running = self.running.clone();
            while running.changed().await.is_ok() {}
        };
        let in_time = timeout(self.limits.close, ended).await;
        in_time.map_err(|_| StoreError::Unanswered { path: self.path.to_path_buf() })
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            writes: self.counters.writes.load(Ordering::Relaxed),
            commits: self.counters.commits.load(Ordering::Relaxed),
        }
    }
}

/// The thread's end of the writer.
struct Thread {
    connection: Connection,
    path: Arc<Path>,
    counters: Arc<Counters>,
}

impl Thread {
    fn run(self, mut queue: mpsc::Receiver<Command>, group: usize) {
        let mut commands = Vec::with_capacity(group);
        let mut jobs = Vec::with_capacity(group);
        // Waits for the first command, takes what has queued up behind it, and gets none once the queue is closed and empty.
        while queue.blocking_recv_many(&mut commands, group) > 0 {
            for command in commands.drain(..) {
                match command {
                    Command::Run(job) => jobs.push(job),
                    Command::Close => queue.close(),
                }
            }
            let mut jobs = jobs.drain(..);
            while jobs.len() > 0 {
                self.commit_group(&mut jobs);
            }
        }
    }

    /// Runs jobs in one transaction, commits it and answers them all. Leaves the rest if the transaction is lost half-way.
    fn commit_group(&self, jobs: &mut impl Iterator<Item = Job>) {
        let connection = &self.connection;
        if let Err(error) = run(connection, "BEGIN IMMEDIATE") {
            let refusal = StoreError::sqlite(&self.path, error);
            jobs.for_each(|job| job(Err(refusal.clone()))(Ok(())));
            return;
        }
        let mut answers = Vec::new();
        for job in jobs {
            answers.push(job(Ok(connection)));
            // SQLite gives up a whole transaction on a full disk and the like. What follows must not run without one.
            if connection.is_autocommit() {
                break;
            }
        }
        let committed = self.commit();
        self.counters.writes.fetch_add(answers.len() as u64, Ordering::Relaxed);
        for answer in answers {
            answer(committed.clone());
        }
    }

    fn commit(&self) -> Result<(), StoreError> {
        let committed = run(&self.connection, "COMMIT");
        if committed.is_ok() {
            self.counters.commits.fetch_add(1, Ordering::Relaxed);
        } else if !self.connection.is_autocommit() {
            // Its own failure would add nothing: the next BEGIN tells.
            let _ = run(&self.connection, "ROLLBACK");
        }
        committed.map_err(|error| {
            tracing::error!(path = %self.path.display(), %error, "commit failed");
            StoreError::sqlite(&self.path, error)
        })
    }
}

/// Does `work` so that its failure undoes itself and nothing else of the transaction.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    run(connection, "SAVEPOINT job")?;
    let worked = work(connection).and_then(|value| run(connection, "RELEASE job").map(|()| value));
    if worked.is_err() && run(connection, "ROLLBACK TO job").and_then(|()| run(connection, "RELEASE job")).is_err() {
        // Half of a job must not be committed. If the transaction is gone already, there is nothing to roll back.
        let _ = run(connection, "ROLLBACK");
    }
    worked
}

fn run(connection: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

#[cfg(test)]
mod tests;
