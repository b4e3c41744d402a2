//! A contract with every shape of HTTP rule, and a gRPC service that answers each call with its own request.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use looms::gateway::{BuildError, Gateway, Limits};
use prost_reflect::DescriptorPool;

use crate::support::ERRORS;

const MESSAGES: &str = r#"
syntax = "proto3";
package probe;
import "google/api/annotations.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Color { COLOR_NONE = 0; COLOR_RED = 1; COLOR_BLUE = 2; }
message Inner { string id = 1; int32 size_limit = 2; }
message Probe {
  string name = 1; int32 count = 2; int64 big_number = 3; bool flag = 4; double ratio = 5; Color color = 6;
  repeated string tags = 7; repeated Color colors = 8; Inner inner = 9; google.protobuf.Timestamp at = 10;
  google.protobuf.Duration wait = 11; bytes raw = 12; map<string, string> labels = 13;
  oneof choice { string left = 14; string right = 15; }
  repeated Inner inners = 16; Probe next = 17; google.protobuf.Int32Value boxed = 18; optional int32 maybe = 19;
  google.protobuf.Struct object = 20;
}
"#;

const RULES: &str = r#"
rpc Query(Probe) returns (Probe) {
  option (google.api.http) = { get: "/q" additional_bindings { custom { kind: "PURGE" path: "/q" } } };
}
rpc ByName(Probe) returns (Probe) {
  option (google.api.http) = {
    get: "/p/{name}"
    additional_bindings { get: "/p/{inner.id}/x/{count}" }
    additional_bindings { post: "/p/{next.name}:act" body: "*" }
    additional_bindings { get: "/p/{name=*}:verb" }
    additional_bindings { delete: "/p/{left}" }
  };
}
rpc Whole(Probe) returns (Probe) { option (google.api.http) = { post: "/w" body: "*" }; }
rpc Field(Probe) returns (Probe) { option (google.api.http) = { put: "/f/{name}" body: "inner" }; }
rpc Part(Probe) returns (Probe) { option (google.api.http) = { post: "/part/inner" body: "*" response_body: "inner" }; }
rpc List(Probe) returns (Probe) { option (google.api.http) = { post: "/part/tags" body: "*" response_body: "tags" }; }
rpc Count(Probe) returns (Probe) { option (google.api.http) = { post: "/part/count" body: "*" response_body: "count" }; }
rpc Parts(Probe) returns (stream Probe) { option (google.api.http) = { get: "/parts" response_body: "name" }; }
rpc Unbound(Probe) returns (Probe);
"#;

/// The contract with `rules` as the RPCs of its service.
pub(crate) fn pool(rules: &str) -> DescriptorPool {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("probe.proto"), format!("{MESSAGES}service Echo {{ {rules} }}")).unwrap();
    let google = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let mut compiler = protox::Compiler::new([folder.path(), &google]).unwrap();
    compiler.include_imports(true).open_file("probe.proto").unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

pub(crate) fn build(rules: &str) -> Result<Gateway, BuildError> {
    Gateway::new(&pool(rules), axum::Router::new().fallback(echo), ERRORS, Limits::default())
}

pub(crate) fn gateway() -> Gateway {
    build(RULES).unwrap()
}

async fn echo(request: Request<Body>) -> Response {
    let frame = request.into_body().collect().await.unwrap().to_bytes();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let body = Full::new(frame).with_trailers(async { Some(Ok::<_, Infallible>(trailers)) });
    Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
}
