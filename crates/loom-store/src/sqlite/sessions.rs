//! The statements on sessions and their messages. Each function runs within a transaction of its caller's: it must not know
//! which thread that is on, nor begin or end one.

mod row;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    message::{Appended, Message, TurnRecord},
    session::{Conversation, HistoryPage, NewSession, Page, Session, SessionFilter, SessionPage},
};

/// Makes a session; `None` if its owner has one of this id.
pub(crate) fn create(connection: &Connection, new: NewSession) -> rusqlite::Result<Option<Session>> {
    const INSERT: &str = "INSERT INTO session (owner, id, name, agent_id, metadata, created_at_ms, updated_at_ms, \
        message_count, total_cost_pico, has_unpriced) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 0, 0, 0) ON CONFLICT (owner, id) DO NOTHING";
    let metadata = row::metadata_json(&new.metadata)?;
    let inserted = connection.prepare_cached(INSERT)?.execute(params![
        new.owner,
        new.id,
        new.name,
        new.agent_id,
        metadata,
        new.at_ms
    ])?;
    let session = Session {
        id: new.id,
        name: new.name,
        agent_id: new.agent_id,
        metadata: new.metadata,
        provider: None,
        model: None,
        created_at_ms: new.at_ms,
        updated_at_ms: new.at_ms,
        message_count: 0,
        total_cost_pico: 0,
        has_unpriced: false,
    };
    Ok((inserted == 1).then_some(session))
}

/// Deletes a session, and by the foreign key its messages.
pub(crate) fn delete(connection: &Connection, owner: &str, id: &str) -> rusqlite::Result<bool> {
    const DELETE: &str = "DELETE FROM session WHERE owner = ?1 AND id = ?2";
    Ok(connection.prepare_cached(DELETE)?.execute(params![owner, id])? == 1)
}

/// The owner's session of this id.
pub(crate) fn find(connection: &Connection, owner: &str, id: &str) -> rusqlite::Result<Option<Session>> {
    Ok(find_keyed(connection, owner, id)?.map(|(_, session)| session))
}

/// The owner's sessions that match, newest first.
pub(crate) fn list(
    connection: &Connection,
    owner: &str,
    filter: &SessionFilter,
    page: Page,
) -> rusqlite::Result<SessionPage> {
    const COUNT: &str = "SELECT count(*) FROM session WHERE owner = ?1 AND (?2 IS NULL OR agent_id = ?2)";
    const SELECT: &str = "SELECT id, name, agent_id, metadata, provider, model, created_at_ms, updated_at_ms, \
        message_count, total_cost_pico, has_unpriced \
        FROM session WHERE owner = ?1 AND (?2 IS NULL OR agent_id = ?2) \
        ORDER BY updated_at_ms DESC, key DESC LIMIT ?3 OFFSET ?4";
    let other = |wanted: &Option<String>, is: &str| wanted.as_deref().is_some_and(|wanted| wanted != is);
    if other(&filter.state, Session::STATE) || other(&filter.backend, Session::BACKEND) {
        return Ok(SessionPage::default());
    }
    let agent_id = &filter.agent_id;
    let total = connection.prepare_cached(COUNT)?.query_row(params![owner, agent_id], |row| row.get(0))?;
    let mut select = connection.prepare_cached(SELECT)?;
    let sessions =
        select.query_map(params![owner, agent_id, page.limit, page.offset], row::session)?.collect::<Result<_, _>>()?;
    Ok(SessionPage { sessions, total })
}

/// A page of a session's messages, oldest first.
pub(crate) fn history(
    connection: &Connection,
    owner: &str,
    id: &str,
    page: Page,
) -> rusqlite::Result<Option<HistoryPage>> {
    let Some((key, session)) = find_keyed(connection, owner, id)? else {
        return Ok(None);
    };
    Ok(Some(HistoryPage { messages: messages(connection, key, page)?, total: session.message_count }))
}

/// A session with all of its messages.
pub(crate) fn conversation(connection: &Connection, owner: &str, id: &str) -> rusqlite::Result<Option<Conversation>> {
    let Some((key, session)) = find_keyed(connection, owner, id)? else {
        return Ok(None);
    };
    Ok(Some(Conversation { session, messages: messages(connection, key, Page::ALL)? }))
}

/// Adds a turn's messages to its session, and makes that session where it may.
pub(crate) fn append_turn(connection: &Connection, turn: &TurnRecord) -> rusqlite::Result<Appended> {
    let Some((key, message_count)) = add_to_totals(connection, turn)? else {
        return Ok(Appended::SessionGone);
    };
    let before = message_count - length(&turn.messages);
    for (sequence, message) in (before + 1..).zip(&turn.messages) {
        insert_message(connection, key, sequence, message)?;
    }
    Ok(Appended::Stored { message_count })
}

