//! Claude as a library: the Messages types, the event codec, the transports to AWS Bedrock and to Anthropic, the model
//! catalogue, exact cost and typed errors.
//!
//! Messages is the one inner model: Bedrock's InvokeModel carries the native Anthropic body, and each chunk of its event
//! stream carries the very JSON of an Anthropic SSE `data:` line. So there is one codec, and two independent axes on
//! the wire: where a request goes and how it is authorised ([`Endpoint`]), and how it is framed ([`Api`]).
//!
//! This crate knows no protobuf, no server, no configuration file, no session and no environment variable.

mod assembler;
mod catalogue;
mod client;
mod codec;
mod cost;
mod credentials;
mod endpoint;
mod error;
mod event;
mod message;
mod refusal;
mod retry;
mod sign;
mod stream;
mod transport;
mod usage;

pub use assembler::{Assembler, AssemblyError};
pub use catalogue::{Catalogue, CatalogueError, Lifecycle, LifecycleStatus, Model, Region};
pub use client::{Answer, Call, Client, ClientOptions};
pub use codec::{DecodeError, Decoder, Frame, MAX_FRAME_BYTES};
pub use cost::{PicoDollars, Price, Prices};
pub use credentials::{AwsKeys, Credentials, Secret};
pub use endpoint::{Api, Authorization, Endpoint, InvalidEndpoint, Provider};
pub use error::{CredentialFault, Denial, Error, ErrorKind, MissingModel, Throttle, Unavailability, Upstream, Waiting};
pub use event::{Delta, Event};
pub use message::{ContentBlock, Message, MessagesRequest, RequestMessage, Rest, Role, StopReason};
pub use refusal::decode as decode_refusal;
pub use retry::{Abandoned, Backoff, RetryPolicy};
pub use stream::MessageStream;
pub use usage::{CacheCreation, InvocationMetrics, Usage, UsageUpdate};
