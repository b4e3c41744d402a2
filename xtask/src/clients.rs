//! `cargo xtask clients`: real third-party clients against the product, on loopback.
//!
//! Owns which suites there are and how their results are counted. A suite is a script in `clients/python`, which starts
//! the servers that it needs and reports one line per check; what it proves stands in its first lines.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use tokio::sync::Semaphore;

use crate::{Result, root};

mod suite;
mod tool;

use suite::{Check, Outcome, Suite};
use tool::Tool::{Module, Package, Program};
use tool::Toolbox;

/// Suites that run at once. They wait more than they compute, so it may exceed the cores of a small machine; more would
/// let the deadlines that are under test fire late.
const AT_ONCE: usize = 4;

/// Every suite, the longest first.
const SUITES: [Suite; 10] = [
    Suite {
        name: "grpc_python",
        needs: &[Module("grpc"), Module("grpc_reflection"), Module("grpc_health"), Module("grpc_status")],
    },
    Suite { name: "curl", needs: &[Program("curl")] },
    Suite { name: "signatures", needs: &[Module("boto3")] },
    Suite { name: "boto3_sdk", needs: &[Module("boto3")] },
    Suite { name: "event_stream", needs: &[Module("boto3")] },
    Suite { name: "anthropic_sdk", needs: &[Module("anthropic"), Module("boto3")] },
    Suite {
        name: "typescript_sdk",
        needs: &[Program("node"), Package("@anthropic-ai/sdk"), Package("@anthropic-ai/bedrock-sdk")],
    },
    Suite { name: "grpcurl", needs: &[Program("grpcurl")] },
    Suite { name: "buf_curl", needs: &[Program("buf")] },
    Suite { name: "cost", needs: &[] },
];

/// Flags of `cargo xtask clients`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fail when a tool is lacking, instead of skipping what needs it
    #[arg(long)]
    require_all: bool,
    /// Run this suite alone
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(SUITES.map(|suite| suite.name)))]
    only: Option<String>,
}

/// Runs the suites whose tools are there, and prints what each check came to.
pub(crate) fn run(args: &Args) -> Result {
    let toolbox = Toolbox::new()?;
    let is_chosen = |suite: &Suite| args.only.as_deref().is_none_or(|name| name == suite.name);
    let (mut able, mut unable) = (Vec::new(), Vec::new());
    for suite in SUITES.into_iter().filter(is_chosen) {
        match toolbox.lacking(suite.needs).as_slice() {
            [] => able.push(suite),
            tools => unable.push((suite.name, Check::lacking(tools, args.require_all))),
        }
    }
    let mut tally = Tally::default();
    if !able.is_empty() {
        let looms = build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run_all(able, toolbox, &looms, &mut tally))?;
    }
    for (name, check) in &unable {
        tally.print(name, std::slice::from_ref(check), "")?;
    }
    let mut out = io::stdout();
    if !unable.is_empty() {
        writeln!(out, "clients/install.sh installs what is lacking")?;
    }
    writeln!(out, "{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped)?;
    if tally.failed > 0 { Err("the clients' checks failed".into()) } else { Ok(()) }
}

/// Builds the `looms` that stands beside this program, and says where.
fn build() -> Result<PathBuf> {
    let built = Command::new("cargo").args(["build", "--quiet", "--package", "looms"]).current_dir(root()).status()?;
    if !built.success() {
        return Err("`looms` does not build".into());
    }
    Ok(std::env::current_exe()?.with_file_name("looms"))
}

/// Runs suites side by side and prints them in their order.
async fn run_all(suites: Vec<Suite>, toolbox: Toolbox, looms: &Path, tally: &mut Tally) -> Result {
    let toolbox = Arc::new(toolbox);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = Vec::new();
    for suite in suites {
        let (toolbox, places, looms) = (Arc::clone(&toolbox), Arc::clone(&places), looms.to_owned());
        let report = tokio::spawn(async move {
            let _place = places.acquire().await;
            suite.run(&toolbox, looms).await
        });
        running.push((suite.name, report));
    }
    for (name, report) in running {
        let (checks, complaint) = report.await?;
        tally.print(name, &checks, &complaint)?;
    }
    Ok(())
}

/// How many checks came to what.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    /// Prints the checks of a suite and counts them.
    fn print(&mut self, suite: &str, checks: &[Check], complaint: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{suite}")?;
        for check in checks {
            writeln!(out, "  {check}")?;
            match check.outcome {
                Outcome::Pass => self.passed += 1,
                Outcome::Fail => self.failed += 1,
                Outcome::Skip => self.skipped += 1,
            }
        }
        write!(out, "{complaint}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    /// What the scripts share.
    const SHARED: [&str; 3] = ["bedrock", "checks", "looms"];

    #[test]
    fn every_script_is_a_suite() {
        let files = fs::read_dir(root().join("clients/python")).unwrap().map(|entry| entry.unwrap().path());
        let scripts = files.filter(|path| path.extension().is_some_and(|ending| ending == "py"));
        let names: BTreeSet<String> =
            scripts.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
        let known = SUITES.iter().map(|suite| suite.name).chain(SHARED).map(str::to_owned);
        assert_eq!(names, known.collect());
    }
}
