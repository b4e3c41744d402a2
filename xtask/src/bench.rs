//! `cargo xtask bench`: what a request costs, beside a bare proxy that only signs.
//!
//! Owns the flags and the order of the scenarios. The server, the upstream and the bare proxy are processes of their own,
//! so that the CPU that is counted is theirs alone; this process makes the load. CPU time and memory are read from
//! `/proc`, which makes it Linux only.

mod caller;
mod load;
mod process;
mod proxy;
mod report;
mod scenario;
mod sign;
mod upstream;
mod wire;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;
use tempfile::TempDir;

use crate::{Result, root};
use report::Report;

/// The server's allocator, so that the bare proxy is not slower by its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Flags of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each measurement is taken; what is reported is the median
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Requests per round of the load scenarios
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
    /// Callers at once, each on a connection of its own
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    callers: u32,
    /// Only these scenarios
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Also time a release build of the workspace into an empty target directory
    #[arg(long)]
    cold_build: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Fail when a target is missed
    #[arg(long)]
    check: bool,
    /// The `looms` to measure, instead of the one that is built
    #[arg(long)]
    looms: Option<PathBuf>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The other processes of the bench, which it starts by itself.
#[derive(clap::Subcommand)]
enum Role {
    /// Serve a recorded answer, one write per event
    Upstream(upstream::Args),
    /// Sign and pass on, undecoded
    Proxy(proxy::Args),
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Weave on an answer of 20 events, its session stored
    Unary,
    /// StreamWeave on an answer of 100 events
    Stream,
    /// Time to the first token
    FirstToken,
    /// From 1 to 64 callers
    Callers,
    /// 64 callers on one core and on two
    Cores,
    /// Memory when idle
    Memory,
    /// From the start of the process to the first answer
    Start,
    /// A release build from nothing; only if asked for
    ColdBuild,
}

/// What every scenario gets.
struct Bench {
    rounds: u32,
    requests: u32,
    callers: u32,
    looms: PathBuf,
    /// Beside this program, on a disk: `/tmp` may be memory, where syncing a database costs nothing.
    scratch: TempDir,
}

/// Runs the bench, or one of its processes.
pub(crate) fn run(args: &Args) -> Result {
    match &args.role {
        Some(Role::Upstream(args)) => runtime()?.block_on(upstream::run(args)),
        Some(Role::Proxy(args)) => runtime()?.block_on(proxy::run(args)),
        // What is compared with a release build has to be one.
        None if cfg!(debug_assertions) => run_released(),
        None => runtime()?.block_on(measure(args)),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Builds this program and `looms` in release, and hands over to them.
fn run_released() -> Result {
    report::progress("building looms and xtask in release");
    let build = ["build", "--release", "--package", "looms", "--package", "xtask"];
    if !Command::new("cargo").args(build).current_dir(root()).status()?.success() {
        return Err("the release build failed".into());
    }
    let this = std::env::current_exe()?;
    let profiles = this.parent().and_then(|debug| debug.parent()).ok_or("this program lies in no target directory")?;
    let released = profiles.join("release").join(this.file_name().unwrap_or_default());
    match Command::new(released).args(std::env::args_os().skip(1)).status()?.success() {
        true => Ok(()),
        false => Err("the bench failed".into()),
    }
}

async fn measure(args: &Args) -> Result {
    let this = std::env::current_exe()?;
    let looms = args.looms.clone().unwrap_or_else(|| this.with_file_name("looms"));
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(this.parent().unwrap_or(&this))?;
    let bench = Bench { rounds: args.rounds, requests: args.requests, callers: args.callers, looms, scratch };
    let mut report = Report::new(&bench)?;
    for scenario in Scenario::value_variants() {
        let wanted = match scenario {
            Scenario::ColdBuild => args.cold_build || args.only.contains(scenario),
            _ => args.only.is_empty() || args.only.contains(scenario),
        };
        if wanted {
            report.add(scenario::run(*scenario, &bench).await?);
        }
    }
    report.print(args.json)?;
    match report.missed() {
        missed if args.check && !missed.is_empty() => Err(format!("targets missed: {}", missed.join(", ")).into()),
        _ => Ok(()),
    }
}

/// How long a process of the bench may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How long one call may take; a hang is a failure, not a wait.
const CALL_WITHIN: Duration = Duration::from_secs(30);
