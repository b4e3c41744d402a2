//! What the frameworks would answer by themselves: it carries our codes and details, too.

use std::time::Duration;

use bedrock_emulator::{Emulator, Fault, Reply};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use loom_proto::v1::loom_service_client::LoomServiceClient;
use loom_proto::v1::{ExecutionStage, GetSessionRequest, WeaveResponse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::support::{Looms, Problem, ask, until_text};

/// Calls any path with any bytes as field 1.
async fn call(looms: &Looms, path: &'static str, bytes: Vec<u8>) -> Result<(), Status> {
    let mut grpc = Grpc::new(looms.channel());
    grpc.ready().await.unwrap();
    let codec = ProstCodec::<Vec<u8>, WeaveResponse>::default();
    grpc.unary(Request::new(bytes), path.parse().unwrap(), codec).await.map(drop)
}

#[tokio::test]
async fn errors_of_the_grpc_framework_are_ours() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let weave = "/loom.v1.LoomService/Weave";
    let not_utf8 = vec![0xff, 0xfe];
    for (path, bytes, code, reason) in [
        ("/loom.v1.LoomService/Unweave", Vec::new(), Code::Unimplemented, "unsupported"),
        ("/loom.v1.LoomService/SwitchModel", Vec::new(), Code::Unimplemented, "unsupported"),
        ("/loom.v9.Other/Weave", Vec::new(), Code::Unimplemented, "unsupported"),
        (weave, not_utf8, Code::InvalidArgument, "invalid_request"),
        (weave, vec![b'x'; 16 * 1024 * 1024], Code::InvalidArgument, "invalid_request"),
    ] {
        let length = bytes.len();
        let problem = Problem::from(call(&looms, path, bytes).await.unwrap_err());
        let found = (problem.grpc, problem.reason.as_str(), problem.domain.as_str());
        assert_eq!(found, (code, reason, "loom"), "{path} with {length} bytes: {problem:?}");
        assert!(!problem.message.is_empty());
    }
    assert_eq!(up.request_count(), 0);
}

/// Posts these bytes, framed by nobody, to `Weave`: the HTTP status and the error in the response's head.
async fn post(looms: &Looms, content_type: &str, bytes: &'static [u8]) -> (u16, Problem) {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = http::Request::post(format!("http://{}/loom.v1.LoomService/Weave", looms.grpc_address()))
        .header("content-type", content_type)
        .body(Full::new(Bytes::from_static(bytes)))
        .unwrap();
    let response = client.request(request).await.unwrap();
    let status = Status::from_header_map(response.headers()).expect("an error in the head");
    (response.status().as_u16(), Problem::from(status))
}

