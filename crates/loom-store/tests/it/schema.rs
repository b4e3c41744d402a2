//! The file: who may read it, which versions are opened, and what is refused.

use std::{fs, path::Path};

use loom_store::{Options, Store, StoreError, Synchronous};
use rusqlite::Connection;

use crate::fixture::{Database, append, open, turn};

/// The newest schema version of this release.
const CURRENT: u32 = 1;

async fn refusal(path: &Path) -> StoreError {
    Store::open(Options { path: path.to_owned(), synchronous: Synchronous::Full }).await.unwrap_err()
}

fn version(path: &Path) -> u32 {
    Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn an_empty_file_is_brought_to_the_current_version() {
    let database = Database::new();
    fs::write(database.path(), "").unwrap();
    let store = database.open().await;
    append(&store, turn("", "s", "x", 1)).await;
    store.close().await.unwrap();
    assert_eq!(version(&database.path()), CURRENT);
    let again = database.open().await;
    assert_eq!(again.session("", "s").await.unwrap().unwrap().message_count, 2);
}

#[tokio::test]
async fn a_newer_version_is_refused_and_left_as_it_is() {
    let database = Database::new();
    let newer = Connection::open(database.path()).unwrap();
    newer.execute_batch("CREATE TABLE of_the_future (x); PRAGMA user_version = 7").unwrap();
    drop(newer);
    let before = fs::read(database.path()).unwrap();
    let error = refusal(&database.path()).await;
    assert!(matches!(error, StoreError::NewerVersion { found: 7, supported: CURRENT, .. }), "{error:?}");
    let path = database.path().display().to_string();
    assert_eq!(
        error.to_string(),
        format!(
            "database `{path}` has schema version 7, this release knows versions up to {CURRENT}: \
             run a release that knows it, or choose another data directory"
        )
    );
    assert_eq!(fs::read(database.path()).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_database_is_corrupt_and_left_as_it_is() {
    let database = Database::new();
    let text = "this is a letter to my aunt, and not a database at all. ".repeat(40);
    fs::write(database.path(), &text).unwrap();
    let error = refusal(&database.path()).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(database.path()).unwrap(), text);
}

#[tokio::test]
async fn a_path_that_cannot_be_made_is_named_without_its_cause() {
    let database = Database::new();
    fs::write(database.path(), "").unwrap();
    let below_a_file = database.path().join("below").join("loom.db");
    let error = refusal(&below_a_file).await;
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot open database `{}`", below_a_file.display()));
    assert!(std::error::Error::source(&error).is_some());
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let database = Database::new();
    let directory = database.path().with_file_name("data").join("deeper");
    let path = directory.join("loom.db");
    let store = open(&path).await;
    append(&store, turn("", "s", "x", 1)).await;
    for private in [directory.parent().unwrap(), directory.as_path()] {
        assert_eq!(mode(private), 0o700, "{}", private.display());
    }
    for file in ["loom.db", "loom.db-wal", "loom.db-shm"] {
        assert_eq!(mode(&directory.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_value_that_no_release_wrote_is_corrupt() {
    let database = Database::new();
    let store = database.open().await;
    append(&store, turn("", "s", "x", 1)).await;
    for damage in [
        "UPDATE message SET content = '[{' WHERE sequence = 1",
        "UPDATE message SET role = 'oracle', content = '[]' WHERE sequence = 1",
        "UPDATE session SET metadata = '[]'",
    ] {
        Connection::open(database.path()).unwrap().execute_batch(damage).unwrap();
        let read = store.conversation("", "s").await;
        assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{damage}: {read:?}");
    }
}
