//! Listening and serving: one loop for every door.
//!
//! Knows connections, their limits and their end; what is served on them is a router's business.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The most connections of a door. Each costs some KiB and a file descriptor; beyond it new ones wait in the backlog.
const MAX_CONNECTIONS: usize = 16_384;

/// The most requests that run at once on one HTTP/2 connection.
const MAX_STREAMS_PER_CONNECTION: u32 = 1024;

/// How long a client may take over the head of an HTTP/1.1 request, the wait between two requests included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// An idle HTTP/2 connection is probed this often, well under the 350 s after which load balancers forget it…
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// … and dropped if the probe is not answered in this time.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// The most bytes of a request's head: identities, tokens and trace headers fit well.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// After a failed accept (no file descriptor left) the door waits, instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a door speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 alone, by prior knowledge: gRPC.
    Grpc,
    /// HTTP/1.1, or HTTP/2 by prior knowledge.
    Http,
}

/// A port that is bound and not yet served.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    protocol: Protocol,
}

/// A port that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`")]
pub struct BindError {
    /// What was asked for.
    pub address: String,
    /// Why not.
    #[source]
    pub source: std::io::Error,
}

impl Door {
    /// Binds a port; 0 takes any that is free.
    ///
    /// # Errors
    /// When the port is in use, or the host is none of this machine's.
    pub async fn bind(host: &str, port: u16, protocol: Protocol) -> Result<Self, BindError> {
        match TcpListener::bind((host, port)).await {
            Ok(listener) => Ok(Self { listener, protocol }),
            Err(source) => Err(BindError { address: format!("{host}:{port}"), source }),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves `router` until `stop`, then lets the requests end that are under way. Connections are `tracker`'s to wait
    /// for; dropping the runtime cuts them.
    pub async fn serve(self, router: Router, stop: CancellationToken, tracker: TaskTracker) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _peer)) => {
                    let connection = Connection { stream, place, protocol: self.protocol, stop: stop.clone() };
                    tracker.spawn(connection.serve(router.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    protocol: Protocol,
    stop: CancellationToken,
}

impl Connection {
    async fn serve(self, router: Router) {
        // Without it every event of a stream waits 40 ms for the client's delayed acknowledgement.
        if let Err(error) = self.stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let builder = builder(self.protocol);
        let connection = builder.serve_connection(TokioIo::new(self.stream), TowerToHyperService::new(router));
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "a connection ended early");
        }
        drop(self.place);
    }
}

fn builder(protocol: Protocol) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    match protocol {
        Protocol::Grpc => builder.http2_only(),
        Protocol::Http => builder,
    }
}
