//! What is measured, and what it ought to be. A scenario starts its own processes and yields figures.
//!
//! Where two things are compared, their rounds alternate: a machine that grows slower or faster meets both alike.

mod compare;
mod concurrency;
mod cores;
mod first_token;
mod footprint;

use super::report::{Figure, progress};
use super::{Bench, Scenario};
use crate::Result;

pub(super) async fn run(scenario: Scenario, bench: &Bench) -> Result<Vec<Figure>> {
    match scenario {
        Scenario::Unary => compare::unary(bench).await,
        Scenario::Stream => compare::stream(bench).await,
        Scenario::FirstToken => first_token::run(bench).await,
        Scenario::Callers => concurrency::run(bench).await,
        Scenario::Cores => cores::run(bench).await,
        Scenario::Memory => footprint::memory(bench).await,
        Scenario::Start => footprint::start(bench).await,
        Scenario::ColdBuild => footprint::cold_build(bench).await,
    }
}

/// The numbers of the rounds, each told as it begins.
fn rounds(bench: &Bench, name: &str) -> impl Iterator<Item = u32> {
    let (count, name) = (bench.rounds, name.to_owned());
    (1..=count).inspect(move |round| progress(&format!("{name}, round {round} of {count}")))
}
