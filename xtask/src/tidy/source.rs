//! Rules for Rust files: their length, their header, their names.

use super::Finding;
use super::tree::{File, Tree};

/// A file is a page; 300 lines are the aim and this is the wall.
const MAX_LINES: usize = 500;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "manager", "managers"];

pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    let lines = |file: &File| file.text.lines().count();
    sources(tree)
        .filter(|file| lines(file) > MAX_LINES)
        .map(|file| {
            let what = format!("{} lines, {MAX_LINES} are allowed: split it by subject", lines(file));
            Finding::new(&file.path, MAX_LINES + 1, what)
        })
        .collect()
}

pub(super) fn header(tree: &Tree) -> Vec<Finding> {
    let what = "no header: begin with `//!` lines that say what the module owns and what it must not know";
    sources(tree).filter(|file| !file.text.starts_with("//!")).map(|file| Finding::new(&file.path, 1, what)).collect()
}

pub(super) fn module_files(tree: &Tree) -> Vec<Finding> {
    sources(tree)
        .filter(|file| file.parts().next_back() == Some("mod.rs"))
        .map(|file| Finding::new(&file.path, 1, "a `mod.rs`: call it by its folder's name, beside the folder"))
        .collect()
}

pub(super) fn module_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources(tree) {
        let name = file.parts().map(|part| part.trim_end_matches(".rs")).find(|name| EMPTY_NAMES.contains(name));
        if let Some(name) = name {
            findings.push(Finding::new(&file.path, 1, format!("`{name}` names nothing: name what is inside")));
        }
    }
    findings
}

fn sources(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| file.is_source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(check: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
    }

    #[test]
    fn a_file_has_500_lines_at_most_unless_it_is_generated() {
        let (most, more) = ("//!\n".repeat(500), "//!\n".repeat(501));
        let files = [("a.rs", &*most), ("b.rs", &*more), ("crates/c/src/gen/c.rs", &*more), ("d.json", &*more)];
        assert_eq!(found(length, &files), ["b.rs:501"]);
    }

    #[test]
    fn a_module_begins_with_its_header() {
        let files = [("a.rs", "//! A.\n"), ("b.rs", "use std::fs;\n"), ("c/src/gen/d.rs", ""), ("e.toml", "")];
        assert_eq!(found(header, &files), ["b.rs:1"]);
    }

    #[test]
    fn a_module_stands_beside_its_folder() {
        let files = [("src/a.rs", ""), ("src/a/mod.rs", ""), ("src/a/model.rs", "")];
        assert_eq!(found(module_files, &files), ["src/a/mod.rs:1"]);
    }

    #[test]
    fn a_module_is_named_for_what_is_inside() {
        let files = [("src/utils.rs", ""), ("src/common/a.rs", ""), ("src/commonplace.rs", ""), ("common/a.md", "")];
        assert_eq!(found(module_names, &files), ["src/utils.rs:1", "src/common/a.rs:1"]);
    }
}
