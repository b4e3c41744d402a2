//! The project's files, read once for all checks.
//!
//! Owns which files are the project's: what git tracks or would track. Without git (a source tarball) the folder is walked.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;

/// Folders that hold no file of the project, for a walk that has no `.gitignore` to obey.
const NOT_OURS: [&str; 4] = [".git", "target", ".venv", "node_modules"];

/// A text file.
pub(super) struct File {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// All files of the project.
pub(super) struct Tree {
    /// Those that are text.
    pub(super) files: Vec<File>,
    paths: BTreeSet<String>,
}

impl File {
    /// The lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.split('\n'))
    }

    /// The parts of the path.
    pub(super) fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.path.split('/')
    }

    /// Whether this is Rust that a person wrote.
    pub(super) fn is_source(&self) -> bool {
        self.path.ends_with(".rs") && !self.is_generated()
    }

    /// Whether `cargo xtask codegen` wrote it.
    pub(super) fn is_generated(&self) -> bool {
        self.path.contains("/src/gen/")
    }
}

impl Tree {
    /// Reads every file below `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let paths = match tracked(root) {
            Some(paths) => paths,
            None => walked(root)?,
        };
        let mut tree = Self { files: Vec::new(), paths: BTreeSet::new() };
        for path in paths {
            // A file may be tracked and deleted, and a file that is no UTF-8 is no text.
            let Ok(content) = fs::read(root.join(&path)) else { continue };
            if let Ok(text) = String::from_utf8(content) {
                tree.files.push(File { path: path.clone(), text });
            }
            tree.paths.insert(path);
        }
        Ok(tree)
    }

    /// The file of that path, if it is text.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is a file or a folder of that path.
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.paths.contains(path) || self.paths.iter().any(|known| known.starts_with(&folder))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File { path: path.to_owned(), text: text.to_owned() };
        Self {
            files: files.iter().map(file).collect(),
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        }
    }
}

/// What git tracks or would track; `None` where there is no git, or it does not answer.
fn tracked(root: &Path) -> Option<Vec<String>> {
    if !root.join(".git").exists() {
        return None;
    }
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
    let listed = output.status.success().then_some(output.stdout)?;
    let paths = String::from_utf8(listed).ok()?;
    Some(paths.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn walked(root: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if !entry.file_type()?.is_dir() {
                paths.push(path);
            } else if !NOT_OURS.contains(&name.as_str()) {
                folders.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text\n").unwrap();
        }
        folder
    }

    #[test]
    fn a_tarball_is_walked_without_what_a_build_leaves() {
        let folder = folder(&["Cargo.toml", "src/lib.rs", "src/gen/a.rs", "target/debug/x", "web/node_modules/y"]);
        assert!(tracked(folder.path()).is_none());
        let tree = Tree::read(folder.path()).unwrap();
        let paths: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["Cargo.toml", "src/gen/a.rs", "src/lib.rs"]);
        assert!(tree.has("src") && tree.has("src/gen") && !tree.has("sr") && !tree.has("target"));
    }

    #[test]
    fn only_text_is_read_but_every_file_is_known() {
        let folder = folder(&["a.md"]);
        fs::write(folder.path().join("descriptor.bin"), [0xff, 0x00]).unwrap();
        let tree = Tree::read(folder.path()).unwrap();
        assert!(tree.file("descriptor.bin").is_none() && tree.has("descriptor.bin"));
        assert!(tree.file("a.md").is_some());
    }
}
