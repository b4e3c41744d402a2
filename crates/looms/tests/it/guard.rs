//! Who may call a listener that asks for no key: nobody whom a browser was tricked into being.

use bedrock_emulator::Emulator;
use loom_proto::v1::ListSessionsRequest;
use loom_proto::v1::loom_service_client::LoomServiceClient;
use tonic::Code;
use tonic::transport::Endpoint;

use crate::support::{Looms, Problem};

const PAGE: &str = "https://app.example.com";

async fn guarded() -> (Emulator, Looms) {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::with(&up, &format!("--allowed-hosts loom.example.com --allowed-origins {PAGE}")).await;
    (up, looms)
}

#[tokio::test]
async fn a_foreign_host_is_forbidden_on_http() {
    let (_up, looms) = guarded().await;
    for host in ["localhost:1", "127.0.0.1", "[::1]:8080", "loom.example.com"] {
        assert_eq!(looms.http_with("GET /v1/sessions", "", &[("host", host)]).await.status, 200, "{host}");
    }
    for host in ["evil.example.com", "localhost.evil.com", "loom.example.com.evil.com", "192.168.0.1"] {
        for line in ["GET /v1/sessions", "GET /health", "GET /nothing"] {
            let problem = Problem::from(looms.http_with(line, "", &[("host", host)]).await);
            assert_eq!((problem.http, problem.reason.as_str()), (Some(403), "forbidden"), "{host} {line}");
            assert!(problem.message.contains(host) && problem.hint().contains("server.allowed_hosts"));
        }
    }
}

#[tokio::test]
async fn a_foreign_authority_is_forbidden_on_grpc() {
    let (_up, looms) = guarded().await;
    let calling = async |authority: &str| {
        let endpoint = Endpoint::from_shared(format!("http://{}", looms.grpc_address())).unwrap();
        let channel = endpoint.origin(format!("http://{authority}").parse().unwrap()).connect_lazy();
        LoomServiceClient::new(channel).list_sessions(ListSessionsRequest::default()).await
    };
    for authority in ["localhost:50051", "loom.example.com"] {
        calling(authority).await.unwrap();
    }
    let problem = Problem::from(calling("evil.example.com:50051").await.unwrap_err());
    assert_eq!((problem.grpc, problem.reason.as_str()), (Code::PermissionDenied, "forbidden"));
    assert!(problem.message.contains("evil.example.com") && !problem.hint().is_empty());
}

#[tokio::test]
async fn a_foreign_page_is_forbidden_and_gets_no_permission() {
    let (up, looms) = guarded().await;
    for origin in ["https://evil.example.com", "http://app.example.com", "http://localhost:3000", "null"] {
        let reply = looms.http_with("POST /v1/weave", r#"{"query": "hi"}"#, &[("origin", origin)]).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
        let problem = Problem::from(reply);
        assert_eq!((problem.http, problem.reason.as_str()), (Some(403), "forbidden"), "{origin}");
        assert!(problem.message.contains(origin) && problem.hint().contains("server.cors.allowed_origins"));
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn an_allowed_page_is_answered_and_told_so() {
    let (_up, looms) = guarded().await;
    let reply = looms.http_with("POST /v1/weave", r#"{"query": "hi"}"#, &[("origin", PAGE)]).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (200, Some(PAGE)));
    let refused = looms.http_with("POST /v1/weave", "{}", &[("origin", PAGE)]).await;
    assert_eq!((refused.status.as_u16(), refused.header("access-control-allow-origin")), (400, Some(PAGE)));
}

#[tokio::test]
async fn a_preflight_of_an_allowed_page_names_methods_and_headers() {
    let (_up, looms) = guarded().await;
    let preflight = [
        ("origin", PAGE),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-user-id"),
    ];
    let reply = looms.http_with("OPTIONS /v1/weave", "", &preflight).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (200, Some(PAGE)));
    assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
    let headers = reply.header("access-control-allow-headers").unwrap();
    assert!(headers.contains("content-type") && headers.contains("x-user-id"), "{headers}");
    let foreign = [("origin", "https://evil.example.com"), ("access-control-request-method", "POST")];
    assert_eq!(looms.http_with("OPTIONS /v1/weave", "", &foreign).await.status, 403);
}
