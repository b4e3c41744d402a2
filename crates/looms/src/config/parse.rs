//! From what was written to a validated value: one rule for each kind, whatever the source.
//!
//! Owns ranges and shapes. A variable and a flag are text; YAML has types, and a quoted YAML scalar is taken like the
//! text of a variable, because templates (Helm, envsubst) quote what they fill in. Knows no setting and no place; what
//! it says never repeats a value, that is for the caller who knows whether the value is a secret.

use std::net::IpAddr;

use super::setting::{Kind, Value};
use super::yaml::Node;

/// Why a value was refused: reads on from «`key` must be …», or replaces that sentence where it says more.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    /// The value is not of the kind.
    Kind,
    /// The value is of the kind, but for this.
    Because(&'static str),
}

impl Kind {
    /// Reads the notation of variables, flags and quoted YAML scalars. Lists are separated by commas.
    pub(super) fn parse_text(&self, text: &str) -> Result<Value, Refusal> {
        match *self {
            Self::Text if text.is_empty() => Err(Refusal::Because("must not be empty")),
            Self::Text if text.chars().all(|c| c.is_ascii_graphic()) => Ok(Value::Text(text.to_owned())),
            Self::Text => Err(Refusal::Because("must be printable ASCII without spaces")),
            Self::OneOf(names) if names.contains(&text) => Ok(Value::Text(text.to_owned())),
            Self::OneOf(_) => Err(Refusal::Kind),
            Self::Integer { .. } | Self::Seconds { .. } => {
                self.parse_integer(text.trim().parse().map_err(|_| Refusal::Kind)?)
            }
            Self::Float { .. } => self.parse_float(text.trim().parse().map_err(|_| Refusal::Kind)?),
            Self::Bool => text.trim().parse().map(Value::Bool).map_err(|_| Refusal::Kind),
            Self::Url => url(text).map(Value::Text),
            Self::Host => host(text).map(Value::Text),
            Self::Hosts | Self::Origins => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(|item| self.parse_item_text(item)).collect::<Result<_, _>>().map(Value::List)
            }
        }
    }

    /// Reads a YAML node. A whole number will do for a number; nothing else changes its type.
    pub(super) fn parse_node(&self, node: &Node) -> Result<Value, Refusal> {
        match (node, self) {
            (Node::Null, _) => Err(Refusal::Because("has no value: give one or delete the line")),
            (Node::Text(text), _) => self.parse_text(text),
            (Node::Integer(number), Self::Integer { .. } | Self::Seconds { .. }) => self.parse_integer(*number),
            // What f64 cannot hold exactly is out of every range.
            (Node::Integer(number), Self::Float { .. }) => self.parse_float(*number as f64),
            (Node::Float(number), Self::Float { .. }) => self.parse_float(*number),
            (Node::Bool(flag), Self::Bool) => Ok(Value::Bool(*flag)),
            (Node::Integer(_) | Node::Float(_) | Node::Bool(_), Self::Text) => {
                Err(Refusal::Because("must be a text: put it in quotes"))
            }
            (Node::List(items), kind) if kind.is_list() => {
                items.iter().map(|item| kind.parse_item(&item.value)).collect::<Result<_, _>>().map(Value::List)
            }
            _ => Err(Refusal::Kind),
        }
    }

    fn parse_integer(&self, number: i128) -> Result<Value, Refusal> {
        let (Self::Integer { min, max } | Self::Seconds { min, max }) = *self else { return Err(Refusal::Kind) };
        match i64::try_from(number) {
            Ok(number) if (min..=max).contains(&number) => Ok(Value::Integer(number)),
            _ => Err(Refusal::Kind),
        }
    }

    fn parse_float(&self, number: f64) -> Result<Value, Refusal> {
        let Self::Float { min, max } = *self else { return Err(Refusal::Kind) };
        // NaN is in no range. Adding zero turns -0.0 into 0.0, which is what the user meant and what JSON should show.
        if (min..=max).contains(&number) { Ok(Value::Float(number + 0.0)) } else { Err(Refusal::Kind) }
    }

    /// Reads an item of a YAML sequence.
    pub(super) fn parse_item(&self, item: &Node) -> Result<String, Refusal> {
        match item {
            Node::Text(text) => self.parse_item_text(text),
            _ => Err(Refusal::Kind),
        }
    }

    fn parse_item_text(&self, item: &str) -> Result<String, Refusal> {
        match self {
            Self::Hosts => host_with_port(item),
            _ => origin(item),
        }
    }
}

/// A service's URL, without the slash at its end.
fn url(text: &str) -> Result<String, Refusal> {
    if text.contains(['?', '#']) {
        return Err(Refusal::Because("must be a URL without a query or a fragment"));
    }
    let uri: http::Uri = text.parse().map_err(|_| Refusal::Kind)?;
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(Refusal::Because("must be a URL that begins with `http://` or `https://` and names a host"));
    };
    if authority.as_str().contains('@') {
        return Err(Refusal::Because("must be a URL without a user name or a password"));
    }
    host_with_port(authority.as_str())?;
    Ok(text.trim_end_matches('/').to_owned())
}

