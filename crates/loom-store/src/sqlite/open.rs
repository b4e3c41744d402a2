//! Opening the database file: its permissions, its journal, its schema. It must not know what the tables are for.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Limits;
use crate::{
    error::StoreError,
    store::{Options, Synchronous},
};

/// The schema, one step a version, each applied once and never changed after its release.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/0001_sessions.sql")];

/// How often the switch to a write-ahead log is tried. Each try waits for the lock first, so that a second one is rare.
const WAL_ATTEMPTS: usize = 20;

/// More than the statements there are, so that none is ever compiled twice.
const CACHED_STATEMENTS: usize = 32;

/// Opens the connection that writes; makes the file and brings its schema up to date first.
pub(crate) fn read_write(options: &Options, limits: Limits) -> Result<Connection, StoreError> {
    let path = options.path.as_path();
    create_private(path).map_err(|error| StoreError::io(path, error))?;
    let opening = |error| StoreError::opening(path, error);
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, limits.lock).map_err(opening)?;
    // Before anything that writes, so that a newer file stays as it is.
    refuse_newer(path, version(&connection).map_err(opening)?)?;
    switch_to_wal(path, &connection)?;
    set_pragmas(&connection, options.synchronous).map_err(opening)?;
    migrate(path, &mut connection)?;
    Ok(connection)
}

/// Opens a connection that reads.
pub(crate) fn read_only(path: &Path, limits: Limits) -> rusqlite::Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, limits.lock)
}

fn connect(path: &Path, access: OpenFlags, lock: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(lock)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Makes the file, and the directories above it, for this user alone. SQLite gives its log the permissions of the file.
///
/// A file that exists is never opened here: closing it would drop every lock that this process holds on it by SQLite
/// (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).
fn create_private(path: &Path) -> io::Result<()> {
    let mut directory = DirBuilder::new();
    directory.recursive(true);
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        directory.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        directory.create(parent)?;
    }
    match file.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn refuse_newer(path: &Path, found: u32) -> Result<(), StoreError> {
    let supported = MIGRATIONS.len() as u32;
    if found > supported {
        return Err(StoreError::NewerVersion { path: path.to_owned(), found, supported });
    }
    Ok(())
}

/// Sets the write-ahead log, which stays set in the file.
///
/// Two processes that do so at once can both be refused, and SQLite does not wait of its own accord here, since each would
/// wait for the other. So the one refused waits for the write lock, which means that the other is done, and tries again.
fn switch_to_wal(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    for _ in 0..WAL_ATTEMPTS {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let reason = format!("the file system does not support a write-ahead log (journal mode `{mode}`)");
                return Err(StoreError::io(path, io::Error::other(reason)));
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => connection
                .execute_batch("BEGIN IMMEDIATE; ROLLBACK")
                .map_err(|error| StoreError::opening(path, error))?,
            Err(error) => return Err(StoreError::opening(path, error)),
        }
    }
    Err(StoreError::Busy { path: path.to_owned() })
}

fn set_pragmas(connection: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    let (level, through_the_drive) = match synchronous {
        Synchronous::Full => ("full", true),
        Synchronous::Normal => ("normal", false),
    };
    connection.pragma_update(None, "synchronous", level)?;
    // On macOS only this reaches the medium; elsewhere it changes nothing (https://www.sqlite.org/pragma.html).
    connection.pragma_update(None, "fullfsync", through_the_drive)?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Applies the steps that the file lacks, all in one transaction: it has either the old schema or the new one.
fn migrate(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let opening = |error| StoreError::opening(path, error);
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(opening)?;
    // Read again under the lock: another process may have migrated the file meanwhile.
    let found = version(&transaction).map_err(opening)?;
    refuse_newer(path, found)?;
    for (step, sql) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
        transaction.execute_batch(sql).map_err(opening)?;
        transaction.pragma_update(None, "user_version", step).map_err(opening)?;
        tracing::debug!(path = %path.display(), version = step, "database migrated");
    }
    transaction.commit().map_err(opening)
}
