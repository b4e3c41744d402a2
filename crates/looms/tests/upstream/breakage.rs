//! Answers that break on their way: before the first content they are asked for again, after it never, and nothing that
//! came before the break is lost.

use bedrock_emulator::{Breakage, Emulator, Fault, Reply, StreamException};
use claude::{ErrorKind, Throttle, Unavailability, Usage, Waiting};

use crate::relay;
use crate::server::{Server, Then, sse};
use crate::support::{BOTH, Read, Upstream, anthropic_client, quick, read};

/// `message_start`, `content_block_start` and `ping` stand before the first piece.
const BEFORE_CONTENT: usize = 3;

const BROKEN: ErrorKind = ErrorKind::StreamInterrupted;

/// Ways to break, what each means, and how often an answer that broke so before its content is asked for.
fn breakages(upstream: Upstream) -> Vec<(Breakage, ErrorKind, u64)> {
    use StreamException as Raised;
    let by_upstream = |bedrock, anthropic| match upstream {
        Upstream::Bedrock => bedrock,
        Upstream::Anthropic => anthropic,
    };
    let (failed, failed_attempts) = by_upstream((ErrorKind::ModelFailed, 2), (ErrorKind::Internal, 3));
    let other = Raised::Other { name: "brandNewException".into(), message: "?".into() };
    vec![
        (Breakage::Cut, BROKEN, 2),
        (Breakage::CutInside, BROKEN, 2),
        (Breakage::End, BROKEN, 2),
        (Breakage::PreludeCrc, BROKEN, 2),
        (Breakage::MessageCrc, BROKEN, 2),
        (Breakage::Exception(Raised::InternalServer), ErrorKind::Internal, 3),
        (Breakage::Exception(Raised::ModelStreamError), failed, failed_attempts),
        (Breakage::Exception(Raised::Validation("bad".into())), ErrorKind::InvalidRequest, 1),
        (Breakage::Exception(Raised::Throttling), ErrorKind::Throttled(Throttle::Rate), 3),
        (Breakage::Exception(Raised::ModelTimeout), ErrorKind::Timeout(Waiting::Model), 1),
        (Breakage::Exception(Raised::ServiceUnavailable), ErrorKind::Unavailable(Unavailability::Capacity), 3),
        (Breakage::Exception(other), ErrorKind::Internal, 3),
    ]
}

/// Six pieces of seven bytes, and so of two tokens by the estimate.
fn reply() -> Reply {
    Reply::pieces(["piece0 ", "piece1 ", "piece2 ", "piece3 ", "piece4 ", "piece5 "]).tokens(12, 99)
}

