//! Each fault, seen on the wire.

use std::time::Duration;

use bedrock_emulator::{Breakage, Emulator, Fault, Outcome, Reply, StreamException};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{DEADLINE, SONNET, body, invoke, invoke_stream, open, post};
use crate::frames::{self, Defect};
use crate::signer::Signer;

/// Long enough for an answer that comes, short enough to wait for one that does not.
const SILENCE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn exceptions_have_their_status_name_and_words() {
    let custom = Fault::Exception { status: 404, name: "ResourceNotFoundException".into(), message: "gone".into() };
    let cases = [
        (Fault::Throttling, 429, "ThrottlingException", "Too many requests"),
        (Fault::TooManyTokensPerDay, 429, "ThrottlingException", "Too many tokens per day"),
        (Fault::ServiceUnavailable, 503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
        (Fault::InternalServer, 500, "InternalServerException", "The system encountered an unexpected error"),
        (Fault::ModelNotReady, 429, "ModelNotReadyException", "The model specified in the request is not ready"),
        (Fault::ModelTimeout, 408, "ModelTimeoutException", "The request took too long to process."),
        (Fault::ModelError, 424, "ModelErrorException", "The request failed due to an error"),
        (Fault::AccessDenied, 403, "AccessDeniedException", "is not authorized to perform: bedrock:InvokeModel"),
        (Fault::Validation("prompt is too long".into()), 400, "ValidationException", "prompt is too long"),
        (custom, 404, "ResourceNotFoundException", "gone"),
    ];
    let emulator = Emulator::start().await.unwrap();
    for (fault, status, name, words) in cases {
        emulator.fail_next(2, fault.clone());
        for answer in [invoke(&emulator, &body()).await, invoke_stream(&emulator, &body()).await] {
            assert_eq!((answer.status, answer.exception()), (status, name), "{fault:?}");
            assert!(answer.json()["message"].as_str().unwrap().contains(words), "{fault:?}");
            assert_eq!(answer.header("retry-after"), "");
        }
    }
    assert_eq!(invoke(&emulator, &body()).await.status, 200);
}

#[tokio::test]
async fn a_throttle_can_say_when_to_come_back() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fail_next(1, Fault::ThrottlingFor { seconds: 7 });
    let answer = invoke(&emulator, &body()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "7"));
}

#[tokio::test]
async fn streaming_alone_can_be_denied() {
    let emulator = Emulator::start().await.unwrap();
    emulator.always(Fault::StreamingDenied);
    let denied = invoke_stream(&emulator, &body()).await;
    assert_eq!(denied.status, 403);
    let message = denied.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("perform: bedrock:InvokeModelWithResponseStream on resource: arn:aws:bedrock:us-west-2:"));
    assert_eq!(invoke(&emulator, &body()).await.status, 200);
}

#[tokio::test]
async fn exception_frames_come_after_n_events() {
    let other = StreamException::Other { name: "brandNewException".into(), message: "?".into() };
    let cases = [
        (StreamException::InternalServer, "internalServerException"),
        (StreamException::ModelStreamError, "modelStreamErrorException"),
        (StreamException::Validation("no".into()), "validationException"),
        (StreamException::Throttling, "throttlingException"),
        (StreamException::ModelTimeout, "modelTimeoutException"),
        (StreamException::ServiceUnavailable, "serviceUnavailableException"),
        (other, "brandNewException"),
    ];
    let emulator = Emulator::start().await.unwrap();
    for (after, (exception, name)) in cases.into_iter().enumerate() {
        emulator.fail_next(1, Fault::exception(after, exception));
        let answer = invoke_stream(&emulator, &body()).await;
        let (frames, defect) = frames::decode(&answer.bytes());
        assert_eq!((answer.status, answer.complete, defect), (200, true, None));
        let (last, events) = frames.split_last().unwrap();
        assert_eq!(events.len(), after);
        assert_eq!(last.headers[":message-type"], "exception");
        assert_eq!(last.headers[":exception-type"], name);
        assert!(last.payload["message"].is_string());
        assert_eq!(last.payload["originalStatusCode"].is_number(), name == "modelStreamErrorException");
    }
}

