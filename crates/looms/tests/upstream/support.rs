//! Clients of an emulator, in both framings, and a way to read an answer to its end.

use std::time::Duration;

use bedrock_emulator::Emulator;
use claude::{
    Abandoned, Api, Assembler, Authorization, AwsKeys, Backoff, Call, Client, ClientOptions, Credentials, Endpoint,
    Error, Event, Message, MessageStream, MessagesRequest, RequestMessage, Rest, RetryPolicy, Role, Secret, Usage,
};
use tokio::time::Instant;

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const BEDROCK_MODEL: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
pub(crate) const ANTHROPIC_MODEL: &str = "claude-sonnet-4-5";

/// One of the two pairings of place and framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// InvokeModel, signed, in event-stream frames.
    Bedrock,
    /// `/v1/messages`, by API key, in server-sent events.
    Anthropic,
}

pub(crate) const BOTH: [Upstream; 2] = [Upstream::Bedrock, Upstream::Anthropic];

impl Upstream {
    /// A client of `emulator` that has the right keys.
    pub(crate) fn client(self, emulator: &Emulator) -> Client {
        self.client_at(emulator.url(), emulator, quick())
    }

    /// The same with other patience.
    pub(crate) fn client_with(self, emulator: &Emulator, options: ClientOptions) -> Client {
        self.client_at(emulator.url(), emulator, options)
    }

    /// A client with the emulator's keys that talks to `url`.
    pub(crate) fn client_at(self, url: &str, emulator: &Emulator, options: ClientOptions) -> Client {
        match self {
            Self::Bedrock => {
                let credentials = keys(emulator.access_key_id(), emulator.secret_access_key());
                bedrock_client(url, credentials, options)
            }
            Self::Anthropic => anthropic_client(url, Some(emulator.anthropic_api_key()), options),
        }
    }

    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Bedrock => BEDROCK_MODEL,
            Self::Anthropic => ANTHROPIC_MODEL,
        }
    }

    /// A question with all the time there is.
    pub(crate) fn call(self) -> Call {
        self.call_within(PATIENCE)
    }

    pub(crate) fn call_within(self, limit: Duration) -> Call {
        let request = MessagesRequest {
            max_tokens: 1000,
            messages: vec![RequestMessage::text(Role::User, "Hello?").unwrap()],
            system: None,
            temperature: None,
            rest: Rest::new(),
        };
        let abandoned = Abandoned::default();
        Call { model: self.model().to_owned(), request, deadline: Instant::now() + limit, abandoned }
    }
}

pub(crate) fn keys(access_key_id: &str, secret: &str) -> Credentials {
    let access_key_id = access_key_id.to_owned();
    Credentials::fixed(&AwsKeys { access_key_id, secret_access_key: Secret::new(secret), session_token: None })
}

pub(crate) fn bedrock_client(url: &str, credentials: Credentials, options: ClientOptions) -> Client {
    let authorization = Authorization::SigV4 { region: "us-west-2".to_owned(), credentials };
    Client::new(Endpoint::new(url, authorization).unwrap(), Api::Invoke, options).unwrap()
}

pub(crate) fn anthropic_client(url: &str, key: Option<&str>, options: ClientOptions) -> Client {
    let endpoint = Endpoint::new(url, Authorization::ApiKey(key.map(Secret::new))).unwrap();
    Client::new(endpoint, Api::Messages, options).unwrap()
}

/// The usual policy with backoffs that a test can wait for.
pub(crate) fn quick() -> ClientOptions {
    let backoff = Backoff { base: Duration::from_millis(2), factor: 2, cap: Duration::from_millis(8) };
    let retry = RetryPolicy { max_attempts: 3, throttled: backoff, server: backoff };
    ClientOptions { stream_idle: PATIENCE, retry }
}

/// An answer that was read until its end or until it broke.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) message: Message,
    pub(crate) text: String,
    pub(crate) complete: bool,
    pub(crate) events: usize,
    pub(crate) usage: Usage,
    pub(crate) error: Option<Error>,
}

/// Reads a stream; a block that was begun stays in its text.
pub(crate) async fn read(mut stream: MessageStream) -> Read {
    let (mut assembler, mut events) = (Assembler::new(), 0);
    let error = loop {
        let batch: Vec<Event> = match stream.next().await {
            Ok(Some(batch)) => batch,
            Ok(None) => break None,
            Err(error) => {
                let again = stream.next().await.unwrap_err();
                assert_eq!(again.kind, error.kind, "a stream that failed stays failed");
                break Some(error);
            }
        };
        events += batch.len();
        for event in batch {
            assembler.push(event).unwrap();
        }
    };
    let (text, complete, usage) = (assembler.text().to_owned(), assembler.is_complete(), stream.usage());
    Read { message: assembler.finish(), text, complete, events, usage, error }
}
