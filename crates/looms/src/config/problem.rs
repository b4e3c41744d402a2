//! Where a value came from, and what is wrong with a configuration.
//!
//! Owns the wording that all problems share: place, sentence, remedy. Knows no setting.

use std::fmt;
use std::sync::Arc;

/// Where a value came from. Its `Display` is what a person can go and look at: `looms.yaml:12`, `LOOM_SERVER_PORT`,
/// `--port`, `default`. The order is the one in which problems are listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The configuration file.
    File {
        /// The file as the user knows it: `looms.yaml`, or the path given with `--config`.
        name: Arc<str>,
        /// The line, counted from 1; 0 where the file as a whole is meant.
        line: u64,
    },
    /// An environment variable.
    Variable(String),
    /// A flag, without its dashes.
    Flag(&'static str),
    /// The table of settings.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line: 0 } => f.write_str(name),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One thing that is wrong with the configuration. Never carries the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the user has to look.
    pub place: Origin,
    /// The error code where callers know one for it (`invalid_region`).
    pub code: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// The way out, where the message does not say it already.
    pub hint: Option<String>,
}

impl Problem {
    pub(super) fn new(place: Origin, message: impl Into<String>) -> Self {
        Self { place, code: None, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(code) = self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a configuration, one problem a line: the file's by line, then the variables', then
/// the flags'. The exit code for it is 78 (`EX_CONFIG` of BSD's sysexits.h).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// At least one, in the order of [`Origin`].
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        Self { problems }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}
