//! `cargo xtask docs`: the reference pages that are made of the product's own tables.
//!
//! Owns which page comes from which table. The pages are committed, so that they can be read without a build; a test here
//! fails when one is stale.

mod errors;
mod models;

use std::fs;
use std::path::Path;

use crate::{Result, root};

/// Flags of `cargo xtask docs`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail when a committed page is stale
    #[arg(long)]
    pub(crate) check: bool,
}

/// A page's path in the repository, and its text.
type Page = (&'static str, String);

/// Generates the pages, and writes those that differ from what is committed.
pub(crate) fn run(args: &Args) -> Result {
    let stale = stale(&root(), pages()?);
    if args.check {
        return match stale.as_slice() {
            [] => Ok(()),
            pages => Err(format!("{} not up to date: run `cargo xtask docs`", names(pages)).into()),
        };
    }
    for (path, text) in stale {
        let path = root().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

fn pages() -> Result<Vec<Page>> {
    Ok(vec![
        ("docs/reference/settings.md", looms::config::settings_page()),
        ("docs/reference/errors.md", errors::page()),
        ("docs/reference/models.md", models::page()?),
    ])
}

/// The pages that are missing below `root` or differ from what stands there.
fn stale(root: &Path, pages: Vec<Page>) -> Vec<Page> {
    pages.into_iter().filter(|(path, text)| fs::read_to_string(root.join(path)).ok().as_ref() != Some(text)).collect()
}

fn names(pages: &[Page]) -> String {
    pages.iter().map(|(path, _)| format!("`{path}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_pages_are_what_the_tables_say() {
        if let Err(error) = run(&Args { check: true }) {
            panic!("{error}");
        }
    }

    #[test]
    fn a_changed_page_is_stale_and_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("same.md"), "1").unwrap();
        fs::write(folder.path().join("changed.md"), "1").unwrap();
        let pages = ["same.md", "changed.md", "missing.md"];
        let generated = pages.map(|name| (name, if name == "changed.md" { "2" } else { "1" }.to_owned()));
        assert_eq!(names(&stale(folder.path(), generated.to_vec())), "`changed.md`, `missing.md`");
    }
}
