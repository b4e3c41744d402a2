//! The HTTP door to the gRPC services: every RPC that carries a `google.api.http` rule, found in the descriptors.
//!
//! Owns the way from an HTTP request to a gRPC call in process (no socket) and back: routing, binding, proto3 JSON, server-sent
//! events, the shape of errors. Must not know any RPC, message or error code of the product: a new RPC needs no code here.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::client::Grpc;

mod binding;
mod body;
mod codec;
mod error;
mod field;
mod headers;
mod json;
mod route;
mod sse;
mod template;

pub use error::{BuildError, ErrorShape, Rejection};

use codec::DynamicCodec;
use error::{Errors, Failure};
use route::{Route, Routes};

/// What the gateway grants a request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes of a request's body. A longer one is refused as soon as that is known, never held.
    pub body_bytes: usize,
    /// How long a request's body may take to arrive.
    pub body_deadline: Duration,
    /// The longest silence in an event stream before a comment line is sent.
    pub heartbeat: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // What a gRPC server takes for one message by default, so that both doors refuse about the same requests.
            body_bytes: 4 * 1024 * 1024,
            // Enough for a full body at about 1 Mbit/s; whoever sends more slowly holds memory for too long.
            body_deadline: Duration::from_secs(30),
            // Well under the 30 to 60 seconds after which common proxies cut a silent response.
            heartbeat: Duration::from_secs(15),
        }
    }
}

/// The gateway as a service, for `axum::Router::fallback_service`. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

struct Shared {
    routes: Routes,
    grpc: axum::Router,
    errors: Arc<Errors>,
    limits: Limits,
}

impl Gateway {
    /// A gateway to the RPCs of `pool` that carry an HTTP rule, served by `grpc` (`tonic::service::Routes::into_axum_router`,
    /// with whatever layers the gRPC door has).
    ///
    /// # Errors
    ///
    /// [`BuildError`] names a rule that cannot be served: an unknown field, a template beyond `{variable}` segments, a conflict.
    pub fn new(
        pool: &DescriptorPool,
        grpc: axum::Router,
        shape: ErrorShape,
        limits: Limits,
    ) -> Result<Self, BuildError> {
        let shared = Shared { routes: Routes::new(pool)?, grpc, errors: Arc::new(Errors::new(shape)?), limits };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Answers one request; every failure is a response.
    ///
    /// Dropping the future, or the body of an event stream, drops the gRPC call.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let request_id = headers::settle_request_id(&mut parts.headers);
        let head = parts.method == Method::HEAD;
        let mut response =
            self.shared.answer(parts, body).await.unwrap_or_else(|failure| self.shared.errors.response(&failure));
        response.headers_mut().insert(headers::REQUEST_ID, request_id);
        if head { without_body(response) } else { response }
    }

    /// The response to a request that somebody else refuses, in the shape of the gateway's own errors.
    pub fn refuse(&self, status: &tonic::Status) -> Response<Body> {
        self.shared.errors.response(&Failure::Failed(status.clone()))
    }
}

impl Shared {
    async fn answer(&self, parts: Parts, body: Body) -> Result<Response<Body>, Failure> {
        let found = self.routes.find(&parts.method, parts.uri.path())?;
        let body = match found.route.takes_body() {
            true => body::read(&parts.headers, body, &self.limits).await?,
            false => bytes::Bytes::new(),
        };
        let message = binding::request(&found, parts.uri.query(), &body)?;
        let call = tonic::Request::from_parts(headers::metadata(parts.headers), parts.extensions, message);
        match found.route.streams {
            true => self.stream(found.route, call).await,
            false => self.unary(found.route, call).await,
        }
    }

    async fn unary(&self, route: &Route, call: tonic::Request<DynamicMessage>) -> Result<Response<Body>, Failure> {
        let mut client = self.client().await;
        let reply = client.unary(call, route.rpc.clone(), DynamicCodec::new(&route.output)).await?;
        let mut out = Vec::new();
        json::write(&mut out, reply.get_ref(), route.response_body.as_ref())?;
        let mut response = Response::new(Body::from(out));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    async fn stream(&self, route: &Route, call: tonic::Request<DynamicMessage>) -> Result<Response<Body>, Failure> {
        let mut client = self.client().await;
        let reply = client.server_streaming(call, route.rpc.clone(), DynamicCodec::new(&route.output)).await?;
        let field = route.response_body.clone();
        Ok(sse::respond(reply.into_inner(), field, Arc::clone(&self.errors), self.limits.heartbeat).await?)
    }

    /// A client of the services in this process. What they answer is bounded by themselves, not by a limit that is meant for
    /// strangers.
    async fn client(&self) -> Grpc<axum::Router> {
        let mut client = Grpc::new(self.grpc.clone()).max_decoding_message_size(usize::MAX);
        let Ok(()) = client.ready().await;
        client
    }
}

/// The same response as for GET, its length included, but for the content (RFC 9110, section 9.3.2).
fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response.map(|_| Body::empty())
}

impl tower::Service<Request<Body>> for Gateway {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let gateway = self.clone();
        Box::pin(async move { Ok(gateway.handle(request).await) })
    }
}
