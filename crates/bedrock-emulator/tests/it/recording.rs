//! Requests read back, and the emulator's own beginning and end.

use bedrock_emulator::{Credentials, Emulator, Fault, Outcome, Reply};
use tokio::net::TcpStream;

use crate::client::{DEADLINE, SONNET, asking, body, invoke, invoke_stream, messages};

#[tokio::test]
async fn requests_are_kept_in_order_with_secrets_masked() {
    let emulator = Emulator::start().await.unwrap();
    emulator.enqueue(Reply::pieces(["a"]));
    emulator.fail_next(1, Fault::Throttling);
    emulator.enqueue(Reply::pieces(["a"]).broken_by(Fault::cut(2)));
    invoke_stream(&emulator, &asking("first")).await;
    invoke(&emulator, &asking("second")).await;
    invoke_stream(&emulator, &asking("third")).await;
    messages(&emulator, &body()).await;
    assert!(emulator.idle_within(DEADLINE).await);
    let requests = emulator.requests();
    assert_eq!(emulator.request_count(), 4);
    assert_eq!(requests.iter().map(|request| request.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let ends: Vec<_> = requests.iter().map(|request| (request.status, request.events_sent, request.outcome)).collect();
    assert_eq!(
        ends,
        [
            (Some(200), 7, Outcome::Answered),
            (Some(429), 0, Outcome::Answered),
            (Some(200), 2, Outcome::Broken),
            (Some(400), 0, Outcome::Answered)
        ]
    );
    let first = &requests[0];
    assert_eq!(first.method, "POST");
    assert_eq!(first.path, format!("/model/{SONNET}/invoke-with-response-stream"));
    assert_eq!(first.model_id.as_deref(), Some("us.anthropic.claude-sonnet-4-5-20250929-v1:0"));
    assert_eq!(first.body, asking("first").to_string());
    assert_eq!((first.header("Authorization"), requests[3].header("x-api-key")), (Some("***"), Some("***")));
    assert!(!format!("{requests:?}").contains(emulator.anthropic_api_key()));
}

#[tokio::test]
async fn no_more_is_kept_than_asked_for() {
    let emulator = Emulator::builder().recorded_requests(2).start().await.unwrap();
    for text in ["a", "b", "c"] {
        invoke(&emulator, &asking(text)).await;
    }
    assert_eq!(emulator.requests().iter().map(|request| request.sequence).collect::<Vec<_>>(), [2, 3]);
    let forgetful = Emulator::builder().recorded_requests(0).start().await.unwrap();
    invoke(&forgetful, &body()).await;
    assert_eq!((forgetful.requests().len(), forgetful.request_count()), (0, 1));
}

#[tokio::test]
async fn secrets_do_not_show_in_debug_prints() {
    let credentials = Credentials::new("AKIDSHOWN", "never-shown").session_token("never-shown-either");
    let emulator = Emulator::builder().credentials(credentials).api_key("not-shown").start().await.unwrap();
    let print = format!("{emulator:?}");
    assert!(print.contains("AKIDSHOWN"));
    assert!(!print.contains("never-shown") && !print.contains("not-shown"), "{print}");
}

#[tokio::test]
async fn a_script_can_be_taken_back() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fail_next(5, Fault::InternalServer);
    emulator.always(Fault::Throttling);
    emulator.unscript();
    assert_eq!(invoke(&emulator, &body()).await.status, 200);
}

#[tokio::test]
async fn it_stops_when_told_and_when_dropped_and_frees_its_port() {
    let emulator = Emulator::start().await.unwrap();
    let address = emulator.address();
    invoke(&emulator, &body()).await;
    emulator.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
    let again = Emulator::builder().address(address).start().await.unwrap();
    let taken = Emulator::builder().address(address).start().await.unwrap_err();
    assert_eq!(taken.to_string(), format!("cannot listen on `{address}`"));
    drop(again);
}
