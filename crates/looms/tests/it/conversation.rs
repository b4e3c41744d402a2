//! A session's turns: what each sees of those before it, and how they read afterwards.

use bedrock_emulator::{Emulator, Fault, Reply};
use loom_proto::v1::{GetConversationHistoryRequest, WeaveRequest};
use serde_json::json;

use crate::support::{Looms, Problem, ask, ask_in, body_sent, messages_sent};

fn said(role: &str, text: &str) -> serde_json::Value {
    json!({"role": role, "content": [{"type": "text", "text": text}]})
}

#[tokio::test]
async fn a_turn_carries_the_turns_before_it() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    up.enqueue(Reply::text("Hello Ada."));
    up.enqueue(Reply::text("Ada."));
    let id = looms.weave("I am Ada.").await.session_id;
    looms.weave_in(&id, "Who am I?").await;
    let expected = [said("user", "I am Ada."), said("assistant", "Hello Ada."), said("user", "Who am I?")];
    assert_eq!(messages_sent(&up, 1), json!(expected));
}

#[tokio::test]
async fn what_was_sent_once_is_sent_again_byte_for_byte() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    up.reply(Reply::blocks([
        json!({"type": "thinking", "thinking": "Ünïcode \"quoted\"\n…", "signature": "EqQBCgIYAhIkZm9v+/=="}),
        json!({"type": "redacted_thinking", "data": "b3BhcXVl"}),
        json!({"type": "text", "text": "line one\r\nline two \u{1f980}"}),
    ]));
    for query in ["eins \u{e9}\\", "zwei", "drei"] {
        looms.weave_in("s", query).await;
    }
    let sent: Vec<String> = up.requests().iter().map(|request| messages_of(&request.body)).collect();
    for (earlier, later) in sent.iter().zip(&sent[1..]) {
        // Prompt caching and thinking signatures both hold on exact bytes.
        let kept = earlier.strip_suffix(']').unwrap();
        assert!(later.starts_with(kept), "{later}\ndoes not begin with\n{kept}");
    }
    let answer = &looms.stored("s").await.unwrap().messages[1];
    assert!(sent[1].contains(answer.content.get()), "{}", answer.content);
    let blocks = body_sent(&up, 1)["messages"][1]["content"].clone();
    assert_eq!(blocks[0]["signature"], "EqQBCgIYAhIkZm9v+/==");
    assert_eq!(blocks[1], json!({"type": "redacted_thinking", "data": "b3BhcXVl"}));
    assert_eq!(looms.history("s").await.messages[1].content, "line one\r\nline two \u{1f980}");
}

#[tokio::test]
async fn an_answer_of_white_space_is_not_sent_back() {
    // The API refuses a text block without anything to read; a session that keeps one is stuck for good.
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    up.enqueue(Reply::text("\n\n"));
    up.enqueue(Reply::pieces(["\n", "never said"]).broken_by(Fault::cut(4)));
    up.enqueue(Reply::text("Here."));
    assert_eq!(looms.weave_in("s", "one").await.text, "\n\n");
    looms.ask(ask_in("s", "two")).await.unwrap_err();
    looms.weave_in("s", "three").await;
    assert_eq!(messages_sent(&up, 2), json!([said("user", "three")]));
}

/// The `messages` of a body as they stand there.
fn messages_of(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        messages: &'a serde_json::value::RawValue,
    }
    serde_json::from_slice::<Body<'_>>(body).unwrap().messages.get().to_owned()
}

#[tokio::test]
async fn history_is_told_oldest_first_with_what_each_answer_cost() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    up.enqueue(Reply::text("one").tokens(12, 20));
    up.enqueue(Reply::text("two").tokens(1_000, 0));
    looms.weave_in("s", "1?").await;
    looms.weave_in("s", "2?").await;
    let history = looms.history("s").await;
    let told: Vec<_> = history.messages.iter().map(|said| (said.role.as_str(), said.content.as_str())).collect();
    assert_eq!(told, [("user", "1?"), ("assistant", "one"), ("user", "2?"), ("assistant", "two")]);
    let cost = |index: usize| history.messages[index].cost.as_ref().map(|cost| cost.total_cost_usd);
    assert_eq!((cost(0), cost(1), cost(2), cost(3)), (None, Some(0.000_336), None, Some(0.003)));
    assert_eq!((history.session_id.as_str(), history.total_count), ("s", 4));
    assert!(history.messages.iter().all(|said| said.timestamp > 1_700_000_000 && said.id.starts_with("msg_")));
}

#[tokio::test]
async fn history_comes_in_pages_where_that_is_asked() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    for query in ["1", "2", "3"] {
        up.enqueue(Reply::text(query));
        looms.weave_in("s", query).await;
    }
    for (offset, limit, expected) in
        [(0, 0, "112233"), (0, -5, "112233"), (0, 3, "112"), (3, 2, "23"), (5, 100, "3"), (1, 0, "12233"), (6, 1, "")]
    {
        let asked = GetConversationHistoryRequest { session_id: "s".into(), limit, offset };
        let page = looms.grpc().get_conversation_history(asked).await.unwrap().into_inner();
        let told: String = page.messages.into_iter().map(|message| message.content).collect();
        assert_eq!((told.as_str(), page.total_count), (expected, 6), "{offset} {limit}");
    }
    let negative = GetConversationHistoryRequest { session_id: "s".into(), limit: 1, offset: -1 };
    let status = looms.grpc().get_conversation_history(negative).await.unwrap_err();
    assert_eq!(Problem::from(status).reason, "invalid_request");
}

#[tokio::test]
async fn the_context_fills_the_query() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let context = [("name".to_owned(), "Ada".to_owned()), ("unused".to_owned(), "x".to_owned())].into();
    let request = WeaveRequest { context, ..ask_in("s", "Greet {{name}}, not {{nobody}}.") };
    looms.ask(request).await.unwrap();
    assert_eq!(messages_sent(&up, 0), json!([said("user", "Greet Ada, not {{nobody}}.")]));
    assert_eq!(looms.history("s").await.messages[0].content, "Greet Ada, not {{nobody}}.");
}

#[tokio::test]
async fn a_turn_may_see_nothing_earlier_and_the_history_keeps_all() {
    let up = Emulator::start().await.unwrap();
    up.reply(Reply::text("ok"));
    let looms = Looms::start(&up).await;
    looms.weave_in("s", "first").await;
    let request = WeaveRequest { reset_context: true, ..ask_in("s", "second") };
    looms.ask(request).await.unwrap();
    looms.weave_in("s", "third").await;
    assert_eq!(messages_sent(&up, 1), json!([said("user", "second")]));
    assert_eq!(messages_sent(&up, 2).as_array().unwrap().len(), 5);
    assert_eq!(looms.history("s").await.total_count, 6);
}

#[tokio::test]
async fn an_answer_without_content_does_not_spoil_the_session() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    up.enqueue(Reply::blocks([]));
    assert_eq!(looms.ask(ask_in("s", "say nothing")).await.unwrap().text, "");
    looms.weave_in("s", "and now?").await;
    // Messages wants the roles in turns, and refuses a message without content.
    assert_eq!(messages_sent(&up, 1), json!([said("user", "and now?")]));
    assert_eq!(looms.history("s").await.total_count, 4);
}

#[tokio::test]
async fn sessions_know_nothing_of_each_other() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let (first, second) = (looms.ask(ask("one")).await.unwrap(), looms.ask(ask("two")).await.unwrap());
    assert_ne!(first.session_id, second.session_id);
    assert_eq!(messages_sent(&up, 1), json!([said("user", "two")]));
}
