//! A relay that reads the emulator's whole answer before it passes it on, in one chunk and one write: the client then
//! finds all of it in one read, its break included. Proxies do that to streams, and a timer cannot bring it about.

use bedrock_emulator::Emulator;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::server::read_request;

/// The end of a chunked body.
const LAST_CHUNK: &str = "0\r\n\r\n";

/// Starts a relay to `emulator` and gives its URL. It serves one exchange a connection, for as long as the test's
/// runtime runs.
pub(crate) async fn start(emulator: &Emulator) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let target = emulator.address();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let request = read_request(&mut client).await;
            let mut upstream = TcpStream::connect(target).await.unwrap();
            upstream.write_all(&request).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(LAST_CHUNK.as_bytes()) {
                match upstream.read_buf(&mut answer).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
            let _ = client.write_all(&in_one_chunk(&answer)).await;
        }
    });
    url
}

/// The same answer with a body of one chunk. Its end is kept: whether there is one tells a cut from a short answer.
fn in_one_chunk(answer: &[u8]) -> Vec<u8> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let (head, mut rest) = answer.split_at(head);
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        let start = line + 2;
        body.extend_from_slice(&rest[start..start + length]);
        rest = &rest[start + length + 2..];
    }
    let end = if answer.ends_with(LAST_CHUNK.as_bytes()) { LAST_CHUNK } else { "" };
    [head, format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n", end.as_bytes()].concat()
}
