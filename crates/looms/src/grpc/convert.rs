//! Between the contract's messages and the core's types.

use std::collections::HashMap;
use std::time::Duration;

use claude::PicoDollars;
use jiff::Timestamp;
use loom_proto::v1::{
    ContextState, ConversationHistory, CostInfo, ExecutionMetadata, LlmCost, Message, Session, ToolCall, WeaveRequest,
    WeaveResponse,
};
use loom_store::{HistoryPage, Page, Usage};
use serde_json::value::RawValue;
use tokio::time::Instant;
use tonic::Request;

use super::CallerDeadline;
use crate::error::{Code, Error};
use crate::loom::{AGENT, Bill, Loom};
use crate::turn::{Outcome, Question, TurnRequest};

/// The metadata key of the caller's identity.
const USER_ID: &str = "x-user-id";

/// The longest identity; it is part of a key.
const MAX_USER_ID_BYTES: usize = 256;

/// The longest name of a session.
const MAX_NAME_BYTES: usize = 1024;

/// The most that a session's metadata may hold.
const MAX_METADATA_BYTES: usize = 16 * 1024;

/// The range of `timeout_seconds`, the reference's.
const TIMEOUT_SECONDS: std::ops::RangeInclusive<i32> = 1..=600;

/// Who calls; empty where the client says nothing.
pub(super) fn owner<T>(request: &Request<T>) -> Result<String, Error> {
    let Some(value) = request.metadata().get(USER_ID) else { return Ok(String::new()) };
    match value.to_str() {
        Ok(id) if id.len() <= MAX_USER_ID_BYTES => Ok(id.to_owned()),
        _ => Err(Error::invalid(format!("`{USER_ID}` cannot be an identity"))
            .with_hint(format!("send at most {MAX_USER_ID_BYTES} printable ASCII characters"))),
    }
}

/// A session's name and notes are listed with it, up to 500 sessions a page: they are labels, not documents.
pub(super) fn check_notes(name: &str, metadata: &HashMap<String, String>) -> Result<(), Error> {
    if name.len() > MAX_NAME_BYTES {
        return Err(Error::invalid("`name` is too long").with_hint(format!("it has at most {MAX_NAME_BYTES} bytes")));
    }
    let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_METADATA_BYTES {
        let hint = format!("keys and values together have at most {MAX_METADATA_BYTES} bytes");
        return Err(Error::invalid("`metadata` is too long").with_hint(hint));
    }
    Ok(())
}

pub(super) fn check_agent(id: &str) -> Result<(), Error> {
    if id.is_empty() || id == AGENT {
        return Ok(());
    }
    Err(Error::new(Code::NotFound, format!("there is no agent `{id}`"))
        .with_hint(format!("the one agent is `{AGENT}`")))
}

/// A turn from its request.
pub(super) fn turn(loom: &Loom, request: &Request<WeaveRequest>, started: Instant) -> Result<TurnRequest, Error> {
    let owner = owner(request)?;
    let asked = request.get_ref();
    check_agent(&asked.agent_id)?;
    if asked.occurred_at.is_some() {
        return Err(Error::new(Code::Unsupported, "`occurred_at` is not served").with_hint("leave `occurred_at` out"));
    }
    let limit = match asked.timeout_seconds {
        0 => loom.timeout(),
        seconds if TIMEOUT_SECONDS.contains(&seconds) => Duration::from_secs(u64::from(seconds.unsigned_abs())),
        seconds => {
            let (least, most) = (TIMEOUT_SECONDS.start(), TIMEOUT_SECONDS.end());
            return Err(Error::invalid(format!("`timeout_seconds` is {seconds}"))
                .with_hint(format!("it is between {least} and {most}, or left out")));
        }
    };
    let own = started + limit;
    let callers = request.extensions().get::<CallerDeadline>().map(|deadline| deadline.0);
    Ok(TurnRequest {
        owner,
        session_id: (!asked.session_id.is_empty()).then(|| asked.session_id.clone()),
        question: Question {
            query: asked.query.clone(),
            context: asked.context.clone(),
            reset_context: asked.reset_context,
        },
        deadline: callers.map_or(own, |callers| callers.min(own)),
    })
}

/// The answer to `Weave`.
pub(crate) fn response(outcome: Outcome) -> WeaveResponse {
    let metadata =
        ExecutionMetadata { llm_calls: 1, total_duration_ms: millis(outcome.duration), ..ExecutionMetadata::default() };
    WeaveResponse {
        cost: Some(cost(&outcome.bill)),
        context_state: Some(context_state(&outcome.bill)),
        metadata: Some(metadata),
        text: outcome.text,
        session_id: outcome.session_id,
        agent_id: AGENT.to_owned(),
        ..WeaveResponse::default()
    }
}

