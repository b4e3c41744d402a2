//! `cargo xtask tidy`: the house rules that no compiler checks.
//!
//! Owns the list of checks and what a finding is; every check is a function from the project's files to findings, in a module
//! by subject. Checks read text and know no build. All findings are told at once.

mod manifest;
mod owners;
mod pages;
mod source;
mod tree;
mod words;

use std::fmt;

use crate::{Result, root};
use tree::Tree;

type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: [Check; 14] = [
    source::length,
    source::header,
    source::module_files,
    source::module_names,
    manifest::shared,
    manifest::unused,
    manifest::arrows,
    manifest::owned,
    words::forbidden,
    words::whitespace,
    words::final_newline,
    pages::changelog,
    pages::links,
    pages::decisions,
];

/// A rule that is broken: where, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Runs every check on the project's files.
pub(crate) fn run() -> Result {
    let tree = Tree::read(&root())?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.sort();
    if findings.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = findings.iter().map(|finding| format!("\n{finding}")).collect();
    Err(format!("the house rules are broken in {} places:{}", findings.len(), lines.concat()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        if let Err(error) = run() {
            panic!("{error}");
        }
    }

    #[test]
    fn a_finding_says_where_and_what() {
        let finding = Finding::new("crates/claude/src/lib.rs", 7, "what, and what to do");
        assert_eq!(finding.to_string(), "crates/claude/src/lib.rs:7: what, and what to do");
    }
}
