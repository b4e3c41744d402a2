//! The process's environment as a value.
//!
//! Owns the one place where the environment is read, and the search for mistyped `LOOM_…` variables. Knows nothing of
//! types, ranges or precedence.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

use super::table::SETTINGS;

/// Variables with our prefix that are no settings.
const OTHER_VARIABLES: &[&str] = &[DATA_DIR];

/// What Kubernetes sets in every container beside a service named `loom`
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>).
const KUBERNETES_PREFIXES: &[&str] = &["LOOM_SERVICE_", "LOOM_PORT"];

/// Where the configuration and the data lie.
pub(super) const DATA_DIR: &str = "LOOM_DATA_DIR";

/// AWS's switch that makes its tools ignore `AWS_ENDPOINT_URL…`
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
const IGNORE_ENDPOINT_URLS: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
const ENDPOINT_URL_PREFIX: &str = "AWS_ENDPOINT_URL";

/// The environment, read once and passed on. `Debug` shows names only: values may be secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The environment of this process. The only read of it in the product.
    pub fn of_process() -> Self {
        // A variable whose name is not UTF-8 is none that we look for.
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// A variable's value. An empty one counts as absent, `LOOM_…` like `AWS_…`: AWS's own tools do so, and
    /// container files can often only empty a variable, not remove it.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(name).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// As [`Self::get`], less what another variable switches off.
    pub(super) fn get_for_setting(&self, name: &str) -> Option<&OsStr> {
        let ignored = name.starts_with(ENDPOINT_URL_PREFIX)
            && self.get(IGNORE_ENDPOINT_URLS).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if ignored { None } else { self.get(name) }
    }

    /// A warning for each `LOOM_…` variable that no setting reads.
    pub(super) fn typos(&self) -> Vec<String> {
        let known: Vec<_> = SETTINGS.iter().map(super::Setting::loom_variable).collect();
        let unknown = self.0.keys().filter(|name| {
            name.starts_with("LOOM_")
                && !known.contains(name)
                && !OTHER_VARIABLES.contains(&name.as_str())
                && !KUBERNETES_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        });
        unknown.map(|name| typo(name, &known)).collect()
    }
}

fn typo(name: &str, known: &[String]) -> String {
    let names = known.iter().map(String::as_str).chain(OTHER_VARIABLES.iter().copied());
    let nearest = names.min_by_key(|other| strsim::damerau_levenshtein(name, other));
    match nearest.filter(|other| strsim::damerau_levenshtein(name, other) <= other.len() / 4) {
        Some(nearest) => format!("{name}: no setting reads this variable; did you mean `{nearest}`?"),
        None => format!("{name}: no setting reads this variable"),
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
