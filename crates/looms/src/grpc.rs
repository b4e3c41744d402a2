//! The gRPC door: `loom.v1.LoomService`, health and reflection as one router.
//!
//! Decodes requests, calls the core, encodes answers; decides nothing. The HTTP gateway calls the same router in process.

mod boundary;
mod convert;
mod progress;

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use futures_util::Stream;
use loom_proto::v1::loom_service_server::{LoomService, LoomServiceServer};
use loom_proto::v1::{
    ConversationHistory, CreateSessionRequest, DeleteSessionRequest, DeleteSessionResponse,
    GetConversationHistoryRequest, GetSessionRequest, ListSessionsRequest, ListSessionsResponse, Session,
    WeaveProgress, WeaveRequest, WeaveResponse,
};
use loom_store::{NewSession, Page, SessionFilter};
use tokio::time::{Instant, timeout_at};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::error::{Code, Error};
use crate::loom::{AGENT, Loom, stored};
use crate::turn::{new_session_id, timed_out};
pub use boundary::CallerDeadline;
pub(crate) use convert::response as weave_response;

/// What a request may weigh; a question of a million tokens fits.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// The most sessions on one page of a list.
const MAX_PAGE: i32 = 500;

/// The sessions on a page unless asked otherwise.
const DEFAULT_PAGE: i32 = 50;

/// `loom.v1.LoomService` on the core.
#[derive(Debug, Clone)]
pub struct Service {
    loom: Arc<Loom>,
}

/// Everything that is served over gRPC, and the handle by which its health is told.
///
/// # Errors
/// When the descriptors that reflection serves are damaged; a test keeps them from being so.
pub async fn router(loom: &Arc<Loom>) -> Result<(Router, HealthReporter), tonic_reflection::server::Error> {
    let service = LoomServiceServer::new(Service { loom: Arc::clone(loom) })
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(usize::MAX);
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<LoomServiceServer<Service>>().await;
    let reflection = || {
        // Reflection knows only what is registered: our services, health, both versions of reflection itself, and the
        // types of error details, without which grpcurl cannot show a hint.
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(loom_proto::DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
            .include_reflection_service(false)
    };
    let routes = Routes::new(service)
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok((routes.into_axum_router().layer(axum::middleware::from_fn(boundary::enforce)), reporter))
}

/// Tells whoever watches our health that no more requests are wanted.
pub async fn set_stopping(reporter: &HealthReporter) {
    reporter.set_not_serving::<LoomServiceServer<Service>>().await;
    reporter.set_service_status("", ServingStatus::NotServing).await;
}

#[tonic::async_trait]
impl LoomService for Service {
    async fn weave(&self, request: Request<WeaveRequest>) -> Result<Response<WeaveResponse>, Status> {
        let started = Instant::now();
        let turn = convert::turn(&self.loom, &request, started)?;
        let deadline = turn.deadline;
        let outcome = self.loom.weave(turn)?.into_outcome();
        // The turn goes on by itself when this gives up on it.
        let Ok(outcome) = timeout_at(deadline, outcome).await else {
            return Err(timed_out(started, deadline, None).into());
        };
        match outcome.map_err(|_| lost())? {
            Ok(outcome) => Ok(Response::new(convert::response(outcome))),
            Err(failure) => {
                failure.log();
                Err(failure.error.into())
            }
        }
    }

    type StreamWeaveStream = Pin<Box<dyn Stream<Item = Result<WeaveProgress, Status>> + Send>>;

    async fn stream_weave(&self, request: Request<WeaveRequest>) -> Result<Response<Self::StreamWeaveStream>, Status> {
        let started = Instant::now();
        let turn = convert::turn(&self.loom, &request, started)?;
        let caller_deadline = request.extensions().get::<CallerDeadline>().map(|deadline| deadline.0);
        let running = self.loom.weave(turn)?;
        let wanted = progress::Wanted { new_content_only: request.get_ref().new_content_only, caller_deadline };
        let stream = progress::begin(running, started, wanted).await?;
        Ok(Response::new(stream))
    }

    async fn create_session(&self, request: Request<CreateSessionRequest>) -> Result<Response<Session>, Status> {
        let owner = convert::owner(&request)?;
        let CreateSessionRequest { name, backend, config, metadata, agent_id } = request.into_inner();
        convert::check_agent(&agent_id)?;
        if !backend.is_empty() {
            return Err(Error::new(Code::NotFound, format!("there is no backend `{backend}`")).into());
        }
        if let Some(key) = config.keys().next() {
            return Err(Error::invalid(format!("`config` has no key `{key}`")).with_hint("leave `config` out").into());
        }
        convert::check_notes(&name, &metadata)?;
        let new = NewSession {
            owner,
            id: new_session_id(),
            name,
            agent_id: AGENT.to_owned(),
            metadata: metadata.into_iter().collect(),
            at_ms: convert::now_ms(),
        };
        let session = stored(self.loom.store().create_session(new).await)?;
        Ok(Response::new(convert::session(session)))
    }

    async fn get_session(&self, request: Request<GetSessionRequest>) -> Result<Response<Session>, Status> {
        let owner = convert::owner(&request)?;
        let id = request.into_inner().session_id;
        match stored(self.loom.store().session(&owner, &id).await)? {
            Some(session) => Ok(Response::new(convert::session(session))),
            None => Err(Error::no_session(&id).into()),
        }
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        let owner = convert::owner(&request)?;
        let asked = request.into_inner();
        let filled = |text: String| if text.is_empty() { None } else { Some(text) };
        let limit = match asked.limit {
            ..=0 => DEFAULT_PAGE,
            limit => limit.min(MAX_PAGE),
        };
        let page = convert::page(asked.offset, limit)?;
        let filter = SessionFilter {
            state: filled(asked.state),
            backend: filled(asked.backend),
            agent_id: filled(asked.agent_id),
        };
        let listed = stored(self.loom.store().list_sessions(&owner, filter, page).await)?;
        Ok(Response::new(ListSessionsResponse {
            sessions: listed.sessions.into_iter().map(convert::session).collect(),
            total_count: convert::count(listed.total),
        }))
    }

    async fn delete_session(
        &self,
        request: Request<DeleteSessionRequest>,
    ) -> Result<Response<DeleteSessionResponse>, Status> {
        let owner = convert::owner(&request)?;
        let id = request.into_inner().session_id;
        if !stored(self.loom.store().delete_session(&owner, &id).await)? {
            return Err(Error::no_session(&id).into());
        }
        Ok(Response::new(DeleteSessionResponse { success: true, message: format!("session `{id}` is deleted") }))
    }

    async fn get_conversation_history(
        &self,
        request: Request<GetConversationHistoryRequest>,
    ) -> Result<Response<ConversationHistory>, Status> {
        let owner = convert::owner(&request)?;
        let GetConversationHistoryRequest { session_id, limit, offset } = request.into_inner();
        let page = match limit {
            ..=0 => Page { limit: u32::MAX, ..convert::page(offset, 0)? },
            limit => convert::page(offset, limit)?,
        };
        match stored(self.loom.store().history(&owner, &session_id, page).await)? {
            Some(history) => Ok(Response::new(convert::history(session_id, history))),
            None => Err(Error::no_session(&session_id).into()),
        }
    }
}

/// A turn that ended without a word: its task was lost.
fn lost() -> Error {
    Error::new(Code::Internal, "the turn ended without an outcome")
}