#[tokio::test]
async fn an_answer_that_breaks_before_its_content_is_asked_for_again() {
    for upstream in BOTH {
        for (breakage, kind, attempts) in breakages(upstream) {
            for after in 0..=BEFORE_CONTENT {
                let emulator = Emulator::start().await.unwrap();
                emulator.always(reply().broken_by(Fault::Stream { after, breakage: breakage.clone() }));
                let client = upstream.client(&emulator);
                let error = client.stream(&upstream.call()).await.unwrap_err();
                let case = format!("{upstream:?} {breakage:?} after {after}: {error:?}");
                assert_eq!(error.kind, kind, "{case}");
                assert_eq!((u64::from(error.attempts), emulator.request_count()), (attempts, attempts), "{case}");
                assert_eq!(error.usage.is_some(), after > 0, "{case}");
                // Each attempt that had begun is billed, and so is in the sum.
                let input_tokens = 12 * attempts;
                assert!(error.usage.is_none_or(|used| used.estimated && used.input_tokens == input_tokens), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn the_second_answer_is_whole_and_has_nothing_of_the_first_but_its_tokens() {
    for upstream in BOTH {
        let emulator = Emulator::start().await.unwrap();
        emulator.enqueue(Reply::pieces(["wrong"]).tokens(7, 50).broken_by(Fault::cut(BEFORE_CONTENT)));
        emulator.reply(reply());
        let stream = upstream.client(&emulator).stream(&upstream.call()).await.unwrap();
        assert_eq!(stream.attempts(), 2);
        let answer = read(stream).await;
        assert!(answer.complete && answer.error.is_none());
        // As many as were sent, but for the ping before the content.
        assert_eq!(answer.events, 11);
        assert_eq!(answer.text, "piece0 piece1 piece2 piece3 piece4 piece5 ");
        let usage = Usage { input_tokens: 7 + 12, output_tokens: 1 + 99, estimated: true, ..Usage::default() };
        assert_eq!(answer.usage, usage);
    }
}

#[tokio::test]
async fn what_a_broken_stream_used_stays_in_the_sum_when_the_answer_comes_whole_or_breaks_later() {
    let emulator = Emulator::start().await.unwrap();
    let client = Upstream::Bedrock.client(&emulator);
    emulator.enqueue(Reply::pieces(["wrong"]).tokens(7, 50).broken_by(Fault::cut(BEFORE_CONTENT)));
    emulator.enqueue(Fault::StreamingDenied);
    emulator.reply(reply());
    let answer = read(client.stream(&Upstream::Bedrock.call()).await.unwrap()).await;
    assert!(answer.complete && answer.usage.estimated);
    assert_eq!(answer.usage.input_tokens, 7 + 12);

    let emulator = Emulator::start().await.unwrap();
    let client = Upstream::Bedrock.client(&emulator);
    emulator.enqueue(Reply::pieces(["wrong"]).tokens(7, 50).broken_by(Fault::cut(BEFORE_CONTENT)));
    emulator.enqueue(reply().broken_by(Fault::cut(BEFORE_CONTENT + 1)));
    let answer = read(client.stream(&Upstream::Bedrock.call()).await.unwrap()).await;
    assert_eq!(answer.error.unwrap().usage.unwrap().input_tokens, 7 + 12);
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_at_its_longest_length() {
    const LONGEST: usize = 32 * 1024 * 1024;
    let piece = "x".repeat(1024 * 1024);
    let delta =
        format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{piece}"}}}}"#);
    let body = format!("{START}{}", format!("data: {delta}\n\n").repeat(40));
    let server = Server::answering(sse(&body, "0\r\n\r\n"), Then::Close).await;
    let client = anthropic_client(server.url(), Some("key"), quick());
    let answer = read(client.stream(&Upstream::Anthropic.call()).await.unwrap()).await;
    let error = answer.error.unwrap();
    assert_eq!((error.kind, server.requests()), (BROKEN, 1));
    assert!(error.message.contains("longer than 32 MiB"), "{error}");
    assert!((LONGEST - 2 * piece.len()..LONGEST).contains(&answer.text.len()), "{}", answer.text.len());
}

/// The answer broke after `pieces` of its pieces: they are all there, but for the ping before them, and so is what they
/// used.
fn assert_broken(answer: &Read, pieces: usize, kind: ErrorKind, case: &str) {
    let expected: String = (0..pieces).map(|n| format!("piece{n} ")).collect();
    let error = answer.error.as_ref().unwrap_or_else(|| panic!("{case} ended well"));
    assert_eq!((answer.text.as_str(), answer.events), (expected.as_str(), BEFORE_CONTENT - 1 + pieces), "{case}");
    assert_eq!((error.kind, error.attempts), (kind, 1), "{case}");
    let output_tokens = 2 * u64::try_from(pieces).unwrap();
    let usage = Usage { input_tokens: 12, output_tokens, estimated: true, ..Usage::default() };
    assert_eq!((error.usage, answer.usage), (Some(usage), usage), "{case}");
    assert!(!answer.complete);
    assert!(error.upstream.as_ref().is_some_and(|upstream| upstream.request_id.is_some()), "{case}");
}

#[tokio::test]
async fn an_answer_that_breaks_after_its_content_keeps_it_and_is_not_asked_for_again() {
    for upstream in BOTH {
        for (breakage, kind, _) in breakages(upstream) {
            for pieces in [1, 4] {
                let emulator = Emulator::start().await.unwrap();
                let fault = Fault::Stream { after: BEFORE_CONTENT + pieces, breakage: breakage.clone() };
                emulator.always(reply().broken_by(fault));
                let answer = read(upstream.client(&emulator).stream(&upstream.call()).await.unwrap()).await;
                assert_broken(&answer, pieces, kind, &format!("{upstream:?} {breakage:?}"));
                assert_eq!(emulator.request_count(), 1);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_break_that_comes_in_one_read_with_the_content_before_it_takes_none_of_it() {
    for upstream in BOTH {
        for (breakage, kind, _) in breakages(upstream) {
            for pieces in [1, 4] {
                let emulator = Emulator::start().await.unwrap();
                let fault = Fault::Stream { after: BEFORE_CONTENT + pieces, breakage: breakage.clone() };
                emulator.always(reply().broken_by(fault));
                let client = upstream.client_at(&relay::start(&emulator).await, &emulator, quick());
                let case = format!("{upstream:?} {breakage:?} in one read");
                let stream = client.stream(&upstream.call()).await.unwrap_or_else(|error| panic!("{case}: {error:?}"));
                assert_broken(&read(stream).await, pieces, kind, &case);
                assert_eq!(emulator.request_count(), 1, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_whole_answer_that_is_cut_is_asked_for_once_more() {
    for upstream in BOTH {
        for breakage in [Breakage::Cut, Breakage::CutInside] {
            let emulator = Emulator::start().await.unwrap();
            emulator.always(reply().broken_by(Fault::Stream { after: 5, breakage }));
            let error = upstream.client(&emulator).send(&upstream.call()).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unavailable(Unavailability::ConnectionLost));
            assert_eq!((error.attempts, emulator.request_count()), (2, 2));
        }
    }
}

const START: &str = r#"data: {"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":3,"output_tokens":1}}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

"#;

#[tokio::test]
async fn an_answer_is_read_however_its_chunks_end() {
    let stop = "data: {\"type\":\"message_stop\"}\n\n";
    for (case, body, end, kind) in [
        ("cut inside a chunk's length", START.to_owned(), "4", Some(BROKEN)),
        ("cut inside a chunk", START.to_owned(), "ff\r\ndata: {\"ty", Some(BROKEN)),
        ("cut after a chunk", START.to_owned(), "", Some(BROKEN)),
        ("a chunk's length that is none", START.to_owned(), "zz\r\n", Some(BROKEN)),
        ("an event that is not JSON", format!("{START}data: <html>\n\n{stop}"), "0\r\n\r\n", Some(BROKEN)),
        (
            "an error and then more",
            format!("{START}data: {{\"type\":\"error\"}}\n\n{stop}"),
            "0\r\n\r\n",
            Some(ErrorKind::Internal),
        ),
        ("no `message_stop`", START.to_owned(), "0\r\n\r\n", Some(BROKEN)),
        ("whole, but the body never ends", format!("{START}{stop}"), "", None),
        ("whole, and then garbage", format!("{START}{stop}data: garbage\n\n"), "zz", None),
    ] {
        let server = Server::answering(sse(&body, end), Then::Close).await;
        let client = anthropic_client(server.url(), Some("key"), quick());
        let answer = read(client.stream(&Upstream::Anthropic.call()).await.unwrap()).await;
        assert_eq!(answer.text, "Hello", "{case}");
        assert_eq!(answer.error.map(|error| error.kind), kind, "{case}");
        assert_eq!(server.requests(), 1, "{case}");
    }
}

#[tokio::test]
async fn an_answer_that_was_never_counted_is_estimated_and_one_that_was_counted_late_is_not() {
    let metrics =
        r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3,"outputTokenCount":41}}"#;
    for (end, output_tokens, estimated) in [(r#"{"type":"message_stop"}"#, 2, true), (metrics, 41, false)] {
        let server = Server::answering(sse(&format!("{START}data: {end}\n\n"), "0\r\n\r\n"), Then::Close).await;
        let client = anthropic_client(server.url(), Some("key"), quick());
        let answer = read(client.stream(&Upstream::Anthropic.call()).await.unwrap()).await;
        assert!(answer.complete);
        assert_eq!(answer.usage, Usage { input_tokens: 3, output_tokens, estimated, ..Usage::default() });
    }
}
