//! A request message from the three places that HTTP has for it: body, query and path.
//!
//! Owns who fills which field: the body what its rule says, the query only what neither body nor path fills, the path always.
//! Must not know routing, nor how the bytes arrived.

use percent_encoding::percent_decode_str;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use super::error::Rejection;
use super::field::FieldPath;
use super::route::{Found, RequestBody, Route};

/// Builds the message for the route that was found.
pub(super) fn request(found: &Found<'_>, query: Option<&str>, body: &[u8]) -> Result<DynamicMessage, Rejection> {
    let route = found.route;
    let mut message = from_body(route, body)?;
    for parameter in parameters(route, query.unwrap_or_default())? {
        parameter.field.set(&mut message, &parameter.values).map_err(|reason| invalid(&parameter.name, &reason))?;
    }
    for (field, capture) in route.variables.iter().zip(&found.captures) {
        field.set(&mut message, std::slice::from_ref(capture)).map_err(|reason| {
            Rejection::invalid(format!("`{capture}` in the path, for the field `{}`: {reason}", field.root().name()))
        })?;
    }
    Ok(message)
}

fn from_body(route: &Route, body: &[u8]) -> Result<DynamicMessage, Rejection> {
    match &route.body {
        RequestBody::Whole if !body.is_empty() => parse(&route.input, body),
        RequestBody::Field(field, inner) if !body.is_empty() => {
            let mut message = DynamicMessage::new(route.input.clone());
            message.set_field(field, Value::Message(parse(inner, body)?));
            Ok(message)
        }
        RequestBody::None | RequestBody::Whole | RequestBody::Field(..) => Ok(DynamicMessage::new(route.input.clone())),
    }
}

/// Reads proto3 JSON; an unknown field is an error.
fn parse(message: &MessageDescriptor, body: &[u8]) -> Result<DynamicMessage, Rejection> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = DynamicMessage::deserialize(message.clone(), &mut json).and_then(|parsed| json.end().map(|()| parsed));
    parsed.map_err(|error| Rejection::InvalidRequest {
        message: format!("the request body is no `{}` in JSON: {error}", message.full_name()),
        hint: Some(format!("the fields of `{}` are: {}", message.full_name(), names(message))),
    })
}

fn names(message: &MessageDescriptor) -> String {
    let names: Vec<String> = message.fields().map(|field| format!("`{}`", field.json_name())).collect();
    names.join(", ")
}

/// A query parameter with all values it was given.
struct Parameter {
    name: String,
    field: FieldPath,
    values: Vec<String>,
}

fn parameters(route: &Route, query: &str) -> Result<Vec<Parameter>, Rejection> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if let Some(known) = parameters.iter_mut().find(|known| known.name == name) {
            known.values.push(value);
            continue;
        }
        let field = resolve(route, &name).map_err(|reason| unknown(route, &name, &reason))?;
        if parameters.iter().any(|known| known.field == field) {
            return Err(invalid(&name, "it is given under two names"));
        }
        parameters.push(Parameter { name, field, values: vec![value] });
    }
    Ok(parameters)
}

/// The field that the query parameter `name` fills, or why it fills none.
fn resolve(route: &Route, name: &str) -> Result<FieldPath, String> {
    let field = FieldPath::resolve(&route.input, name)?;
    match &route.body {
        RequestBody::Whole => Err("the fields of this request are given in its body".to_owned()),
        RequestBody::Field(body, _) if field.root() == body => Err("this field is given in the body".to_owned()),
        _ if route.variables.contains(&field) => Err("this field is given in the path".to_owned()),
        RequestBody::None | RequestBody::Field(..) => Ok(field),
    }
}

/// Decodes a piece of an `application/x-www-form-urlencoded` query.
fn decode(raw: &str) -> Result<String, Rejection> {
    let spaced = raw.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8();
    text.map(Into::into).map_err(|_| Rejection::invalid(format!("`{raw}` in the query is not UTF-8 when decoded")))
}

fn invalid(name: &str, reason: &str) -> Rejection {
    Rejection::invalid(format!("query parameter `{name}`: {reason}"))
}

fn unknown(route: &Route, name: &str, reason: &str) -> Rejection {
    let fields = route.input.fields().filter(|field| resolve(route, field.name()).is_ok());
    let names: Vec<String> = fields.map(|field| format!("`{}`", field.name())).collect();
    let hint = (!names.is_empty()).then(|| format!("the parameters here are: {}", names.join(", ")));
    Rejection::InvalidRequest { message: format!("query parameter `{name}`: {reason}"), hint }
}
