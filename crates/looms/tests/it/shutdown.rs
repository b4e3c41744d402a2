//! The server is told to stop while a turn runs.

use std::time::Duration;

use bedrock_emulator::{Emulator, Fault, Reply};
use loom_proto::v1::ExecutionStage;
use tonic::Code;

use crate::support::{Looms, Problem, ask_in, eventually, until_text, upstream_has};

#[tokio::test]
async fn running_turns_are_answered_and_nobody_new_is_let_in() {
    let up = Emulator::start().await.unwrap();
    up.reply(Reply::text("an answer that takes its time").pause(Duration::from_millis(60)));
    let mut looms = Looms::start(&up).await;
    let stopping = async {
        upstream_has(&up, 2).await;
        looms.stop();
        eventually("the doors are closed", async || looms.refuses_connections().await.then_some(())).await;
    };
    let body = r#"{"query": "hi", "sessionId": "http"}"#;
    let (grpc, http, ()) =
        tokio::join!(looms.weave_in("grpc", "hi"), looms.http("POST /v1/weave:stream", body), stopping);
    assert_eq!(grpc.text, "an answer that takes its time");
    assert_eq!(http.events().last().unwrap().1["partialContent"], "an answer that takes its time");
    looms.ended().await;
    for session in ["grpc", "http"] {
        let kept = looms.stored(session).await.unwrap().messages;
        assert!(kept.len() == 2 && !kept[1].undelivered, "{session}");
    }
}

#[tokio::test]
async fn with_no_patience_a_turn_is_cut_and_its_part_kept() {
    let up = Emulator::start().await.unwrap();
    up.always(Reply::text("one two three").tokens(12, 20).broken_by(Fault::stall(5)));
    let mut looms = Looms::with(&up, "--shutdown-seconds 0").await;
    let mut stream = looms.grpc().stream_weave(ask_in("s", "hi")).await.unwrap().into_inner();
    until_text(&mut stream, "one two").await;
    looms.stop();
    let last = stream.message().await.unwrap().unwrap();
    assert_eq!(last.stage(), ExecutionStage::Failed);
    assert!(last.cost.unwrap().llm_cost.unwrap().estimated);
    let problem = Problem::from(stream.message().await.unwrap_err());
    assert_eq!((problem.grpc, problem.reason.as_str()), (Code::Unavailable, "service_unavailable"));
    assert!(!problem.hint().is_empty() && problem.message.contains("stopped"));
    looms.ended().await;
    let kept = looms.stored("s").await.unwrap().messages;
    assert_eq!(kept[1].content.get(), r#"[{"type":"text","text":"one two"}]"#);
    assert!(kept[1].undelivered);
}

#[tokio::test]
async fn with_no_patience_a_weave_without_text_is_told_to_ask_again() {
    let up = Emulator::start().await.unwrap();
    up.always(Fault::NeverAnswers);
    let mut looms = Looms::with(&up, "--shutdown-seconds 0").await;
    let stopping = async {
        upstream_has(&up, 1).await;
        looms.stop();
    };
    let (answer, ()) = tokio::join!(looms.ask(ask_in("s", "hi")), stopping);
    let problem = Problem::from(answer.unwrap_err());
    assert_eq!((problem.grpc, problem.reason.as_str()), (Code::Unavailable, "service_unavailable"));
    assert_eq!(problem.said("retryable"), "true");
    looms.ended().await;
    assert!(looms.stored("s").await.is_none());
}

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    let up = Emulator::start().await.unwrap();
    let mut looms = Looms::start(&up).await;
    looms.weave("hi").await;
    looms.http("GET /health", "").await;
    looms.stop();
    looms.ended().await;
    assert!(looms.refuses_connections().await);
}
