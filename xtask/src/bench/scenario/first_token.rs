//! How much later the first token comes than from the upstream itself: one client, and an upstream that goes on for a
//! while after its first token, so that whoever waits for the whole answer shows.

use std::iter::zip;

use super::rounds;
use crate::Result;
use crate::bench::Bench;
use crate::bench::caller::Door;
use crate::bench::load::Load;
use crate::bench::process::Process;
use crate::bench::report::{Figure, Target};

/// Texts of an answer, and the milliseconds between two of them.
const TEXTS: u64 = 10;
const PAUSE: u64 = 5;

/// Calls of a round; a call takes fifty milliseconds and more.
const CALLS: u32 = 50;

/// The most that may be added, in milliseconds.
const MOST_ADDED: f64 = 1.0;

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let data_dir = tempfile::tempdir_in(&bench.scratch)?;
    let upstream = Process::upstream(&[("--events", TEXTS), ("--pause", PAUSE)]).await?;
    let proxy = Process::proxy(&upstream).await?;
    let server = Process::server(bench, &upstream, data_dir.path()).await?;
    let mut of_upstream = Load::connect(Door::Bedrock, &upstream, 1).await?;
    let mut of_proxy = Load::connect(Door::Bedrock, &proxy, 1).await?;
    let mut of_server = Load::connect(Door::StreamWeave, &server, 1).await?;
    let (mut direct, mut bare, mut ours, mut whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in rounds(bench, "first token") {
        direct.push(of_upstream.round(CALLS, &upstream).await?.flawless(&upstream)?.first_token());
        bare.push(of_proxy.round(CALLS, &proxy).await?.flawless(&proxy)?.first_token());
        let round = of_server.round(CALLS, &server).await?.flawless(&server)?;
        ours.push(round.first_token());
        whole.push(round.latency(50));
    }
    let added = |to: &[f64]| zip(to, &direct).map(|(late, direct)| late - direct).collect();
    Ok(vec![
        Figure::new("first token: added by StreamWeave", "ms", added(&ours)).target(Target::AtMost(MOST_ADDED)),
        Figure::new("first token: added by the bare proxy", "ms", added(&bare)),
        Figure::new("first token: of the upstream itself", "ms", direct),
        Figure::new("first token: the whole answer, for comparison", "ms", whole),
    ])
}
