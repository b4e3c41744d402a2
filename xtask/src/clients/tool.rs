//! What the suites need from outside, and where it is: in `target/clients` (see `clients/install.sh`), or in `PATH`.
//!
//! Knows how to find a tool, not what is done with it.

use std::env::{join_paths, split_paths};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{Result, root};

/// Where `clients/install.sh` puts programs, below [`INSTALLED`].
const PROGRAMS: [&str; 3] = ["venv/bin", "node/node_modules/.bin", "bin"];
const PACKAGES: &str = "node/node_modules";
const INSTALLED: &str = "target/clients";

/// Fails on a Python that does not know what the scripts are written in.
const PYTHON_VERSION: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

/// Something that a suite needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// The interpreter of every script.
    Python,
    /// A program that can tell its version.
    Program(&'static str),
    /// A module that Python can import.
    Module(&'static str),
    /// A package that Node can require.
    Package(&'static str),
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python => f.write_str("`python3` (3.10 or newer)"),
            Self::Program(name) => write!(f, "`{name}`"),
            Self::Module(name) => write!(f, "the Python module `{name}`"),
            Self::Package(name) => write!(f, "the Node package `{name}`"),
        }
    }
}

/// Where tools are looked for.
#[derive(Debug)]
pub(super) struct Toolbox {
    path: OsString,
    packages: PathBuf,
}

impl Toolbox {
    /// What is installed for the suites stands before what this machine has.
    #[expect(
        clippy::disallowed_methods,
        reason = "the tools of a development machine are found where its shell finds them"
    )]
    pub(super) fn new() -> Result<Self> {
        let installed = root().join(INSTALLED);
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let programs = PROGRAMS.iter().map(|folder| installed.join(folder));
        Ok(Self { path: join_paths(programs.chain(split_paths(&inherited)))?, packages: installed.join(PACKAGES) })
    }

    /// A command that runs `program`, and finds every other tool that way, too.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path).env("NODE_PATH", &self.packages).stdin(Stdio::null());
        command
    }

    /// Those of `tools` that are not there, or do not run.
    pub(super) fn lacking(&self, tools: &[Tool]) -> Vec<Tool> {
        [Tool::Python].iter().chain(tools).copied().filter(|tool| !self.has(*tool)).collect()
    }

    fn has(&self, tool: Tool) -> bool {
        let mut probe = match tool {
            Tool::Python => self.probe("python3", ["-c", PYTHON_VERSION]),
            Tool::Program(name) => self.probe(name, ["--version"]),
            Tool::Module(name) => self.probe("python3", ["-c", &format!("import {name}")]),
            Tool::Package(name) => self.probe("node", ["-e", &format!("require.resolve('{name}')")]),
        };
        probe.status().is_ok_and(|status| status.success())
    }

    fn probe<'a>(&self, program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.command(program);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_lacking_and_named() {
        let toolbox = Toolbox { path: OsString::new(), packages: PathBuf::new() };
        let lacking = toolbox.lacking(&[Tool::Program("grpcurl"), Tool::Module("boto3"), Tool::Package("@a/b")]);
        let names: Vec<String> = lacking.iter().map(ToString::to_string).collect();
        let expected =
            ["`python3` (3.10 or newer)", "`grpcurl`", "the Python module `boto3`", "the Node package `@a/b`"];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_program_in_the_path_is_there() {
        assert!(Toolbox::new().unwrap().has(Tool::Program("cargo")));
    }
}
