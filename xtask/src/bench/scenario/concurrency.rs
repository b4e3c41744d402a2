//! Many callers on one process: none fails, and none waits for another.

use super::rounds;
use crate::Result;
use crate::bench::Bench;
use crate::bench::caller::Door;
use crate::bench::load::Load;
use crate::bench::process::Process;
use crate::bench::report::{Figure, Target};

/// Callers at once, in the order they are tried.
const CALLERS: [u32; 4] = [1, 4, 16, 64];

/// Milliseconds before an answer begins, where what is looked for is waiting and not work.
const DELAY: u32 = 50;

/// Calls of each caller in a round of the delayed upstream.
const DELAYED_CALLS: u32 = 10;

/// The least of the throughput that the delay alone would allow. Calls in lock-step would reach a sixty-fourth; the rest
/// is left to the work itself, all of whose processes share the cores.
const LEAST_OF_IDEAL: f64 = 0.7;

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = growth(bench).await?;
    figures.push(delayed(bench).await?);
    Ok(figures)
}

async fn growth(bench: &Bench) -> Result<Vec<Figure>> {
    let data_dir = tempfile::tempdir_in(&bench.scratch)?;
    let upstream = Process::upstream(&[]).await?;
    let server = Process::server(bench, &upstream, data_dir.path()).await?;
    let mut loads = Vec::new();
    for callers in CALLERS {
        loads.push((callers, Load::connect(Door::Weave, &server, callers).await?, Vec::new()));
    }
    let mut failures = Vec::new();
    for _ in rounds(bench, "callers") {
        let mut failed = 0_u32;
        for (_, load, throughputs) in &mut loads {
            let round = load.round(bench.requests.div_ceil(4), &server).await?;
            throughputs.push(round.throughput());
            failed += u32::try_from(round.failures.len())?;
        }
        failures.push(f64::from(failed));
    }
    let failed = Figure::new("1 to 64 callers: calls that failed", "", failures).target(Target::AtMost(0.0));
    let mut figures = vec![failed];
    for (callers, _, throughputs) in loads {
        figures.push(Figure::new(format!("{callers} callers: throughput"), "/s", throughputs));
    }
    Ok(figures)
}

async fn delayed(bench: &Bench) -> Result<Figure> {
    let [.., callers] = CALLERS;
    let data_dir = tempfile::tempdir_in(&bench.scratch)?;
    let upstream = Process::upstream(&[("--delay", DELAY.into())]).await?;
    let server = Process::server(bench, &upstream, data_dir.path()).await?;
    let mut load = Load::connect(Door::Weave, &server, callers).await?;
    let ideal = f64::from(callers) * 1e3 / f64::from(DELAY);
    let mut shares = Vec::new();
    for _ in rounds(bench, "callers of a slow upstream") {
        let round = load.round(callers * DELAYED_CALLS, &server).await?.flawless(&server)?;
        shares.push(round.throughput() / ideal);
    }
    let name = format!("{callers} callers, answers after {DELAY} ms: share of the ideal throughput");
    Ok(Figure::new(name, "", shares).target(Target::AtLeast(LEAST_OF_IDEAL)))
}
