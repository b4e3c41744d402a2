//! Many callers on one store, and several stores on one file.

use loom_store::{Page, SessionFilter, Store, StoreError};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::fixture::{Database, append, open, turn};

/// The sequence numbers of all messages, which a reader through the store has no need to see.
fn sequences(database: &Database) -> Vec<i64> {
    let connection = Connection::open(database.path()).unwrap();
    let mut select = connection.prepare("SELECT sequence FROM message ORDER BY session_key, sequence").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Appends `turns` turns to session `s`, each as a task of its own.
async fn append_at_once(stores: &[&Store], turns: usize) {
    let mut tasks = JoinSet::new();
    for (number, store) in (0..turns).zip(stores.iter().cycle()) {
        let store = Store::clone(store);
        tasks.spawn(async move { append(&store, turn("", "s", &number.to_string(), 1)).await });
    }
    let mut counts = tasks.join_all().await;
    counts.sort_unstable();
    let expected: Vec<i64> = (1..).step_by(2).map(|count| count + 1).take(turns).collect();
    assert_eq!(counts, expected, "every turn saw its own place");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_that_come_together_share_commits() {
    let database = Database::new();
    let store = database.open().await;
    append_at_once(&[&store], 200).await;
    let stats = store.stats();
    assert_eq!(stats.writes, 200);
    assert!(stats.commits < 100, "{stats:?}");
    assert_eq!(sequences(&database), (1..=400).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_append_to_one_session_without_gaps() {
    let database = Database::new();
    let (one, two) = tokio::join!(database.open(), database.open());
    append_at_once(&[&one, &two], 100).await;
    assert_eq!(sequences(&database), (1..=200).collect::<Vec<_>>());
    for store in [&one, &two] {
        let conversation = store.conversation("", "s").await.unwrap().unwrap();
        assert_eq!((conversation.messages.len(), conversation.session.total_cost_pico), (200, 10_000));
    }
    one.close().await.unwrap();
    assert_eq!(append(&two, turn("", "s", "alone", 1)).await, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_stores_may_make_one_file_at_once() {
    for _ in 0..10 {
        let database = Database::new();
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let path = database.path();
            tasks.spawn(async move { append(&open(&path).await, turn("", "s", &number.to_string(), 1)).await });
        }
        let mut counts = tasks.join_all().await;
        counts.sort_unstable();
        assert_eq!(counts, [2, 4, 6, 8, 10, 12, 14, 16]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_acknowledged_is_read_by_whoever_asks_next() {
    let database = Database::new();
    let (store, other) = (database.open().await, database.open().await);
    let mut tasks = JoinSet::new();
    for session in 0..16 {
        let (store, other) = (store.clone(), other.clone());
        tasks.spawn(async move {
            let id = session.to_string();
            for count in 1..=5 {
                append(&store, turn("", &id, "x", count)).await;
                for reader in [&store, &other] {
                    assert_eq!(reader.session("", &id).await.unwrap().unwrap().message_count, 2 * count);
                }
            }
        });
    }
    tasks.join_all().await;
    let listed = other.list_sessions("", SessionFilter::default(), Page { offset: 0, limit: 3 }).await.unwrap();
    assert_eq!((listed.sessions.len(), listed.total), (3, 16));
}

#[tokio::test]
async fn a_closed_store_refuses_and_may_be_closed_again() {
    let database = Database::new();
    let store = database.open().await;
    append(&store, turn("", "s", "x", 1)).await;
    store.session("", "s").await.unwrap();
    let handle = store.clone();
    store.close().await.unwrap();
    handle.close().await.unwrap();
    let written = handle.append_turn(turn("", "s", "late", 2)).await;
    assert!(matches!(written, Err(StoreError::Closed { .. })), "{written:?}");
    let read = handle.session("", "s").await;
    assert!(matches!(read, Err(StoreError::Closed { .. })), "{read:?}");
    assert!(!database.path().with_extension("db-wal").exists(), "the log is folded into the file");
    assert_eq!(database.open().await.session("", "s").await.unwrap().unwrap().message_count, 2);
}
