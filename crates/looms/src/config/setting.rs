//! What a setting is: its key, its type and range, its default, and where else it may be given.
//!
//! Owns the vocabulary of the table ([`super::table::SETTINGS`]). Knows no particular setting, no file and no flag
//! parser.

use std::fmt;

use claude::Secret;

/// One row of the table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The path in `looms.yaml`, with dots: `llm.bedrock_region`.
    pub key: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// The default in the notation of an environment variable; `None` where there is none.
    pub default: Option<&'static str>,
    /// The flag without its dashes; `None` where a flag would do harm or makes no sense.
    pub flag: Option<&'static str>,
    /// Variables of other products that stand above the file, after the setting's own `LOOM_…` variable.
    pub variables: &'static [&'static str],
    /// Variables of other products that stand between the file and the default.
    pub fallback_variables: &'static [&'static str],
    /// Masked wherever values are shown.
    pub secret: bool,
    /// Taken over by a running server; the others need a restart.
    pub live: bool,
    /// One line of documentation: a sentence fragment without a full stop.
    pub doc: &'static str,
}

impl Setting {
    pub(super) const fn new(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            key,
            kind,
            default: None,
            flag: None,
            variables: &[],
            fallback_variables: &[],
            secret: false,
            live: false,
            doc,
        }
    }

    pub(super) const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    pub(super) const fn flag(mut self, name: &'static str) -> Self {
        self.flag = Some(name);
        self
    }

    pub(super) const fn variables(mut self, names: &'static [&'static str]) -> Self {
        self.variables = names;
        self
    }

    pub(super) const fn fallback_variables(mut self, names: &'static [&'static str]) -> Self {
        self.fallback_variables = names;
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(super) const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// The setting's own variable: `LOOM_` and the path in capitals, `LOOM_LLM_BEDROCK_REGION`.
    pub fn loom_variable(&self) -> String {
        format!("LOOM_{}", self.key.to_uppercase().replace('.', "_"))
    }

    /// The section that the setting stands in: `llm`, `server`, `storage`, `logging`.
    pub fn section(&self) -> &'static str {
        self.key.split('.').next().unwrap_or(self.key)
    }

    /// The documentation as the beginning of a sentence: with a capital letter, without a full stop.
    pub(super) fn sentence(&self) -> String {
        let mut letters = self.doc.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }
}

/// Type and range of a setting. Its `Display` reads on from «must be».
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Printable ASCII without spaces: ids, names, keys. No setting needs more, and all of it may stand in a header.
    Text,
    /// One of the names.
    OneOf(&'static [&'static str]),
    /// A whole number, both ends included.
    Integer {
        /// The smallest value allowed.
        min: i64,
        /// The largest value allowed.
        max: i64,
    },
    /// A duration in whole seconds, both ends included.
    Seconds {
        /// The shortest duration allowed.
        min: i64,
        /// The longest duration allowed.
        max: i64,
    },
    /// A number, both ends included.
    Float {
        /// The smallest value allowed.
        min: f64,
        /// The largest value allowed.
        max: f64,
    },
    /// `true` or `false`.
    Bool,
    /// Where a service is: `http` or `https`, a host, maybe a port and a path.
    Url,
    /// What a listener binds to: an IP address or a host name, without a port.
    Host,
    /// Names that a `Host` header may carry, each with or without a port.
    Hosts,
    /// Web origins as a browser sends them: scheme, host, maybe a port.
    Origins,
}

impl Kind {
    /// Whether a value is a list: a YAML sequence, commas in a variable or a flag.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Hosts | Self::Origins)
    }

    /// The word for a value of this kind in `--help`.
    pub fn value_name(&self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::OneOf(_) => "NAME",
            Self::Integer { .. } | Self::Float { .. } => "NUMBER",
            Self::Seconds { .. } => "SECONDS",
            Self::Bool => "BOOL",
            Self::Url => "URL",
            Self::Host => "HOST",
            Self::Hosts => "HOST,…",
            Self::Origins => "ORIGIN,…",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text without spaces"),
            Self::OneOf(names) => {
                for (index, name) in names.iter().enumerate() {
                    let separator = match index {
                        0 => "",
                        _ if index + 1 == names.len() => " or ",
                        _ => ", ",
                    };
                    write!(f, "{separator}`{name}`")?;
                }
                Ok(())
            }
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Seconds { min, max } => write!(f, "a whole number of seconds from {min} to {max}"),
            Self::Float { min, max } => write!(f, "a number from {min:?} to {max:?}"),
            Self::Bool => f.write_str("`true` or `false`"),
            Self::Url => f.write_str("a URL like `https://host:443/path`"),
            Self::Host => f.write_str("an IP address or a host name, without a port"),
            Self::Hosts => f.write_str("a list of host names like `box.example` or `box.example:8080`"),
            Self::Origins => f.write_str("a list of origins like `https://app.example`"),
        }
    }
}

/// A validated value. Its `Display` is the notation of an environment variable, secrets masked.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text, a name out of a closed set, a URL or a host.
    Text(String),
    /// A text that must not be shown.
    Secret(Secret),
    /// A whole number, or seconds.
    Integer(i64),
    /// A number; never NaN, infinite or negative zero.
    Float(f64),
    /// A switch.
    Bool(bool),
    /// A list of texts.
    List(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Secret(secret) => write!(f, "{secret:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::List(items) => f.write_str(&items.join(",")),
        }
    }
}
