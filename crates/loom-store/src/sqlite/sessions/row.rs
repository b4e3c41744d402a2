//! Rows of the database as the crate's types, by the column order of the `SELECT`s in `sessions`. It must not know a
//! statement.

use std::{collections::BTreeMap, error::Error};

use rusqlite::{Row, types::Type};
use serde_json::value::RawValue;

use crate::{
    message::{Message, Role, Usage},
    session::Session,
};

pub(super) fn metadata_json(metadata: &BTreeMap<String, String>) -> rusqlite::Result<String> {
    serde_json::to_string(metadata).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let metadata = row.get_ref(3)?.as_str()?;
    Ok(Session {
        id: row.get(0)?,
        name: row.get(1)?,
        agent_id: row.get(2)?,
        metadata: serde_json::from_str(metadata).map_err(|error| undecodable(3, error))?,
        provider: row.get(4)?,
        model: row.get(5)?,
        created_at_ms: row.get(6)?,
        updated_at_ms: row.get(7)?,
        message_count: row.get(8)?,
        total_cost_pico: row.get(9)?,
        has_unpriced: row.get(10)?,
    })
}

pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let role = row.get_ref(1)?.as_str()?;
    Ok(Message {
        id: row.get(0)?,
        role: Role::from_name(role).ok_or_else(|| undecodable(1, format!("`{role}` is no role")))?,
        content: RawValue::from_string(row.get(2)?).map_err(|error| undecodable(2, error))?,
        at_ms: row.get(3)?,
        undelivered: row.get(4)?,
        usage: usage(row)?,
    })
}

/// The table sees to it that either all of these columns are there, the cost aside, or none.
fn usage(row: &Row<'_>) -> rusqlite::Result<Option<Usage>> {
    let Some(provider) = row.get(5)? else {
        return Ok(None);
    };
    Ok(Some(Usage {
        provider,
        model: row.get(6)?,
        input_tokens: row.get(7)?,
        output_tokens: row.get(8)?,
        cache_write_5m_tokens: row.get(9)?,
        cache_write_1h_tokens: row.get(10)?,
        cache_read_tokens: row.get(11)?,
        cost_pico: row.get(12)?,
        estimated: row.get(13)?,
    }))
}

fn undecodable(column: usize, error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
