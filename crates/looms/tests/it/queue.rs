//! Turns of one session run one after another, in a queue that has an end.

use std::time::Duration;

use bedrock_emulator::{Emulator, Fault, Reply};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use loom_proto::v1::WeaveRequest;
use serde_json::json;
use tonic::Code;

use crate::support::{Looms, Problem, ask_in, eventually, messages_sent, upstream_has};

#[tokio::test]
async fn two_turns_at_once_are_answered_in_order_and_the_second_sees_the_first() {
    let up = Emulator::start().await.unwrap();
    up.enqueue(Reply::text("first answer").pause(Duration::from_millis(20)));
    up.enqueue(Reply::text("second answer"));
    let looms = Looms::start(&up).await;
    let second = async {
        upstream_has(&up, 1).await;
        looms.weave_in("s", "second question").await
    };
    let (first, second) = tokio::join!(looms.weave_in("s", "first question"), second);
    assert_eq!((first.text.as_str(), second.text.as_str()), ("first answer", "second answer"));
    let seen = messages_sent(&up, 1);
    let texts: Vec<_> = (0..3).map(|index| seen[index]["content"][0]["text"].clone()).collect();
    assert_eq!(json!(texts), json!(["first question", "first answer", "second question"]));
}

#[tokio::test]
async fn many_at_once_leave_one_whole_conversation() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let asked: FuturesUnordered<_> = (0..12).map(|_| looms.weave_in("s", "hi")).collect();
    assert_eq!(asked.collect::<Vec<_>>().await.len(), 12);
    let lengths: Vec<_> = (0..12).map(|turn| messages_sent(&up, turn).as_array().unwrap().len()).collect();
    assert_eq!(lengths, (0..12).map(|turn| 2 * turn + 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_queue_has_an_end() {
    let up = Emulator::start().await.unwrap();
    up.always(Fault::NeverAnswers);
    let looms = Looms::start(&up).await;
    // One runs and sixteen wait; only those beyond are answered.
    let mut asked: FuturesUnordered<_> = (0..20).map(|_| looms.ask(ask_in("s", "hi"))).collect();
    for _ in 17..20 {
        let problem = Problem::from(asked.next().await.unwrap().unwrap_err());
        assert_eq!((problem.grpc, problem.reason.as_str()), (Code::Unavailable, "overloaded"));
        assert!(problem.message.contains("`s`") && !problem.hint().is_empty(), "{problem:?}");
        assert_eq!(problem.said("retryable"), "true");
    }
    assert!(futures_util::poll!(asked.next()).is_pending());
    upstream_has(&up, 1).await;
    assert_eq!(up.request_count(), 1);

    drop(asked);
    let places_are_free = async || {
        let request = WeaveRequest { timeout_seconds: 1, ..ask_in("s", "again") };
        let reason = Problem::from(looms.ask(request).await.unwrap_err()).reason;
        (reason != "overloaded").then_some(reason)
    };
    assert_eq!(eventually("those who left give their places back", places_are_free).await, "timeout");
    up.unscript();
    looms.weave_in("another", "hi").await;
    assert_eq!(up.request_count(), 2);
}

#[tokio::test]
async fn one_whose_time_passes_in_the_queue_never_reaches_upstream() {
    let up = Emulator::start().await.unwrap();
    up.always(Fault::NeverAnswers);
    let looms = Looms::start(&up).await;
    let waiting = async {
        upstream_has(&up, 1).await;
        let request = WeaveRequest { timeout_seconds: 1, ..ask_in("s", "too late") };
        let (unary, streamed) = tokio::join!(looms.ask(request.clone()), looms.stream(request));
        [unary.map(drop).unwrap_err(), streamed.map(drop).unwrap_err()]
    };
    let refused = tokio::select! {
        answer = looms.ask(ask_in("s", "hi")) => panic!("{answer:?}"),
        refused = waiting => refused,
    };
    for status in refused {
        let problem = Problem::from(status);
        assert_eq!((problem.grpc, problem.reason.as_str()), (Code::DeadlineExceeded, "timeout"));
        assert!(!problem.hint().is_empty());
    }
    assert_eq!(up.request_count(), 1);
}
