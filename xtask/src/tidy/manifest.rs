//! Rules for `Cargo.toml`: crate arrows, owners of external crates, one declaration for all.
//!
//! A dependency of ours has exactly one form, `name.workspace = true`, so a manifest is read line by line; whatever has another
//! form is itself a finding.

use super::Finding;
use super::owners::{ARROWS, OWNERS};
use super::tree::{File, Tree};

const ROOT: &str = "Cargo.toml";

/// One line of a manifest's dependency section.
struct Dependency<'a> {
    manifest: &'a str,
    line: usize,
    /// The crate that depends.
    of: &'a str,
    /// The crate that it depends on.
    on: &'a str,
    /// What stands behind the name.
    rest: &'a str,
}

pub(super) fn shared(tree: &Tree) -> Vec<Finding> {
    members(tree)
        .filter(|dependency| !dependency.rest.starts_with(".workspace = true"))
        .map(|it| {
            let what =
                format!("`{}` is declared here: declare it in the root manifest, and `.workspace = true`", it.on);
            Finding::new(it.manifest, it.line, what)
        })
        .collect()
}

pub(super) fn unused(tree: &Tree) -> Vec<Finding> {
    declared(tree)
        .filter(|declared| !members(tree).any(|dependency| dependency.on == declared.on))
        .map(|it| Finding::new(ROOT, it.line, format!("no crate depends on `{}`: remove it", it.on)))
        .collect()
}

/// Our own crates point at each other only as [`ARROWS`] says.
pub(super) fn arrows(tree: &Tree) -> Vec<Finding> {
    let ours = |name: &str| ARROWS.iter().any(|(known, _)| *known == name);
    let mut findings: Vec<Finding> = manifests(tree)
        .filter(|(_, name)| !ours(name))
        .map(|(file, name)| {
            let what =
                format!("`{name}` is a crate without a row in ARROWS: a new crate needs a reason, and its arrows");
            Finding::new(&file.path, 1, what)
        })
        .collect();
    for it in members(tree).filter(|dependency| ours(dependency.on)) {
        let allowed = ARROWS.iter().any(|(from, to)| *from == it.of && to.contains(&it.on));
        if !allowed {
            let what = format!("`{}` must not depend on `{}`: see the arrows in ARCHITECTURE.md", it.of, it.on);
            findings.push(Finding::new(it.manifest, it.line, what));
        }
    }
    findings
}

/// Every external crate has a row in [`OWNERS`], and only its owners depend on it.
pub(super) fn owned(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for it in members(tree).filter(|dependency| !ARROWS.iter().any(|(ours, _)| *ours == dependency.on)) {
        let what = match OWNERS.iter().find(|row| row.crates.contains(&it.on)) {
            None => format!("`{}` has no owner: add it to OWNERS with its reason, or do without it", it.on),
            Some(row) if row.owners.contains(&it.of) => continue,
            Some(row) => {
                format!("`{}` belongs to {} ({}): ask them for what you need", it.on, row.owners.join(", "), row.why)
            }
        };
        findings.push(Finding::new(it.manifest, it.line, what));
    }
    findings
}

/// What the root manifest declares for all.
fn declared(tree: &Tree) -> impl Iterator<Item = Dependency<'_>> {
    tree.file(ROOT).into_iter().flat_map(|file| dependencies(file, "workspace"))
}

/// What the crates depend on, in their builds and in their tests.
fn members(tree: &Tree) -> impl Iterator<Item = Dependency<'_>> {
    manifests(tree).flat_map(|(file, name)| dependencies(file, name))
}

/// The crates' manifests and names; a crate is named like its folder.
fn manifests(tree: &Tree) -> impl Iterator<Item = (&File, &str)> {
    tree.files.iter().filter_map(|file| {
        let folder = file.path.strip_suffix("/Cargo.toml")?;
        Some((file, folder.rsplit('/').next().unwrap_or(folder)))
    })
}

