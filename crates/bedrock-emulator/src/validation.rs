//! What a Messages body must hold, refused in the words of AWS or of Anthropic.
//!
//! Bedrock checks bodies against a JSON schema and words all violations in one sentence ("Malformed input request: #:
//! required key [messages] not found, please reformat your input and try again."); Anthropic names the first. Rules
//! beyond the schema are worded by the model, so they read the same on both. Whether a model takes a parameter is not
//! known here.

#[cfg(test)]
mod tests;
mod words;

use serde_json::{Map, Value};

use crate::operation::Protocol;
use crate::refusal::Refusal;

/// Keys that every Messages body may hold.
const MESSAGES_KEYS: &[&str] = &[
    "max_tokens",
    "messages",
    "system",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "context_management",
    "metadata",
    "cache_control",
];
/// Keys that only `InvokeModel` takes.
const BEDROCK_KEYS: &[&str] = &["anthropic_version", "anthropic_beta"];
/// Keys that only Anthropic's path takes.
const ANTHROPIC_KEYS: &[&str] = &["model", "stream", "service_tier", "container", "mcp_servers", "inference_geo"];

/// One way in which a body is wrong.
enum Violation {
    /// A required key is absent; `at` is the path of the object.
    Missing {
        at: Vec<String>,
        key: &'static str,
    },
    Extraneous(String),
    WrongType {
        at: Vec<String>,
        expected: Kind,
        found: &'static str,
    },
    TooSmall {
        key: &'static str,
        value: String,
        least: u64,
    },
    TooLarge {
        key: &'static str,
        value: String,
        most: u64,
    },
    /// A rule of the model's, in its own words.
    Rule(String),
}

#[derive(Clone, Copy)]
enum Kind {
    Number,
    Integer,
    String,
    Array,
    Object,
    Boolean,
}

/// Reads and checks a body.
pub(crate) fn parse(bytes: &[u8], protocol: Protocol) -> Result<Value, Refusal> {
    let body: Value = serde_json::from_slice(bytes).map_err(|error| match protocol {
        Protocol::Bedrock => {
            let message = "Malformed input request, please reformat your input and try again.";
            Refusal::new(400, "ValidationException", message)
        }
        Protocol::Anthropic => {
            let message = format!("The request body is not valid JSON: {error}");
            Refusal::new(400, "invalid_request_error", message)
        }
    })?;
    let violations = match &body {
        Value::Object(object) => violations(object, protocol),
        other => vec![Violation::WrongType { at: Vec::new(), expected: Kind::Object, found: json_type(other) }],
    };
    match protocol {
        Protocol::Bedrock => words::refuse_as_bedrock(&violations),
        Protocol::Anthropic => words::refuse_as_anthropic(&violations),
    }?;
    Ok(body)
}