pub(super) fn cost(bill: &Bill) -> CostInfo {
    let usage = &bill.usage;
    let usd = bill.cost.unwrap_or_default().to_usd();
    let tokens = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
    let llm_cost = LlmCost {
        total_tokens: tokens(usage.total_tokens()),
        input_tokens: tokens(usage.input_tokens),
        output_tokens: tokens(usage.output_tokens),
        cost_usd: usd,
        model: bill.model.clone(),
        provider: bill.provider.to_owned(),
        cache_read_input_tokens: tokens(usage.cache_read_tokens),
        cache_creation_input_tokens: tokens(usage.cache_write_tokens()),
        estimated: usage.estimated,
        unpriced: bill.cost.is_none(),
    };
    CostInfo { total_cost_usd: usd, llm_cost: Some(llm_cost), ..CostInfo::default() }
}

pub(super) fn context_state(bill: &Bill) -> ContextState {
    ContextState {
        context_tokens_used: i64::try_from(bill.usage.total_tokens()).unwrap_or(i64::MAX),
        context_tokens_max: bill.context_window.map_or(0, i64::from),
        ..ContextState::default()
    }
}

pub(super) fn session(session: loom_store::Session) -> Session {
    let started = Timestamp::from_millisecond(session.created_at_ms).unwrap_or_default();
    Session {
        id: session.id,
        name: session.name,
        backend: loom_store::Session::BACKEND.to_owned(),
        created_at: session.created_at_ms.div_euclid(1000),
        updated_at: session.updated_at_ms.div_euclid(1000),
        state: loom_store::Session::STATE.to_owned(),
        total_cost_usd: Loom::stored_cost(session.total_cost_pico).to_usd(),
        conversation_count: count(session.message_count),
        metadata: session.metadata.into_iter().collect(),
        agent_name: session.agent_id.clone(),
        agent_id: session.agent_id,
        started_at: started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        ..Session::default()
    }
}

pub(super) fn history(session_id: String, page: HistoryPage) -> ConversationHistory {
    ConversationHistory {
        session_id,
        messages: page.messages.into_iter().map(message).collect(),
        total_count: count(page.total),
    }
}

fn message(message: loom_store::Message) -> Message {
    let blocks = serde_json::from_str::<Vec<Box<RawValue>>>(message.content.get()).unwrap_or_default();
    let (mut content, mut tool_calls) = (String::new(), Vec::new());
    for block in &blocks {
        match claude::ContentBlock::from_raw(block) {
            claude::ContentBlock::Text { text, .. } => content.push_str(&text),
            claude::ContentBlock::ToolUse { name, input, .. } => {
                tool_calls.push(ToolCall { name, args_json: input.get().to_owned(), ..ToolCall::default() });
            }
            claude::ContentBlock::Thinking { .. } | claude::ContentBlock::Other(_) => {}
        }
    }
    Message {
        id: message.id,
        role: message.role.as_str().to_owned(),
        content,
        timestamp: message.at_ms.div_euclid(1000),
        tool_calls,
        cost: message.usage.map(|usage| stored_cost(&usage)),
    }
}

fn stored_cost(usage: &Usage) -> CostInfo {
    let tokens = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    let cache_write = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
    let total = [usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, cache_write];
    let usd = usage.cost_pico.map_or(PicoDollars::default(), Loom::stored_cost).to_usd();
    let llm_cost = LlmCost {
        total_tokens: tokens(total.into_iter().fold(0, i64::saturating_add)),
        input_tokens: tokens(usage.input_tokens),
        output_tokens: tokens(usage.output_tokens),
        cost_usd: usd,
        model: usage.model.clone(),
        provider: usage.provider.clone(),
        cache_read_input_tokens: tokens(usage.cache_read_tokens),
        cache_creation_input_tokens: tokens(cache_write),
        estimated: usage.estimated,
        unpriced: usage.cost_pico.is_none(),
    };
    CostInfo { total_cost_usd: usd, llm_cost: Some(llm_cost), ..CostInfo::default() }
}

pub(super) fn page(offset: i32, limit: i32) -> Result<Page, Error> {
    let positive = |name: &str, number: i32| {
        u32::try_from(number).map_err(|_| Error::invalid(format!("`{name}` is negative")).with_hint("count from 0"))
    };
    Ok(Page { offset: positive("offset", offset)?, limit: positive("limit", limit)? })
}

pub(super) fn count(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
