//! CPU per request beside the bare proxy's for the same upstream call.

use std::iter::zip;

use super::rounds;
use crate::Result;
use crate::bench::Bench;
use crate::bench::caller::Door;
use crate::bench::load::{Load, Round};
use crate::bench::process::Process;
use crate::bench::report::{Figure, Target};

/// One comparison.
struct Comparison {
    name: &'static str,
    door: Door,
    /// Texts of the answer.
    texts: u32,
    requests: u32,
    /// The most that the server may cost, in bare proxies.
    most: f64,
}

pub(super) async fn unary(bench: &Bench) -> Result<Vec<Figure>> {
    let requests = bench.requests;
    compare(bench, &Comparison { name: "Weave, 20 events", door: Door::Weave, texts: 20, requests, most: 2.0 }).await
}

pub(super) async fn stream(bench: &Bench) -> Result<Vec<Figure>> {
    let (name, door) = ("StreamWeave, 100 events", Door::StreamWeave);
    let requests = bench.requests.div_ceil(2);
    compare(bench, &Comparison { name, door, texts: 100, requests, most: 1.6 }).await
}

async fn compare(bench: &Bench, comparison: &Comparison) -> Result<Vec<Figure>> {
    let data_dir = tempfile::tempdir_in(&bench.scratch)?;
    let upstream = Process::upstream(&[("--events", comparison.texts.into())]).await?;
    let proxy = Process::proxy(&upstream).await?;
    let server = Process::server(bench, &upstream, data_dir.path()).await?;
    let mut of_proxy = Load::connect(Door::Bedrock, &proxy, bench.callers).await?;
    let mut of_server = Load::connect(comparison.door, &server, bench.callers).await?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in rounds(bench, comparison.name) {
        bare.push(of_proxy.round(comparison.requests, &proxy).await?.flawless(&proxy)?);
        ours.push(of_server.round(comparison.requests, &server).await?.flawless(&server)?);
    }
    let ratios = zip(&ours, &bare).map(|(ours, bare)| ours.cpu_per_call() / bare.cpu_per_call());
    let ratio = Figure::new(format!("{}: CPU ÷ bare", comparison.name), "×", ratios.collect());
    let mut figures = vec![ratio.target(Target::AtMost(comparison.most))];
    figures.extend(absolute(&format!("{}:", comparison.name), &ours));
    figures.extend(absolute(&format!("{}: bare", comparison.name), &bare));
    Ok(figures)
}

fn absolute(name: &str, rounds: &[Round]) -> [Figure; 4] {
    let each = |value: fn(&Round) -> f64| rounds.iter().map(value).collect();
    [
        Figure::new(format!("{name} CPU per request"), "µs", each(Round::cpu_per_call)),
        Figure::new(format!("{name} throughput"), "/s", each(Round::throughput)),
        Figure::new(format!("{name} p50"), "ms", each(|round| round.latency(50))),
        Figure::new(format!("{name} p99"), "ms", each(|round| round.latency(99))),
    ]
}
