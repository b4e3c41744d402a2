//! Listening and serving: one loop for every door.
//!
//! Knows connections, their limits and their end; what is served on them is a router's business.

use std::io::Cursor;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use bytes::BytesMut;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, join};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Layer as _;

/// The most connections of a door. Each costs some KiB and a file descriptor; beyond it new ones wait in the backlog.
const MAX_CONNECTIONS: usize = 16_384;

/// The most requests that run at once on one HTTP/2 connection.
const MAX_STREAMS_PER_CONNECTION: u32 = 1024;

/// How long a client may take over the preface of HTTP/2 or the head of an HTTP/1.1 request, the wait before it included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// An idle HTTP/2 connection is probed this often, well under the 350 s after which load balancers forget it…
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// … and dropped if the probe is not answered in this time.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// The most bytes of a request's head: identities, tokens and trace headers fit well.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// After a failed accept (no file descriptor left) the door waits, instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bytes that open an HTTP/2 connection (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The address of ours that a connection came to, among the request's extensions. A door on `0.0.0.0` has many.
#[derive(Debug, Clone, Copy)]
pub struct LocalAddress(
    /// An IPv4 address is one, though it came to a socket of IPv6.
    pub IpAddr,
);

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
    /// Until when a new connection has to say something; [`HEADER_TIMEOUT`].
    patience: Duration,
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
            Ok(listener) => Ok(Self { listener, protocol, patience: HEADER_TIMEOUT }),
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
                    tracker.spawn(connection.serve(router.clone(), self.patience));
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
    async fn serve(mut self, router: Router, patience: Duration) {
        let opened = tokio::select! {
            () = self.stop.cancelled() => return,
            opened = open(&mut self.stream, patience) => opened,
        };
        let (opening, local) = match opened {
            Ok(opened) => opened,
            Err(error) => return tracing::debug!(%error, "a connection was not opened"),
        };
        let (reader, writer) = self.stream.into_split();
        let io = TokioIo::new(join(Cursor::new(opening).chain(reader), writer));
        let service = TowerToHyperService::new(Extension(local).layer(router));
        let builder = builder(self.protocol);
        let connection = builder.serve_connection(io, service);
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

/// Reads a connection's first bytes: the whole preface of HTTP/2, or enough to know that it is none. hyper has no deadline
/// for them; its own begin afterwards.
async fn open(stream: &mut TcpStream, patience: Duration) -> std::io::Result<(BytesMut, LocalAddress)> {
    // Without it every event of a stream waits 40 ms for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let local = LocalAddress(stream.local_addr()?.ip().to_canonical());
    let mut read = BytesMut::with_capacity(PREFACE.len());
    let reading = async {
        while read.len() < PREFACE.len() && PREFACE.starts_with(&read) {
            if stream.read_buf(&mut read).await? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
            }
        }
        Ok(())
    };
    timeout(patience, reading).await??;
    Ok((read, local))
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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// Longer than anything here takes on a busy machine.
    const LONG: Duration = Duration::from_secs(10);

    /// What a door that waits this long answers to these bytes, until it closes the connection.
    async fn answer(protocol: Protocol, patience: Duration, sent: &[&[u8]]) -> String {
        let door = Door { patience, ..Door::bind("127.0.0.1", 0, protocol).await.unwrap() };
        let address = door.address().unwrap();
        let local = get(async |Extension(LocalAddress(local)): Extension<LocalAddress>| local.to_string());
        let stop = CancellationToken::new();
        let _stopping = stop.clone().drop_guard();
        tokio::spawn(door.serve(Router::new().route("/", local), stop, TaskTracker::new()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        for part in sent {
            stream.write_all(part).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the connection is closed").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn a_connection_that_does_not_open_is_closed() {
        for protocol in [Protocol::Grpc, Protocol::Http] {
            for sent in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n"] {
                assert_eq!(answer(protocol, Duration::from_millis(20), &[sent.as_bytes()]).await, "", "{sent}");
            }
        }
    }

    #[tokio::test]
    async fn a_request_is_told_which_address_it_came_to() {
        let rest = b"ET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let answer = answer(Protocol::Http, LONG, &[b"G", rest]).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("127.0.0.1"), "{answer}");
    }
}
