//! One turn: what is answered, and what it says it cost.

use bedrock_emulator::{Emulator, Fault, Reply, Usage};
use serde_json::json;

use crate::support::{Looms, MODEL, ask, body_sent};

async fn upstream() -> Emulator {
    let up = Emulator::start().await.unwrap();
    up.reply(Reply::text("Hello! How can I help you today?").tokens(12, 20));
    up
}

#[tokio::test]
async fn an_answer_tells_its_text_tokens_and_exact_cost() {
    let up = upstream().await;
    let looms = Looms::start(&up).await;
    let answer = looms.weave("Hello from Bedrock!").await;
    assert_eq!(answer.text, "Hello! How can I help you today?");
    assert!(answer.session_id.starts_with("sess_"), "{}", answer.session_id);
    assert_eq!(answer.agent_id, "default");
    let cost = answer.cost.unwrap();
    let llm = cost.llm_cost.unwrap();
    assert_eq!((llm.provider.as_str(), llm.model.as_str()), ("bedrock", MODEL));
    assert_eq!((llm.input_tokens, llm.output_tokens, llm.total_tokens), (12, 20, 32));
    assert_eq!((llm.cost_usd, cost.total_cost_usd), (0.000_336, 0.000_336));
    assert!(!llm.estimated && !llm.unpriced);
    assert_eq!(answer.metadata.unwrap().llm_calls, 1);
    let context = answer.context_state.unwrap();
    assert_eq!((context.context_tokens_used, context.context_tokens_max), (32, 200_000));
}

#[tokio::test]
async fn on_http_the_json_is_the_references() {
    let up = upstream().await;
    let looms = Looms::start(&up).await;
    let reply = looms.http("POST /v1/weave", r#"{"query": "Hello from Bedrock!"}"#).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains(r#""costUsd":0.000336"#), "{}", reply.text());
    let json = reply.json();
    assert_eq!(json["text"], "Hello! How can I help you today?");
    assert!(json["sessionId"].as_str().unwrap().starts_with("sess_"));
    let told = json["cost"]["llmCost"].clone();
    let expected = json!({
        "provider": "bedrock", "model": MODEL, "inputTokens": 12, "outputTokens": 20, "totalTokens": 32,
        "costUsd": 0.000_336,
    });
    assert_eq!(told, expected);
}

#[tokio::test]
async fn every_class_of_tokens_is_counted_and_priced() {
    let up = Emulator::start().await.unwrap();
    let usage = Usage {
        input_tokens: 1_000,
        output_tokens: 100,
        cache_write_5m_tokens: 2_000,
        cache_write_1h_tokens: 0,
        cache_read_tokens: 10_000,
    };
    up.reply(Reply::text("cached").usage(usage));
    let looms = Looms::start(&up).await;
    let llm = looms.weave("hi").await.cost.unwrap().llm_cost.unwrap();
    assert_eq!((llm.cache_read_input_tokens, llm.cache_creation_input_tokens), (10_000, 2_000));
    assert_eq!(llm.total_tokens, 13_100);
    // Per million: input 3, output 15, cache write 3.75, cache read 0.30 dollars.
    assert_eq!(llm.cost_usd, 0.003 + 0.001_5 + 0.007_5 + 0.003);
}

#[tokio::test]
async fn a_model_without_a_price_is_unpriced_and_answers_all_the_same() {
    let up = upstream().await;
    let looms = Looms::with(&up, "--bedrock-model-id anthropic.claude-yet-to-come-v1:0").await;
    let llm = looms.weave("hi").await.cost.unwrap().llm_cost.unwrap();
    assert_eq!((llm.unpriced, llm.cost_usd, llm.output_tokens), (true, 0.0, 20));
    assert_eq!(up.requests()[0].model_id.as_deref(), Some("anthropic.claude-yet-to-come-v1:0"));
}

#[tokio::test]
async fn anthropic_answers_with_its_own_name_model_and_price() {
    let up = upstream().await;
    let looms = Looms::with(&up, "--llm-provider anthropic").await;
    let answer = looms.weave("hi").await;
    let llm = answer.cost.unwrap().llm_cost.unwrap();
    assert_eq!((llm.provider.as_str(), llm.model.as_str()), ("anthropic", "claude-sonnet-4-5-20250929"));
    assert_eq!((answer.text.as_str(), llm.cost_usd), ("Hello! How can I help you today?", 0.000_336));
    assert_eq!(up.requests()[0].path, "/v1/messages");
}

#[tokio::test]
async fn settings_reach_the_wire_and_a_temperature_of_zero_stays_zero() {
    let up = upstream().await;
    let looms = Looms::with(&up, "--temperature 0 --max-tokens 77").await;
    looms.weave("hi").await;
    let body = body_sent(&up, 0);
    assert_eq!((&body["temperature"], &body["max_tokens"]), (&json!(0.0), &json!(77)));
    assert_eq!(body["anthropic_version"], "bedrock-2023-05-31");
}

#[tokio::test]
async fn where_only_streaming_is_denied_the_answer_comes_in_one_piece() {
    let up = upstream().await;
    up.fail_next(1, Fault::StreamingDenied);
    let looms = Looms::start(&up).await;
    for query in ["once", "and again, without asking for a stream"] {
        let llm = looms.weave(query).await.cost.unwrap().llm_cost.unwrap();
        assert_eq!((llm.input_tokens, llm.output_tokens, llm.cost_usd), (12, 20, 0.000_336));
    }
    let operations: Vec<_> =
        up.requests().iter().map(|sent| sent.path.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(operations, ["invoke-with-response-stream", "invoke", "invoke"]);
    let told = looms.stream(ask("as a stream")).await.unwrap();
    assert_eq!(told.last().partial_content, "Hello! How can I help you today?");
}
