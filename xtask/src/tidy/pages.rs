//! Rules for the pages that people read: the change log, links, the index of decisions.

use super::Finding;
use super::tree::{File, Tree};

const CHANGELOG: &str = "CHANGELOG.md";
const DECISIONS: &str = "docs/adr/";
const DECISIONS_INDEX: &str = "docs/adr/README.md";

pub(super) fn changelog(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.file(CHANGELOG) else {
        return vec![Finding::new(CHANGELOG, 1, "is missing: write it, after keepachangelog.com")];
    };
    let unreleased = file.lines().any(|(_, line)| matches!(line, "## Unreleased" | "## [Unreleased]"));
    if unreleased {
        return Vec::new();
    }
    vec![Finding::new(CHANGELOG, 1, "no section `## Unreleased`: add it, for what the next release brings")]
}

/// Every decision record is in the index.
pub(super) fn decisions(tree: &Tree) -> Vec<Finding> {
    let index = tree.file(DECISIONS_INDEX).map_or("", |file| file.text.as_str());
    let mut findings = Vec::new();
    for file in &tree.files {
        let Some(name) = file.path.strip_prefix(DECISIONS) else { continue };
        if file.path != DECISIONS_INDEX && !index.contains(&format!("({name})")) {
            findings.push(Finding::new(&file.path, 1, format!("not in the index: link it in {DECISIONS_INDEX}")));
        }
    }
    findings
}

/// Relative links lead to a file, and to a heading where they name one.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (number, line) in prose(file) {
            for target in targets(line).filter(|target| !leads_somewhere(tree, file, target)) {
                let what = format!("the link `{target}` leads nowhere: correct or remove it");
                findings.push(Finding::new(&file.path, number, what));
            }
        }
    }
    findings
}

/// The lines outside fenced code.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// What stands in `](…)`, without a title behind it.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

fn leads_somewhere(tree: &Tree, from: &File, target: &str) -> bool {
    if target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let Some(path) = resolved(&from.path, path) else { return false };
    match heading {
        None => tree.has(&path),
        Some(heading) => tree.file(&path).is_some_and(|file| anchors(file).any(|anchor| anchor == heading)),
    }
}

/// The path from the root of a link on the page `from`; `None` if it leaves the project.
fn resolved(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors that a renderer makes of a page's headings: lower case, dashes for spaces, no other punctuation.
fn anchors(file: &File) -> impl Iterator<Item = String> {
    prose(file).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| {
        let heading = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_')).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_log_has_a_section_for_what_comes() {
        assert_eq!(changelog(&Tree::of(&[])).len(), 1);
        assert_eq!(changelog(&Tree::of(&[(CHANGELOG, "# Changelog\n\n## 0.1.0\n")])).len(), 1);
        assert!(changelog(&Tree::of(&[(CHANGELOG, "# Changelog\n\n## [Unreleased]\n")])).is_empty());
    }

    #[test]
    fn a_decision_outside_the_index_is_found() {
        let record = ("docs/adr/001-house.md", "# The house\n");
        assert_eq!(decisions(&Tree::of(&[record])).len(), 1);
        assert_eq!(decisions(&Tree::of(&[record, (DECISIONS_INDEX, "- 001-house.md is ours\n")])).len(), 1);
        assert!(decisions(&Tree::of(&[record, (DECISIONS_INDEX, "- [The house](001-house.md)\n")])).is_empty());
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading() {
        let guide = "# A Guide\n\n## `llm.max_tokens`, and more\n";
        for (link, resolves) in [
            ("docs/guide.md", true),
            ("./docs/guide.md#a-guide", true),
            ("docs/guide.md#llmmax_tokens-and-more", true),
            ("docs", true),
            ("#here", true),
            ("https://example.com/x", true),
            ("docs/guide.md \"A title\"", true),
            ("docs/gone.md", false),
            ("docs/guide.md#gone", false),
            ("#gone", false),
            ("../outside.md", false),
        ] {
            let readme = format!("# Here\n\nSee [this]({link}), or not.\n");
            let found = links(&Tree::of(&[("README.md", &readme), ("docs/guide.md", guide)]));
            assert_eq!(found.is_empty(), resolves, "{link}: {found:?}");
        }
    }

    #[test]
    fn links_are_relative_to_their_page_and_code_holds_none() {
        let page = "[up](../README.md)\n\n```\n[x](gone.md)\n```\n\n[gone](gone.md)\n";
        let found = links(&Tree::of(&[("docs/guides/a.md", page), ("docs/README.md", "# Docs\n")]));
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [7]);
    }
}
