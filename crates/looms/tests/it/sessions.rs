//! Sessions: whose they are, how they are listed, and that a deleted one is gone.

use std::time::Duration;

use bedrock_emulator::{Emulator, Reply};
use loom_proto::v1::{
    CreateSessionRequest, DeleteSessionRequest, GetConversationHistoryRequest, GetSessionRequest, ListSessionsRequest,
    Session,
};
use tonic::Response;

use crate::support::{Looms, Problem, ask, ask_in, by, messages_sent, upstream_has};

async fn list(looms: &Looms, user: &str) -> Vec<String> {
    let listed = looms.grpc().list_sessions(by(user, ListSessionsRequest::default())).await.unwrap().into_inner();
    assert_eq!(listed.total_count as usize, listed.sessions.len());
    listed.sessions.into_iter().map(|session| session.id).collect()
}

fn get(session: &str) -> GetSessionRequest {
    GetSessionRequest { session_id: session.to_owned() }
}

fn delete(session: &str) -> DeleteSessionRequest {
    DeleteSessionRequest { session_id: session.to_owned() }
}

fn history(session: &str) -> GetConversationHistoryRequest {
    GetConversationHistoryRequest { session_id: session.to_owned(), ..GetConversationHistoryRequest::default() }
}

#[tokio::test]
async fn a_turn_makes_its_session_and_adds_to_it() {
    let up = Emulator::start().await.unwrap();
    up.reply(Reply::text("yes").tokens(12, 20));
    let looms = Looms::start(&up).await;
    let id = looms.weave("Is this a session?").await.session_id;
    looms.weave_in(&id, "Still?").await;
    let session = looms.grpc().get_session(get(&id)).await.unwrap().into_inner();
    assert_eq!((session.id.as_str(), session.name.as_str()), (id.as_str(), "Is this a session?"));
    assert_eq!((session.state.as_str(), session.backend.as_str()), ("active", ""));
    assert_eq!((session.agent_id.as_str(), session.agent_name.as_str()), ("default", "default"));
    assert_eq!((session.conversation_count, session.total_cost_usd), (4, 0.000_672));
    assert!(session.created_at > 1_700_000_000 && session.updated_at >= session.created_at);
    assert!(session.started_at.ends_with('Z') && session.started_at.len() == 20, "{}", session.started_at);
}

#[tokio::test]
async fn an_id_that_nobody_used_yet_makes_that_session() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    assert_eq!(looms.weave_in("my-own:id@home", "hi").await.session_id, "my-own:id@home");
    assert_eq!(looms.grpc().get_session(get("my-own:id@home")).await.unwrap().into_inner().conversation_count, 2);
}

#[tokio::test]
async fn a_created_session_takes_turns_under_its_name() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let new = CreateSessionRequest {
        name: "plans".into(),
        metadata: [("team".to_owned(), "blue".to_owned())].into(),
        ..CreateSessionRequest::default()
    };
    let created = looms.grpc().create_session(new).await.unwrap().into_inner();
    assert!(created.id.starts_with("sess_") && created.conversation_count == 0);
    looms.weave_in(&created.id, "hi").await;
    let Session { name, metadata, conversation_count, .. } =
        looms.grpc().get_session(get(&created.id)).await.unwrap().into_inner();
    assert_eq!((name.as_str(), metadata["team"].as_str(), conversation_count), ("plans", "blue", 2));
}

#[tokio::test]
async fn another_users_session_does_not_exist() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let id = looms.grpc().weave(by("ann", ask("Ann's secret"))).await.unwrap().into_inner().session_id;
    for user in ["bob", ""] {
        let mut grpc = looms.grpc();
        for refused in [
            grpc.get_session(by(user, get(&id))).await.map(drop),
            grpc.delete_session(by(user, delete(&id))).await.map(drop),
            grpc.get_conversation_history(by(user, history(&id))).await.map(drop),
        ] {
            let problem = Problem::from(refused.unwrap_err());
            assert_eq!((problem.grpc, problem.reason.as_str()), (tonic::Code::NotFound, "session_not_found"));
            assert!(problem.message.contains(&id) && !problem.hint().is_empty());
        }
        assert_eq!(list(&looms, user).await, [""; 0]);
    }
    assert_eq!(list(&looms, "ann").await, [id.as_str()]);

    // Bob's turn under Ann's id is a session of Bob's own.
    looms.grpc().weave(by("bob", ask_in(&id, "hello?"))).await.unwrap();
    assert_eq!(messages_sent(&up, 1).as_array().unwrap().len(), 1);
    assert_eq!((list(&looms, "ann").await, list(&looms, "bob").await), (vec![id.clone()], vec![id.clone()]));
    looms.grpc().delete_session(by("bob", delete(&id))).await.unwrap();
    let anns = looms.grpc().get_conversation_history(by("ann", history(&id))).await.unwrap().into_inner();
    assert_eq!(anns.messages[0].content, "Ann's secret");
}

