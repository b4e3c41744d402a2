//! `cargo xtask ci`: every check of the project, in the order in which a failure is cheapest to find.
//!
//! Owns the list of steps. Each is a child process with this one's output, so that what it says stays as it says it; the
//! first that fails ends the run.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Result, root};

/// A command, and what it checks.
struct Step {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
    /// A step may be left out where its tool is not installed: the arguments that show that it is.
    probe: Option<&'static [&'static str]>,
}

const fn cargo(name: &'static str, arguments: &'static [&'static str]) -> Step {
    Step { name, program: "cargo", arguments, environment: &[], probe: None }
}

const STEPS: [Step; 9] = [
    cargo("format", &["fmt", "--all", "--check"]),
    cargo("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    cargo("build", &["build", "--workspace"]),
    cargo("tests", &["test", "--workspace"]),
    Step {
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
        ..cargo("documentation", &["doc", "--workspace", "--no-deps"])
    },
    cargo("generated code", &["xtask", "codegen", "--check"]),
    cargo("generated pages", &["xtask", "docs", "--check"]),
    cargo("house rules", &["xtask", "tidy"]),
    Step {
        probe: Some(&["deny", "--version"]),
        ..cargo("dependencies", &["deny", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"])
    },
];

/// Runs the steps up to the first that fails.
pub(crate) fn run() -> Result {
    let start = Instant::now();
    run_all(&STEPS)?;
    say(&format!("all checks passed in {}", seconds(start.elapsed())));
    Ok(())
}

fn run_all(steps: &[Step]) -> Result {
    for step in steps {
        say(&format!("{}: {}", step.name, step.command_line()));
        if !step.is_installed() {
            say(&format!("{}: skipped, for `{}` is not installed", step.name, step.tool()));
            continue;
        }
        let start = Instant::now();
        let status = step.command().status().map_err(|error| step.unstarted(&error))?;
        if !status.success() {
            return Err(format!("{} failed after {}: {status}", step.name, seconds(start.elapsed())).into());
        }
        say(&format!("{}: passed in {}", step.name, seconds(start.elapsed())));
    }
    Ok(())
}

impl Step {
    fn command(&self) -> Command {
        let mut command = self.program(self.arguments);
        command.envs(self.environment.iter().copied());
        command
    }

    fn program<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(self.program);
        command.args(arguments).current_dir(root());
        command
    }

    fn command_line(&self) -> String {
        let environment = self.environment.iter().map(|(name, value)| format!("{name}='{value}'"));
        let words = std::iter::once(self.program).chain(self.arguments.iter().copied()).map(str::to_owned);
        environment.chain(words).collect::<Vec<_>>().join(" ")
    }

    fn is_installed(&self) -> bool {
        let Some(probe) = self.probe else { return true };
        let status = self.program(probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// The name under which the tool is known: `cargo deny`.
    fn tool(&self) -> String {
        let first = self.arguments.first().copied().unwrap_or_default();
        format!("{} {first}", self.program)
    }

    fn unstarted(&self, error: &io::Error) -> String {
        format!("{}: `{}` does not start: {error}", self.name, self.program)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// To stderr, where cargo writes its own progress.
#[expect(clippy::print_stderr, reason = "the headings are for whoever reads the run's output")]
fn say(text: &str) {
    eprintln!("=== {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn program(name: &'static str, program: &'static str) -> Step {
        Step { program, ..cargo(name, &[]) }
    }

    #[test]
    fn the_first_failure_ends_the_run_and_is_named() {
        let steps = [program("passes", "true"), program("breaks", "false"), program("never comes", "no-such-program")];
        let error = run_all(&steps).unwrap_err().to_string();
        assert!(error.starts_with("breaks failed after "), "{error}");
    }

    #[test]
    fn a_step_without_its_tool_is_left_out() {
        run_all(&[Step { probe: Some(&["--version"]), ..program("absent", "no-such-program") }]).unwrap();
        run_all(&[Step { probe: Some(&[]), ..program("broken", "false") }]).unwrap();
    }

    #[test]
    fn a_program_that_does_not_start_is_an_error() {
        let error = run_all(&[program("lost", "no-such-program")]).unwrap_err().to_string();
        assert!(error.starts_with("lost: `no-such-program` does not start"), "{error}");
    }

    #[test]
    fn a_heading_can_be_typed_as_it_stands() {
        let step = STEPS.iter().find(|step| step.name == "documentation").unwrap();
        assert_eq!(step.command_line(), "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps");
    }
}
