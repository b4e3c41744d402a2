//! The listener and its connections.
//!
//! Plain HTTP/1.1, one task a connection. It turns a scripted hang-up into a TCP reset and knows nothing else of what is
//! served.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exchange::{self, Hangup, State};

/// Connections at once; more wait in the listener's backlog. Load tests open some thousands.
const MAX_CONNECTIONS: usize = 16_384;
/// How long a connection may stay without the head of a request: longer than clients keep idle ones.
const IDLE_DEADLINE: Duration = Duration::from_secs(120);
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
