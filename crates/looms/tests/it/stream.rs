//! `StreamWeave`, on gRPC and as server-sent events.

use std::time::Duration;

use bedrock_emulator::{Breakage, Emulator, Fault, Reply};
use loom_proto::v1::{ExecutionStage, WeaveRequest};
use tonic::Code;

use crate::support::{Looms, MODEL, Problem, Told, ask, ask_in, eventually};

fn assert_text_grows(told: &Told, whole: &str) {
    let mut before = "";
    for update in told.updates() {
        assert_eq!(update.stage(), ExecutionStage::LlmGeneration);
        assert!(update.is_token_stream && update.partial_result.is_none() && update.cost.is_none());
        let text = update.partial_content.as_str();
        assert!(text.len() > before.len() && text.starts_with(before), "{text:?} after {before:?}");
        before = text;
    }
    assert!(whole.starts_with(before));
}

#[tokio::test]
async fn a_stream_ends_with_the_whole_answer_and_its_cost() {
    let up = Emulator::start().await.unwrap();
    up.reply(Reply::text("a b c").tokens(12, 20).pause(Duration::from_millis(1)));
    let looms = Looms::start(&up).await;
    let told = looms.stream(ask_in("s", "hi")).await.unwrap();
    assert!(told.end.is_none() && told.events.len() >= 2, "{} events", told.events.len());
    assert_text_grows(&told, "a b c");
    let last = told.last();
    assert_eq!((last.stage(), last.progress), (ExecutionStage::Completed, 100));
    let result = last.partial_result.as_ref().unwrap();
    assert_eq!((result.r#type.as_str(), result.data_json.as_str()), ("text", "a b c"));
    assert_eq!((last.partial_content.as_str(), last.token_count), ("a b c", 20));
    let llm = last.cost.as_ref().unwrap().llm_cost.as_ref().unwrap();
    assert_eq!((llm.cost_usd, llm.model.as_str(), llm.estimated), (0.000_336, MODEL, false));
    assert!(told.events.iter().all(|event| event.timestamp > 1_700_000_000));
    assert_eq!(looms.history("s").await.messages[1].content, "a b c");
}

#[tokio::test]
async fn the_text_grows_from_update_to_update() {
    let up = Emulator::start().await.unwrap();
    let pieces: Vec<String> = (0..20).map(|number| format!("{number} ä\n")).collect();
    up.reply(Reply::pieces(pieces.clone()).pause(Duration::from_millis(20)));
    let looms = Looms::start(&up).await;
    let told = looms.stream(ask("count")).await.unwrap();
    assert_text_grows(&told, &pieces.concat());
    assert!(told.updates().len() >= 3, "{} updates", told.updates().len());
    assert_eq!(told.last().partial_content, pieces.concat());
}

#[tokio::test]
async fn a_client_that_asks_gets_the_new_piece_alone_and_every_event_names_the_session() {
    let up = Emulator::start().await.unwrap();
    let pieces: Vec<String> = (0..20).map(|number| format!("{number} ä\n")).collect();
    up.reply(Reply::pieces(pieces.clone()).pause(Duration::from_millis(20)));
    let looms = Looms::start(&up).await;
    let told = looms.stream(WeaveRequest { new_content_only: true, ..ask("count") }).await.unwrap();
    assert!(told.updates().iter().all(|update| update.partial_content.is_empty() && !update.new_content.is_empty()));
    let joined: String = told.events.iter().map(|event| event.new_content.as_str()).collect();
    assert_eq!(joined, pieces.concat());
    assert_eq!(told.last().partial_content, pieces.concat());
    let session = told.last().session_id.as_str();
    assert!(session.starts_with("sess_") && told.events.iter().all(|event| event.session_id == session));
    assert_eq!(looms.history(session).await.messages[0].content, "count");
}

#[tokio::test]
async fn updates_that_come_close_together_are_joined() {
    let up = Emulator::start().await.unwrap();
    up.reply(Reply::pieces((0..300).map(|number| format!("{number} "))));
    let looms = Looms::start(&up).await;
    let told = looms.stream(ask("count quickly")).await.unwrap();
    assert!(told.events.len() < 100, "{} events for 300 pieces", told.events.len());
    assert_text_grows(&told, &told.last().partial_content);
}

#[tokio::test]
async fn the_first_words_come_while_the_model_still_writes() {
    let up = Emulator::start().await.unwrap();
    up.reply(Reply::text("first words and more").pause(Duration::from_millis(100)));
    let looms = Looms::start(&up).await;
    let mut stream = looms.grpc().stream_weave(ask("hi")).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    let sent = up.requests()[0].events_sent;
    assert!(first.partial_content.starts_with("first") && sent < 10, "{first:?} after {sent} of 10 events");
    assert!(first.ttft_ms > 0);
}

#[tokio::test]
async fn server_sent_events_say_the_same() {
    let up = Emulator::start().await.unwrap();
    up.reply(Reply::text("a b c").tokens(12, 20));
    let looms = Looms::start(&up).await;
    let reply = looms.http("POST /v1/weave:stream", r#"{"query": "hi"}"#).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, Some("text/event-stream")));
    assert!(reply.text().contains(r#""costUsd":0.000336"#));
    let events = reply.events();
    assert!(events.len() >= 2 && events.iter().all(|(name, _)| name == "message"));
    let (_, first) = &events[0];
    assert_eq!(first["stage"], "EXECUTION_STAGE_LLM_GENERATION");
    let (_, last) = events.last().unwrap();
    assert_eq!(last["stage"], "EXECUTION_STAGE_COMPLETED");
    assert_eq!(last["partialResult"]["type"], "text");
    assert_eq!(last["partialResult"]["dataJson"], "a b c");
    assert_eq!((&last["partialContent"], &last["progress"]), (&"a b c".into(), &100.into()));
}

#[tokio::test]
async fn a_failure_before_the_first_event_is_a_plain_error() {
    let up = Emulator::start().await.unwrap();
    up.always(Fault::Throttling);
    let looms = Looms::start(&up).await;
    let problem = Problem::from(looms.stream(ask("hi")).await.map(|told| told.events).unwrap_err());
    assert_eq!((problem.grpc, problem.reason.as_str()), (Code::ResourceExhausted, "throttling"));
    let reply = looms.http("POST /v1/weave:stream", r#"{"query": "hi"}"#).await;
    assert_eq!((reply.header("content-type"), reply.header("retry-after")), (Some("application/json"), Some("6")));
    assert_eq!(Problem::from(reply).http, Some(429));
}

fn breaks_off() -> bedrock_emulator::Behaviour {
    Reply::text("The answer is never told")
        .tokens(12, 20)
        .broken_by(Fault::Stream { after: 6, breakage: Breakage::Cut })
}

#[tokio::test]
async fn a_failure_after_text_ends_the_stream_with_what_was_used() {
    let up = Emulator::start().await.unwrap();
    up.always(breaks_off());
    let looms = Looms::start(&up).await;
    let told = looms.stream(ask_in("s", "hi")).await.unwrap();
    assert_text_grows(&told, "The answer is");
    let last = told.last();
    assert_eq!(last.stage(), ExecutionStage::Failed);
    assert!(last.message.starts_with("stream_interrupted: "), "{}", last.message);
    let llm = last.cost.as_ref().unwrap().llm_cost.as_ref().unwrap();
    assert_eq!((llm.estimated, llm.input_tokens), (true, 12));
    assert!(llm.output_tokens > 0 && llm.cost_usd > 0.0);
    let problem = Problem::from(told.end.unwrap());
    assert_eq!((problem.grpc, problem.reason.as_str()), (Code::Unavailable, "stream_interrupted"));
    assert_eq!((problem.said("retryable"), problem.said("attempts")), ("true", "1"));
    assert_eq!(up.request_count(), 1, "nothing that was shown is asked for again");

    let kept = looms.stored_messages("s", 2).await;
    assert!(kept[1].undelivered && kept[1].usage.as_ref().unwrap().estimated);
    assert_eq!(looms.history("s").await.messages[1].content, "The answer is");
}

#[tokio::test]
async fn a_failure_after_text_is_an_error_event_on_sse() {
    let up = Emulator::start().await.unwrap();
    up.always(breaks_off());
    let looms = Looms::start(&up).await;
    let reply = looms.http("POST /v1/weave:stream", r#"{"query": "hi"}"#).await;
    assert_eq!(reply.status, 200);
    let events = reply.events();
    let [.., (_, failed), (name, status)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(failed["stage"], "EXECUTION_STAGE_FAILED");
    assert_eq!(failed["cost"]["llmCost"]["estimated"], true);
    assert_eq!(name, "error");
    let problem = Problem::of_json(status);
    assert_eq!((problem.grpc, problem.reason.as_str()), (Code::Unavailable, "stream_interrupted"));
    assert_eq!((problem.domain.as_str(), problem.hint().is_empty()), ("loom", false));
}

#[tokio::test]
async fn for_weave_a_failure_after_text_is_a_plain_error_and_the_part_is_kept() {
    let up = Emulator::start().await.unwrap();
    up.enqueue(breaks_off());
    let looms = Looms::start(&up).await;
    let problem = Problem::from(looms.ask(ask_in("s", "hi")).await.unwrap_err());
    assert_eq!((problem.grpc, problem.reason.as_str()), (Code::Unavailable, "stream_interrupted"));
    assert!(looms.stored_messages("s", 2).await[1].undelivered);
    looms.weave_in("s", "go on").await;
    assert_eq!(crate::support::messages_sent(&up, 1)[1]["content"][0]["text"], "The answer is");
}

#[tokio::test]
async fn a_failure_before_text_leaves_the_session_as_it_was() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    looms.weave_in("s", "fine").await;
    up.fail_next(9, Fault::exception(1, bedrock_emulator::StreamException::Validation("no".into())));
    let told = looms.stream(ask_in("s", "not fine")).await.unwrap();
    assert_eq!(told.last().stage(), ExecutionStage::Failed);
    assert_eq!(looms.history("s").await.total_count, 2);
    eventually("the session's queue is free", async || {
        up.unscript();
        looms.ask(ask_in("s", "fine again")).await.ok()
    })
    .await;
    assert_eq!(looms.history("s").await.total_count, 4);
}
