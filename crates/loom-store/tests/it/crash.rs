//! A process is killed while it appends: what it acknowledged is there, whole, and a store beside it goes on.
//!
//! The killed process is this test binary, started once more for the one test that then acts as the child.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use loom_store::Page;
use tokio::task::JoinSet;

use crate::fixture::{Database, append, open, turn};

/// Names the database to the child; without it the child's test has nothing to do.
const DATABASE: &str = "LOOM_STORE_CRASH_TEST_DATABASE";
const CHILD: &str = "crash::child_appends_until_it_is_killed";

/// How many acknowledged turns to wait for before the kill: enough for several groups.
const ACKNOWLEDGED: usize = 40;

/// The child gives up by itself after this many turns, so that it cannot outlive a test that failed.
const TURNS_PER_TASK: usize = 2000;
const TASKS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_turns_survive_the_kill_of_the_process() {
    let database = Database::new();
    let beside = database.open().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture"])
        .env(DATABASE, database.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut acknowledged = BTreeSet::new();
    for line in lines.by_ref().filter(|line| line.starts_with("stored ")).take(ACKNOWLEDGED) {
        acknowledged.insert(line);
        // Writes of two processes alternate meanwhile.
        append(&beside, turn("", "beside", "x", 1)).await;
    }
    child.kill().unwrap();
    acknowledged.extend(lines.filter(|line| line.starts_with("stored ")));
    child.wait().unwrap();
    assert!(acknowledged.len() >= ACKNOWLEDGED, "the child ended early: {acknowledged:?}");

    append(&beside, turn("", "beside", "after", 1)).await;
    check(&database.path(), &acknowledged).await;
    beside.close().await.unwrap();
    check(&database.path(), &acknowledged).await;
}

/// Every turn that was acknowledged is there, and every turn that is there is whole.
async fn check(path: &Path, acknowledged: &BTreeSet<String>) {
    let store = open(path).await;
    let mut stored = BTreeSet::new();
    for task in 0..TASKS {
        let session_id = task.to_string();
        let Some(history) = store.history("", &session_id, Page::ALL).await.unwrap() else {
            continue;
        };
        assert_eq!(history.messages.len() as i64, history.total);
        for (number, pair) in history.messages.chunks(2).enumerate() {
            let text = format!("{session_id}-{number}");
            let ids: Vec<_> = pair.iter().map(|message| message.id.as_str()).collect();
            assert_eq!(ids, [format!("q-{text}"), format!("a-{text}")]);
            stored.insert(format!("stored {text}"));
        }
    }
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::disallowed_methods,
    reason = "the child of this test is told apart by a variable that only its parent sets"
)]
async fn child_appends_until_it_is_killed() {
    let Some(path) = std::env::var_os(DATABASE) else {
        return;
    };
    let store = open(Path::new(&path)).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = store.clone();
        tasks.spawn(async move {
            for number in 0..TURNS_PER_TASK {
                let text = format!("{task}-{number}");
                append(&store, turn("", &task.to_string(), &text, 1)).await;
                // Directly, since the test harness would hold back what is printed.
                writeln!(std::io::stdout(), "stored {text}").unwrap();
            }
        });
    }
    tasks.join_all().await;
}
