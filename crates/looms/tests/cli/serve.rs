//! `looms serve`: its start, its end, and what is there after an end that nobody expected.

use std::net::TcpStream;

use bedrock_emulator::{Emulator, Reply};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{Home, MODEL, eventually};

#[tokio::test]
async fn it_starts_with_the_references_five_lines_and_ends_in_order() {
    let (home, up) = (Home::new(), Emulator::start().await.unwrap());
    let serving = home.looms_on(&up, "serve").serve().await;
    let (grpc, http) = (serving.port("gRPC server"), serving.port("HTTP gateway"));
    let expected = [
        "INFO  Starting Loom server".to_owned(),
        format!("INFO  gRPC server listening on :{grpc}"),
        format!("INFO  HTTP gateway listening on :{http}"),
        "INFO  LLM provider: bedrock (region: us-west-2)".to_owned(),
        format!("INFO  Model: {MODEL}"),
    ];
    assert_eq!(serving.log.len(), expected.len(), "{:?}", serving.log);
    for (line, expected) in serving.log.iter().zip(&expected) {
        let rest = line.strip_prefix(expected).unwrap_or_else(|| panic!("{line} does not begin with {expected}"));
        assert!(rest.is_empty() || rest.starts_with(' '), "{line}");
    }
    for port in [grpc, http] {
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }
    serving.weave("s", "hi").await.unwrap();
    let ended = serving.stop().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""));
    assert!(ended.err.contains("INFO  AWS credentials: environment"), "{}", ended.err);
    assert!(ended.err.ends_with("INFO  Stopped; no turn was cut\n"), "{}", ended.err);
    assert!(TcpStream::connect(("127.0.0.1", grpc)).is_err());
}

#[tokio::test]
async fn an_interrupt_ends_it_as_well() {
    let home = Home::new();
    let serving = home.looms("serve --emulator").serve().await;
    serving.running.signal("INT").await;
    assert_eq!(serving.running.end().await.code, Some(0));
}

#[tokio::test]
async fn it_says_what_it_cut() {
    let (home, up) = (Home::new(), Emulator::start().await.unwrap());
    up.always(bedrock_emulator::Fault::NeverAnswers);
    let serving = home.looms_on(&up, "serve --shutdown-seconds 0").serve().await;
    let arrived = async {
        eventually("the request is upstream", || up.request_count() == 1).await;
        serving.running.signal("TERM").await;
    };
    let (answer, ()) = tokio::join!(serving.weave("s", "hi"), arrived);
    assert_eq!(answer.unwrap_err().code(), Code::Unavailable);
    let ended = serving.running.end().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.contains("WARN  Stopped; turns were cut turns=1"), "{}", ended.err);
}

#[tokio::test]
async fn without_credentials_it_starts_warns_and_says_so_to_each_caller() {
    let home = Home::new();
    let mut serving = home.looms("serve").serve().await;
    let warning = serving.running.next_err().await;
    assert!(warning.starts_with("WARN  no AWS credentials: "), "{warning}");
    let status = serving.weave("s", "hi").await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "credentials_not_loaded");
    assert!(info.metadata["hint"].contains("AWS_ACCESS_KEY_ID"));
    assert_eq!(
        status.message(),
        "failed to load AWS credentials from any source (IAM role, profile, environment, keyring)"
    );
    assert_eq!(serving.stop().await.code, Some(0));
}

#[tokio::test]
async fn without_an_upstream_it_starts_and_warns() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    let home = Home::new();
    let mut serving = home
        .looms("serve")
        .env("AWS_ACCESS_KEY_ID", "AKIAX")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &url)
        .serve()
        .await;
    let credentials = serving.running.next_err().await;
    assert!(credentials.starts_with("INFO  AWS credentials: environment"), "{credentials}");
    let warning = serving.running.next_err().await;
    assert!(warning.starts_with("WARN  upstream cannot be reached"), "{warning}");
    assert!(warning.contains(&closed.to_string()), "{warning}");
}

#[tokio::test]
async fn its_log_can_be_json() {
    let home = Home::new();
    let mut running = home.looms("serve --emulator --log-format json --port 0 --http-port 0").start();
    let first: serde_json::Value = serde_json::from_str(&running.next_err().await).unwrap();
    assert_eq!((&first["level"], &first["message"]), (&"INFO".into(), &"Starting Loom server".into()));
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let (home, up) = (Home::new(), Emulator::start().await.unwrap());
    for turn in ["one", "two", "three"] {
        up.reply(Reply::text(turn));
        let serving = home.looms_on(&up, "serve").serve().await;
        assert_eq!(serving.weave("s", turn).await.unwrap().text, turn);
        serving.running.kill().await;
    }
    let serving = home.looms_on(&up, "serve").serve().await;
    assert_eq!(serving.history("s").await, ["one", "one", "two", "two", "three", "three"]);
    // The last turn before the kill is part of the next one's conversation.
    let sent: serde_json::Value = serde_json::from_slice(&up.requests()[2].body).unwrap();
    assert_eq!(sent["messages"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn the_command_line_works_beside_a_running_server() {
    let (home, up) = (Home::new(), Emulator::start().await.unwrap());
    up.reply(Reply::text("ok"));
    let serving = home.looms_on(&up, "serve").serve().await;
    serving.weave("s", "from the server").await.unwrap();
    let ended = home.looms_on(&up, "weave terminal --session s").run().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(serving.history("s").await, ["from the server", "ok", "terminal", "ok"]);
}