/// What a browser sends as `Origin`: a URL that ends after its host and port.
fn origin(text: &str) -> Result<String, Refusal> {
    if text == "*" {
        return Err(Refusal::Because("must name each origin: `*` would let every web page call the server"));
    }
    let origin = url(text)?;
    match origin.split_once("://") {
        Some((_, authority)) if !authority.contains('/') => Ok(origin.to_ascii_lowercase()),
        _ => Err(Refusal::Because("must be origins without a path, like `https://app.example`")),
    }
}

/// An IP address or a host name. An IPv6 address may stand in brackets; they are dropped.
fn host(text: &str) -> Result<String, Refusal> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if bare.parse::<IpAddr>().is_ok() || is_name(text) { Ok(bare.to_owned()) } else { Err(Refusal::Kind) }
}

/// A host as it stands in a `Host` header: in lower case, IPv6 in brackets, maybe with a port.
fn host_with_port(text: &str) -> Result<String, Refusal> {
    let (name, port) = match text.rsplit_once(':') {
        // Without brackets the colons are the address's own.
        Some((name, _)) if name.contains(':') && !name.ends_with(']') => (text, None),
        Some((name, port)) if !text.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    if let Some(port) = port {
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::Kind);
        }
        if port.parse::<u16>().is_err() {
            return Err(Refusal::Because("must have a port from 0 to 65535, if any"));
        }
    }
    let name = host(name)?.to_ascii_lowercase();
    let name = if name.contains(':') { format!("[{name}]") } else { name };
    Ok(match port {
        Some(port) => format!("{name}:{port}"),
        None => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each text becomes, `None` where it is refused.
    #[track_caller]
    fn check(kind: Kind, cases: &[(&str, Option<&str>)]) {
        for (text, expected) in cases {
            let value = kind.parse_text(text).ok().map(|value| value.to_string());
            assert_eq!(value.as_deref(), *expected, "{kind:?} {text:?}");
        }
    }

    #[test]
    fn numbers_keep_to_their_range_and_stay_exact() {
        let kind = Kind::Integer { min: 0, max: 65_535 };
        check(kind, &[("0", Some("0")), ("65535", Some("65535")), ("65536", None), ("-1", None), ("1.0", None)]);
        let kind = Kind::Float { min: 0.0, max: 1.0 };
        check(kind, &[("0", Some("0.0")), ("-0.0", Some("0.0")), ("1", Some("1.0")), ("1.0000001", None)]);
        check(kind, &[("0.1", Some("0.1")), ("nan", None), ("inf", None), ("", None), ("1e-3", Some("0.001"))]);
        assert_eq!(kind.parse_node(&Node::Float(0.3)), Ok(Value::Float(0.3)));
        assert_eq!(kind.parse_node(&Node::Integer(0)), Ok(Value::Float(0.0)));
        assert_eq!(kind.parse_node(&Node::Float(f64::NAN)), Err(Refusal::Kind));
    }

    #[test]
    fn a_url_is_a_place_and_nothing_more() {
        for (text, expected) in [
            ("http://localhost:4566/", Some("http://localhost:4566")),
            ("https://[::1]:8443/base/path", Some("https://[::1]:8443/base/path")),
            ("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", Some("=")),
            ("localhost:4566", None),
            ("ftp://host", None),
            ("https://", None),
            ("https://host:99999", None),
            ("https://user:word@host", None),
            ("https://host/?a=b", None),
            ("https://host/#part", None),
            ("https://ho st", None),
        ] {
            let expected = expected.map(|expected| if expected == "=" { text } else { expected });
            check(Kind::Url, &[(text, expected)]);
        }
    }

    #[test]
    fn hosts_and_origins_have_one_spelling() {
        check(Kind::Host, &[("::1", Some("::1")), ("[::1]", Some("::1")), ("0.0.0.0", Some("0.0.0.0"))]);
        check(Kind::Host, &[("localhost", Some("localhost")), ("127.0.0.1:80", None), ("http://x", None), ("", None)]);
        check(Kind::Hosts, &[("", Some("")), (" Box.example:8080 , other", Some("box.example:8080,other"))]);
        check(Kind::Hosts, &[("[::1]:80", Some("[::1]:80")), ("::1", Some("[::1]")), ("[::1]", Some("[::1]"))]);
        check(Kind::Hosts, &[("box:port", None), ("http://box", None), ("*", None)]);
        check(Kind::Origins, &[("https://App.example", Some("https://app.example")), ("*", None)]);
        check(Kind::Origins, &[("https://app.example/path", None), ("null", None)]);
    }

    #[test]
    fn yaml_types_do_not_turn_into_each_other() {
        let seconds = Kind::Seconds { min: 1, max: 600 };
        assert_eq!(seconds.parse_node(&Node::Text("60".into())), Ok(Value::Integer(60)));
        for node in [Node::Float(60.0), Node::Bool(true), Node::List(Vec::new()), Node::Integer(i128::from(u64::MAX))] {
            assert_eq!(seconds.parse_node(&node), Err(Refusal::Kind), "{node:?}");
        }
        assert!(matches!(Kind::Text.parse_node(&Node::Integer(12)), Err(Refusal::Because(_))));
        assert_eq!(Kind::OneOf(&["on"]).parse_node(&Node::Bool(true)), Err(Refusal::Kind));
    }
}