#[tokio::test]
async fn the_user_is_the_same_on_http() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let ann = [("x-user-id", "ann")];
    let reply = looms.http_with("POST /v1/weave", r#"{"query": "hi", "session_id": "s"}"#, &ann).await;
    assert_eq!(reply.json()["sessionId"], "s");
    assert_eq!(looms.http_with("GET /v1/sessions/s", "", &ann).await.status, 200);
    assert_eq!(list(&looms, "ann").await, ["s"]);
    for line in ["GET /v1/sessions/s", "DELETE /v1/sessions/s", "GET /v1/sessions/s/history"] {
        let problem = Problem::from(looms.http(line, "").await);
        assert_eq!((problem.http, problem.reason.as_str()), (Some(404), "session_not_found"), "{line}");
    }
}

#[tokio::test]
async fn sessions_are_listed_newest_first_in_pages() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    for id in ["a", "b", "c", "a"] {
        looms.weave_in(id, "hi").await;
    }
    let pages = [
        (0, 0, vec!["a", "c", "b"]),
        (0, 2, vec!["a", "c"]),
        (2, 2, vec!["b"]),
        (3, 2, vec![]),
        (0, 10_000, vec!["a", "c", "b"]),
    ];
    for (offset, limit, expected) in pages {
        let asked = ListSessionsRequest { offset, limit, ..ListSessionsRequest::default() };
        let page = looms.grpc().list_sessions(asked).await.unwrap().into_inner();
        let ids: Vec<_> = page.sessions.iter().map(|session| session.id.as_str()).collect();
        assert_eq!((ids, page.total_count), (expected, 3), "{offset} {limit}");
    }
    let none = ListSessionsRequest { agent_id: "nobody".into(), ..ListSessionsRequest::default() };
    assert_eq!(looms.grpc().list_sessions(none).await.unwrap().into_inner().total_count, 0);
}

#[tokio::test]
async fn a_page_has_fifty_sessions_unless_asked_and_never_more_than_five_hundred() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let mut grpc = looms.grpc();
    for _ in 0..501 {
        grpc.create_session(CreateSessionRequest::default()).await.unwrap();
    }
    for (limit, length) in [(0, 50), (-1, 50), (51, 51), (i32::MAX, 500)] {
        let asked = ListSessionsRequest { limit, ..ListSessionsRequest::default() };
        let page = grpc.list_sessions(asked).await.unwrap().into_inner();
        assert_eq!((page.sessions.len(), page.total_count), (length, 501));
    }
}

#[tokio::test]
async fn a_deleted_session_is_gone_and_its_id_is_free() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    looms.weave_in("s", "first life").await;
    let deleted = looms.grpc().delete_session(delete("s")).await.map(Response::into_inner).unwrap();
    assert!(deleted.success && deleted.message.contains("`s`"));
    assert_eq!(list(&looms, "").await, [""; 0]);
    for gone in [
        looms.grpc().get_session(get("s")).await.map(drop),
        looms.grpc().get_conversation_history(history("s")).await.map(drop),
        looms.grpc().delete_session(delete("s")).await.map(drop),
    ] {
        assert_eq!(Problem::from(gone.unwrap_err()).reason, "session_not_found");
    }
    looms.weave_in("s", "second life").await;
    assert_eq!(looms.history("s").await.messages[0].content, "second life");
    assert_eq!(messages_sent(&up, 1).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_that_is_deleted_while_its_turn_runs_stays_deleted() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    looms.weave_in("s", "hi").await;
    up.reply(Reply::text("said to nobody's session").pause(Duration::from_millis(50)));
    let deleting = async {
        upstream_has(&up, 2).await;
        looms.grpc().delete_session(delete("s")).await.unwrap();
    };
    let (answer, ()) = tokio::join!(looms.weave_in("s", "still there?"), deleting);
    assert_eq!(answer.text, "said to nobody's session");
    assert_eq!(list(&looms, "").await, [""; 0]);
}
