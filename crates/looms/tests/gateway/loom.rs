//! `loom.v1` with scripted answers.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt, stream};
use loom_proto::v1::loom_service_server::{LoomService, LoomServiceServer};
use loom_proto::v1::{
    ConversationHistory, CreateSessionRequest, DeleteSessionRequest, DeleteSessionResponse,
    GetConversationHistoryRequest, GetSessionRequest, ListSessionsRequest, ListSessionsResponse, Session,
    WeaveProgress, WeaveRequest, WeaveResponse,
};
use looms::gateway::{Gateway, Limits};
use prost_reflect::DescriptorPool;
use tokio::sync::{mpsc, oneshot};
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};

use crate::support::{ERRORS, error};

type Events = Pin<Box<dyn Stream<Item = Result<WeaveProgress, Status>> + Send>>;

/// What the service does with a turn; its other RPCs answer from their requests.
#[derive(Default)]
pub(crate) struct Loom {
    failure: Option<Status>,
    events: Mutex<Option<Events>>,
}

impl Loom {
    pub(crate) fn failing(failure: Status) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }

    pub(crate) fn streaming<const N: usize>(events: [Result<WeaveProgress, Status>; N]) -> Self {
        Self { events: Mutex::new(Some(stream::iter(events).boxed())), ..Self::default() }
    }

    /// Streams what arrives; `held` is dropped with the stream.
    pub(crate) fn live(
        events: mpsc::Receiver<Result<WeaveProgress, Status>>,
        held: Option<oneshot::Sender<()>>,
    ) -> Self {
        Self { events: Mutex::new(Some(Box::pin(Live { events, _held: held }))), ..Self::default() }
    }
}

struct Live {
    events: mpsc::Receiver<Result<WeaveProgress, Status>>,
    _held: Option<oneshot::Sender<()>>,
}

impl Stream for Live {
    type Item = Result<WeaveProgress, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(context)
    }
}

pub(crate) fn gateway(loom: Loom) -> Gateway {
    gateway_with(loom, Limits::default())
}

pub(crate) fn gateway_with(loom: Loom, limits: Limits) -> Gateway {
    over(Routes::new(LoomServiceServer::new(loom)), limits)
}

/// A gateway to a server that lacks the service.
pub(crate) fn unserved() -> Gateway {
    over(Routes::default(), Limits::default())
}

fn over(routes: Routes, limits: Limits) -> Gateway {
    let pool = DescriptorPool::decode(loom_proto::DESCRIPTOR_SET).unwrap();
    Gateway::new(&pool, routes.prepare().into_axum_router(), ERRORS, limits).unwrap()
}

#[tonic::async_trait]
impl LoomService for Loom {
    async fn weave(&self, request: Request<WeaveRequest>) -> Result<Response<WeaveResponse>, Status> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let WeaveRequest { query: text, session_id, .. } = request.into_inner();
        Ok(Response::new(WeaveResponse { text, session_id, ..WeaveResponse::default() }))
    }

    type StreamWeaveStream = Events;

    async fn stream_weave(&self, _: Request<WeaveRequest>) -> Result<Response<Events>, Status> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(Response::new(self.events.lock().unwrap().take().unwrap())),
        }
    }

    async fn create_session(&self, request: Request<CreateSessionRequest>) -> Result<Response<Session>, Status> {
        let name = request.into_inner().name;
        let id = "sess_new".to_owned();
        Ok(Response::new(Session { id, name, created_at: 1_700_000_000, ..Session::default() }))
    }

    async fn get_session(&self, request: Request<GetSessionRequest>) -> Result<Response<Session>, Status> {
        let metadata = match request.get_ref().session_id.as_str() {
            "missing" => return Err(error(Code::NotFound, "session_not_found", "no such session", HashMap::new())),
            "echo-metadata" => as_map(request.metadata()),
            _ => HashMap::new(),
        };
        Ok(Response::new(Session { id: request.into_inner().session_id, metadata, ..Session::default() }))
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        let ListSessionsRequest { limit, agent_id, .. } = request.into_inner();
        let sessions = vec![Session { agent_id, ..Session::default() }];
        Ok(Response::new(ListSessionsResponse { sessions, total_count: limit }))
    }

    async fn delete_session(
        &self,
        _: Request<DeleteSessionRequest>,
    ) -> Result<Response<DeleteSessionResponse>, Status> {
        Ok(Response::new(DeleteSessionResponse { success: true, message: String::new() }))
    }

    async fn get_conversation_history(
        &self,
        request: Request<GetConversationHistoryRequest>,
    ) -> Result<Response<ConversationHistory>, Status> {
        let GetConversationHistoryRequest { session_id, offset, .. } = request.into_inner();
        Ok(Response::new(ConversationHistory { session_id, messages: Vec::new(), total_count: offset }))
    }
}

fn as_map(metadata: &MetadataMap) -> HashMap<String, String> {
    let text = metadata.iter().filter_map(|entry| match entry {
        KeyAndValueRef::Ascii(key, value) => Some((key.to_string(), value.to_str().ok()?.to_owned())),
        KeyAndValueRef::Binary(..) => None,
    });
    text.collect()
}