#[tokio::test]
async fn content_that_is_no_grpc_message_is_an_invalid_request() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("half a head", b"\0\0\0"),
        ("half a message", b"\0\0\0\0\x09\x0a\x07hi"),
        ("compressed by nothing", b"\x01\0\0\0\x04\x0a\x02hi"),
        ("no such flag", b"\x07\0\0\0\x04\x0a\x02hi"),
    ] {
        let (http, problem) = post(&looms, "application/grpc", bytes).await;
        let found = (http, problem.grpc, problem.reason.as_str(), problem.said("retryable"));
        assert_eq!(found, (200, Code::InvalidArgument, "invalid_request", "false"), "{what}: {problem:?}");
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn content_of_another_type_is_refused_with_415() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    for content_type in ["text/plain", "application/json", "application/grpc+json"] {
        let (http, problem) = post(&looms, content_type, b"\0\0\0\0\x04\x0a\x02hi").await;
        assert_eq!((http, problem.grpc, problem.reason.as_str()), (415, Code::Unimplemented, "unsupported"));
        assert!(problem.message.contains(content_type) && problem.hint().contains("application/grpc"), "{problem:?}");
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn an_expired_deadline_of_the_callers_is_our_timeout() {
    let up = Emulator::start().await.unwrap();
    up.always(Fault::NeverAnswers);
    let looms = Looms::start(&up).await;
    let mut grpc = patient(&looms);
    let unary = grpc.weave(within("100m", ask("hi"))).await.unwrap_err();
    let streamed = grpc.stream_weave(within("100m", ask("hi"))).await.map(drop).unwrap_err();
    let get = GetSessionRequest { session_id: "s".to_owned() };
    let read = grpc.get_session(within("1n", get)).await.map(drop).unwrap_err();
    for status in [unary, streamed, read] {
        let problem = Problem::from(status);
        assert_eq!((problem.grpc, problem.reason.as_str()), (Code::DeadlineExceeded, "timeout"), "{problem:?}");
        assert!(!problem.hint().is_empty());
    }
    assert_eq!(up.request_count(), 2);
    let expired = grpc.weave(within("1n", ask("too late"))).await.unwrap_err();
    assert_eq!(Problem::from(expired).reason, "timeout");
    assert_eq!(up.request_count(), 2, "what nobody waits for is not begun");
}

type HttpClient = Client<HttpConnector, tonic::body::Body>;

/// A client that leaves deadlines to the server; tonic's own channel would enforce them itself and hide our answer.
fn patient(looms: &Looms) -> LoomServiceClient<HttpClient> {
    let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    LoomServiceClient::with_origin(http, format!("http://{}", looms.grpc_address()).parse().unwrap())
}

#[tokio::test]
async fn a_deadline_that_passes_in_mid_stream_ends_it_with_our_timeout() {
    let up = Emulator::start().await.unwrap();
    up.always(Reply::text("one two three").broken_by(Fault::stall(5)));
    let looms = Looms::start(&up).await;
    let mut stream = patient(&looms).stream_weave(within("2S", ask("hi"))).await.unwrap().into_inner();
    until_text(&mut stream, "one two").await;
    let last = stream.message().await.unwrap().unwrap();
    assert_eq!(last.stage(), ExecutionStage::Failed);
    let llm = last.cost.as_ref().unwrap().llm_cost.as_ref().unwrap();
    assert!(llm.estimated && llm.output_tokens > 0);
    let problem = Problem::from(stream.message().await.unwrap_err());
    assert_eq!((problem.grpc, problem.reason.as_str()), (Code::DeadlineExceeded, "timeout"));
    assert_eq!(last.message, format!("timeout: {}", problem.message));
}

fn within<T>(timeout: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
    request
}

#[tokio::test]
async fn the_shorter_of_two_deadlines_holds_on_http_too() {
    let up = Emulator::start().await.unwrap();
    up.always(Fault::NeverAnswers);
    let looms = Looms::start(&up).await;
    let body = r#"{"query": "hi", "timeoutSeconds": 600}"#;
    for line in ["POST /v1/weave", "POST /v1/weave:stream"] {
        let problem = Problem::from(looms.http_with(line, body, &[("grpc-timeout", "100m")]).await);
        assert_eq!((problem.http, problem.reason.as_str()), (Some(504), "timeout"), "{problem:?}");
        assert_eq!(problem.message, "request exceeded timeout of 0.1s");
    }
}

#[tokio::test]
async fn a_body_too_large_is_refused_with_413() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let mut stream = TcpStream::connect(looms.http_address()).await.unwrap();
    let head = "POST /v1/weave HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 16777217\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    read.await.expect("an answer without the body").unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains(r#""reason":"invalid_request""#), "{answer}");

    let whole = format!(r#"{{"query": "{}"}}"#, "x".repeat(17 * 1024 * 1024));
    let problem = Problem::from(looms.http("POST /v1/weave", &whole).await);
    assert_eq!((problem.http, problem.reason.as_str()), (Some(413), "invalid_request"));
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn http_paths_that_are_not_served_say_so() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    assert_eq!(looms.http("GET /health", "").await.text(), r#"{"status":"healthy"}"#);
    for (line, status, reason) in [
        ("GET /v1/nothing", 404, "not_found"),
        ("GET /", 404, "not_found"),
        ("GET /v1/weave", 405, "unsupported"),
        ("DELETE /health", 405, "unsupported"),
    ] {
        let reply = looms.http(line, "").await;
        assert_eq!(reply.header("allow").is_some(), status == 405, "{line}");
        let problem = Problem::from(reply);
        assert_eq!((problem.http, problem.reason.as_str()), (Some(status), reason), "{line}");
    }
}