#[tokio::test]
async fn streams_break_where_they_are_told_to() {
    let cases = [
        (Breakage::Cut, 4, false, None),
        (Breakage::Cut, 0, false, None),
        (Breakage::CutInside, 4, false, Some(Defect::Incomplete)),
        (Breakage::End, 4, true, None),
        (Breakage::PreludeCrc, 4, true, Some(Defect::PreludeChecksum)),
        (Breakage::MessageCrc, 4, true, Some(Defect::MessageChecksum)),
    ];
    let emulator = Emulator::start().await.unwrap();
    for (breakage, after, complete, defect) in cases {
        let fault = Fault::Stream { after, breakage: breakage.clone() };
        emulator.enqueue(Reply::pieces(["a", "b", "c"]).broken_by(fault));
        let answer = invoke_stream(&emulator, &body()).await;
        let (events, found) = answer.events();
        assert_eq!((events.len(), answer.complete, found), (after, complete, defect), "{breakage:?}");
    }
}

#[tokio::test]
async fn a_break_after_the_last_event_is_no_break() {
    let emulator = Emulator::start().await.unwrap();
    emulator.enqueue(Reply::pieces(["a"]).broken_by(Fault::cut(100)));
    let answer = invoke_stream(&emulator, &body()).await;
    assert_eq!((answer.events().0.len(), answer.complete), (7, true));
}

#[tokio::test]
async fn whole_answers_break_as_alike_as_they_can() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fail_next(1, Fault::cut(3));
    let cut = invoke(&emulator, &body()).await;
    assert_eq!((cut.status, cut.complete), (200, false));
    assert_eq!(cut.header("content-length").parse::<usize>().unwrap() / 2, cut.bytes().len());
    emulator.fail_next(1, Fault::exception(3, StreamException::ServiceUnavailable));
    assert_eq!(invoke(&emulator, &body()).await.status, 503);
    emulator.fail_next(1, Fault::Stream { after: 3, breakage: Breakage::MessageCrc });
    assert_eq!(invoke(&emulator, &body()).await.status, 200);
}

#[tokio::test]
async fn a_stalled_stream_sends_what_came_before_and_then_nothing() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fail_next(1, Fault::stall(2));
    let path = format!("/model/{SONNET}/invoke-with-response-stream");
    let sent = body().to_string();
    let headers = Signer::of(&emulator).headers(&emulator.address().to_string(), &path, sent.as_bytes());
    let mut response = open(&emulator, &path, headers, sent.into()).await.unwrap();
    let mut bytes = Vec::new();
    while frames::decode(&bytes).0.len() < 2 {
        let frame = tokio::time::timeout(DEADLINE, response.body_mut().frame()).await.unwrap().unwrap().unwrap();
        bytes.extend(frame.into_data().unwrap());
    }
    assert!(tokio::time::timeout(SILENCE, response.body_mut().frame()).await.is_err());
    drop(response);
    assert!(emulator.idle_within(DEADLINE).await);
    let record = emulator.requests().pop().unwrap();
    assert_eq!((record.outcome, record.events_sent), (Outcome::ClientLeft, 2));
}

#[tokio::test]
async fn some_requests_are_never_answered() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fail_next(1, Fault::NeverAnswers);
    assert!(tokio::time::timeout(SILENCE, invoke(&emulator, &body())).await.is_err());
    assert!(emulator.idle_within(DEADLINE).await);
    assert_eq!(emulator.requests()[0].outcome, Outcome::ClientLeft);
    assert_eq!(emulator.requests()[0].status, None);
}

#[tokio::test]
async fn a_connection_is_reset_before_its_answer() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fail_next(2, Fault::Reset);
    let path = format!("/model/{SONNET}/invoke");
    let (host, sent) = (emulator.address().to_string(), body().to_string());
    let headers = Signer::of(&emulator).headers(&host, &path, sent.as_bytes());
    let mut request = format!("POST {path} HTTP/1.1\r\ncontent-length: {}\r\n", sent.len());
    request.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    let mut stream = TcpStream::connect(emulator.address()).await.unwrap();
    stream.write_all(format!("{request}\r\n{sent}").as_bytes()).await.unwrap();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut Vec::new())).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(post(&emulator, &path, headers, sent.into()).await.is_err());
}

#[tokio::test]
async fn replies_take_their_time() {
    let emulator = Emulator::start().await.unwrap();
    let (delay, pause) = (Duration::from_millis(40), Duration::from_millis(5));
    emulator.reply(Reply::pieces(["a"]).delay(delay).pause(pause));
    let started = std::time::Instant::now();
    let answer = invoke_stream(&emulator, &body()).await;
    assert!(started.elapsed() >= delay + pause * 6);
    let (events, _) = answer.events();
    assert!(events[6]["amazon-bedrock-invocationMetrics"]["firstByteLatency"].as_u64().unwrap() >= 40);
    let started = std::time::Instant::now();
    assert_eq!(invoke(&emulator, &body()).await.json()["content"], json!([{"type": "text", "text": "a"}]));
    assert!(started.elapsed() >= delay);
}
