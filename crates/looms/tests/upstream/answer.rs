//! Answers that come well: the same message and the same usage, streamed or whole, from either upstream.

use bedrock_emulator::{Emulator, Fault, Reply};
use claude::Usage;
use serde_json::json;

use crate::support::{BOTH, Upstream, read};

fn cached() -> bedrock_emulator::Usage {
    bedrock_emulator::Usage {
        input_tokens: 12,
        output_tokens: 20,
        cache_read_tokens: 3,
        cache_write_5m_tokens: 4,
        cache_write_1h_tokens: 5,
    }
}

const CACHED: Usage = Usage {
    input_tokens: 12,
    output_tokens: 20,
    cache_write_5m_tokens: 4,
    cache_write_1h_tokens: 5,
    cache_read_tokens: 3,
    estimated: false,
};

fn replies() -> Vec<Reply> {
    let thinking = json!({"type": "thinking", "thinking": "let me see", "signature": "c2ln"});
    let tool = json!({"type": "tool_use", "id": "toolu_1", "name": "clock", "input": {"zone": "Europe/Zürich"}});
    let empty = json!({"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}});
    let redacted = json!({"type": "redacted_thinking", "data": "b64=="});
    vec![
        Reply::text("Hello, wide  world! Grüße 🧵"),
        Reply::pieces((0..2_000).map(|n| format!("piece {n}, "))),
        Reply::blocks([thinking, redacted, json!({"type": "text", "text": "Both."}), tool, empty]),
        Reply::text("cut here").stop_reason("stop_sequence").stop_sequence("</end>"),
        Reply::text("x".repeat(300_000).as_str()),
    ]
}

#[tokio::test]
async fn a_streamed_answer_is_the_unary_one() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        let client = upstream.client(&emulator);
        for reply in replies() {
            emulator.reply(reply.usage(cached()));
            let whole = client.send(&upstream.call()).await.unwrap();
            let stream = client.stream(&upstream.call()).await.unwrap();
            assert_eq!((stream.attempts(), whole.attempts), (1, 1));
            assert!(stream.request_id().is_some() && whole.request_id.is_some());
            let streamed = read(stream).await;
            assert!(streamed.complete && streamed.error.is_none(), "{upstream:?}: {:?}", streamed.error);
            assert_eq!((streamed.usage, whole.usage), (CACHED, CACHED));
            let [streamed, whole] = [&streamed.message, &whole.message];
            assert_eq!(json!(streamed.content), json!(whole.content), "{upstream:?}");
            assert_eq!(streamed.stop_reason, whole.stop_reason);
            assert_eq!(streamed.stop_sequence, whole.stop_sequence);
            assert_eq!(streamed.model, whole.model);
        }
        assert_eq!(emulator.request_count(), 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_answers_at_once_are_kept_apart() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        let client = upstream.client(&emulator);
        let calls = (0..50).map(|n| {
            let (client, mut call) = (&client, upstream.call());
            async move {
                let question = format!("question number {n};");
                call.request.messages = vec![claude::RequestMessage::text(claude::Role::User, &question).unwrap()];
                let answer = read(client.stream(&call).await.unwrap()).await;
                assert!(answer.complete && answer.text.contains(&question), "{}", answer.text);
            }
        });
        futures_util::future::join_all(calls).await;
        assert_eq!(emulator.request_count(), 50);
    }
}

#[tokio::test]
async fn where_only_streaming_is_denied_the_answer_comes_whole_and_the_denial_is_remembered() {
    let emulator = Emulator::start().await.unwrap();
    emulator.always(Reply::text("Hello!").usage(cached()).broken_by(Fault::StreamingDenied));
    let client = Upstream::Bedrock.client(&emulator);
    for _ in 0..2 {
        let stream = client.stream(&Upstream::Bedrock.call()).await.unwrap();
        assert_eq!(stream.attempts(), 1);
        assert!(stream.request_id().is_some());
        let answer = read(stream).await;
        assert!(answer.complete && answer.error.is_none());
        assert_eq!((answer.text.as_str(), answer.usage), ("Hello!", CACHED));
        assert_eq!(answer.message.stop_reason, Some(claude::StopReason::EndTurn));
    }
    let asked: Vec<String> = emulator.requests().into_iter().map(|request| request.path).collect();
    let ends = asked.iter().map(|path| path.rsplit('/').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(ends, ["invoke-with-response-stream", "invoke", "invoke"]);
}

#[tokio::test]
async fn a_whole_answer_in_place_of_a_stream_is_tried_again_like_any_other() {
    let emulator = Emulator::start().await.unwrap();
    emulator.enqueue(Fault::StreamingDenied);
    emulator.fail_next(2, Fault::InternalServer);
    let client = Upstream::Bedrock.client(&emulator);
    let stream = client.stream(&Upstream::Bedrock.call()).await.unwrap();
    assert_eq!(stream.attempts(), 3);
    assert_eq!(emulator.request_count(), 4);
    assert!(read(stream).await.complete);
}
