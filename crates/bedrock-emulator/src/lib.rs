//! Bedrock's wire protocol for Claude as a small server.
//!
//! [`Emulator`] listens on a loopback port and speaks what `bedrock-runtime` and Anthropic's API speak: the paths, the
//! signatures, the event-stream frames, the errors and their words. Tests script it with [`Reply`] and [`Fault`];
//! unscripted, it answers as itself and never as Claude.
//!
//! It is an independent oracle: it must not know how any client encodes, signs or decodes. So it shares no crate that
//! signs or frames with the clients it checks, and reads AWS's specifications by hand: [Signature Version 4] and the
//! [event stream encoding].
//!
//! [Signature Version 4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
//! [event stream encoding]: https://smithy.io/2.0/aws/amazon-eventstream.html
//!
//! ```
//! use bedrock_emulator::{Emulator, Fault, Reply};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::start().await?;
//! emulator.fail_next(2, Fault::Throttling);
//! emulator.reply(Reply::text("Hello!").tokens(12, 20));
//! assert!(emulator.url().starts_with("http://127.0.0.1:"));
//! # Ok(())
//! # }
//! ```

mod anthropic;
mod bedrock;
mod body;
mod clock;
mod credentials;
mod emulator;
mod exchange;
mod fault;
mod frame;
mod message;
mod model_id;
mod operation;
mod playback;
mod recording;
mod refusal;
mod reply;
mod request;
mod script;
mod server;
mod sigv4;
mod tokens;
mod unscripted;
mod validation;

pub use credentials::Credentials;
pub use emulator::{Builder, Emulator, StartError};
pub use fault::{Breakage, Fault, StreamException};
pub use message::Usage;
pub use recording::{Outcome, RECORDED_BODY_BYTES, RECORDED_REQUESTS, RecordedRequest};
pub use reply::{Content, Reply};
pub use script::Behaviour;
