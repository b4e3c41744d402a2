//! Rules for every text file: words that must not stand there, and white space.

use super::Finding;
use super::tree::{File, Tree};

/// This file names the words, so it may hold them.
const SELF: &str = "xtask/src/tidy/words.rs";

/// The one place that reads the environment, and the one that prints.
const ENVIRONMENT: &str = "crates/looms/src/config/environment.rs";
const PRINTER: &str = "crates/looms/src/cli/print.rs";

struct Word {
    text: &'static str,
    applies: fn(&File) -> bool,
    /// What to do about it.
    advice: &'static str,
}

const UNFINISHED: &str = "finish it, or open an issue";
const RETURN_AN_ERROR: &str = "write the part, or return an error that says what is absent";
const READ_ONCE: &str = "the environment is read in looms::config and passed in as a value";
const PRINT: &str = "print through looms::cli::print";
const THIS_MACHINE: &str = "a path of one machine: make it relative or a setting";

const WORDS: [Word; 16] = [
    Word { text: "TODO", applies: anywhere, advice: UNFINISHED },
    Word { text: "FIXME", applies: anywhere, advice: UNFINISHED },
    Word { text: "XXX", applies: anywhere, advice: UNFINISHED },
    Word { text: "todo!", applies: anywhere, advice: RETURN_AN_ERROR },
    Word { text: "unimplemented!", applies: anywhere, advice: RETURN_AN_ERROR },
    Word { text: "sleep(", applies: in_tests, advice: "wait on what the test waits for, with a deadline" },
    Word { text: "#[ignore", applies: anywhere, advice: "a test runs or goes" },
    Word { text: "env::var(", applies: past_config, advice: READ_ONCE },
    Word { text: "env::var_os", applies: past_config, advice: READ_ONCE },
    Word { text: "env::vars", applies: past_config, advice: READ_ONCE },
    Word { text: "print!", applies: past_printer, advice: PRINT },
    Word { text: "println!", applies: past_printer, advice: PRINT },
    Word { text: "eprint!", applies: past_printer, advice: PRINT },
    Word { text: "eprintln!", applies: past_printer, advice: PRINT },
    Word { text: "/work/", applies: anywhere, advice: THIS_MACHINE },
    Word { text: "/root/", applies: anywhere, advice: THIS_MACHINE },
];

fn anywhere(_: &File) -> bool {
    true
}

fn in_tests(file: &File) -> bool {
    file.parts().any(|part| part == "tests" || part == "tests.rs")
}

fn past_config(file: &File) -> bool {
    in_product(file) && file.path != ENVIRONMENT
}

fn past_printer(file: &File) -> bool {
    in_product(file) && file.path != PRINTER
}

/// The sources of what is shipped: neither tests and examples nor the project's own tasks.
fn in_product(file: &File) -> bool {
    let mut parts = file.parts();
    file.is_source() && parts.next() == Some("crates") && parts.nth(1) == Some("src")
}

pub(super) fn forbidden(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path != SELF) {
        for word in WORDS.iter().filter(|word| (word.applies)(file)) {
            for (number, _) in file.lines().filter(|(_, line)| stands_in(word.text, line)) {
                findings.push(Finding::new(&file.path, number, format!("`{}`: {}", word.text, word.advice)));
            }
        }
    }
    findings
}

/// Whether `text` begins somewhere in the line, and not within a longer word.
fn stands_in(text: &str, line: &str) -> bool {
    line.match_indices(text).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

pub(super) fn whitespace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_ours_to_lay_out(file)) {
        for (number, _) in file.lines().filter(|(_, line)| line.ends_with([' ', '\t', '\r'])) {
            findings.push(Finding::new(&file.path, number, "white space at the end of the line: remove it"));
        }
    }
    findings
}

pub(super) fn final_newline(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|file| is_ours_to_lay_out(file) && !file.text.is_empty() && !file.text.ends_with('\n'))
        .map(|file| Finding::new(&file.path, file.lines().count(), "no newline at the end of the file: add one"))
        .collect()
}

/// In recordings, snapshots and generated files the white space is content.
fn is_ours_to_lay_out(file: &File) -> bool {
    !file.is_generated() && !file.path.ends_with(".snap") && !file.parts().any(|part| part == "golden")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, line: &str, found: &[&str]) {
        let findings = forbidden(&Tree::of(&[(path, line)]));
        let words: Vec<&str> = findings.iter().map(|finding| finding.what.split('`').nth(1).unwrap()).collect();
        assert_eq!(words, found, "{path}: {line}");
    }

    #[test]
    fn every_word_is_found_where_it_must_not_stand() {
        check("README.md", "TODO: write", &["TODO"]);
        check("data/models.json", "// FIXME and XXX", &["FIXME", "XXX"]);
        check("crates/a/src/b.rs", "todo!() + unimplemented!()", &["todo!", "unimplemented!"]);
        check("crates/a/tests/it/main.rs", "tokio::time::sleep(second).await", &["sleep("]);
        check("crates/a/src/b/tests.rs", "thread::sleep(second)", &["sleep("]);
        check("crates/a/tests/it/main.rs", "#[ignore = \"slow\"]", &["#[ignore"]);
        check("crates/a/src/b.rs", "std::env::var(\"HOME\")", &["env::var("]);
        check("crates/a/src/b.rs", "env::var_os(\"HOME\"), env::vars()", &["env::var_os", "env::vars"]);
        check("crates/a/src/b.rs", "print!(); println!()", &["print!", "println!"]);
        check("crates/a/src/b.rs", "eprint!(); eprintln!()", &["eprint!", "eprintln!"]);
        check("docs/guides/a.md", "cd /work/looms; ls \"/root/.loom\"", &["/work/", "/root/"]);
    }

    #[test]
    fn where_a_word_belongs_it_may_stand() {
        check("README.md", "METHODTODO, crates/work/", &[]);
        check("crates/a/src/b.rs", "tokio::time::sleep(pause).await", &[]);
        check(ENVIRONMENT, "std::env::vars_os()", &[]);
        check(PRINTER, "println!(\"{answer}\")", &[]);
        check("xtask/src/ci.rs", "println!(\"{heading}\"); env::var(\"X\")", &[]);
        check("crates/a/tests/it/crash.rs", "std::env::var_os(DATABASE)", &[]);
        check(SELF, "TODO", &[]);
    }

    #[test]
    fn lines_and_files_end_cleanly() {
        let tree = Tree::of(&[("a.md", "one \ntwo\t\nthree\r\nfour\n"), ("b.sh", "no newline"), ("c", "")]);
        let lines: Vec<usize> = whitespace(&tree).into_iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 2, 3]);
        let files: Vec<String> = final_newline(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(files, ["b.sh"]);
        let recorded = Tree::of(&[("crates/a/tests/golden/b.sse", "data: \n\ndata: "), ("a/src/gen/b.rs", "/// ")]);
        assert!(whitespace(&recorded).is_empty() && final_newline(&recorded).is_empty());
    }
}
