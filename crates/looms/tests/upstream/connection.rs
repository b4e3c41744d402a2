//! Below the protocol: ports where nobody listens, answers that are not from the API, connections used again.

use claude::{ErrorKind, Unavailability};
use tokio::net::TcpListener;

use crate::server::{Server, Then, answer, sse};
use crate::support::{Upstream, anthropic_client, bedrock_client, keys, quick, read};

#[tokio::test]
async fn a_port_where_nobody_listens_is_tried_three_times() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = bedrock_client(&format!("http://{address}"), keys("AKID", "secret"), quick());
    for error in [
        client.stream(&Upstream::Bedrock.call()).await.unwrap_err(),
        client.send(&Upstream::Bedrock.call()).await.unwrap_err(),
    ] {
        assert_eq!((error.kind, error.attempts), (ErrorKind::Unavailable(Unavailability::Unreachable), 3));
        assert!(error.message.contains(&address.to_string()) && error.message.contains("refused"), "{error}");
        assert_eq!((error.upstream, error.usage), (None, None));
    }
}

#[tokio::test]
async fn a_success_that_is_not_of_the_api_is_named_for_what_it_is() {
    let page = "<html><body>Please log in</body></html>";
    for (answer, named) in [
        (answer("200 OK", "content-type: text/html; charset=utf-8\r\n", page), "`text/html`"),
        (answer("200 OK", "", page), "`no content type`"),
        (answer("200 OK", "content-type: application/json\r\n", "{\"hello\":1}"), "`application/json`"),
        (answer("200 OK", "content-type: application/json\r\n", ""), "`application/json`"),
    ] {
        let server = Server::answering(answer.clone(), Then::Close).await;
        let clients = [
            (Upstream::Bedrock, bedrock_client(server.url(), keys("AKID", "secret"), quick())),
            (Upstream::Anthropic, anthropic_client(server.url(), Some("key"), quick())),
        ];
        for (upstream, client) in clients {
            for error in
                [client.stream(&upstream.call()).await.unwrap_err(), client.send(&upstream.call()).await.unwrap_err()]
            {
                assert_eq!((error.kind, error.attempts), (ErrorKind::Unexpected, 1), "{answer}");
                assert!(error.message.contains(named.trim_matches('`')), "{}", error.message);
                assert!(error.message.contains("not an answer of this API"), "{}", error.message);
            }
        }
    }
}

#[tokio::test]
async fn a_proxys_refusal_is_read_by_its_status() {
    let page = "<html>bad gateway</html>".repeat(5_000);
    for (status, kind, attempts) in [
        ("502 Bad Gateway", ErrorKind::Unavailable(Unavailability::Capacity), 3),
        ("301 Moved Permanently", ErrorKind::Unexpected, 1),
        ("407 Proxy Authentication Required", ErrorKind::Unexpected, 1),
        ("404 Not Found", ErrorKind::Unexpected, 1),
        ("451 Unavailable For Legal Reasons", ErrorKind::InvalidRequest, 1),
    ] {
        for page in [page.as_str(), "<html>", ""] {
            let server = Server::answering(answer(status, "content-type: text/html\r\n", page), Then::Close).await;
            let client = anthropic_client(server.url(), Some("key"), quick());
            let error = client.send(&Upstream::Anthropic.call()).await.unwrap_err();
            assert_eq!((error.kind, error.attempts), (kind, attempts), "{status}");
            assert_eq!(server.requests(), attempts as usize, "{status}");
            assert_eq!(error.upstream.as_ref().unwrap().status.to_string(), status[..3]);
            assert!(!error.message.is_empty() && error.message.len() < 1000);
        }
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_lost_connection() {
    for bytes in ["", "SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 200 OK\r\ncontent-length: ten\r\n\r\n"] {
        let server = Server::answering(bytes, Then::Close).await;
        let client = anthropic_client(server.url(), Some("key"), quick());
        let error = client.stream(&Upstream::Anthropic.call()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable(Unavailability::ConnectionLost), "{bytes:?}");
        assert_eq!((error.attempts, server.requests()), (2, 2), "{bytes:?}");
    }
}

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection() {
    const CALLS: usize = 20;
    let message =
        r#"{"id":"m","model":"c","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{}}"#;
    let whole = answer("200 OK", "content-type: application/json\r\n", message);
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#;
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let events = [start, delta, r#"{"type":"message_stop"}"#].map(|json| format!("data: {json}\n\n")).concat();
    for (streamed, bytes) in [(false, whole), (true, sse(&events, "0\r\n\r\n"))] {
        let server = Server::answering(bytes, Then::Serve).await;
        let client = anthropic_client(server.url(), Some("key"), quick());
        for _ in 0..CALLS {
            let call = Upstream::Anthropic.call();
            let text = match streamed {
                true => read(client.stream(&call).await.unwrap()).await.text,
                false => client.send(&call).await.unwrap().message.text(),
            };
            assert_eq!(text, "Hi");
        }
        assert_eq!(server.requests(), CALLS);
        // A connection is free a moment after its answer's end, so that now and then a second one is opened.
        assert!(server.connections() <= CALLS / 4, "streamed: {streamed}, {} connections", server.connections());
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_attempt() {
    let message = r#"{"id":"m","model":"c","content":[],"stop_reason":"end_turn","usage":{}}"#;
    let whole = answer("200 OK", "content-type: application/json\r\n", message);
    let server = Server::answering(whole, Then::Close).await;
    let client = anthropic_client(server.url(), Some("key"), quick());
    for _ in 0..20 {
        client.send(&Upstream::Anthropic.call()).await.unwrap();
    }
    assert_eq!(server.connections(), 20);
}
