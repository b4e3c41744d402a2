//! From a question and a session's history to the request that goes to Claude, and from its answer to what is stored.

use std::collections::HashMap;

use claude::{ContentBlock, MessagesRequest, RequestMessage, Rest, Role};
use jiff::Timestamp;
use loom_store::{Conversation, Message, TurnRecord};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::timeout_at;

use super::{Failure, Turn, timed_out};
use crate::error::Error;
use crate::loom::{AGENT, Bill, Loom, Place, stored};

/// The longest session id that a client may choose; ids of our own have 37 characters.
const MAX_SESSION_ID_BYTES: usize = 128;

/// The longest name that a session takes from its first question.
const SESSION_NAME_CHARS: usize = 60;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The question; `{{name}}` is filled from `context`.
    pub query: String,
    /// Values for the names in the query.
    pub context: HashMap<String, String>,
    /// Whether the turn sees nothing earlier of its session.
    pub reset_context: bool,
}

impl Question {
    /// What is asked, once its names are filled in.
    pub(super) fn text(&self) -> Result<String, Error> {
        let text = self.filled();
        if text.trim().is_empty() {
            return Err(Error::invalid("`query` is empty").with_hint("put what Claude is to answer into `query`"));
        }
        Ok(text)
    }

    /// The query with its names filled in; an unknown name stays as it is, and what was filled in is not looked at again.
    fn filled(&self) -> String {
        let mut filled = String::with_capacity(self.query.len());
        let mut rest = self.query.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            match after.split_once("}}").and_then(|(name, after)| Some((self.context.get(name.trim())?, after))) {
                Some((value, after)) => {
                    filled.push_str(value);
                    rest = after;
                }
                None => {
                    filled.push_str("{{");
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }
}

/// A turn that is ready to be sent.
#[derive(Debug)]
pub(super) struct Prompt {
    /// The model's id, as configured, which is what goes on the wire.
    pub(super) model: String,
    question: Box<RawValue>,
    asked_at_ms: i64,
    earlier: Vec<Message>,
    create: bool,
    /// Held until the turn is stored, so that the session's next turn sees it.
    _place: Option<Place>,
}

impl Prompt {
    /// Waits for the session's earlier turns and loads them.
    pub(super) async fn prepare(turn: &Turn) -> Result<Self, Failure> {
        let Turn { loom, request, .. } = turn;
        let question = to_raw_value(&[ContentBlock::text(&turn.text)]).map_err(|error| unwritable(&error))?;
        let (mut earlier, mut create, mut place) = (Vec::new(), true, None);
        // Nobody else knows the id of a session that is new.
        if let Some(id) = &request.session_id {
            place = Some(loom.queues().enter(&request.owner, id, request.deadline).await?);
            let reading = loom.store().conversation(&request.owner, id);
            let Ok(read) = timeout_at(request.deadline, reading).await else {
                return Err(timed_out(turn.started, request.deadline, None).into());
            };
            if let Some(Conversation { messages, .. }) = stored(read)? {
                create = false;
                earlier = if request.question.reset_context { Vec::new() } else { messages };
            }
        }
        let asked_at_ms = Timestamp::now().as_millisecond();
        let model = loom.model().to_owned();
        Ok(Self { model, question, asked_at_ms, earlier, create, _place: place })
    }

    /// What goes to Claude.
    pub(super) fn messages_request(&self, loom: &Loom) -> Result<MessagesRequest, Error> {
        let mut messages = Vec::with_capacity(self.earlier.len() + 1);
        for message in &self.earlier {
            let role = match message.role {
                loom_store::Role::User => Role::User,
                loom_store::Role::Assistant => Role::Assistant,
            };
            // An answer without content cannot be sent back, and its question would then stand beside the next one.
            if role == Role::Assistant && message.content.get() == "[]" {
                messages.pop();
                continue;
            }
            messages.push(RequestMessage { role, content: message.content.clone() });
        }
        messages.push(RequestMessage { role: Role::User, content: self.question.clone() });
        let (max_tokens, temperature) = loom.sampling();
        Ok(MessagesRequest { max_tokens, messages, system: None, temperature, rest: Rest::new() })
    }

    /// What the store keeps of the turn.
    pub(super) fn record(
        &self,
        turn: &Turn,
        answer: &[ContentBlock],
        bill: &Bill,
        undelivered: bool,
    ) -> Result<TurnRecord, Error> {
        let now = Timestamp::now().as_millisecond();
        let message = |role, content, at_ms, usage| Message {
            id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
            role,
            content,
            at_ms,
            usage,
            undelivered: false,
        };
        let asked = message(loom_store::Role::User, self.question.clone(), self.asked_at_ms, None);
        let content = to_raw_value(answer).map_err(|error| unwritable(&error))?;
        let mut answered = message(loom_store::Role::Assistant, content, now, Some(bill.to_stored()));
        answered.undelivered = undelivered;
        Ok(TurnRecord {
            owner: turn.request.owner.clone(),
            session_id: turn.session_id.clone(),
            create: self.create,
            agent_id: AGENT.to_owned(),
            name: turn.text.chars().take(SESSION_NAME_CHARS).collect(),
            at_ms: now,
            messages: vec![asked, answered],
        })
    }
}

/// `sess_` and a UUID of version 7, whose order is that of time.
pub(crate) fn new_session_id() -> String {
    format!("sess_{}", uuid::Uuid::now_v7().simple())
}

/// An id of the client's choosing is printable and short: it stands in URLs and logs.
pub(crate) fn check_session_id(id: &str) -> Result<(), Error> {
    let printable = id.chars().all(|c| c.is_ascii_graphic() && c != '/');
    if id.len() > MAX_SESSION_ID_BYTES || !printable {
        let hint = format!("an id has at most {MAX_SESSION_ID_BYTES} printable ASCII characters, and no `/` or space");
        return Err(Error::invalid("`session_id` cannot be an id").with_hint(hint));
    }
    Ok(())
}

fn unwritable(error: &serde_json::Error) -> Error {
    Error::new(crate::error::Code::Internal, format!("a message cannot be written as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_fills_known_names_and_leaves_the_rest() {
        let context = [("name", "Ada"), ("odd", "{{name}}")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        for (query, text) in [
            ("Hello {{name}}!", "Hello Ada!"),
            ("{{ name }}{{name}}", "AdaAda"),
            ("{{unknown}} {{name", "{{unknown}} {{name"),
            ("{{odd}}", "{{name}}"),
            ("{{ {{name}}", "{{ Ada"),
        ] {
            let question =
                Question { query: query.to_owned(), context: HashMap::from(context.clone()), reset_context: false };
            assert_eq!(question.text().unwrap(), text);
        }
    }

    #[test]
    fn ids_that_would_not_survive_a_url_or_a_log_are_refused() {
        assert!(check_session_id("sess_1:my.chat@home").is_ok());
        for id in ["a b", "a/b", "ä", "a\nb", &"x".repeat(129)] {
            assert!(check_session_id(id).is_err(), "{id}");
        }
    }
}
