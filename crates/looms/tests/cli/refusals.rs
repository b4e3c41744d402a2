//! Runs that fail: each says why and what to do, ends with the right code, and ends soon.

use std::net::TcpListener;

use bedrock_emulator::{Credentials, Emulator};

use crate::support::Home;

#[tokio::test]
async fn without_credentials_it_says_so_in_the_references_words() {
    let ended = Home::new().looms("weave hi").run().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    let [error, hint] = ended.err_lines();
    assert_eq!(
        error,
        "Error: credentials_not_loaded: failed to load AWS credentials from any source (IAM role, profile, environment, \
         keyring)"
    );
    assert!(hint.starts_with("hint: ") && hint.contains("AWS_ACCESS_KEY_ID") && hint.contains("--emulator"), "{hint}");
}

#[tokio::test]
async fn a_wrong_secret_is_told_apart_from_a_wrong_key() {
    let home = Home::new();
    let up = Emulator::builder().credentials(Credentials::new("AKIAKNOWN", "right")).start().await.unwrap();
    for (key, secret, exception, remedy) in [
        ("AKIAKNOWN", "wrong", "InvalidSignatureException", "secret access key"),
        ("AKIAOTHER", "right", "UnrecognizedClientException", "access key id"),
    ] {
        let ended = home
            .looms_on(&up, "weave hi")
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .run()
            .await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.err.starts_with("Error: credentials_not_loaded: "), "{}", ended.err);
        assert!(ended.err.contains(&format!("(aws: {exception} 403 ")), "{}", ended.err);
        assert!(ended.err.lines().last().unwrap().contains(remedy), "{}", ended.err);
    }
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_on_is_named_within_seconds() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = Home::new()
        .looms("weave hi --bedrock-endpoint-url")
        .arg(&format!("http://{closed}"))
        .env("AWS_ACCESS_KEY_ID", "AKIAX")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .run()
        .await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    let [error, hint] = ended.err_lines();
    assert!(error.starts_with("Error: service_unavailable: ") && error.contains(&closed.to_string()), "{error}");
    assert!(hint.starts_with("hint: ") && hint.contains("llm.bedrock_endpoint_url"), "{hint}");
}

#[tokio::test]
async fn every_problem_of_a_configuration_is_told_with_its_place() {
    let home = Home::new();
    home.configure("llm:\n  bedrock_regoin: us-east-1\n  temperature: 7\nserver:\n  port: many\nfoo: 1\n");
    for command in ["serve", "weave hi"] {
        let ended = home.looms(command).env("LOOM_LLM_MAX_TOKENS", "0").arg("--timeout-seconds=0").run().await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(78), ""), "{ended:?}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(ended.err, @r"
            Error: looms.yaml:2: unknown key `llm.bedrock_regoin`; did you mean `llm.bedrock_region`?
            Error: looms.yaml:3: `llm.temperature` must be a number from 0.0 to 1.0, found `7`
            Error: looms.yaml:5: `server.port` must be a whole number from 0 to 65535, found `many`
            Error: looms.yaml:6: unknown key `foo`; docs/reference/settings.md lists those there are
            Error: LOOM_LLM_MAX_TOKENS: `llm.max_tokens` must be a whole number from 1 to 200000, found `0`
            Error: --timeout-seconds: `llm.timeout_seconds` must be a whole number of seconds from 1 to 600, found `0`
            ");
        }
    }
    assert!(!home.data_dir().join("loom.db").exists());
}

#[tokio::test]
async fn a_region_without_claude_is_refused_in_the_references_words() {
    for command in ["serve", "weave hi"] {
        let ended = Home::new().looms(command).arg("--bedrock-region=us-west-1").run().await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(78), ""));
        let sentence = "invalid_region: Invalid region 'us-west-1'. Claude is not available in this region.";
        assert!(ended.err.starts_with("Error: ") && ended.err.contains(sentence), "{}", ended.err);
        assert!(ended.err.contains("--bedrock-region") && ended.err.contains("`us-west-2`"), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_file_that_was_asked_for_has_to_be_there() {
    let ended = Home::new().looms("weave hi --emulator --config nowhere.yaml").run().await;
    assert_eq!(ended.code, Some(78));
    assert!(ended.err.starts_with("Error: nowhere.yaml: "), "{}", ended.err);
}

#[tokio::test]
async fn a_port_in_use_keeps_a_server_from_starting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (command, remedy) in [
        (format!("serve --port {port} --http-port 0"), "`server.port`"),
        (format!("serve --port 0 --http-port {port}"), "`server.http_port`"),
        (format!("emulator --port {port}"), "--port"),
    ] {
        let ended = Home::new().looms(&command).run().await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{command}");
        let [error, hint] = ended.err_lines();
        assert!(error.contains(&format!("`127.0.0.1:{port}`")) && error.contains("in use"), "{error}");
        assert!(hint.starts_with("hint: ") && hint.contains(remedy), "{hint}");
    }
}

#[tokio::test]
async fn a_wrong_request_costs_nothing() {
    let (home, up) = (Home::new(), Emulator::start().await.unwrap());
    for (arguments, named) in [(["", "--session=s"], "`query`"), (["hi", "--session=a b"], "`session_id`")] {
        let [query, session] = arguments;
        let ended = home.looms_on(&up, "weave").arg(query).arg(session).run().await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
        let [error, hint] = ended.err_lines();
        assert!(error.starts_with("Error: invalid_request: ") && error.contains(named), "{error}");
        assert!(hint.starts_with("hint: "), "{hint}");
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn wrong_use_is_told_with_the_usage() {
    for arguments in ["", "serve --no-such-flag", "weave", "weave one two", "no-such-command", "emulator --port many"] {
        let ended = Home::new().looms(arguments).run().await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments}");
        assert!(ended.err.contains("Usage: ") || ended.err.contains("--help"), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_made_is_named() {
    let home = Home::new();
    home.configure("");
    std::fs::write(home.data_dir().join("emulator"), "a file where a directory should be").unwrap();
    for command in ["weave hi --emulator", "serve --emulator --port 0 --http-port 0"] {
        let ended = home.looms(command).run().await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        let [error, hint] = ended.err_lines();
        let database = home.data_dir().join("emulator/loom.db");
        assert!(error.starts_with("Error: ") && error.contains(database.to_str().unwrap()), "{error}");
        assert!(hint.starts_with("hint: "), "{hint}");
    }
}