fn dependencies<'a>(file: &'a File, of: &'a str) -> impl Iterator<Item = Dependency<'a>> {
    let mut inside = false;
    file.lines().filter_map(move |(line, text)| {
        let text = text.trim();
        if let Some(section) = text.strip_prefix('[') {
            // `[dependencies]`, `[target.'cfg(unix)'.dependencies]`; the keys of a `[dependencies.name]` are no names.
            inside = section.ends_with("dependencies]");
            let on = section.strip_suffix(']')?.rsplit_once("dependencies.")?.1;
            return Some(Dependency { manifest: &file.path, line, of, on, rest: "" });
        }
        if !inside || text.is_empty() || text.starts_with('#') {
            return None;
        }
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '-' && letter != '_')?;
        let (on, rest) = text.split_at_checked(end)?;
        Some(Dependency { manifest: &file.path, line, of, on, rest })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(check: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn check(check: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)], start: &str) {
        let found = found(check, files);
        assert!(found.len() == 1 && found.iter().all(|finding| finding.starts_with(start)), "{found:?}");
    }

    #[test]
    fn a_dependency_is_declared_in_the_root_manifest() {
        let path = "crates/claude/Cargo.toml";
        check(
            shared,
            &[(path, "[dependencies]\nbytes.workspace = true\nhttp = \"1\"\n")],
            "crates/claude/Cargo.toml:3: `http`",
        );
        check(shared, &[(path, "[dev-dependencies.insta]\nversion = \"1\"\n")], "crates/claude/Cargo.toml:1: `insta`");
        check(
            shared,
            &[(path, "[target.'cfg(unix)'.dependencies]\nnix = { version = \"1\" }\n")],
            "crates/claude/Cargo.toml:2: `nix`",
        );
        let clean =
            "[package]\nname = \"claude\"\n\n[dependencies]\n# why\nbytes.workspace = true\n\n[features]\na = []\n";
        assert_eq!(found(shared, &[(path, clean)]), [""; 0]);
    }

    #[test]
    fn a_declaration_that_nobody_uses_is_found() {
        let root = "[workspace.dependencies]\nbytes = \"1\"\nhttp = { version = \"1\" }\n\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
        let member = "[dev-dependencies]\nbytes.workspace = true\n";
        check(
            unused,
            &[(ROOT, root), ("crates/claude/Cargo.toml", member)],
            "Cargo.toml:3: no crate depends on `http`",
        );
    }

    #[test]
    fn an_arrow_that_is_not_drawn_is_found() {
        let on = |name: &str| format!("[dependencies]\n{name}.workspace = true\n");
        check(
            arrows,
            &[("crates/claude/Cargo.toml", &on("loom-proto"))],
            "crates/claude/Cargo.toml:2: `claude` must not",
        );
        check(
            arrows,
            &[("crates/bedrock-emulator/Cargo.toml", &on("claude"))],
            "crates/bedrock-emulator/Cargo.toml:2:",
        );
        check(
            arrows,
            &[("crates/extra/Cargo.toml", &on("bytes"))],
            "crates/extra/Cargo.toml:1: `extra` is a crate without",
        );
        assert_eq!(
            found(arrows, &[("crates/looms/Cargo.toml", &on("claude")), ("xtask/Cargo.toml", &on("looms"))]),
            [""; 0]
        );
    }

    #[test]
    fn an_external_crate_stays_with_its_owners() {
        let on = |name: &str| format!("[dependencies]\n{name}.workspace = true\n");
        check(
            owned,
            &[("crates/looms/Cargo.toml", &on("rusqlite"))],
            "crates/looms/Cargo.toml:2: `rusqlite` belongs to loom-store",
        );
        for name in ["tonic", "prost", "clap"] {
            for crate_name in ["claude", "bedrock-emulator", "loom-store"] {
                let path = format!("crates/{crate_name}/Cargo.toml");
                check(owned, &[(&path, &on(name))], &format!("{path}:2: `{name}` belongs to"));
            }
        }
        check(
            owned,
            &[("crates/looms/Cargo.toml", &on("left-pad"))],
            "crates/looms/Cargo.toml:2: `left-pad` has no owner",
        );
        assert_eq!(found(owned, &[("crates/loom-store/Cargo.toml", &on("rusqlite"))]), [""; 0]);
    }
}
