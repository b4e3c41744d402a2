//! The caller goes away, or its deadline passes: what becomes of an answer that AWS has begun and will bill.

use std::time::Duration;

use bedrock_emulator::{Emulator, Fault, Outcome, Reply};
use loom_proto::v1::WeaveRequest;

use crate::support::{Looms, Problem, ask_in, until_text, upstream_has, upstream_is_idle};

const TEXT: &str = "one two three four five six seven eight nine ten";

/// An answer that takes about half a second.
fn slow() -> Reply {
    Reply::text(TEXT).tokens(12, 20).pause(Duration::from_millis(30))
}

async fn assert_drained(up: &Emulator, looms: &Looms) {
    upstream_is_idle(up).await;
    assert_eq!(up.requests()[0].outcome, Outcome::Answered);
    let kept = looms.stored_messages("s", 2).await;
    assert_eq!(looms.history("s").await.messages[1].content, TEXT);
    assert!(kept[1].undelivered && !kept[0].undelivered);
    let usage = kept[1].usage.as_ref().unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.estimated), (12, 20, false));
    assert_eq!(usage.cost_pico, Some(336_000_000));
}

#[tokio::test]
async fn on_bedrock_a_stream_that_its_caller_left_is_drained_and_kept() {
    let up = Emulator::start().await.unwrap();
    up.reply(slow());
    let looms = Looms::start(&up).await;
    let mut stream = looms.grpc().stream_weave(ask_in("s", "hi")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    drop(stream);
    assert_drained(&up, &looms).await;
}

#[tokio::test]
async fn a_weave_that_its_caller_left_is_drained_and_kept() {
    let up = Emulator::start().await.unwrap();
    up.reply(slow());
    let looms = Looms::start(&up).await;
    tokio::select! {
        answer = looms.ask(ask_in("s", "hi")) => panic!("{answer:?}"),
        () = upstream_has(&up, 1) => {}
    }
    assert_drained(&up, &looms).await;
}

#[tokio::test]
async fn on_http_the_connections_end_means_the_same() {
    for line in ["POST /v1/weave", "POST /v1/weave:stream"] {
        let up = Emulator::start().await.unwrap();
        up.reply(slow());
        let looms = Looms::start(&up).await;
        tokio::select! {
            reply = looms.http(line, r#"{"query": "hi", "sessionId": "s"}"#) => panic!("{}", reply.text()),
            () = upstream_has(&up, 1) => {}
        }
        assert_drained(&up, &looms).await;
    }
}

#[tokio::test]
async fn a_weave_whose_time_is_up_says_so_at_once_and_is_drained() {
    let up = Emulator::start().await.unwrap();
    up.reply(slow().pause(Duration::from_millis(120)));
    let looms = Looms::start(&up).await;
    let request = WeaveRequest { timeout_seconds: 1, ..ask_in("s", "hi") };
    let problem = Problem::from(looms.ask(request).await.unwrap_err());
    assert_eq!((problem.reason.as_str(), problem.message.as_str()), ("timeout", "request exceeded timeout of 1s"));
    assert_eq!(up.requests()[0].outcome, Outcome::InProgress, "the answer is still being read");
    assert_drained(&up, &looms).await;
}

#[tokio::test]
async fn the_next_turn_waits_for_one_that_is_drained() {
    let up = Emulator::start().await.unwrap();
    up.enqueue(slow());
    let looms = Looms::start(&up).await;
    tokio::select! {
        answer = looms.ask(ask_in("s", "hi")) => panic!("{answer:?}"),
        () = upstream_has(&up, 1) => {}
    }
    looms.weave_in("s", "and?").await;
    assert_eq!(crate::support::messages_sent(&up, 1)[1]["content"][0]["text"], TEXT);
}

#[tokio::test]
async fn where_cancelling_is_the_policy_upstream_is_cut_and_the_part_is_kept() {
    for flags in ["--on-disconnect cancel", "--llm-provider anthropic"] {
        let up = Emulator::start().await.unwrap();
        up.always(Reply::text(TEXT).tokens(12, 20).broken_by(Fault::stall(5)));
        let looms = Looms::with(&up, flags).await;
        let mut stream = looms.grpc().stream_weave(ask_in("s", "hi")).await.unwrap().into_inner();
        until_text(&mut stream, "one two").await;
        drop(stream);
        upstream_is_idle(&up).await;
        assert_eq!(up.requests()[0].outcome, Outcome::ClientLeft, "{flags}");
        let kept = looms.stored_messages("s", 2).await;
        assert!(kept[1].undelivered && kept[1].usage.as_ref().unwrap().estimated, "{flags}");
        assert_eq!(looms.history("s").await.messages[1].content, "one two", "{flags}");
    }
}

#[tokio::test]
async fn draining_can_be_the_policy_on_anthropic_too() {
    let up = Emulator::start().await.unwrap();
    up.reply(slow());
    let looms = Looms::with(&up, "--llm-provider anthropic --on-disconnect drain").await;
    let mut stream = looms.grpc().stream_weave(ask_in("s", "hi")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    drop(stream);
    assert_drained(&up, &looms).await;
}

#[tokio::test]
async fn nothing_is_begun_for_a_caller_that_is_gone() {
    // A refused attempt began nothing: the next one would be an answer that is billed and read by nobody.
    let up = Emulator::start().await.unwrap();
    up.fail_next(1, Fault::ThrottlingFor { seconds: 1 });
    let looms = Looms::start(&up).await;
    tokio::select! {
        answer = looms.ask(ask_in("s", "hi")) => panic!("{answer:?}"),
        () = upstream_has(&up, 1) => {}
    }
    looms.weave_in("s", "the next turn waits for the one before").await;
    assert_eq!(up.request_count(), 2, "one attempt for the caller that left, one for the turn after it");
}
