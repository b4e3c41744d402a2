//! A service's errors as HTTP responses: status, `google.rpc.Status` in JSON, `Retry-After`.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt, pb};

use crate::loom::{self, Loom};
use crate::support::{error, send};

#[tokio::test]
async fn an_error_carries_its_details() {
    let mut details = ErrorDetails::with_error_info("throttling", "loom", [("aws".to_owned(), "429".to_owned())]);
    details.set_retry_info(Some(Duration::from_millis(1500)));
    let status = Status::with_error_details(Code::ResourceExhausted, "too many requests", details);
    let reply = send(&loom::gateway(Loom::failing(status)), "POST /v1/weave", "{}").await;
    assert_eq!(reply.status.as_u16(), 429);
    assert_eq!(reply.header("retry-after"), "2");
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(
        reply.json(),
        json!({
            "code": 8,
            "message": "too many requests",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"},
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "throttling",
                    "domain": "loom",
                    "metadata": {"aws": "429"}
                },
            ]
        })
    );
}

#[tokio::test]
async fn the_error_table_decides_the_http_status() {
    let missing = error(Code::NotFound, "session_not_found", "no such session", HashMap::new());
    for (status, code) in [(missing, 404), (Status::internal("bare"), 500)] {
        let message = status.message().to_owned();
        let reply = send(&loom::gateway(Loom::failing(status)), "POST /v1/weave", "{}").await;
        assert_eq!((reply.status.as_u16(), reply.json()["message"].as_str()), (code, Some(message.as_str())));
        assert_eq!(reply.header("retry-after"), "");
    }
}

#[tokio::test]
async fn details_of_a_foreign_type_do_not_hide_the_error() {
    let any = prost_types::Any { type_url: "type.googleapis.com/acme.Secret".to_owned(), value: vec![1, 2] };
    let whole = pb::Status { code: 13, message: "odd".to_owned(), details: vec![any] };
    let status = Status::with_details(Code::Internal, "odd", whole.encode_to_vec().into());
    let reply = send(&loom::gateway(Loom::failing(status)), "POST /v1/weave", "{}").await;
    assert_eq!(reply.json(), json!({"code": 13, "message": "odd"}));
}

#[tokio::test]
async fn an_rpc_that_nobody_serves_is_an_error_of_the_framework() {
    let reply = send(&loom::unserved(), "GET /v1/sessions/s1", "").await;
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_i64()), (500, Some(12)));
}
