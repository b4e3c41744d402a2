//! What the tests share: a server that runs, its clients on gRPC and HTTP, and a look into its store.

mod http;
mod problem;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bedrock_emulator::Emulator;
use claude::{Backoff, RetryPolicy};
use loom_proto::v1::loom_service_client::LoomServiceClient;
use loom_proto::v1::{ConversationHistory, GetConversationHistoryRequest, WeaveProgress, WeaveRequest, WeaveResponse};
use loom_store::{Conversation, Options, Store, Synchronous};
use looms::config::{self, Config, Environment, Flags, KnownRegions};
use looms::server::Server;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

pub(crate) use http::Reply;
pub(crate) use problem::Problem;

/// Longer than anything here takes on a busy machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The model of the reference, which is the default.
pub(crate) const MODEL: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

/// A server that runs until it is stopped or dropped.
pub(crate) struct Looms {
    grpc: SocketAddr,
    http: SocketAddr,
    channel: Channel,
    client: http::HttpClient,
    data_dir: TempDir,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Looms {
    pub(crate) async fn start(up: &Emulator) -> Self {
        Self::with(up, "").await
    }

    /// Starts it with these flags more.
    pub(crate) async fn with(up: &Emulator, flags: &str) -> Self {
        let data_dir = TempDir::new().unwrap();
        let config = config(up, &data_dir, flags);
        let server = Server::bind(&config, impatient()).await.unwrap();
        let (grpc, http) = (server.grpc_address().unwrap(), server.http_address().unwrap());
        let stop = CancellationToken::new();
        let running = tokio::spawn(server.run(stop.clone()));
        let channel = Endpoint::from_shared(format!("http://{grpc}")).unwrap().connect_lazy();
        Self { grpc, http, channel, client: http::client(), data_dir, stop, running }
    }

    pub(crate) fn grpc(&self) -> LoomServiceClient<Channel> {
        LoomServiceClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) const fn grpc_address(&self) -> SocketAddr {
        self.grpc
    }

    pub(crate) const fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// Asks in a new session.
    pub(crate) async fn weave(&self, query: &str) -> WeaveResponse {
        self.ask(ask(query)).await.unwrap()
    }

    /// Asks in this session.
    pub(crate) async fn weave_in(&self, session: &str, query: &str) -> WeaveResponse {
        self.ask(ask_in(session, query)).await.unwrap()
    }

    pub(crate) async fn ask(&self, request: WeaveRequest) -> Result<WeaveResponse, Status> {
        self.grpc().weave(request).await.map(Response::into_inner)
    }

    /// Asks for a stream and reads it to its end.
    pub(crate) async fn stream(&self, request: WeaveRequest) -> Result<Told, Status> {
        let mut stream = self.grpc().stream_weave(request).await?.into_inner();
        let (mut events, mut end) = (Vec::new(), None);
        loop {
            match stream.message().await {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(status) => {
                    end = Some(status);
                    break;
                }
            }
        }
        Ok(Told { events, end })
    }

    pub(crate) async fn history(&self, session: &str) -> ConversationHistory {
        let asked = GetConversationHistoryRequest {
            session_id: session.to_owned(),
            ..GetConversationHistoryRequest::default()
        };
        self.grpc().get_conversation_history(asked).await.unwrap().into_inner()
    }

    /// Sends `METHOD /path`, with `body` as JSON where there is one.
    pub(crate) async fn http(&self, line: &str, body: &str) -> Reply {
        self.http_with(line, body, &[]).await
    }

    pub(crate) async fn http_with(&self, line: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        http::send(&self.client, self.http, line, body, headers).await
    }

    /// A session as the store has it, which another process may read, too.
    pub(crate) async fn stored(&self, session: &str) -> Option<Conversation> {
        let path = self.database();
        let store = Store::open(Options { path, synchronous: Synchronous::Normal }).await.unwrap();
        store.conversation("", session).await.unwrap()
    }

    /// The stored session, once it has this many messages.
    pub(crate) async fn stored_messages(&self, session: &str, count: usize) -> Vec<loom_store::Message> {
        let have = async || self.stored(session).await.filter(|found| found.messages.len() >= count);
        eventually("the messages are stored", have).await.messages
    }

    fn database(&self) -> PathBuf {
        self.data_dir.path().join("loom.db")
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the server's end after [`Looms::stop`].
    pub(crate) async fn ended(&mut self) {
        tokio::time::timeout(PATIENCE, &mut self.running).await.expect("the server ends").unwrap();
    }

    /// Whether a new connection to either door is refused.
    pub(crate) async fn refuses_connections(&self) -> bool {
        TcpStream::connect(self.grpc).await.is_err() && TcpStream::connect(self.http).await.is_err()
    }
}

impl Drop for Looms {
    fn drop(&mut self) {
        self.stop.cancel();
        self.running.abort();
    }
}

/// A stream that was read to its end.
pub(crate) struct Told {
    pub(crate) events: Vec<WeaveProgress>,
    pub(crate) end: Option<Status>,
}

impl Told {
    pub(crate) fn last(&self) -> &WeaveProgress {
        self.events.last().unwrap()
    }

    /// The updates between start and end.
    pub(crate) fn updates(&self) -> &[WeaveProgress] {
        &self.events[..self.events.len() - 1]
    }
}

/// Retries at once, so that no test waits for a backoff.
fn impatient() -> RetryPolicy {
    let soon = Backoff { base: Duration::from_millis(1), factor: 1, cap: Duration::from_millis(1) };
    RetryPolicy { throttled: soon, server: soon, ..RetryPolicy::default() }
}

fn config(up: &Emulator, data_dir: &TempDir, flags: &str) -> Config {
    let environment: Environment = [
        ("LOOM_DATA_DIR", data_dir.path().to_str().unwrap()),
        // Nothing here is cut off from power.
        ("LOOM_STORAGE_SQLITE_SYNCHRONOUS", "normal"),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", up.url()),
        ("AWS_ACCESS_KEY_ID", up.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", up.secret_access_key()),
        ("ANTHROPIC_API_KEY", up.anthropic_api_key()),
    ]
    .into_iter()
    .collect();
    let line = format!("--port 0 --http-port 0 --anthropic-endpoint-url {} {flags}", up.url());
    let command = config::flags(clap::Command::new("serve").no_binary_name(true));
    let flags = Flags::from_matches(&command.try_get_matches_from(line.split_whitespace()).unwrap());
    let regions = vec!["us-west-2".to_owned()];
    config::load(flags, environment, &KnownRegions { usual: regions.clone(), all: regions }).unwrap()
}

/// A question without a session.
pub(crate) fn ask(query: &str) -> WeaveRequest {
    WeaveRequest { query: query.to_owned(), ..WeaveRequest::default() }
}

pub(crate) fn ask_in(session: &str, query: &str) -> WeaveRequest {
    WeaveRequest { session_id: session.to_owned(), ..ask(query) }
}

/// The same request, sent by this user.
pub(crate) fn by<T>(user: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-user-id", user.parse().unwrap());
    request
}

/// The messages that a request upstream carried.
pub(crate) fn messages_sent(up: &Emulator, request: usize) -> Value {
    body_sent(up, request)["messages"].clone()
}

pub(crate) fn body_sent(up: &Emulator, request: usize) -> Value {
    serde_json::from_slice(&up.requests()[request].body).unwrap()
}

/// Reads a stream until its text so far is this.
pub(crate) async fn until_text(stream: &mut Streaming<WeaveProgress>, text: &str) {
    loop {
        let update = stream.message().await.unwrap().expect("the stream goes on");
        assert!(text.starts_with(&update.partial_content), "{update:?}");
        if update.partial_content == text {
            return;
        }
    }
}

/// Looks again and again until there is something, for as long as a test has patience.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    let looking = async {
        loop {
            pace.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Waits until this many requests have reached upstream.
pub(crate) async fn upstream_has(up: &Emulator, count: u64) {
    eventually("upstream has the requests", async || (up.request_count() >= count).then_some(())).await;
}

/// Waits until nothing is under way upstream.
pub(crate) async fn upstream_is_idle(up: &Emulator) {
    assert!(up.idle_within(PATIENCE).await, "upstream is still busy");
}
