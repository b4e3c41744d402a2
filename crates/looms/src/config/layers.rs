//! What each source says about each setting, by precedence: flags, environment, file, AWS's region variables, defaults.
//!
//! Owns precedence and the wording of a refused value. Every value of a source of ours is validated, also one that a
//! stronger source hides; a variable of another product only where it would be used. Knows no rule between settings.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use super::environment::Environment;
use super::flags::Flags;
use super::parse::Refusal;
use super::problem::{Origin, Problem};
use super::setting::{Kind, Setting, Value};
use super::table::SETTINGS;
use super::yaml::{Entry, Node};
use super::{Resolved, Settings};
use claude::Secret;

/// A source of values, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Flag,
    LoomVariable,
    /// A variable of another product that stands above the file.
    SharedVariable,
    File,
    /// A variable of another product that stands below the file.
    FallbackVariable,
    Default,
}

/// What one source says about one setting.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) layer: Layer,
    pub(super) origin: Origin,
    /// `None` where the value was refused, and a problem says so.
    pub(super) value: Option<Value>,
}

/// The candidates of every setting, the strongest first.
#[derive(Debug, Default)]
pub(super) struct Layers(BTreeMap<&'static str, Vec<Candidate>>);

impl Layers {
    pub(super) fn collect(
        flags: &Flags,
        environment: &Environment,
        file: &BTreeMap<&'static str, Entry>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut layers = Self::default();
        for setting in SETTINGS {
            let mut row = Row { setting, candidates: Vec::new(), problems };
            if let (Some(flag), Some(text)) = (setting.flag, flags.get(setting.key)) {
                row.add_text(Layer::Flag, Origin::Flag(flag), OsStr::new(text));
            }
            row.add_variable(Layer::LoomVariable, environment, &setting.loom_variable());
            for name in setting.variables {
                row.add_variable(Layer::SharedVariable, environment, name);
            }
            if let Some(entry) = file.get(setting.key) {
                row.add_node(entry);
            }
            for name in setting.fallback_variables {
                row.add_variable(Layer::FallbackVariable, environment, name);
            }
            if let Some(text) = setting.default {
                row.add_text(Layer::Default, Origin::Default, OsStr::new(text));
            }
            layers.0.insert(setting.key, row.candidates);
        }
        layers
    }

    /// What one source says about one setting.
    pub(super) fn get(&self, key: &str, layer: Layer) -> Option<&Candidate> {
        self.0.get(key)?.iter().find(|candidate| candidate.layer == layer)
    }

    /// The strongest value of every setting; none where the strongest was refused.
    pub(super) fn settle(&self) -> Settings {
        let mut settings = BTreeMap::new();
        for (key, candidates) in &self.0 {
            if let Some(Candidate { origin, value: Some(value), .. }) = candidates.first() {
                settings.insert(*key, Resolved { value: value.clone(), origin: origin.clone() });
            }
        }
        Settings(settings)
    }

    /// Where secrets were given in a source that others can read.
    pub(super) fn exposed(&self, layer: Layer) -> Vec<String> {
        let secrets = SETTINGS.iter().filter(|setting| setting.secret);
        secrets.filter_map(|setting| Some(self.get(setting.key, layer)?.origin.to_string())).collect()
    }
}

/// A setting while its candidates are gathered.
struct Row<'a> {
    setting: &'static Setting,
    candidates: Vec<Candidate>,
    problems: &'a mut Vec<Problem>,
}

impl Row<'_> {
    fn add_variable(&mut self, layer: Layer, environment: &Environment, name: &str) {
        if let Some(text) = environment.get_for_setting(name) {
            self.add_text(layer, Origin::Variable(name.to_owned()), text);
        }
    }

    fn add_text(&mut self, layer: Layer, origin: Origin, text: &OsStr) {
        match text.to_str() {
            Some(text) => self.add(layer, origin, self.setting.kind.parse_text(text), || super::shown(text)),
            None => self.add(layer, origin, Err(Refusal::Because("must be valid UTF-8")), String::new),
        }
    }

    fn add_node(&mut self, entry: &Entry) {
        let parsed = self.setting.kind.parse_node(&entry.value);
        // The first refused item of a list has a line of its own.
        let refused_item = match &entry.value {
            Node::List(items) if self.setting.kind.is_list() => {
                items.iter().find(|item| self.setting.kind.parse_item(&item.value).is_err())
            }
            _ => None,
        };
        match (refused_item, &entry.origin) {
            (Some(item), Origin::File { name, .. }) => {
                let origin = Origin::File { name: name.clone(), line: item.referenced.line() };
                self.add(Layer::File, origin, parsed, || item.value.shown());
            }
            _ => self.add(Layer::File, entry.origin.clone(), parsed, || entry.value.shown()),
        }
    }

    fn add(&mut self, layer: Layer, origin: Origin, parsed: Result<Value, Refusal>, shown: impl Fn() -> String) {
        let foreign = matches!(layer, Layer::SharedVariable | Layer::FallbackVariable);
        let hidden = !self.candidates.is_empty();
        let value = match parsed {
            Ok(Value::Text(text)) if self.setting.secret => Some(Value::Secret(Secret::new(text))),
            Ok(value) => Some(value),
            Err(_) if foreign && hidden => None,
            Err(refusal) => {
                let message = self.refusal_message(&refusal, shown);
                self.problems.push(Problem::new(origin.clone(), message));
                None
            }
        };
        self.candidates.push(Candidate { layer, origin, value });
    }

    fn refusal_message(&self, refusal: &Refusal, shown: impl Fn() -> String) -> String {
        let Setting { key, kind, secret, .. } = self.setting;
        // A URL with a mistake in it may hold a password, too.
        let confidential = *secret || matches!(kind, Kind::Url | Kind::Origins) && shown().contains('@');
        match refusal {
            Refusal::Because(reason) => format!("`{key}` {reason}"),
            Refusal::Kind if confidential => format!("`{key}` must be {kind}"),
            Refusal::Kind => format!("`{key}` must be {kind}, found {}", shown()),
        }
    }
}
