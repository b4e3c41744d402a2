//! Connections on which nothing is asked.

use std::time::Duration;

use bedrock_emulator::Emulator;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::Looms;

#[tokio::test]
async fn silent_connections_do_not_hold_up_a_stop() {
    let up = Emulator::start().await.unwrap();
    let mut looms = Looms::start(&up).await;
    let mut silent = Vec::new();
    for address in [looms.grpc_address(), looms.http_address()] {
        for opening in ["", "PRI * HTTP/2.0"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(opening.as_bytes()).await.unwrap();
            silent.push((address, opening, stream));
        }
    }
    // Connections are accepted in turn: when later ones are answered, the silent ones are in.
    looms.weave("hi").await;
    looms.http("GET /health", "").await;
    looms.stop();
    for (address, opening, mut stream) in silent {
        let closed = timeout(Duration::from_secs(3), stream.read(&mut [0; 64])).await;
        // What the server has not read yet makes its close a reset.
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{address} after `{opening}`: {closed:?}");
    }
    looms.ended().await;
}
