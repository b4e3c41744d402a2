//! The values that won, by key, each with where it came from.
//!
//! Owns look-up by key: for the typed [`super::Config`], and for whatever shows settings one by one. Knows no setting.

use std::collections::BTreeMap;
use std::time::Duration;

use super::problem::Origin;
use super::setting::Value;
use claude::Secret;

/// A setting's value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The validated value; secrets mask themselves.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// The value of every setting that has one, by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings(pub(super) BTreeMap<&'static str, Resolved>);

impl Settings {
    /// A setting's value and origin; `None` where it has neither a value nor a default.
    pub fn get(&self, key: &str) -> Option<&Resolved> {
        self.0.get(key)
    }

    /// Whether somebody chose the value, be it the default's.
    pub fn is_explicit(&self, key: &str) -> bool {
        self.get(key).is_some_and(|resolved| resolved.origin != Origin::Default)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self, key: &str) -> Option<u32> {
        match self.get(key)?.value {
            Value::Integer(number) => u32::try_from(number).ok(),
            _ => None,
        }
    }

    pub(super) fn seconds(&self, key: &str) -> Option<Duration> {
        self.integer(key).map(|seconds| Duration::from_secs(seconds.into()))
    }

    pub(super) fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)?.value {
            Value::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    pub(super) fn float(&self, key: &str) -> Option<f64> {
        match self.get(key)?.value {
            Value::Float(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn list(&self, key: &str) -> Option<Vec<String>> {
        match &self.get(key)?.value {
            Value::List(items) => Some(items.clone()),
            _ => None,
        }
    }

    pub(super) fn secret(&self, key: &str) -> Option<Secret> {
        match &self.get(key)?.value {
            Value::Secret(secret) => Some(secret.clone()),
            _ => None,
        }
    }
}
