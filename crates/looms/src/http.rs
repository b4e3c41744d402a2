//! The HTTP door: the gateway to every RPC, and `/health`.

use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use prost_reflect::DescriptorPool;
use tonic::Status;
use tower_http::cors::CorsLayer;

use crate::error::{Code, Error, http_status};
use crate::gateway::{ErrorShape, Gateway, Limits, Rejection};
use crate::grpc::MAX_MESSAGE_BYTES;

/// How the error table reaches the gateway.
const SHAPE: ErrorShape = ErrorShape { http_status, reject };

/// Everything that is served over HTTP; `grpc` answers the RPCs, in process.
///
/// # Errors
/// When the contract's HTTP rules cannot be served; a test keeps them from being so.
pub fn router(grpc: Router, allowed_origins: &[String]) -> Result<(Router, Gateway), Box<dyn std::error::Error>> {
    let pool = DescriptorPool::decode(loom_proto::DESCRIPTOR_SET)?;
    let limits = Limits { body_bytes: MAX_MESSAGE_BYTES, ..Limits::default() };
    let gateway = Gateway::new(&pool, grpc, SHAPE, limits)?;
    let refusing = gateway.clone();
    let health = get(health).fallback(async move |method| health_has_no(&method, &refusing));
    let router = Router::new().route("/health", health).fallback_service(gateway.clone()).layer(cors(allowed_origins));
    Ok((router, gateway))
}

async fn health() -> Response<Body> {
    Json(serde_json::json!({"status": "healthy"})).into_response()
}

/// `/health` is not the gateway's, but is refused as the gateway does it.
fn health_has_no(method: &Method, gateway: &Gateway) -> Response<Body> {
    let error = Error::new(Code::Unsupported, format!("`/health` has no method `{method}`"))
        .with_http_status(StatusCode::METHOD_NOT_ALLOWED)
        .with_hint("use one of: GET, HEAD");
    gateway.refuse(&error.into())
}

/// Cross-origin requests are answered to the origins that the configuration names, and to no other.
fn cors(allowed_origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = allowed_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            CONTENT_TYPE,
            AUTHORIZATION,
            HeaderName::from_static("x-user-id"),
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([HeaderName::from_static("x-request-id")])
}

fn reject(rejection: &Rejection) -> Status {
    let code = match rejection {
        Rejection::InvalidRequest { .. } | Rejection::BodyTooLarge { .. } => Code::InvalidRequest,
        Rejection::BodyTooSlow { .. } => Code::Timeout,
        Rejection::NotFound { .. } => Code::NotFound,
        Rejection::MethodNotAllowed { .. } | Rejection::UnsupportedMediaType { .. } => Code::Unsupported,
    };
    let error = Error::new(code, rejection.to_string());
    match rejection.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
    .into()
}
