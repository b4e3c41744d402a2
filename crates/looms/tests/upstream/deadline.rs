//! Silence has a deadline: the call's until the answer begins or is whole, the idle limit between events.

use std::time::Duration;

use bedrock_emulator::{Emulator, Fault, Outcome, Reply};
use claude::{ErrorKind, Throttle, Usage, Waiting};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::server::read_request;
use crate::support::{BOTH, PATIENCE, Upstream, anthropic_client, quick, read};

/// Long enough for an answer that comes, short enough to wait for one that does not.
const SILENCE: Duration = Duration::from_millis(150);

#[tokio::test]
async fn an_answer_that_does_not_begin_in_time_is_given_up_and_not_asked_for_again() {
    for upstream in BOTH {
        for fault in [Fault::NeverAnswers, Fault::stall(0)] {
            for streamed in [false, true] {
                let emulator = Emulator::start().await.unwrap();
                emulator.always(fault.clone());
                let (client, call) = (upstream.client(&emulator), upstream.call_within(SILENCE));
                let asked = Instant::now();
                let error = match streamed {
                    true => client.stream(&call).await.unwrap_err(),
                    false => client.send(&call).await.unwrap_err(),
                };
                assert_eq!(error.kind, ErrorKind::Timeout(Waiting::Answer), "{upstream:?} {fault:?}");
                assert_eq!((error.attempts, error.usage), (1, None));
                assert!(asked.elapsed() >= SILENCE && asked.elapsed() < PATIENCE);
                // Whoever gives up hangs up, so that upstream can stop.
                assert!(emulator.idle_within(PATIENCE).await);
                let request = emulator.requests().pop().unwrap();
                assert_eq!((emulator.request_count(), request.outcome), (1, Outcome::ClientLeft));
            }
        }
    }
}

#[tokio::test]
async fn silence_in_mid_answer_ends_it_and_keeps_what_came() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.always(Reply::pieces(["seven b", "ytes ea"]).tokens(12, 99).broken_by(Fault::stall(5)));
        let client = upstream.client_with(&emulator, claude::ClientOptions { stream_idle: SILENCE, ..quick() });
        let answer = read(client.stream(&upstream.call()).await.unwrap()).await;
        let error = answer.error.unwrap();
        assert_eq!(error.kind, ErrorKind::Timeout(Waiting::NextEvent));
        assert_eq!(answer.text, "seven bytes ea");
        let usage = Usage { input_tokens: 12, output_tokens: 4, estimated: true, ..Usage::default() };
        assert_eq!(error.usage, Some(usage));
        assert!(emulator.idle_within(PATIENCE).await);
        assert_eq!(emulator.request_count(), 1);
    }
}

#[tokio::test]
async fn silence_after_the_first_event_and_before_any_content_has_the_idle_limit() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.always(Fault::stall(1));
        let client = upstream.client_with(&emulator, claude::ClientOptions { stream_idle: SILENCE, ..quick() });
        let error = client.stream(&upstream.call()).await.unwrap_err();
        assert_eq!((error.kind, error.attempts), (ErrorKind::Timeout(Waiting::NextEvent), 1));
        assert!(error.usage.is_some_and(|usage| usage.estimated));
    }
}

/// Signs of life without content, for as long as the test's runtime runs; after `pings` of them an answer, if any.
async fn pinging(pings: usize, then: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut often = tokio::time::interval(SILENCE / 5);
        for _ in 0..pings {
            often.tick().await;
            if socket.write_all(b"data: {\"type\":\"ping\"}\n\n").await.is_err() {
                return;
            }
        }
        let _ = socket.write_all(then.as_bytes()).await;
    });
    url
}

#[tokio::test]
async fn pings_before_the_content_are_signs_of_life_for_so_long_and_no_longer() {
    let options = claude::ClientOptions { stream_idle: SILENCE, ..quick() };
    let answer = concat!(
        "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"c\",\"usage\":{}}}\n\n",
        "data: {\"type\":\"message_stop\"}\n\n"
    );
    // Two idle limits of pings, and then it comes.
    let client = anthropic_client(&pinging(10, answer).await, Some("key"), options);
    let read = read(client.stream(&Upstream::Anthropic.call()).await.unwrap()).await;
    assert!(read.complete && read.events == 2, "{read:?}");

    let client = anthropic_client(&pinging(usize::MAX, "").await, Some("key"), options);
    let asked = Instant::now();
    let error = client.stream(&Upstream::Anthropic.call()).await.unwrap_err();
    assert_eq!((error.kind, error.attempts), (ErrorKind::Timeout(Waiting::Content), 1));
    assert!((SILENCE * 4..PATIENCE).contains(&asked.elapsed()), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_answer_that_goes_on_has_no_deadline() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.reply(Reply::pieces(["a"; 20]).pause(Duration::from_millis(20)));
        let client = upstream.client_with(&emulator, claude::ClientOptions { stream_idle: PATIENCE, ..quick() });
        let asked = Instant::now();
        let answer = read(client.stream(&upstream.call_within(Duration::from_millis(300))).await.unwrap()).await;
        assert!(answer.complete, "{:?}", answer.error);
        assert!(asked.elapsed() > Duration::from_millis(300));
    }
}

#[tokio::test]
async fn a_wait_that_does_not_fit_the_deadline_is_not_begun() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.always(Fault::ThrottlingFor { seconds: 30 });
        let asked = Instant::now();
        let error = upstream.client(&emulator).stream(&upstream.call()).await.unwrap_err();
        assert!(asked.elapsed() < PATIENCE / 2);
        assert_eq!((error.kind, error.attempts), (ErrorKind::Throttled(Throttle::Rate), 1));
        assert_eq!(error.retry_after, Some(Duration::from_secs(30)));
    }
}

#[tokio::test]
async fn a_read_that_is_given_up_loses_no_event() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.reply(Reply::pieces((0..30).map(|n| format!("{n} "))).pause(Duration::from_millis(3)));
        let mut stream = upstream.client(&emulator).stream(&upstream.call()).await.unwrap();
        let (mut text, mut given_up) = (String::new(), 0);
        loop {
            let Ok(read) = tokio::time::timeout(Duration::from_millis(1), stream.next()).await else {
                given_up += 1;
                continue;
            };
            let Some(events) = read.unwrap() else { break };
            for event in events {
                if let claude::Event::BlockDelta { delta: claude::Delta::Text(piece), .. } = event {
                    text.push_str(&piece);
                }
            }
        }
        assert!(given_up > 0);
        assert_eq!(text, (0..30).map(|n| format!("{n} ")).collect::<String>());
    }
}
