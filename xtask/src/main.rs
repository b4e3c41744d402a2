//! The project's own tasks: `cargo xtask <command>`.
//!
//! Owns the table of commands and turns an error into an exit code. Every command is a module with a `run` function.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod ci;
mod clients;
mod codegen;
mod docs;
mod tidy;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure what a request costs
    Bench(bench::Args),
    /// Run real third-party clients against the product
    Clients(clients::Args),
    /// Generate crates/loom-proto/src/gen from proto/
    Codegen(codegen::Args),
    /// Write the generated pages under docs/reference/
    Docs(docs::Args),
    /// Check the house rules that no compiler checks
    Tidy,
    /// Run every check of the project
    Ci,
}

/// What every command answers; the error is printed with its sources.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Clients(args) => clients::run(&args),
        Command::Codegen(args) => codegen::run(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Tidy => tidy::run(),
        Command::Ci => ci::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a command-line tool reports its errors on stderr")]
fn report(error: &(dyn std::error::Error + 'static)) {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  caused by: {cause}");
        source = cause.source();
    }
}

/// The workspace's root: the parent of this crate's folder, whatever the current folder is.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}