/// Adds a turn to its session's totals; returns the session's key and how many messages it then has.
fn add_to_totals(connection: &Connection, turn: &TurnRecord) -> rusqlite::Result<Option<(i64, i64)>> {
    const UPDATE: &str = "UPDATE session SET updated_at_ms = max(updated_at_ms, ?3), message_count = message_count + ?4, \
        total_cost_pico = total_cost_pico + ?5, has_unpriced = max(has_unpriced, ?6) \
        WHERE owner = ?1 AND id = ?2 RETURNING key, message_count";
    const UPSERT: &str = "INSERT INTO session (owner, id, name, agent_id, metadata, created_at_ms, updated_at_ms, \
        message_count, total_cost_pico, has_unpriced) \
        VALUES (?1, ?2, ?7, ?8, '{}', ?3, ?3, ?4, ?5, ?6) \
        ON CONFLICT (owner, id) DO UPDATE SET updated_at_ms = max(updated_at_ms, ?3), \
        message_count = message_count + ?4, total_cost_pico = total_cost_pico + ?5, has_unpriced = max(has_unpriced, ?6) \
        RETURNING key, message_count";
    let usages = || turn.messages.iter().filter_map(|message| message.usage.as_ref());
    // A sum beyond nine million dollars sticks at the limit; one more pico-dollar then fails the table's type.
    let cost_pico = usages().filter_map(|usage| usage.cost_pico).fold(0_i64, i64::saturating_add);
    let has_unpriced = usages().any(|usage| usage.cost_pico.is_none());
    let added = length(&turn.messages);
    let total = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    if turn.create {
        let values =
            params![turn.owner, turn.session_id, turn.at_ms, added, cost_pico, has_unpriced, turn.name, turn.agent_id];
        return connection.prepare_cached(UPSERT)?.query_row(values, total).map(Some);
    }
    let values = params![turn.owner, turn.session_id, turn.at_ms, added, cost_pico, has_unpriced];
    connection.prepare_cached(UPDATE)?.query_row(values, total).optional()
}

fn insert_message(connection: &Connection, key: i64, sequence: i64, message: &Message) -> rusqlite::Result<()> {
    const INSERT: &str = "INSERT INTO message (session_key, sequence, id, role, content, at_ms, undelivered, provider, \
        model, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, cost_pico, \
        estimated) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    let usage = message.usage.as_ref();
    connection.prepare_cached(INSERT)?.execute(params![
        key,
        sequence,
        message.id,
        message.role.as_str(),
        message.content.get(),
        message.at_ms,
        message.undelivered,
        usage.map(|usage| usage.provider.as_str()),
        usage.map(|usage| usage.model.as_str()),
        usage.map(|usage| usage.input_tokens),
        usage.map(|usage| usage.output_tokens),
        usage.map(|usage| usage.cache_write_5m_tokens),
        usage.map(|usage| usage.cache_write_1h_tokens),
        usage.map(|usage| usage.cache_read_tokens),
        usage.and_then(|usage| usage.cost_pico),
        usage.map(|usage| usage.estimated),
    ])?;
    Ok(())
}

fn find_keyed(connection: &Connection, owner: &str, id: &str) -> rusqlite::Result<Option<(i64, Session)>> {
    const SELECT: &str = "SELECT id, name, agent_id, metadata, provider, model, created_at_ms, updated_at_ms, \
        message_count, total_cost_pico, has_unpriced, key FROM session WHERE owner = ?1 AND id = ?2";
    let mut select = connection.prepare_cached(SELECT)?;
    select.query_row(params![owner, id], |row| Ok((row.get(11)?, row::session(row)?))).optional()
}

/// The page by sequence number, which counts from 1 without gaps: no row before the page is read.
fn messages(connection: &Connection, key: i64, page: Page) -> rusqlite::Result<Vec<Message>> {
    const SELECT: &str = "SELECT id, role, content, at_ms, undelivered, provider, model, input_tokens, output_tokens, \
        cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, cost_pico, estimated \
        FROM message WHERE session_key = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
    let mut select = connection.prepare_cached(SELECT)?;
    select.query_map(params![key, page.offset, page.limit], row::message)?.collect()
}

/// A count of messages in the database's integers. Memory ends long before them.
fn length(messages: &[Message]) -> i64 {
    i64::try_from(messages.len()).unwrap_or(i64::MAX)
}
