//! The reference page of the settings, `docs/reference/settings.md`.
//!
//! Owns the page's prose; every figure on it is read off the table. Knows no file system: whoever writes the page does.

use std::fmt::Write as _;

use super::setting::Setting;
use super::table::SETTINGS;

const INTRODUCTION: &str = "\
# Settings

<!-- Generated from crates/looms/src/config/table.rs by `cargo xtask docs`. Do not edit. -->

A setting's value comes from the first of these that has one:

1. its flag, on `looms serve` and `looms weave`;
2. its environment variable: `LOOM_` and the key in capitals (`llm.bedrock_region` is `LOOM_LLM_BEDROCK_REGION`), then \
the other variables that are listed with it;
3. the file: `looms.yaml` in `$LOOM_DATA_DIR`, or the one that `--config` names;
4. for the region: `AWS_REGION`, then `AWS_DEFAULT_REGION`;
5. the default.

`LOOM_DATA_DIR` is `~/.loom` unless it is set. An empty variable counts as absent. \
`AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true` switches `AWS_ENDPOINT_URL…` off, as with AWS's own tools. In a variable \
or a flag, commas separate the items of a list. In the file, a quoted scalar is read like the text of a variable \
(`max_tokens: \"4096\"` is a number); unquoted, YAML 1.2 decides the type, and only a whole number may stand for a \
number with a fraction.

The access key id, its secret and its session token are taken from one source, the first that has any of them; half a \
pair is an error (an `AWS_SESSION_TOKEN` alone is ignored, as by AWS's own tools). A flag shows in the process list \
and the file is plain text: both work and both warn.

An unknown key, a duplicate, a value out of its range: all of them are reported at once, with file and line, and the \
exit code is 78. A variable that begins with `LOOM_` and belongs to no setting is a warning.
";

/// The page as it has to stand in the repository.
pub fn settings_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut section = "";
    for setting in SETTINGS {
        if setting.section() != section {
            section = setting.section();
            // Writing to a String cannot fail.
            let _ = write!(page, "\n## `{section}`\n");
        }
        page.push_str(&entry(setting));
    }
    page
}

fn entry(setting: &Setting) -> String {
    let code = |name: &str| format!("`{name}`");
    let mut facts = vec![format!("Value: {}", setting.kind)];
    facts.push(match setting.default {
        None => "Default: none".to_owned(),
        Some("") => "Default: an empty list".to_owned(),
        Some(default) => format!("Default: `{default}`"),
    });
    facts.extend(setting.flag.map(|flag| format!("Flag: `--{flag}`")));
    let variables = std::iter::once(setting.loom_variable()).chain(setting.variables.iter().map(ToString::to_string));
    let variables: Vec<_> = variables.map(|name| code(&name)).collect();
    facts.push(format!("Environment: {}", variables.join(", ")));
    if !setting.fallback_variables.is_empty() {
        let names: Vec<_> = setting.fallback_variables.iter().map(|name| code(name)).collect();
        facts.push(format!("Below the file: {}", names.join(", ")));
    }
    if setting.secret {
        facts.push("Secret: shown as `***`".to_owned());
    }
    format!("\n### `{}`\n\n{}.\n\n- {}\n", setting.key, setting.sentence(), facts.join("\n- "))
}
