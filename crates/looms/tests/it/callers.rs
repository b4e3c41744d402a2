//! Many callers at once.

use bedrock_emulator::{Emulator, Fault, Outcome};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::support::{Looms, ask, upstream_has};

const CALLERS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn none_waits_for_another() {
    let up = Emulator::start().await.unwrap();
    up.always(Fault::NeverAnswers);
    let looms = Looms::start(&up).await;
    let mut asked: FuturesUnordered<_> = (0..CALLERS).map(|_| looms.ask(ask("hi"))).collect();
    tokio::select! {
        Some(answer) = asked.next() => panic!("{answer:?}"),
        () = upstream_has(&up, CALLERS as u64) => {}
    }
    assert!(up.requests().iter().all(|request| request.outcome == Outcome::InProgress));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_answered_each_in_a_session_of_its_own() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let conversation = async |caller: usize| {
        let (first, second) = (format!("I am caller {caller}."), "Who am I?");
        let id = looms.weave(&first).await.session_id;
        let told = looms.stream(crate::support::ask_in(&id, second)).await.unwrap();
        assert!(told.end.is_none() && told.last().partial_content.contains(&first));
        let body = format!(r#"{{"query": "And now?", "sessionId": "{id}"}}"#);
        assert_eq!(looms.http("POST /v1/weave", &body).await.status, 200);
        assert_eq!(looms.history(&id).await.total_count, 6);
        id
    };
    let ids: FuturesUnordered<_> = (0..CALLERS).map(conversation).collect();
    let mut ids: Vec<String> = ids.collect().await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), CALLERS);
    assert_eq!(up.request_count(), 3 * CALLERS as u64);
}
