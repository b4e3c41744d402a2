//! What can go wrong with the store, as far as a caller would act differently.

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::ErrorCode;

/// Shared, because one failed commit is the answer to every write of its group.
type Cause = Arc<dyn Error + Send + Sync>;

/// Why the store could not do what it was asked. `Display` names the file and leaves the cause to `source()`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The owner has a session of this id already.
    #[error("session `{id}` exists already")]
    SessionExists {
        /// The id that is taken.
        id: String,
    },
    /// The queue, or the lock of another process, was not free within its deadline. Nothing was written: try again.
    #[error("database `{}` is busy", .path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
    },
    /// A queued write got no answer within its deadline, as when a disk hangs. It may still happen.
    #[error("database `{}` did not answer in time: the write may still happen", .path.display())]
    Unanswered {
        /// The database file.
        path: PathBuf,
    },
    /// A newer release wrote this database. It was left as it is.
    #[error(
        "database `{}` has schema version {found}, this release knows versions up to {supported}: \
         run a release that knows it, or choose another data directory",
        .path.display()
    )]
    NewerVersion {
        /// The database file.
        path: PathBuf,
        /// The version found in the file.
        found: u32,
        /// The newest version that this release can read.
        supported: u32,
    },
    /// The file or its directory could not be made or opened.
    #[error("cannot open database `{}`", .path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// What the system or SQLite said.
        source: Cause,
    },
    /// The file is no database, is damaged, or holds a value that no release ever wrote.
    #[error("database `{}` is corrupt", .path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite or the decoder said.
        source: Cause,
    },
    /// Anything else that SQLite refused: a full disk, a value out of range.
    #[error("database `{}` failed", .path.display())]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: Cause,
    },
    /// The store was closed.
    #[error("database `{}` is closed", .path.display())]
    Closed {
        /// The database file.
        path: PathBuf,
    },
}

impl StoreError {
    /// Sorts an error of SQLite by what a caller can do about it.
    pub(crate) fn sqlite(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, source: Arc::new(error) }
            }
            Some(_) => Self::Sqlite { path, source: Arc::new(error) },
            // Without a result code it is a stored value that does not decode.
            None => Self::Corrupt { path, source: Arc::new(error) },
        }
    }

    /// The same while the database is being opened, where every other failure means that it cannot be.
    pub(crate) fn opening(path: &Path, error: rusqlite::Error) -> Self {
        match Self::sqlite(path, error) {
            Self::Sqlite { path, source } => Self::Open { path, source },
            other => other,
        }
    }

    /// A failure of the system around the database: a directory, a file, a thread.
    pub(crate) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Open { path: path.to_owned(), source: Arc::new(error) }
    }
}
