//! The configuration file: YAML in, keys with their lines out.
//!
//! Owns the shape of the file (sections, known keys, no duplicates). Knows nothing of types and ranges, and nothing of
//! where the file lies.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, MergeKeyPolicy, MessageFormatter, Options, Spanned, UserMessageFormatter};

use super::problem::{Origin, Problem};
use super::table;

/// A file of settings has a few dozen lines. The bounds keep a hostile or mistaken one from costing memory.
const MAX_DEPTH: usize = 16;
const MAX_NODES: usize = 10_000;
const MAX_ALIASES: usize = 100;

/// A YAML node with its type as YAML 1.2 sees it; what stands in quotes is text.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl Node {
    /// The value as the user wrote it, near enough to be recognised in a message.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(flag) => format!("`{flag}`"),
            Self::Integer(number) => format!("`{number}`"),
            Self::Float(number) => format!("`{number:?}`"),
            Self::Text(text) => super::shown(text),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a section".to_owned(),
        }
    }
}

/// A key of the table with its value and where it stands.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) origin: Origin,
    pub(super) value: Node,
}

/// Reads a file's text. Keys that are not in the table, sections that are none and duplicates become problems; whatever
/// is well-formed beside them is returned all the same, so that its values can be checked in the same run.
pub(super) fn read(name: &Arc<str>, text: &str, problems: &mut Vec<Problem>) -> BTreeMap<&'static str, Entry> {
    let mut reader = Reader { name: name.clone(), lines: BTreeMap::new(), entries: BTreeMap::new(), problems };
    match serde_saphyr::from_str_with_options::<Spanned<Node>>(text, options()) {
        Ok(Spanned { value: Node::Map(pairs), .. }) => reader.section("", pairs),
        Ok(Spanned { value: Node::Null, .. }) => {}
        Ok(root) => {
            let message = format!("must hold sections like `llm:`, found {}", kind_of(&root.value));
            reader.problem(root.referenced.line(), message);
        }
        Err(error) => reader.syntax_error(&error),
    }
    reader.entries
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_aliases: MAX_ALIASES,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES },
        // Duplicates, merge keys and odd numbers are ours to report, beside all the rest.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        // YAML 1.2: `yes`, `on`, `0755` and `1_000` are texts.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        // A snippet would show the lines around an error, and one of them may hold a secret.
        with_snippet: false,
    }
}

/// The type of a node, never its value: where a section belongs, anything may stand, a secret too.
fn kind_of(node: &Node) -> &'static str {
    match node {
        Node::Null => "nothing",
        Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) => "a single value",
        Node::List(_) => "a list",
        Node::Map(_) => "a section",
    }
}

struct Reader<'a> {
    name: Arc<str>,
    /// Where each path was seen first, sections included.
    lines: BTreeMap<String, u64>,
    entries: BTreeMap<&'static str, Entry>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// Depth is bounded by [`MAX_DEPTH`].
    fn section(&mut self, parent: &str, pairs: Vec<(Spanned<String>, Spanned<Node>)>) {
        for (key, node) in pairs {
            let dotted = key.value.contains('.');
            let path = if parent.is_empty() { key.value } else { format!("{parent}.{}", key.value) };
            let line = key.referenced.line();
            if let Some(first) = self.lines.insert(path.clone(), line) {
                self.problem(line, format!("duplicate key {}, first given on line {first}", super::shown(&path)));
                self.lines.insert(path.clone(), first);
            }
            if let (true, Some(setting)) = (dotted, table::setting(&path)) {
                let last = setting.key.rsplit('.').next().unwrap_or(setting.key);
                self.problem(line, format!("write `{path}` as `{last}:` below its section"));
                continue;
            }
            match (node.value, table::setting(&path)) {
                (value, Some(setting)) => {
                    let origin = self.origin(line);
                    self.entries.entry(setting.key).or_insert(Entry { origin, value });
                }
                (Node::Map(pairs), None) if table::is_section(&path) => self.section(&path, pairs),
                // A section whose keys are all commented out.
                (Node::Null, None) if table::is_section(&path) => {}
                (value, None) if table::is_section(&path) => {
                    self.problem(line, format!("`{path}` is a section with keys below it, found {}", kind_of(&value)));
                }
                (_, None) => self.unknown_key(line, &path),
            }
        }
    }

    fn unknown_key(&mut self, line: u64, path: &str) {
        let key = super::shown(path);
        match table::nearest(path) {
            Some(nearest) => self.problem(line, format!("unknown key {key}; did you mean `{nearest}`?")),
            None => self.problem(line, format!("unknown key {key}; docs/reference/settings.md lists those there are")),
        }
    }

    fn syntax_error(&mut self, error: &serde_saphyr::Error) {
        let text = match error.without_snippet() {
            // The library would quote the tag, and a secret that begins with `!` looks like one.
            serde_saphyr::Error::UnsupportedTag { .. } => {
                "unsupported tag: put a value that begins with `!` in quotes".to_owned()
            }
            error => super::printable(&UserMessageFormatter.format_message(error)),
        };
        match error.location() {
            Some(at) => self.problem(at.line(), format!("column {}: not valid YAML: {text}", at.column())),
            None => self.problem(0, format!("not valid YAML: {text}")),
        }
    }

    fn problem(&mut self, line: u64, message: String) {
        let origin = self.origin(line);
        self.problems.push(Problem::new(origin, message));
    }

    fn origin(&self, line: u64) -> Origin {
        Origin::File { name: self.name.clone(), line }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML node")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Integer(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Integer(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(Node::Map(pairs))
    }
}
