//! What stands beside our own service on gRPC: health, and reflection in both versions.

use bedrock_emulator::{Emulator, Fault};
use futures_util::stream;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::support::{Looms, Problem, ask, upstream_has};

const SERVICE: &str = "loom.v1.LoomService";

fn health_of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn the_server_and_its_service_are_healthy() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let mut health = HealthClient::new(looms.channel());
    for service in ["", SERVICE] {
        let told = health.check(health_of(service)).await.unwrap().into_inner();
        assert_eq!(told.status(), ServingStatus::Serving, "{service}");
    }
    let unknown = Problem::from(health.check(health_of("other")).await.unwrap_err());
    assert_eq!((unknown.grpc, unknown.reason.as_str()), (Code::NotFound, "not_found"));
}

#[tokio::test]
async fn a_stopping_server_tells_whoever_watches_its_health() {
    let up = Emulator::start().await.unwrap();
    up.always(Fault::NeverAnswers);
    let looms = Looms::start(&up).await;
    let mut watching = HealthClient::new(looms.channel()).watch(health_of(SERVICE)).await.unwrap().into_inner();
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let stopping = async {
        upstream_has(&up, 1).await;
        looms.stop();
        watching.message().await.unwrap().unwrap().status()
    };
    tokio::select! {
        answer = looms.ask(ask("hi")) => panic!("{answer:?}"),
        status = stopping => assert_eq!(status, ServingStatus::NotServing),
    }
}

#[tokio::test]
async fn reflection_lists_and_describes_the_services_in_both_versions() {
    let up = Emulator::start().await.unwrap();
    let looms = Looms::start(&up).await;
    let services = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", SERVICE];

    let mut client = v1::server_reflection_client::ServerReflectionClient::new(looms.channel());
    let asked = |message_request| v1::ServerReflectionRequest { host: String::new(), message_request };
    let list = asked(Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())));
    let symbol =
        asked(Some(v1::server_reflection_request::MessageRequest::FileContainingSymbol("loom.v1.WeaveRequest".into())));
    let mut told =
        client.server_reflection_info(Request::new(stream::iter([list, symbol]))).await.unwrap().into_inner();
    let listed = format!("{:?}", told.message().await.unwrap().unwrap().message_response);
    assert!(services.iter().all(|service| listed.contains(service)), "{listed}");
    match told.message().await.unwrap().unwrap().message_response {
        Some(v1::server_reflection_response::MessageResponse::FileDescriptorResponse(files)) => {
            let files = files.file_descriptor_proto.concat();
            let text = String::from_utf8_lossy(&files);
            assert!(text.contains("session_id") && text.contains("sessionId"), "the descriptors carry `json_name`");
        }
        other => panic!("{other:?}"),
    }

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(looms.channel());
    let list = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut told = client.server_reflection_info(Request::new(stream::iter([list]))).await.unwrap().into_inner();
    let listed = format!("{:?}", told.message().await.unwrap().unwrap().message_response);
    assert!(services.iter().all(|service| listed.contains(service)), "{listed}");
}
