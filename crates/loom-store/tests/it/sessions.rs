//! What a session is, who sees it, and how sessions and messages are listed.

use loom_store::{Appended, Message, Page, SessionFilter, StoreError, Usage};

use crate::fixture::{Database, answer, append, content, new_session, question, turn};

fn page(offset: u32, limit: u32) -> Page {
    Page { offset, limit }
}

#[tokio::test]
async fn a_session_is_found_as_it_was_made_and_its_id_is_then_taken() {
    let database = Database::new();
    let store = database.open().await;
    let created = store.create_session(new_session("ann", "s", 5)).await.unwrap();
    assert_eq!((created.created_at_ms, created.updated_at_ms, created.message_count), (5, 5, 0));
    assert_eq!(store.session("ann", "s").await.unwrap(), Some(created.clone()));
    let again = store.create_session(new_session("ann", "s", 6)).await;
    assert!(matches!(&again, Err(StoreError::SessionExists { id }) if id == "s"), "{again:?}");
    assert_eq!(store.session("ann", "s").await.unwrap(), Some(created));
}

#[tokio::test]
async fn a_session_of_one_owner_is_invisible_to_another() {
    let database = Database::new();
    let store = database.open().await;
    append(&store, turn("ann", "s", "secret", 1)).await;
    for stranger in ["", "bob", "Ann"] {
        assert_eq!(store.session(stranger, "s").await.unwrap(), None);
        assert!(store.history(stranger, "s", Page::ALL).await.unwrap().is_none());
        assert!(store.conversation(stranger, "s").await.unwrap().is_none());
        assert!(!store.delete_session(stranger, "s").await.unwrap());
        let listed = store.list_sessions(stranger, SessionFilter::default(), Page::ALL).await.unwrap();
        assert_eq!((listed.sessions.len(), listed.total), (0, 0));
        let mut foreign = turn(stranger, "s", "not mine", 2);
        foreign.create = false;
        assert_eq!(store.append_turn(foreign).await.unwrap(), Appended::SessionGone);
    }
    append(&store, turn("bob", "s", "the same id", 3)).await;
    assert_eq!(store.session("ann", "s").await.unwrap().unwrap().message_count, 2);
}

#[tokio::test]
async fn a_turn_adds_to_the_totals_and_makes_its_session_only_where_it_may() {
    let database = Database::new();
    let store = database.open().await;
    let mut orphan = turn("", "s", "one", 10);
    orphan.create = false;
    assert_eq!(store.append_turn(orphan.clone()).await.unwrap(), Appended::SessionGone);
    assert_eq!(store.session("", "s").await.unwrap(), None);

    assert_eq!(append(&store, turn("", "s", "one", 10)).await, 2);
    let made = store.session("", "s").await.unwrap().unwrap();
    assert_eq!((made.name.as_str(), made.agent_id.as_str()), ("made by a turn", "default"));
    assert_eq!((made.created_at_ms, made.updated_at_ms, made.total_cost_pico), (10, 10, 100));
    assert!(!made.has_unpriced);

    let mut second = turn("", "s", "two", 20);
    second.name = "ignored".to_owned();
    second.messages.push(answer("unpriced", 20, None));
    assert_eq!(append(&store, second).await, 5);
    // A turn that ended earlier is stored later: the order is that of storing, and `updated_at` does not go back.
    orphan.at_ms = 15;
    assert_eq!(append(&store, orphan).await, 7);
    let session = store.session("", "s").await.unwrap().unwrap();
    assert_eq!((session.created_at_ms, session.updated_at_ms), (10, 20));
    assert_eq!((session.message_count, session.total_cost_pico, session.has_unpriced), (7, 300, true));
    assert_eq!(session.name, "made by a turn");
}

#[tokio::test]
async fn a_turn_is_stored_whole_or_not_at_all() {
    let database = Database::new();
    let store = database.open().await;
    append(&store, turn("", "s", "good", 1)).await;
    for damage in [
        (|usage| usage.output_tokens = -1) as fn(&mut Usage),
        |usage| usage.cache_read_tokens = i64::MIN,
        |usage| usage.cost_pico = Some(-1),
        // With what the session has cost already, this is more than an integer holds.
        |usage| usage.cost_pico = Some(i64::MAX),
    ] {
        let mut bad = turn("", "s", "bad", 2);
        damage(bad.messages[1].usage.as_mut().unwrap());
        let refused = store.append_turn(bad).await;
        assert!(matches!(refused, Err(StoreError::Sqlite { .. })), "{refused:?}");
        let conversation = store.conversation("", "s").await.unwrap().unwrap();
        assert_eq!((conversation.messages.len(), conversation.session.updated_at_ms), (2, 1));
    }
    let mut bad = turn("", "new", "bad", 2);
    bad.messages[1].usage.as_mut().unwrap().input_tokens = -1;
    assert!(store.append_turn(bad).await.is_err());
    assert_eq!(store.session("", "new").await.unwrap(), None, "nor is a session left behind");
}

