//! What the server takes when nobody calls, how soon it answers, and how long it takes to build.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use super::rounds;
use crate::bench::Bench;
use crate::bench::caller::{Caller, Door};
use crate::bench::load::Load;
use crate::bench::process::Process;
use crate::bench::report::{Figure, Target, progress};
use crate::{Result, root};

/// What a process still does after it listens is done by then.
const SETTLED: Duration = Duration::from_millis(500);

const MIB: f64 = 1024.0 * 1024.0;

/// The most resident memory of an idle server, in MiB.
const MOST_IDLE: f64 = 20.0;

/// The most milliseconds from the start of the process to its first answer.
const MOST_TO_START: f64 = 100.0;

/// The most minutes of a release build from nothing, on two cores.
const MOST_TO_BUILD: f64 = 8.0;

/// Starts per round: each takes a few milliseconds and varies.
const STARTS: usize = 5;

pub(super) async fn memory(bench: &Bench) -> Result<Vec<Figure>> {
    let upstream = Process::upstream(&[]).await?;
    let [mut idle, mut anonymous, mut after_one, mut after_load] = [const { Vec::new() }; 4];
    for _ in rounds(bench, "memory") {
        let data_dir = tempfile::tempdir_in(&bench.scratch)?;
        let server = Process::server(bench, &upstream, data_dir.path()).await?;
        sleep(SETTLED).await;
        let memory = server.memory()?;
        idle.push(memory.resident / MIB);
        anonymous.push(memory.anonymous / MIB);
        Caller::connect(Door::Weave, server.address).await?.call().await?;
        sleep(SETTLED).await;
        after_one.push(server.memory()?.resident / MIB);
        let mut load = Load::connect(Door::Weave, &server, bench.callers).await?;
        load.round(bench.requests, &server).await?.flawless(&server)?;
        after_load.push(server.memory()?.resident / MIB);
        server.kill().await?;
    }
    let name = format!("memory: resident after {} requests of {} callers", bench.requests, bench.callers);
    Ok(vec![
        Figure::new("memory: resident, idle after start", "MiB", idle).target(Target::AtMost(MOST_IDLE)),
        Figure::new("memory: of that anonymous", "MiB", anonymous),
        Figure::new("memory: resident, idle after 1 request", "MiB", after_one).target(Target::AtMost(MOST_IDLE)),
        Figure::new(name, "MiB", after_load),
    ])
}

pub(super) async fn start(bench: &Bench) -> Result<Vec<Figure>> {
    let upstream = Process::upstream(&[]).await?;
    let kept = tempfile::tempdir_in(&bench.scratch)?;
    first_answer(bench, &upstream, kept.path()).await?;
    let (mut on_empty, mut on_existing) = (Vec::new(), Vec::new());
    for _ in rounds(bench, "start") {
        for _ in 0..STARTS {
            let empty: TempDir = tempfile::tempdir_in(&bench.scratch)?;
            on_empty.push(first_answer(bench, &upstream, empty.path()).await?);
            on_existing.push(first_answer(bench, &upstream, kept.path()).await?);
        }
    }
    let most = Target::AtMost(MOST_TO_START);
    Ok(vec![
        Figure::new("start to first answer: empty directory", "ms", on_empty).target(most),
        Figure::new("start to first answer: existing database", "ms", on_existing).target(most),
    ])
}

/// Milliseconds from the start of the process to the answer of its first Weave. The process is killed then, so that an
/// existing database is one that was not closed.
async fn first_answer(bench: &Bench, upstream: &Process, data_dir: &Path) -> Result<f64> {
    let started = Instant::now();
    let server = Process::server(bench, upstream, data_dir).await?;
    let mut caller = Caller::connect(Door::Weave, server.address).await?;
    caller.call().await?;
    let elapsed = started.elapsed();
    server.kill().await?;
    Ok(elapsed.as_secs_f64() * 1e3)
}

/// The crates' sources have to be there already: a download is the network's time.
pub(super) async fn cold_build(bench: &Bench) -> Result<Vec<Figure>> {
    progress("a release build from nothing");
    let target_dir = tempfile::tempdir_in(&bench.scratch)?;
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--release", "--workspace", "--locked", "--target-dir"]).arg(target_dir.path());
    let started = Instant::now();
    if !build.current_dir(root()).stdin(Stdio::null()).status().await?.success() {
        return Err("the release build failed".into());
    }
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    Ok(vec![Figure::new("cold release build", "min", vec![minutes]).target(Target::AtMost(MOST_TO_BUILD))])
}
