//! Whether throughput grows with cores: 64 callers, with everything on one core and then on two.
//!
//! Upstream, server and load share the cores, so all three are confined: confining the server alone would leave the others
//! a core of their own. Only what cannot run side by side keeps the growth from two.

use std::fs;
use std::iter::zip;

use tokio::process::Command;

use super::rounds;
use crate::Result;
use crate::bench::Bench;
use crate::bench::caller::Door;
use crate::bench::load::Load;
use crate::bench::process::Process;
use crate::bench::report::{Figure, Target, progress};

const CALLERS: u32 = 64;

/// The least growth from one core to two.
const LEAST_GROWTH: f64 = 1.5;

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default().trim();
    let [first, second, ..] = cores(allowed)[..] else {
        progress("cores: left out, for there is only one");
        return Ok(Vec::new());
    };
    if Command::new("taskset").arg("--version").output().await.is_err() {
        progress("cores: left out, for there is no `taskset`");
        return Ok(Vec::new());
    }
    let data_dir = tempfile::tempdir_in(&bench.scratch)?;
    let upstream = Process::upstream(&[]).await?;
    let server = Process::server(bench, &upstream, data_dir.path()).await?;
    let mut load = Load::connect(Door::Weave, &server, CALLERS).await?;
    let all = [upstream.id(), server.id(), std::process::id()];
    let (mut on_one, mut on_two) = (Vec::new(), Vec::new());
    for _ in rounds(bench, "cores") {
        confine(&all, &first.to_string()).await?;
        on_one.push(load.round(bench.requests, &server).await?.flawless(&server)?.throughput());
        confine(&all, &format!("{first},{second}")).await?;
        on_two.push(load.round(bench.requests, &server).await?.flawless(&server)?.throughput());
    }
    confine(&all, allowed).await?;
    let growth = zip(&on_two, &on_one).map(|(two, one)| two / one).collect();
    Ok(vec![
        Figure::new("64 callers: throughput on 2 cores ÷ on 1", "×", growth).target(Target::AtLeast(LEAST_GROWTH)),
        Figure::new("64 callers: throughput with everything on 1 core", "/s", on_one),
        Figure::new("64 callers: throughput with everything on 2 cores", "/s", on_two),
    ])
}

/// Confines all threads of these processes to some cores.
async fn confine(processes: &[u32], cores: &str) -> Result {
    for id in processes {
        let output = Command::new("taskset").args(["-acp", cores]).arg(id.to_string()).output().await?;
        if !output.status.success() {
            return Err(format!("`taskset` failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(())
}

/// The cores of a list such as `0-3,8`.
fn cores(list: &str) -> Vec<u32> {
    let ranges = list.split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_read_as_linux_writes_them() {
        assert_eq!(cores("0-3,8"), [0, 1, 2, 3, 8]);
        assert_eq!((cores("5"), cores("")), (vec![5], vec![]));
    }
}