#[tokio::test]
async fn messages_come_back_byte_for_byte() {
    let blocks = [
        "[]",
        r#"[ {"type" : "text","text":"\u00e9 é \/ / \ud83d\ude00 😀 \ud800 \u0000"} ]"#,
        "[\n\t{\"z\":1,\"a\":1.0,\"z\":1E2,\"big\":12345678901234567890123}\n]",
        r#"[{"type":"thinking","thinking":"","signature":"EqQB+/="},{"type":"never_seen","x":null}]"#,
    ];
    let database = Database::new();
    let store = database.open().await;
    let mut record = turn("", "s", "x", 1);
    record.messages = blocks.iter().map(|json| with(question("x", 7), json)).collect();
    record.messages[3] = with(answer("cut", 8, None), blocks[3]);
    record.messages[3].undelivered = true;
    record.messages[3].usage.as_mut().unwrap().estimated = true;
    append(&store, record.clone()).await;
    store.close().await.unwrap();

    let read = database.open().await.conversation("", "s").await.unwrap().unwrap().messages;
    assert_eq!(read.len(), blocks.len());
    for (read, written) in read.iter().zip(&record.messages) {
        assert_eq!(read.content.get(), written.content.get());
        assert_eq!((&read.id, read.role, read.at_ms), (&written.id, written.role, written.at_ms));
        assert_eq!((&read.usage, read.undelivered), (&written.usage, written.undelivered));
    }
}

fn with(mut message: Message, json: &str) -> Message {
    message.content = content(json);
    message
}

#[tokio::test]
async fn sessions_are_listed_newest_first_in_pages_and_counted_before_paging() {
    let database = Database::new();
    let store = database.open().await;
    for (id, agent, at_ms) in [("a", "x", 1), ("b", "y", 3), ("c", "x", 2), ("d", "x", 2)] {
        let mut session = new_session("", id, at_ms);
        session.agent_id = agent.to_owned();
        store.create_session(session).await.unwrap();
    }
    store.create_session(new_session("other", "e", 9)).await.unwrap();
    append(&store, turn("", "a", "now the newest", 4)).await;

    let agent = |id: &str| SessionFilter { agent_id: Some(id.to_owned()), ..SessionFilter::default() };
    let state = |state: &str| SessionFilter { state: Some(state.to_owned()), ..SessionFilter::default() };
    let backend = |backend: &str| SessionFilter { backend: Some(backend.to_owned()), ..SessionFilter::default() };
    for (filter, page, ids, total) in [
        (SessionFilter::default(), Page::ALL, "a b d c", 4),
        (SessionFilter::default(), page(1, 2), "b d", 4),
        (SessionFilter::default(), page(3, 2), "c", 4),
        (SessionFilter::default(), page(4, 2), "", 4),
        (SessionFilter::default(), page(0, 0), "", 4),
        (agent("x"), page(0, 2), "a d", 3),
        (agent("z"), Page::ALL, "", 0),
        (state("active"), Page::ALL, "a b d c", 4),
        (state("ended"), Page::ALL, "", 0),
        (backend(""), Page::ALL, "a b d c", 4),
        (backend("postgres"), Page::ALL, "", 0),
    ] {
        let listed = store.list_sessions("", filter.clone(), page).await.unwrap();
        let found: Vec<_> = listed.sessions.iter().map(|session| session.id.as_str()).collect();
        assert_eq!((found.join(" ").as_str(), listed.total), (ids, total), "{filter:?} {page:?}");
    }
}

#[tokio::test]
async fn history_is_read_oldest_first_in_pages() {
    let database = Database::new();
    let store = database.open().await;
    store.create_session(new_session("", "s", 1)).await.unwrap();
    for text in ["1", "2"] {
        append(&store, turn("", "s", text, 2)).await;
    }
    for (page, ids) in [
        (Page::ALL, "q-1 a-1 q-2 a-2"),
        (page(0, 1), "q-1"),
        (page(1, 2), "a-1 q-2"),
        (page(3, 9), "a-2"),
        (page(4, 9), ""),
        (page(u32::MAX, u32::MAX), ""),
    ] {
        let history = store.history("", "s", page).await.unwrap().unwrap();
        let found: Vec<_> = history.messages.iter().map(|message| message.id.as_str()).collect();
        assert_eq!((found.join(" ").as_str(), history.total), (ids, 4), "{page:?}");
    }
    assert!(store.history("", "nobody", Page::ALL).await.unwrap().is_none());
}

#[tokio::test]
async fn a_deleted_session_takes_its_messages_with_it() {
    let database = Database::new();
    let store = database.open().await;
    append(&store, turn("", "s", "old", 1)).await;
    append(&store, turn("", "kept", "kept", 1)).await;
    assert!(store.delete_session("", "s").await.unwrap());
    assert!(!store.delete_session("", "s").await.unwrap());
    assert_eq!(store.session("", "s").await.unwrap(), None);
    assert_eq!(append(&store, turn("", "s", "new", 2)).await, 2, "the id may be used again, and starts afresh");
    let history = store.history("", "s", Page::ALL).await.unwrap().unwrap();
    assert_eq!(history.messages[0].id, "q-new");
    assert_eq!(store.conversation("", "kept").await.unwrap().unwrap().messages.len(), 2);
}
