//! Group commit, its failures and its deadlines, with a table of the test's own.

use std::{sync::mpsc as std_mpsc, time::Duration};

use tokio::task::JoinHandle;

use super::*;

const SHORT: Duration = Duration::from_millis(50);

/// A writer over a fresh database with one table `t (n INTEGER UNIQUE CHECK (n < 100))`.
fn start(limits: Limits) -> (tempfile::TempDir, Arc<Writer>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("loom.db");
    let connection = Connection::open(&path).unwrap();
    connection.busy_timeout(limits.lock).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (n INTEGER UNIQUE CHECK (n < 100)) STRICT")
        .unwrap();
    let writer = Writer::start(connection, Arc::from(path), limits).unwrap();
    (directory, Arc::new(writer))
}

/// Work that inserts `n`, then `n` again where `fails`: it breaks half-way.
fn insert(n: i64, fails: bool) -> impl FnOnce(&Connection) -> rusqlite::Result<i64> + Send + 'static {
    move |connection| {
        for _ in 0..=i64::from(fails) {
            connection.execute("INSERT INTO t VALUES (?1)", [n])?;
        }
        Ok(n)
    }
}

fn select(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    connection.prepare("SELECT n FROM t ORDER BY n")?.query_map([], |row| row.get(0))?.collect()
}

/// Holds the writer's thread up until the returned sender is dropped: what is queued meanwhile becomes one group.
async fn hold(writer: &Arc<Writer>) -> (std_mpsc::Sender<()>, JoinHandle<Result<(), StoreError>>) {
    let (gate, opened) = std_mpsc::channel::<()>();
    let (started, held) = oneshot::channel();
    let writer = Arc::clone(writer);
    let job = tokio::spawn(async move {
        let work = move |_: &Connection| {
            started.send(()).unwrap();
            let _ = opened.recv();
            Ok(())
        };
        writer.submit(work).await
    });
    held.await.unwrap();
    (gate, job)
}

#[tokio::test]
async fn a_job_that_fails_half_way_leaves_nothing_and_its_group_is_committed() {
    let (_directory, writer) = start(Limits::DEFAULT);
    let (gate, held) = hold(&writer).await;
    let (one, two, three, ()) = tokio::join!(
        writer.submit(insert(1, false)),
        writer.submit(insert(2, true)),
        writer.submit(insert(3, false)),
        async { drop(gate) }
    );
    held.await.unwrap().unwrap();
    assert_eq!((one.unwrap(), three.unwrap()), (1, 3));
    assert!(matches!(two, Err(StoreError::Sqlite { .. })), "{two:?}");
    assert_eq!(writer.stats(), Stats { writes: 4, commits: 2 });
    assert_eq!(writer.submit(select).await.unwrap(), [1, 3]);
}

#[tokio::test]
async fn a_lost_transaction_fails_what_was_in_it_and_nothing_after_it() {
    let (_directory, writer) = start(Limits::DEFAULT);
    let (gate, held) = hold(&writer).await;
    let (before, lost, after, ()) = tokio::join!(
        writer.submit(insert(1, false)),
        writer.submit(|connection| connection.execute_batch("ROLLBACK; INSERT INTO nowhere VALUES (1)")),
        writer.submit(insert(3, false)),
        async { drop(gate) }
    );
    held.await.unwrap().unwrap();
    assert!(matches!(before, Err(StoreError::Sqlite { .. })), "{before:?}");
    assert!(matches!(lost, Err(StoreError::Sqlite { .. })), "{lost:?}");
    assert_eq!(after.unwrap(), 3);
    assert_eq!(writer.submit(select).await.unwrap(), [3]);
}

#[tokio::test]
async fn a_lock_that_is_not_released_in_time_is_busy() {
    let (directory, writer) = start(Limits { lock: SHORT, ..Limits::DEFAULT });
    let other = Connection::open(directory.path().join("loom.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = writer.submit(insert(1, false)).await;
    assert!(matches!(refused, Err(StoreError::Busy { .. })), "{refused:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(writer.submit(insert(1, false)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_late_answer_is_told_from_a_full_queue() {
    let (directory, writer) = start(Limits { queue: 1, enqueue: SHORT, answer: SHORT, ..Limits::DEFAULT });
    let (gate, _held) = hold(&writer).await;
    let queued = writer.submit(insert(1, false)).await;
    assert!(matches!(queued, Err(StoreError::Unanswered { .. })), "{queued:?}");
    let refused = writer.submit(insert(2, false)).await;
    assert!(matches!(refused, Err(StoreError::Busy { .. })), "{refused:?}");
    drop(gate);
    writer.close().await.unwrap();
    let stored = Connection::open(directory.path().join("loom.db")).unwrap();
    assert_eq!(select(&stored).unwrap(), [1], "what was queued happened, what was refused did not");
}

#[tokio::test]
async fn closing_finishes_what_is_queued_and_takes_no_more() {
    let (directory, writer) = start(Limits::DEFAULT);
    let (gate, held) = hold(&writer).await;
    let (one, closed, again, ()) =
        tokio::join!(writer.submit(insert(1, false)), writer.close(), writer.close(), async { drop(gate) });
    held.await.unwrap().unwrap();
    assert_eq!(one.unwrap(), 1);
    closed.unwrap();
    again.unwrap();
    assert!(!directory.path().join("loom.db-wal").exists(), "the last connection folds the log into the file");
    let refused = writer.submit(select).await;
    assert!(matches!(refused, Err(StoreError::Closed { .. })), "{refused:?}");
    let stored = Connection::open(directory.path().join("loom.db")).unwrap();
    assert_eq!(select(&stored).unwrap(), [1]);
}

#[tokio::test]
async fn closing_waits_no_longer_than_its_deadline() {
    let (_directory, writer) = start(Limits { close: SHORT, ..Limits::DEFAULT });
    let (gate, held) = hold(&writer).await;
    let late = writer.close().await;
    assert!(matches!(late, Err(StoreError::Unanswered { .. })), "{late:?}");
    drop(gate);
    held.await.unwrap().unwrap();
}
