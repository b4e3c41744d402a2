//! `serve`: opens the doors, says so, and closes them in order.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use claude::{Provider, RetryPolicy};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic_health::server::HealthReporter;

use crate::config::Config;
use crate::error::{Code, Error};
use crate::guard::{self, Guard, Refusal};
use crate::listen::{BindError, Door, Protocol};
use crate::loom::Loom;
use crate::{grpc, http};

/// How long the check at start waits for upstream's port; the answer is only a line in the log.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// After the turns have ended, the time that their answers have to reach their callers.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// A server whose doors are bound.
#[derive(Debug)]
pub struct Server {
    loom: Arc<Loom>,
    grpc: Door,
    http: Door,
    grpc_router: Router,
    http_router: Router,
    health: HealthReporter,
    shutdown: Duration,
}

impl Server {
    /// Opens the store and binds both ports. Everything that can keep a server from starting is found here.
    ///
    /// # Errors
    /// A port that cannot be had, a store that cannot be opened.
    pub async fn bind(config: &Config, retry: RetryPolicy) -> Result<Self, Error> {
        let host = config.server.host.as_str();
        let grpc = Door::bind(host, config.server.port, Protocol::Grpc).await.map_err(|error| taken(&error, "port"))?;
        let http = Door::bind(host, config.server.http_port, Protocol::Http)
            .await
            .map_err(|error| taken(&error, "http_port"))?;
        let loom = Loom::open(config, retry).await?;
        let damaged =
            |error: &dyn std::fmt::Display| Error::new(Code::Internal, format!("the contract is damaged: {error}"));
        let (rpcs, health) = grpc::router(&loom).await.map_err(|error| damaged(&error))?;
        let (gateway_router, gateway) =
            http::router(rpcs.clone(), &config.server.allowed_origins).map_err(|error| damaged(&error))?;
        let server = &config.server;
        let guard = |refusal| Guard::new(host, &server.allowed_hosts, &server.allowed_origins, refusal);
        let (grpc_guard, http_guard) = (guard(Refusal::Grpc), guard(Refusal::Http(gateway)));
        Ok(Self {
            loom,
            grpc,
            http,
            grpc_router: rpcs.layer(from_fn_with_state(grpc_guard, guard::check)),
            http_router: gateway_router.layer(from_fn_with_state(http_guard, guard::check)),
            health,
            shutdown: config.server.shutdown,
        })
    }

    /// Where the gRPC door listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn grpc_address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.grpc.address()
    }

    /// Where the HTTP door listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn http_address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.http.address()
    }

    /// Serves until `stop`, then takes no more connections, lets running turns end within the configured bound, and
    /// says what it cut.
    pub async fn run(self, stop: CancellationToken) {
        let connections = TaskTracker::new();
        let serving = [
            tokio::spawn(self.grpc.serve(self.grpc_router, stop.clone(), connections.clone())),
            tokio::spawn(self.http.serve(self.http_router, stop.clone(), connections.clone())),
        ];
        stop.cancelled().await;
        grpc::set_stopping(&self.health).await;
        tracing::info!(
            patience_seconds = self.shutdown.as_secs(),
            "Stopping: no new connections, running turns may end"
        );
        let cut = self.loom.stop(self.shutdown).await;
        connections.close();
        if timeout(LAST_BYTES, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections did not end and are cut");
        }
        for door in serving {
            door.abort();
        }
        if cut > 0 {
            tracing::warn!(turns = cut, "Stopped; turns were cut");
        } else {
            tracing::info!("Stopped; no turn was cut");
        }
    }
}

/// The five lines of the reference's start, their wording first and fields after it.
///
/// # Errors
/// When the system does not say where the doors are.
pub fn announce(config: &Config, server: &Server) -> std::io::Result<()> {
    let (grpc, http) = (server.grpc_address()?, server.http_address()?);
    tracing::info!(version = %env!("CARGO_PKG_VERSION"), data_dir = %config.data_dir.display(), "Starting Loom server");
    tracing::info!(address = %grpc, "gRPC server listening on :{}", grpc.port());
    tracing::info!(address = %http, "HTTP gateway listening on :{}", http.port());
    let endpoint = server.loom.client().endpoint();
    let emulator = config.emulator.then_some("no model is called");
    match server.loom.client().provider() {
        Provider::Bedrock => {
            tracing::info!(%endpoint, emulator, "LLM provider: bedrock (region: {})", config.llm.bedrock_region);
        }
        Provider::Anthropic => tracing::info!(%endpoint, emulator, "LLM provider: anthropic"),
    }
    tracing::info!("Model: {}", server.loom.model());
    Ok(())
}

/// Warns, off the start path, of an upstream that cannot be reached and of missing credentials. Both are each request's
/// own error, too.
pub fn probe(config: &Config, server: &Server) {
    let keys = &config.llm.bedrock_credentials;
    let provider = server.loom.client().provider();
    match (provider, &keys.keys) {
        _ if config.emulator => tracing::info!("Credentials: the emulator's own, which open nothing else"),
        (Provider::Bedrock, Some(keys)) => {
            let hidden: Vec<String> = config.llm.bedrock_credentials.hides.iter().map(ToString::to_string).collect();
            let hides = if hidden.is_empty() { String::new() } else { format!(" (hides {})", hidden.join(", ")) };
            tracing::info!("AWS credentials: {}{hides}", keys.source);
        }
        (Provider::Bedrock, None) => tracing::warn!(
            "no AWS credentials: every turn will fail with credentials_not_loaded; set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or try without an account: --emulator"
        ),
        (Provider::Anthropic, _) if config.llm.anthropic_api_key.is_none() => {
            tracing::warn!(
                "no Anthropic API key: every turn will fail with credentials_not_loaded; set ANTHROPIC_API_KEY"
            );
        }
        (Provider::Anthropic, _) => {}
    }
    let endpoint = server.loom.client().endpoint().clone();
    tokio::spawn(async move {
        let reached = timeout(PROBE_TIMEOUT, TcpStream::connect(endpoint.host_and_port())).await;
        let error = match reached {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {}s", PROBE_TIMEOUT.as_secs()),
        };
        tracing::warn!(%endpoint, error, "upstream cannot be reached; turns will fail with service_unavailable until it can");
    });
}

fn taken(error: &BindError, setting: &str) -> Error {
    Error::new(Code::Internal, format!("{error}: {}", error.source))
        .with_hint(format!("set `server.{setting}` to a free port (0 takes any), or stop what listens there"))
}
