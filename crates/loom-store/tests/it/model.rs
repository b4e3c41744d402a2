//! Random operations on a store and on a model of it in memory give the same answers.

use std::collections::{BTreeMap, btree_map::Entry};

use loom_store::{Appended, Options, Page, SessionFilter, Store, StoreError, Synchronous, TurnRecord};
use proptest::prelude::*;

use crate::fixture::{Database, answer, new_session, question, turn};

#[derive(Debug, Clone)]
enum Operation {
    Create { owner: usize, id: usize, at_ms: i64 },
    Append { owner: usize, id: usize, at_ms: i64, create: bool, costs: Vec<Option<i64>> },
    Delete { owner: usize, id: usize },
    Look { owner: usize, id: usize, offset: u32, limit: u32 },
    Reopen,
}

const OWNERS: [&str; 2] = ["", "ann"];
const IDS: [&str; 3] = ["a", "b", "c"];

fn operation() -> impl Strategy<Value = Operation> {
    let (owner, id, at_ms) = (0..OWNERS.len(), 0..IDS.len(), 0..5_i64);
    let costs = prop::collection::vec(prop::option::of(0..1000_i64), 0..4);
    prop_oneof![
        2 => (owner.clone(), id.clone(), at_ms.clone())
            .prop_map(|(owner, id, at_ms)| Operation::Create { owner, id, at_ms }),
        6 => (owner.clone(), id.clone(), at_ms, any::<bool>(), costs)
            .prop_map(|(owner, id, at_ms, create, costs)| Operation::Append { owner, id, at_ms, create, costs }),
        2 => (owner.clone(), id.clone()).prop_map(|(owner, id)| Operation::Delete { owner, id }),
        4 => (owner, id, 0..6_u32, 0..6_u32)
            .prop_map(|(owner, id, offset, limit)| Operation::Look { owner, id, offset, limit }),
        1 => Just(Operation::Reopen),
    ]
}

/// What the model knows of a session.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Orders sessions by when they were made.
    made: usize,
    created_at_ms: i64,
    updated_at_ms: i64,
    cost_pico: i64,
    unpriced: bool,
    messages: Vec<String>,
}

type Model = BTreeMap<(&'static str, &'static str), Known>;

/// A turn of one question and an answer for each cost.
fn turn_with(owner: &str, id: &str, at_ms: i64, costs: &[Option<i64>]) -> TurnRecord {
    let mut record = turn(owner, id, "", at_ms);
    record.messages = vec![question(&format!("{at_ms}"), at_ms)];
    record.messages.extend(costs.iter().map(|cost| answer(&format!("{cost:?}"), at_ms, *cost)));
    record
}

async fn apply(store: &Store, model: &mut Model, step: usize, operation: Operation) {
    match operation {
        Operation::Create { owner, id, at_ms } => {
            let key = (OWNERS[owner], IDS[id]);
            let created = store.create_session(new_session(key.0, key.1, at_ms)).await;
            let known = Known { made: step, created_at_ms: at_ms, updated_at_ms: at_ms, ..Known::default() };
            match model.entry(key) {
                Entry::Occupied(_) => assert!(matches!(created, Err(StoreError::SessionExists { .. })), "{created:?}"),
                Entry::Vacant(entry) => {
                    assert_eq!(created.unwrap().id, key.1);
                    entry.insert(known);
                }
            }
        }
        Operation::Append { owner, id, at_ms, create, costs } => {
            let key = (OWNERS[owner], IDS[id]);
            let record = TurnRecord { create, ..turn_with(key.0, key.1, at_ms, &costs) };
            let appended = store.append_turn(record.clone()).await.unwrap();
            if !create && !model.contains_key(&key) {
                assert_eq!(appended, Appended::SessionGone);
                return;
            }
            let new = Known { made: step, created_at_ms: at_ms, updated_at_ms: at_ms, ..Known::default() };
            let known = model.entry(key).or_insert(new);
            known.updated_at_ms = known.updated_at_ms.max(at_ms);
            known.cost_pico += costs.iter().flatten().sum::<i64>();
            known.unpriced |= costs.contains(&None);
            known.messages.extend(record.messages.into_iter().map(|message| message.id));
            assert_eq!(appended, Appended::Stored { message_count: known.messages.len() as i64 });
        }
        Operation::Delete { owner, id } => {
            let key = (OWNERS[owner], IDS[id]);
            assert_eq!(store.delete_session(key.0, key.1).await.unwrap(), model.remove(&key).is_some());
        }
        Operation::Look { owner, id, offset, limit } => {
            look(store, model, (OWNERS[owner], IDS[id]), Page { offset, limit }).await;
        }
        Operation::Reopen => {}
    }
}

async fn look(store: &Store, model: &Model, key: (&'static str, &'static str), page: Page) {
    let (skip, take) = (page.offset as usize, page.limit as usize);
    let mut listed: Vec<_> = model.iter().filter(|((owner, _), _)| *owner == key.0).collect();
    listed.sort_by_key(|(_, known)| std::cmp::Reverse((known.updated_at_ms, known.made)));
    let total = listed.len() as i64;
    let listed: Vec<_> = listed.into_iter().skip(skip).take(take).map(|((_, id), _)| *id).collect();
    let answer = store.list_sessions(key.0, SessionFilter::default(), page).await.unwrap();
    let found: Vec<_> = answer.sessions.iter().map(|session| session.id.as_str()).collect();
    assert_eq!((found, answer.total), (listed, total));

    let history = store.history(key.0, key.1, page).await.unwrap();
    let session = store.session(key.0, key.1).await.unwrap();
    let Some(known) = model.get(&key) else {
        assert!(session.is_none() && history.is_none());
        return;
    };
    let (session, history) = (session.unwrap(), history.unwrap());
    assert_eq!((session.created_at_ms, session.updated_at_ms), (known.created_at_ms, known.updated_at_ms));
    assert_eq!((session.total_cost_pico, session.has_unpriced), (known.cost_pico, known.unpriced));
    let expected: Vec<_> = known.messages.iter().skip(skip).take(take).collect();
    let found: Vec<_> = history.messages.iter().map(|message| &message.id).collect();
    assert_eq!((found, history.total), (expected, known.messages.len() as i64));
    assert_eq!(session.message_count, history.total);
}

async fn run(operations: Vec<Operation>) {
    let database = Database::new();
    // The durable variant differs by nothing that could be seen here.
    let open = || Store::open(Options { path: database.path(), synchronous: Synchronous::Normal });
    let mut store = open().await.unwrap();
    let mut model = Model::new();
    for (step, operation) in operations.into_iter().enumerate() {
        if matches!(operation, Operation::Reopen) {
            store.close().await.unwrap();
            store = open().await.unwrap();
        }
        apply(&store, &mut model, step, operation).await;
    }
    for owner in OWNERS {
        for id in IDS {
            look(&store, &model, (owner, id), Page::ALL).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_the_model_does(operations in prop::collection::vec(operation(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run(operations));
    }
}
