//! One suite: its script is run, its report read.
//!
//! A script prints `pass|fail<TAB>name<TAB>note or reason` per check. One that ends badly, or says nothing, fails by
//! that.

use std::fmt;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::tool::{Tool, Toolbox};
use crate::root;

/// Scripts give up by themselves before that (`MAX_SECONDS` in `checks.py`), and end their servers in good order.
const DEADLINE: Duration = Duration::from_secs(150);

/// How much of what a script complained of is shown, in lines.
const COMPLAINT_LINES: usize = 60;

/// A script and what it needs beside Python.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suite {
    /// The script's name in `clients/python`, without its ending.
    pub(super) name: &'static str,
    pub(super) needs: &'static [Tool],
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Pass,
    Fail,
    Skip,
}

/// A check that was made, or could not be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) outcome: Outcome,
    name: String,
    reason: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "FAIL",
            Outcome::Skip => "skip",
        };
        write!(f, "{outcome}  {}", self.name)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

impl Check {
    /// Stands for all checks of a suite whose tools are not there.
    pub(super) fn lacking(tools: &[Tool], is_failure: bool) -> Self {
        let names: Vec<String> = tools.iter().map(ToString::to_string).collect();
        let outcome = if is_failure { Outcome::Fail } else { Outcome::Skip };
        Self { outcome, name: "the whole suite".to_owned(), reason: format!("lacking {}", names.join(", ")) }
    }

    fn failed(reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, name: "the script".to_owned(), reason: reason.into() }
    }

    fn parse(line: &str) -> Self {
        let mut parts = line.splitn(3, '\t');
        let outcome = match parts.next() {
            Some("pass") => Outcome::Pass,
            Some("fail") => Outcome::Fail,
            _ => return Self::failed(format!("does not report so: `{line}`")),
        };
        let mut text = || parts.next().unwrap_or_default().to_owned();
        Self { outcome, name: text(), reason: text() }
    }
}

impl Suite {
    /// Runs the script; what it complained of follows its checks if one failed.
    pub(super) async fn run(self, toolbox: &Toolbox, looms: PathBuf) -> (Vec<Check>, String) {
        let script = root().join("clients/python").join(self.name).with_extension("py");
        let mut command = toolbox.command("python3");
        command
            .arg(script)
            .env("LOOMS", looms)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut command = Command::from(command);
        let ended = command.kill_on_drop(true).spawn().map(|child| timeout(DEADLINE, child.wait_with_output()));
        let output = match ended {
            Err(error) => return (vec![Check::failed(error.to_string())], String::new()),
            Ok(output) => output.await,
        };
        match output {
            Err(_) => (vec![Check::failed(format!("no end after {} s", DEADLINE.as_secs()))], String::new()),
            Ok(Err(error)) => (vec![Check::failed(error.to_string())], String::new()),
            Ok(Ok(output)) => read(&output),
        }
    }
}

fn read(output: &Output) -> (Vec<Check>, String) {
    let mut checks: Vec<Check> = String::from_utf8_lossy(&output.stdout).lines().map(Check::parse).collect();
    if !output.status.success() {
        checks.push(Check::failed(output.status.to_string()));
    }
    if checks.is_empty() {
        checks.push(Check::failed("reports no check"));
    }
    let failed = checks.iter().any(|check| check.outcome == Outcome::Fail);
    (checks, if failed { complaint(&output.stderr) } else { String::new() })
}

/// The end of what a script wrote to stderr.
fn complaint(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(COMPLAINT_LINES);
    lines.iter().skip(skipped).map(|line| format!("    | {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn report(exit: i32, stdout: &str, stderr: &str) -> (Vec<String>, String) {
        let (checks, complaint) =
            read(&Output { status: ExitStatus::from_raw(exit << 8), stdout: stdout.into(), stderr: stderr.into() });
        (checks.iter().map(ToString::to_string).collect(), complaint)
    }

    #[test]
    fn a_report_is_read_line_by_line() {
        let (checks, complaint) =
            report(0, "pass\tit works\t\npass\tthat too\ton port 5\nfail\tthis not\tit broke\n", "why\n");
        assert_eq!(checks, ["pass  it works", "pass  that too: on port 5", "FAIL  this not: it broke"]);
        assert_eq!(complaint, "    | why\n");
    }

    #[test]
    fn what_all_passed_complains_of_is_not_shown() {
        assert_eq!(report(0, "pass\tit works\t\n", "a warning\n").1, "");
    }

    #[test]
    fn a_script_that_ends_badly_or_says_nothing_has_failed() {
        for (exit, stdout) in [(1, "pass\tit works\t\n"), (0, ""), (0, "Traceback\n"), (0, "skip\tit\t\n")] {
            let (checks, _) = report(exit, stdout, "");
            assert!(checks.iter().any(|check| check.starts_with("FAIL")), "{exit} {stdout:?}: {checks:?}");
        }
    }

    #[test]
    fn what_is_lacking_is_skipped_or_has_failed() {
        let tools = [Tool::Program("buf"), Tool::Module("grpc")];
        let skipped = Check::lacking(&tools, false).to_string();
        assert_eq!(skipped, "skip  the whole suite: lacking `buf`, the Python module `grpc`");
        assert_eq!(Check::lacking(&tools, true).outcome, Outcome::Fail);
    }
}