fn violations(body: &Map<String, Value>, protocol: Protocol) -> Vec<Violation> {
    let mut found = Vec::new();
    let (required, own): (&[&'static str], _) = match protocol {
        Protocol::Bedrock => (&["anthropic_version", "max_tokens", "messages"], BEDROCK_KEYS),
        Protocol::Anthropic => (&["model", "max_tokens", "messages"], ANTHROPIC_KEYS),
    };
    found.extend(
        required.iter().filter(|key| !body.contains_key(**key)).map(|key| Violation::Missing { at: vec![], key }),
    );
    let known = |key: &str| MESSAGES_KEYS.contains(&key) || own.contains(&key);
    found.extend(body.keys().filter(|key| !known(key)).map(|key| Violation::Extraneous(key.clone())));
    check_version(body, &mut found);
    for (key, kind) in [
        ("model", Kind::String),
        ("stream", Kind::Boolean),
        ("stop_sequences", Kind::Array),
        ("tools", Kind::Array),
        ("tool_choice", Kind::Object),
        ("thinking", Kind::Object),
    ] {
        if let Some(value) = body.get(key).filter(|value| !kind.fits(value)) {
            found.push(wrong_type(&[key], kind, value));
        }
    }
    check_number(body, "max_tokens", Kind::Integer, (1, u64::MAX), &mut found);
    check_number(body, "temperature", Kind::Number, (0, 1), &mut found);
    check_number(body, "top_p", Kind::Number, (0, 1), &mut found);
    check_number(body, "top_k", Kind::Integer, (0, u64::MAX), &mut found);
    match body.get("messages") {
        Some(Value::Array(messages)) => check_messages(messages, protocol, &mut found),
        Some(other) => found.push(wrong_type(&["messages"], Kind::Array, other)),
        None => {}
    }
    found
}

/// Any dated version is taken, with or without Bedrock's prefix: `bedrock-2023-05-31`, `2026-10-21`.
fn check_version(body: &Map<String, Value>, found: &mut Vec<Violation>) {
    match body.get("anthropic_version") {
        Some(Value::String(version)) => {
            let date = version.strip_prefix("bedrock-").unwrap_or(version);
            if date.len() != 10 || date.parse::<jiff::civil::Date>().is_err() {
                found.push(Violation::Rule("anthropic_version: Invalid API version".to_owned()));
            }
        }
        Some(other) => found.push(wrong_type(&["anthropic_version"], Kind::String, other)),
        None => {}
    }
}

fn check_number(
    body: &Map<String, Value>,
    key: &'static str,
    kind: Kind,
    (least, most): (u64, u64),
    found: &mut Vec<Violation>,
) {
    let Some(value) = body.get(key) else { return };
    let Some(number) = value.as_f64().filter(|_| kind.fits(value)) else {
        found.push(wrong_type(&[key], kind, value));
        return;
    };
    if number < least as f64 {
        found.push(Violation::TooSmall { key, value: value.to_string(), least });
    } else if number > most as f64 {
        found.push(Violation::TooLarge { key, value: value.to_string(), most });
    }
}

fn check_messages(messages: &[Value], protocol: Protocol, found: &mut Vec<Violation>) {
    if messages.is_empty() {
        found.push(Violation::Rule("messages: at least one message is required".to_owned()));
    }
    let mut previous_role = None;
    for (at, message) in messages.iter().enumerate() {
        let index = at.to_string();
        let Value::Object(message) = message else {
            found.push(wrong_type(&["messages", &index], Kind::Object, message));
            continue;
        };
        let role = message.get("role").and_then(Value::as_str);
        match role {
            Some("user" | "assistant") => {}
            Some(_) => {
                let words = format!("messages.{at}.role: Input should be 'user' or 'assistant'");
                found.push(Violation::Rule(words));
            }
            None => found.push(missing(&["messages", &index], "role")),
        }
        if at == 0 && role == Some("assistant") {
            found.push(Violation::Rule("messages: first message must use the \"user\" role".to_owned()));
        }
        // Anthropic joins turns of one role; AWS's page on the Messages body says that roles must alternate.
        if let Some(role) = role.filter(|role| protocol == Protocol::Bedrock && previous_role == Some(*role)) {
            found.push(Violation::Rule(format!(
                "messages: roles must alternate between \"user\" and \"assistant\", but found multiple \"{role}\" roles \
                 in a row"
            )));
        }
        previous_role = role;
        let may_be_empty = role == Some("assistant") && at + 1 == messages.len();
        check_content(message.get("content"), at, may_be_empty, found);
    }
}

fn check_content(content: Option<&Value>, at: usize, may_be_empty: bool, found: &mut Vec<Violation>) {
    let index = at.to_string();
    let is_empty = match content {
        None => return found.push(missing(&["messages", &index], "content")),
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(blocks)) => {
            for (block_at, block) in blocks.iter().enumerate() {
                check_block(block, &[&index, "content", &block_at.to_string()], found);
            }
            blocks.is_empty()
        }
        Some(other) => return found.push(wrong_type(&["messages", &index, "content"], Kind::Array, other)),
    };
    if is_empty && !may_be_empty {
        found.push(Violation::Rule(format!(
            "messages.{at}: all messages must have non-empty content except for the optional final assistant message"
        )));
    }
}

fn check_block(block: &Value, at: &[&str], found: &mut Vec<Violation>) {
    let path = [&["messages"], at].concat();
    let Value::Object(object) = block else {
        return found.push(wrong_type(&path, Kind::Object, block));
    };
    match object.get("type").and_then(Value::as_str) {
        None => found.push(missing(&path, "type")),
        Some("text") if object.get("text").and_then(Value::as_str).is_none() => found.push(missing(&path, "text")),
        Some("text") if object.get("text").and_then(Value::as_str) == Some("") => {
            found.push(Violation::Rule("messages: text content blocks must be non-empty".to_owned()));
        }
        Some(_) => {}
    }
}

fn missing(at: &[&str], key: &'static str) -> Violation {
    Violation::Missing { at: owned(at), key }
}

fn wrong_type(at: &[&str], expected: Kind, found: &Value) -> Violation {
    Violation::WrongType { at: owned(at), expected, found: json_type(found) }
}

fn owned(at: &[&str]) -> Vec<String> {
    at.iter().map(|&part| part.to_owned()).collect()
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Number => value.is_number(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
            Self::Boolean => value.is_boolean(),
        }
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Double",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "JSONArray",
        Value::Object(_) => "JSONObject",
    }
}
