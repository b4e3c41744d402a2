//! The listener and its connections.
//!
//! Plain HTTP/1.1, or HTTP/2 where a client begins with it (AWS's JavaScript client does), one task a connection. It turns
//! a scripted hang-up into a TCP reset and knows nothing else of what is served.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exchange::{self, Hangup, State};

/// Connections at once; more wait in the listener's backlog. Load tests open some thousands.
const MAX_CONNECTIONS: usize = 16_384;
/// How long a connection may stay without the head of a request: longer than clients keep idle ones.
const IDLE_DEADLINE: Duration = Duration::from_secs(120);
/// What a client that speaks HTTP/2 sends first, before anything else (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The pause after an accept that failed, for want of file descriptors mostly.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// Serves until `stop`, which cuts open connections.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Some(accepted) = stop.run_until_cancelled(accept(&listener, &permits)).await {
        let Some((stream, permit)) = accepted else {
            tokio::time::sleep(ACCEPT_RETRY).await;
            continue;
        };
        let (state, stop) = (Arc::clone(&state), stop.clone());
        connections.spawn(async move {
            let _permit = permit;
            stop.run_until_cancelled(connection(stream, state)).await;
        });
    }
    connections.close();
    connections.wait().await;
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    Some((stream, permit))
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    // Without it, small frames wait for delayed acknowledgements; a socket that refuses it still works.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| exchange::answer(Arc::clone(&state), request));
    if begins_with_http2(&stream).await {
        let builder = http2::Builder::new(TokioExecutor::new());
        // A client that breaks off is its own affair.
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        return;
    }
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_DEADLINE)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let Err(error) = (&mut connection).await else { return };
    if error.source().is_some_and(<dyn std::error::Error>::is::<Hangup>) {
        // Closing with nothing to linger for sends a reset.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

/// Looks at the first bytes without taking them. Clients send the preface in one piece.
async fn begins_with_http2(stream: &TcpStream) -> bool {
    let mut first = [0; HTTP2_PREFACE.len()];
    match tokio::time::timeout(IDLE_DEADLINE, stream.peek(&mut first)).await {
        Ok(Ok(read)) => first.get(..read) == Some(HTTP2_PREFACE),
        _ => false,
    }
}
