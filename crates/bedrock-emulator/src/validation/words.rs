//! How each service words what is wrong with a body.
//!
//! The schema sentences are those of the validator behind Bedrock, as its users reported them; Anthropic's are those of
//! its API. What is wrong is decided elsewhere.

use super::{Kind, Violation};
use crate::refusal::Refusal;

pub(super) fn refuse_as_bedrock(violations: &[Violation]) -> Result<(), Refusal> {
    let pointer = |at: &[String]| at.iter().fold("#".to_owned(), |path, part| path + "/" + part);
    let mut schema = String::new();
    let mut rule = None;
    for violation in violations {
        match violation {
            Violation::Missing { at, key } => schema += &format!("{}: required key [{key}] not found", pointer(at)),
            Violation::Extraneous(key) => schema += &format!("#: extraneous key [{key}] is not permitted"),
            Violation::WrongType { at, expected, found } => {
                schema += &format!("{}: expected type: {}, found: {found}", pointer(at), expected.names().0);
            }
            Violation::TooSmall { key, value, least } => {
                schema += &format!("#/{key}: {value} is not greater or equal to {least}");
            }
            Violation::TooLarge { key, value, most } => {
                schema += &format!("#/{key}: {value} is not less or equal to {most}");
            }
            Violation::Rule(words) => rule = rule.or(Some(words)),
        }
    }
    let message = match rule {
        _ if !schema.is_empty() => {
            format!("Malformed input request: {schema}, please reformat your input and try again.")
        }
        Some(words) => words.clone(),
        None => return Ok(()),
    };
    Err(Refusal::new(400, "ValidationException", message))
}

pub(super) fn refuse_as_anthropic(violations: &[Violation]) -> Result<(), Refusal> {
    let message = match violations.first() {
        None => return Ok(()),
        Some(Violation::Missing { at, key }) if at.is_empty() => format!("{key}: Field required"),
        Some(Violation::Missing { at, key }) => format!("{}.{key}: Field required", at.join(".")),
        Some(Violation::Extraneous(key)) => format!("{key}: Extra inputs are not permitted"),
        Some(Violation::WrongType { at, expected, .. }) => {
            format!("{}: Input should be {}", at.join("."), expected.names().1)
        }
        Some(Violation::TooSmall { key, least, .. }) => {
            format!("{key}: Input should be greater than or equal to {least}")
        }
        Some(Violation::TooLarge { key, most, .. }) => format!("{key}: Input should be less than or equal to {most}"),
        Some(Violation::Rule(words)) => words.clone(),
    };
    Err(Refusal::new(400, "invalid_request_error", message))
}

impl Kind {
    /// As the schema validator behind Bedrock names it, and as Anthropic's does.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Number => ("Number", "a valid number"),
            Self::Integer => ("Integer", "a valid integer"),
            Self::String => ("String", "a valid string"),
            Self::Array => ("JSONArray", "a valid list"),
            Self::Object => ("JSONObject", "a valid dictionary"),
            Self::Boolean => ("Boolean", "a valid boolean"),
        }
    }
}
