//! `looms weave "…"`: the answer on stdout, and everything else on stderr.

use bedrock_emulator::{Emulator, Fault, Outcome, Reply};
use serde_json::Value;

use crate::support::{Home, MODEL, eventually};

async fn upstream() -> Emulator {
    let up = Emulator::start().await.unwrap();
    up.reply(Reply::text("Hello! How can I help you today?").tokens(12, 20));
    up
}

/// The session that the one line on stderr names.
fn session(summary: &str) -> &str {
    summary.trim_end().rsplit(' ').next().unwrap()
}

#[tokio::test]
async fn the_answer_is_on_stdout_and_its_cost_on_stderr() {
    let (home, up) = (Home::new(), upstream().await);
    let ended = home.looms_on(&up, "weave").arg("Hello from Bedrock!").run().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "Hello! How can I help you today?\n"));
    let [line] = ended.err_lines();
    let start = format!("12 input + 20 output tokens, $0.000336, {MODEL}, 0.");
    assert!(line.starts_with(&start) && line.contains("s, session sess_"), "{line}");
    let sent: Value = serde_json::from_slice(&up.requests()[0].body).unwrap();
    assert_eq!(sent["messages"][0]["content"][0]["text"], "Hello from Bedrock!");
}

#[tokio::test]
async fn json_is_the_whole_response() {
    let (home, up) = (Home::new(), upstream().await);
    let ended = home.looms_on(&up, "weave hi --json").run().await;
    assert_eq!(ended.code, Some(0));
    let json: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(json["text"], "Hello! How can I help you today?");
    assert!(ended.out.contains(r#""costUsd": 0.000336"#), "{}", ended.out);
    let llm = &json["cost"]["llmCost"];
    assert_eq!((&llm["provider"], &llm["model"]), (&"bedrock".into(), &MODEL.into()));
    let [line] = ended.err_lines();
    assert_eq!(json["sessionId"], session(line));
}

#[tokio::test]
async fn a_session_goes_on_from_run_to_run() {
    let (home, up) = (Home::new(), upstream().await);
    let first = home.looms_on(&up, "weave one").run().await;
    let second = home.looms_on(&up, "weave two --session").arg(session(&first.err)).run().await;
    assert_eq!(session(&second.err), session(&first.err));
    let sent: Value = serde_json::from_slice(&up.requests()[1].body).unwrap();
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
    home.looms_on(&up, "weave begun --session mine").run().await;
    let named = home.looms_on(&up, "weave again --session mine").run().await;
    assert_eq!((named.code, session(&named.err)), (Some(0), "mine"));
}

#[tokio::test]
async fn a_first_run_needs_no_account_and_says_that_no_model_answered() {
    let home = Home::new();
    let ended = home.looms("weave --emulator").arg("Hello from Bedrock!").run().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.out.starts_with("This is the Bedrock emulator; no model was called"), "{}", ended.out);
    assert!(ended.out.contains("Hello from Bedrock!"));
    let [line] = ended.err_lines();
    assert!(line.contains(" tokens, $0.00"), "{line}");
    assert!(!home.data_dir().join("loom.db").exists(), "the emulator's sessions are apart from real ones");
    assert!(home.data_dir().join("emulator/loom.db").exists());
}

#[tokio::test]
async fn it_takes_the_settings_flags() {
    let (home, up) = (Home::new(), upstream().await);
    let flags = "--bedrock-model-id anthropic.claude-haiku-4-5-20251001-v1:0 --temperature 0 --max-tokens 9";
    let ended = home.looms_on(&up, &format!("weave hi {flags}")).run().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("anthropic.claude-haiku-4-5-20251001-v1:0"));
    let sent: Value = serde_json::from_slice(&up.requests()[0].body).unwrap();
    assert_eq!((&sent["temperature"], &sent["max_tokens"]), (&0.0.into(), &9.into()));
}

#[tokio::test]
async fn anthropic_is_asked_directly() {
    let (home, up) = (Home::new(), upstream().await);
    let ended = home
        .looms("weave hi --llm-provider anthropic --anthropic-endpoint-url")
        .arg(up.url())
        .env("ANTHROPIC_API_KEY", up.anthropic_api_key())
        .run()
        .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("$0.000336, claude-sonnet-4-5-20250929, "));
}

#[tokio::test]
async fn an_interrupt_ends_it_as_shells_expect_and_keeps_what_there_is() {
    let (home, up) = (Home::new(), upstream().await);
    up.always(Reply::text("half an answer").broken_by(Fault::stall(5)));
    let running = home.looms_on(&up, "weave hi --session s --shutdown-seconds 0").start();
    eventually("text was sent", || up.requests().first().is_some_and(|request| request.events_sent == 5)).await;
    running.signal("INT").await;
    let ended = running.end().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(130), ""), "{ended:?}");
    assert!(up.idle_within(std::time::Duration::from_secs(10)).await);
    assert_eq!(up.requests()[0].outcome, Outcome::ClientLeft);
}

#[tokio::test]
async fn a_failure_says_what_aws_said_and_what_to_do() {
    let (home, up) = (Home::new(), upstream().await);
    up.always(Fault::AccessDenied);
    let ended = home.looms_on(&up, "weave hi").run().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    let told: Vec<_> = ended.err.lines().collect();
    let [.., error, aws, hint] = told.as_slice() else { panic!("{ended:?}") };
    assert!(error.starts_with("Error: access_denied: "), "{error}");
    assert!(aws.starts_with("(aws: AccessDeniedException 403 ") && aws.ends_with(')'), "{aws}");
    assert!(hint.starts_with("hint: allow bedrock:InvokeModel"), "{hint}");
}
