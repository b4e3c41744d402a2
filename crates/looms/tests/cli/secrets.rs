//! A secret is in nothing that the program prints or stores, however much it is asked to say.

use bedrock_emulator::{Credentials, Emulator};

use crate::support::{Ended, Home};

const KEY_ID: &str = "AKIAPLANTEDKEYID";
const SECRET: &str = "planted/secret+access=key";
const TOKEN: &str = "planted-session-token";
const API_KEY: &str = "planted-api-key";

async fn upstream() -> Emulator {
    let credentials = Credentials::new(KEY_ID, SECRET).session_token(TOKEN);
    Emulator::builder().credentials(credentials).api_key(API_KEY).start().await.unwrap()
}

fn planted(home: &Home, up: &Emulator, arguments: &str) -> crate::support::Program {
    home.looms(arguments)
        .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", up.url())
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", TOKEN)
        .env("ANTHROPIC_API_KEY", API_KEY)
        .arg("--log-level=trace")
        .arg(&format!("--anthropic-endpoint-url={}", up.url()))
}

#[track_caller]
fn assert_silent(text: &str) {
    for secret in [SECRET, TOKEN, API_KEY] {
        if let Some(at) = text.find(secret) {
            panic!("`{secret}` is told: {:?}", &text[at.saturating_sub(300)..at + secret.len()]);
        }
    }
}

fn assert_told_without_secrets(ended: &Ended) {
    assert!(ended.err.contains("TRACE "), "nothing was traced: {ended:?}");
    assert_silent(&ended.out);
    assert_silent(&ended.err);
}

#[tokio::test]
async fn one_turn_tells_no_secret() {
    let (home, up) = (Home::new(), upstream().await);
    for provider in ["bedrock", "anthropic"] {
        let ended = planted(&home, &up, "weave hi --session s").arg(&format!("--llm-provider={provider}")).run().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_told_without_secrets(&ended);
    }
    let stored = std::fs::read(home.data_dir().join("loom.db")).unwrap();
    assert_silent(&String::from_utf8_lossy(&stored));
}

#[tokio::test]
async fn a_server_tells_no_secret() {
    let (home, up) = (Home::new(), upstream().await);
    let serving = planted(&home, &up, "serve").serve().await;
    assert_silent(&serving.log.join("\n"));
    serving.weave("s", "hi").await.unwrap();
    let ended = serving.stop().await;
    assert_eq!(ended.code, Some(0));
    assert_told_without_secrets(&ended);
}

#[tokio::test]
async fn a_refusal_tells_no_secret() {
    let (home, up) = (Home::new(), Emulator::start().await.unwrap());
    for provider in ["bedrock", "anthropic"] {
        let ended = planted(&home, &up, "weave hi").arg(&format!("--llm-provider={provider}")).run().await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_told_without_secrets(&ended);
    }
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_repeated() {
    let home = Home::new();
    home.configure(&format!("llm:\n  bedrock_secret_access_key: {SECRET}\n  bedrock_secret_acces_key: {SECRET}\n"));
    for arguments in ["serve", "weave hi"] {
        let ended = home.looms(arguments).run().await;
        assert_eq!(ended.code, Some(78), "{ended:?}");
        assert!(ended.err.contains("looms.yaml:2: half a key pair"), "{}", ended.err);
        assert_silent(&ended.err);
    }
    let flags = format!("weave hi --bedrock-access-key {KEY_ID} --bedrock-secret-key {SECRET} --no-such-flag");
    let ended = home.looms(&flags).run().await;
    assert_eq!(ended.code, Some(2));
    assert_silent(&ended.err);
}
