//! Whatever goes wrong upstream reads the same on every door: one row a fault, each told by `Weave` and `StreamWeave`, on
//! gRPC and on HTTP.

use bedrock_emulator::{Breakage, Emulator, Fault, StreamException};
use futures_util::future::join_all;
use loom_proto::v1::{ExecutionStage, WeaveProgress, WeaveRequest};
use serde_json::json;
use tonic::Code;

use crate::support::{Looms, Problem, ask};

/// How a code is written on the doors: the contract's table, in the test's own words.
fn row(reason: &str) -> (u16, Code) {
    match reason {
        "access_denied" => (403, Code::PermissionDenied),
        "model_not_found" => (404, Code::NotFound),
        "credentials_not_loaded" => (401, Code::Unauthenticated),
        "throttling" => (429, Code::ResourceExhausted),
        "timeout" => (504, Code::DeadlineExceeded),
        "invalid_request" | "context_too_long" => (400, Code::InvalidArgument),
        "service_unavailable" => (503, Code::Unavailable),
        "model_error" => (502, Code::Internal),
        "stream_interrupted" => (502, Code::Unavailable),
        "internal" => (500, Code::Internal),
        other => panic!("{other} is no row"),
    }
}

/// A fault, the code that tells it, and how often the request is sent; 0 where nobody can say.
type Case = (Fault, &'static str, u64);

fn refusals() -> Vec<Case> {
    let exception = |status, name: &str, message: &str| Fault::Exception {
        status,
        name: name.to_owned(),
        message: message.to_owned(),
    };
    let invalid = |message: &str| Fault::Validation(message.to_owned());
    vec![
        (Fault::Throttling, "throttling", 3),
        (Fault::ThrottlingFor { seconds: 3600 }, "throttling", 1),
        (Fault::TooManyTokensPerDay, "throttling", 1),
        (Fault::ServiceUnavailable, "service_unavailable", 3),
        (Fault::ModelNotReady, "service_unavailable", 3),
        (Fault::InternalServer, "internal", 3),
        (Fault::ModelTimeout, "timeout", 1),
        (Fault::ModelError, "model_error", 2),
        (Fault::AccessDenied, "access_denied", 1),
        (invalid("messages: roles must alternate"), "invalid_request", 1),
        (invalid("prompt is too long: 250000 tokens > 200000 maximum"), "context_too_long", 1),
        (invalid("The provided model identifier is invalid."), "model_not_found", 1),
        (exception(404, "ResourceNotFoundException", "Could not resolve the model"), "model_not_found", 1),
        (exception(403, "UnrecognizedClientException", "The security token is invalid"), "credentials_not_loaded", 1),
        (exception(403, "ExpiredTokenException", "The security token is expired"), "credentials_not_loaded", 1),
        (exception(502, "", "<html>Bad Gateway</html>"), "service_unavailable", 3),
        (exception(418, "TeapotException", "short and stout"), "invalid_request", 1),
        (exception(404, "UnknownOperationException", "not recognized"), "service_unavailable", 1),
    ]
}

/// Breaks before the first text: after no event at all, and after the first ones.
fn breaks() -> Vec<Case> {
    let stream = |after, breakage| Fault::Stream { after, breakage };
    let other = StreamException::Other { name: "brandNewException".into(), message: "?".into() };
    let mut cases = vec![(Fault::Reset, "service_unavailable", 2)];
    for after in [0, 2] {
        cases.extend([
            (Fault::exception(after, StreamException::Throttling), "throttling", 3),
            (Fault::exception(after, StreamException::ServiceUnavailable), "service_unavailable", 3),
            (Fault::exception(after, StreamException::InternalServer), "internal", 3),
            (Fault::exception(after, StreamException::ModelStreamError), "model_error", 2),
            (Fault::exception(after, StreamException::ModelTimeout), "timeout", 1),
            (Fault::exception(after, StreamException::Validation("no".into())), "invalid_request", 1),
            (Fault::exception(after, other.clone()), "internal", 3),
            (Fault::cut(after), "stream_interrupted", 2),
            (stream(after, Breakage::CutInside), "stream_interrupted", 2),
            (stream(after, Breakage::End), "stream_interrupted", 2),
            (stream(after, Breakage::PreludeCrc), "stream_interrupted", 2),
            (stream(after, Breakage::MessageCrc), "stream_interrupted", 2),
        ]);
    }
    cases
}

/// What only a deadline ends.
fn silences() -> Vec<Case> {
    vec![(Fault::NeverAnswers, "timeout", 0), (Fault::stall(0), "timeout", 0), (Fault::stall(2), "timeout", 1)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reads_the_same_on_every_door() {
    join_all(refusals().into_iter().map(|case| check(case, ""))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_break_before_the_first_text_reads_the_same_on_every_door() {
    join_all(breaks().into_iter().map(|case| check(case, ""))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_in_a_timeout_on_every_door() {
    join_all(silences().into_iter().map(|case| check(case, "--stream-idle-seconds 1"))).await;
}

async fn check((fault, reason, attempts): Case, flags: &str) {
    let up = Emulator::start().await.unwrap();
    up.always(fault.clone());
    let looms = Looms::with(&up, flags).await;
    // An answer that had begun has used something, and a stream says so in an event before its error.
    let begun = matches!(fault, Fault::Stream { after: 1.., .. });
    // Silence before the answer is bounded by this, silence within it by the stream's own limit.
    let timeout_seconds = if attempts == 0 { 1 } else { 0 };
    let doors = Doors { looms: &looms, begun, request: WeaveRequest { timeout_seconds, ..ask("hi") } };
    let problems = tokio::join!(doors.grpc_weave(), doors.grpc_stream(), doors.http_weave(), doors.http_stream());
    let problems: [Problem; 4] = problems.into();
    let (http, grpc) = row(reason);
    for (door, problem) in ["grpc weave", "grpc stream", "http weave", "http stream"].iter().zip(&problems) {
        let at = format!("{fault:?} on {door}: {problem:?}");
        assert_eq!((problem.reason.as_str(), problem.grpc, problem.domain.as_str()), (reason, grpc, "loom"), "{at}");
        assert!(
            problem.http.is_none_or(|status| status == if begun && door.ends_with("stream") { 200 } else { http }),
            "{at}"
        );
        assert!(!problem.hint().is_empty() && !problem.message.is_empty(), "{at}");
        assert!(["true", "false"].contains(&problem.said("retryable")), "{at}");
        let told = if attempts == 0 { String::new() } else { attempts.to_string() };
        assert_eq!(problem.said("attempts"), told, "{at}");
        assert_eq!(problem.hint(), problems[0].hint(), "{at}");
    }
    // Where streaming is denied, it is tried once more whether a whole answer is allowed.
    if fault != Fault::AccessDenied {
        assert_eq!(up.request_count(), 4 * attempts.max(1), "{fault:?}");
    }
}

struct Doors<'a> {
    looms: &'a Looms,
    begun: bool,
    request: WeaveRequest,
}

impl Doors<'_> {
    async fn grpc_weave(&self) -> Problem {
        self.looms.ask(self.request.clone()).await.unwrap_err().into()
    }

    async fn grpc_stream(&self) -> Problem {
        match self.looms.stream(self.request.clone()).await {
            Ok(told) => {
                let stages: Vec<_> = told.events.iter().map(WeaveProgress::stage).collect();
                assert!(self.begun && stages == [ExecutionStage::Failed], "{stages:?}");
                assert!(told.last().cost.is_some());
                told.end.unwrap().into()
            }
            Err(status) => {
                assert!(!self.begun, "{status:?}");
                status.into()
            }
        }
    }

    async fn http_weave(&self) -> Problem {
        self.looms.http("POST /v1/weave", &self.json()).await.into()
    }

    async fn http_stream(&self) -> Problem {
        let reply = self.looms.http("POST /v1/weave:stream", &self.json()).await;
        if !self.begun {
            return reply.into();
        }
        let events = reply.events();
        assert_eq!(events[0].1["stage"], "EXECUTION_STAGE_FAILED");
        assert_eq!(events[1].0, "error");
        Problem { http: Some(reply.status.as_u16()), ..Problem::of_json(&events[1].1) }
    }

    fn json(&self) -> String {
        json!({"query": self.request.query, "timeoutSeconds": self.request.timeout_seconds}).to_string()
    }
}

#[tokio::test]
async fn what_aws_said_comes_along() {
    let up = Emulator::start().await.unwrap();
    up.always(Fault::Throttling);
    let looms = Looms::start(&up).await;
    let problem = Problem::from(looms.ask(ask("hi")).await.unwrap_err());
    assert_eq!((problem.said("aws_exception"), problem.said("aws_status")), ("ThrottlingException", "429"));
    assert_eq!(problem.said("aws_request_id").len(), 36, "{problem:?}");
    assert_eq!((problem.said("retryable"), problem.retry_after), ("true", Some(6.0)));
    assert!(problem.message.contains(crate::support::MODEL) && problem.message.contains("us-west-2"));

    up.always(Fault::ThrottlingFor { seconds: 3600 });
    let problem = Problem::from(looms.ask(ask("hi")).await.unwrap_err());
    assert_eq!(problem.retry_after, Some(3600.0), "upstream's own wait goes before ours");

    up.always(Fault::TooManyTokensPerDay);
    let problem = Problem::from(looms.ask(ask("hi")).await.unwrap_err());
    assert_eq!((problem.said("retryable"), problem.retry_after), ("false", None));
}

#[tokio::test]
async fn a_remedy_names_what_to_do() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let needs_profile = "Invocation of model ID x with on-demand throughput isn\u{2019}t supported.";
    for (fault, remedy) in [
        (Fault::AccessDenied, "bedrock:InvokeModelWithResponseStream"),
        (Fault::Validation(needs_profile.into()), "`us.anthropic.claude-sonnet-4-5-20250929-v1:0`"),
        (Fault::Validation("prompt is too long".into()), "new session"),
        (Fault::Throttling, "Service Quotas"),
    ] {
        up.always(fault);
        let problem = Problem::from(looms.ask(ask("hi")).await.unwrap_err());
        assert!(problem.hint().contains(remedy), "{problem:?}");
    }
}

#[tokio::test]
async fn what_a_retry_mends_no_caller_notices() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    for (times, fault) in [(2, Fault::Throttling), (2, Fault::InternalServer), (1, Fault::Reset), (1, Fault::cut(2))] {
        let before = up.request_count();
        up.fail_next(times, fault);
        let told = looms.stream(ask("hi")).await.unwrap();
        assert_eq!((told.last().progress, told.end.is_none()), (100, true));
        assert_eq!(up.request_count() - before, times as u64 + 1);
    }
}

#[tokio::test]
async fn a_secret_that_does_not_fit_is_said_to_be_the_secret() {
    let other = bedrock_emulator::Credentials::new("AKIDEMULATOR", "another secret");
    let real = Emulator::start().await.unwrap();
    let up = Emulator::builder().credentials(other).start().await.unwrap();
    let flags =
        format!("--bedrock-access-key {} --bedrock-secret-key {}", real.access_key_id(), real.secret_access_key());
    let looms = Looms::with(&up, &flags).await;
    let problem = Problem::from(looms.ask(ask("hi")).await.unwrap_err());
    assert_eq!((problem.reason.as_str(), problem.grpc), ("credentials_not_loaded", Code::Unauthenticated));
    assert!(problem.hint().contains("secret access key"), "{problem:?}");
    assert!(!format!("{problem:?}").contains(real.secret_access_key()));
}
