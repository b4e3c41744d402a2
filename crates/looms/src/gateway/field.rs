//! A field of a request message by its path (`occurred_at`, `filter.state`), and how text from a URL gets into it.
//!
//! Owns which fields a path or a query parameter can fill. The conversion is that of proto3 JSON, by the same code that reads
//! bodies. Must not know where the text comes from.

use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

/// How deep a field path may go: no message anybody wrote is deeper, and a recursive one must not be followed without end.
const MAX_DEPTH: usize = 16;

/// A field, and the messages on the way to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FieldPath {
    parents: Vec<FieldDescriptor>,
    leaf: FieldDescriptor,
}

impl FieldPath {
    /// Finds the field that `path` names in `message`, by proto names or JSON names, or says why it cannot be filled.
    pub(super) fn resolve(message: &MessageDescriptor, path: &str) -> Result<Self, String> {
        let mut parents = Vec::new();
        let mut message = message.clone();
        let mut names = path.split('.');
        while let Some(name) = names.next() {
            let field = message
                .get_field_by_name(name)
                .or_else(|| message.get_field_by_json_name(name))
                .ok_or_else(|| format!("`{}` has no field `{name}`", message.full_name()))?;
            if parents.len() == MAX_DEPTH {
                return Err(format!("a field path has at most {MAX_DEPTH} parts"));
            }
            match singular_message(&field) {
                Some(inner) if !has_text_form(&inner) => {
                    message = inner;
                    parents.push(field);
                }
                _ if names.next().is_some() => return Err(format!("`{name}` has no fields of its own")),
                _ if !is_text(&field) => return Err(format!("`{name}` cannot be given as text")),
                _ => return Ok(Self { parents, leaf: field }),
            }
        }
        Err("it is a message: name one of its fields".to_owned())
    }

    /// The field of the request message that the path begins with.
    pub(super) fn root(&self) -> &FieldDescriptor {
        self.parents.first().unwrap_or(&self.leaf)
    }

    /// Puts `values` into the field: one, or several where it is repeated.
    pub(super) fn set(&self, message: &mut DynamicMessage, values: &[String]) -> Result<(), String> {
        let value = self.value(values)?;
        let mut target = message;
        for parent in &self.parents {
            check_oneof(target, parent)?;
            target = target.get_field_mut(parent).as_message_mut().ok_or("it is no message")?;
        }
        check_oneof(target, &self.leaf)?;
        target.set_field(&self.leaf, value);
        Ok(())
    }

    fn value(&self, values: &[String]) -> Result<Value, String> {
        let kind = self.leaf.kind();
        let json = match values {
            _ if self.leaf.is_list() => values.iter().map(|text| json_value(&kind, text)).collect(),
            [text] => json_value(&kind, text),
            _ => return Err("it is given more than once".to_owned()),
        };
        let object = serde_json::Map::from_iter([(self.leaf.name().to_owned(), json)]);
        let mut message =
            DynamicMessage::deserialize(self.leaf.parent_message().clone(), serde_json::Value::Object(object))
                .map_err(|error| format!("not a valid {kind:?}: {error}"))?;
        Ok(message.take_field(&self.leaf).unwrap_or_else(|| Value::default_value_for_field(&self.leaf)))
    }
}

/// Refuses a field whose place in its oneof is taken, as proto3 JSON does.
fn check_oneof(message: &DynamicMessage, field: &FieldDescriptor) -> Result<(), String> {
    let Some(oneof) = field.containing_oneof() else { return Ok(()) };
    match oneof.fields().find(|other| other != field && message.has_field(other)) {
        Some(other) => Err(format!("it excludes `{}`, which is given too", other.name())),
        None => Ok(()),
    }
}

/// What proto3 JSON would have in the place of `text`: numbers may be strings there, truth values and enum numbers may not.
fn json_value(kind: &Kind, text: &str) -> serde_json::Value {
    match (kind, text) {
        (Kind::Bool, "true") => true.into(),
        (Kind::Bool, "false") => false.into(),
        (Kind::Enum(_), _) => text.parse::<i32>().map_or_else(|_| text.into(), Into::into),
        _ => text.into(),
    }
}

fn singular_message(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if field.cardinality() != Cardinality::Repeated => Some(message),
        _ => None,
    }
}

fn is_text(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Message(message) => has_text_form(&message),
        _ => true,
    }
}

/// Whether proto3 JSON writes the message as a string or as a single value, not as an object or an array.
fn has_text_form(message: &MessageDescriptor) -> bool {
    match message.full_name().strip_prefix("google.protobuf.") {
        Some("Timestamp" | "Duration" | "FieldMask" | "Value") => true,
        Some(name) => name.ends_with("Value") && name != "ListValue",
        None => false,
    }
}
