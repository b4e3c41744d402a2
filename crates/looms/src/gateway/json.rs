//! Response messages as proto3 JSON: camelCase names, 64-bit integers as strings, unset fields left out.
//!
//! Owns what of a message is written. Must not know how it is framed.

use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage, SerializeOptions};
use serde_json::Value;
use tonic::Status;

/// Appends `message`, or only its field `part`, to `out`.
pub(super) fn write(out: &mut Vec<u8>, message: &DynamicMessage, part: Option<&FieldDescriptor>) -> Result<(), Status> {
    let written = match part {
        None => serde_json::to_writer(out, message),
        Some(field) => part_of(message, field).and_then(|value| serde_json::to_writer(out, &value)),
    };
    written.map_err(|error| Status::internal(format!("the response has no JSON form: {error}")))
}

/// One field as it stands in the message's JSON; unset, as its default.
fn part_of(message: &DynamicMessage, field: &FieldDescriptor) -> serde_json::Result<Value> {
    let mut alone = DynamicMessage::new(message.descriptor());
    let options = match message.has_field(field) {
        true => {
            alone.set_field(field, message.get_field(field).into_owned());
            SerializeOptions::new()
        }
        false => SerializeOptions::new().skip_default_fields(false),
    };
    let mut whole = alone.serialize_with_options(serde_json::value::Serializer, &options)?;
    Ok(whole.get_mut(field.json_name()).map(Value::take).unwrap_or_default())
}
