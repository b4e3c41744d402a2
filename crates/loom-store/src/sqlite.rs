//! Everything that knows SQLite: opening and migrating the file, the thread that writes, the connections that read, and
//! the statements. It must not know who asks or why.

pub(crate) mod open;
pub(crate) mod reader;
pub(crate) mod sessions;
pub(crate) mod writer;

use std::time::Duration;

/// The bounds and deadlines of the store, together so that a test can tighten them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long SQLite waits for a lock that another process holds.
    pub(crate) lock: Duration,
    /// How many writes may queue. Each has a caller that holds its content anyway, so this bounds time rather than memory.
    pub(crate) queue: usize,
    /// How many writes share a commit at most, so that other processes get their turn between two.
    pub(crate) group: usize,
    /// How long a caller waits for a place in the queue.
    pub(crate) enqueue: Duration,
    /// How long a caller waits for the answer to a queued write.
    pub(crate) answer: Duration,
    /// How long closing waits for the writes that are queued.
    pub(crate) close: Duration,
    /// How many connections read at once.
    pub(crate) readers: usize,
    /// How long a caller waits for a free reader and its answer.
    pub(crate) read: Duration,
}

impl Limits {
    /// A commit takes milliseconds on a healthy disk: whoever waits for seconds waits for something that is wrong.
    pub(crate) const DEFAULT: Self = Self {
        lock: Duration::from_secs(5),
        queue: 1024,
        group: 128,
        enqueue: Duration::from_secs(5),
        answer: Duration::from_secs(30),
        close: Duration::from_secs(10),
        readers: 4,
        read: Duration::from_secs(10),
    };
}
