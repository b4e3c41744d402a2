//! The upstream: an answer that the emulator gave once, played again to every request.
//!
//! Every event is written on its own, as a model's events are. Requests are neither checked nor parsed, so that the
//! upstream takes as little as it can of the cores that it shares with what is measured.

use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bedrock_emulator::{Emulator, Reply};
use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::time::{Sleep, sleep};

use super::process::announce;
use super::sign::{emulator_keys, signed_post};
use super::wire::{FRAMES_TO_FIRST_TEXT, PATH, body};
use crate::Result;

/// Flags of `cargo xtask bench upstream`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Texts of an answer; six events stand around them
    #[arg(long, default_value_t = 20)]
    pub(super) events: usize,
    /// Milliseconds before the first event
    #[arg(long, default_value_t = 0)]
    pub(super) delay: u64,
    /// Milliseconds before every event after the first text
    #[arg(long, default_value_t = 0)]
    pub(super) pause: u64,
}

pub(super) async fn run(args: &Args) -> Result {
    let frames: Arc<[Bytes]> = record(args.events).await?.into();
    let (delay, pause) = (Duration::from_millis(args.delay), Duration::from_millis(args.pause));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let frames = Arc::clone(&frames);
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let replay = Replay { frames: Arc::clone(&frames), next: 0, wait: Wait::Begin, delay, pause };
            async move {
                // The connection can serve again only when the request was read.
                let _ = request.into_body().collect().await;
                Response::builder().header(CONTENT_TYPE, "application/vnd.amazon.eventstream").body(replay)
            }
        });
        // A caller that leaves is no trouble of the upstream's.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Has the emulator answer once and keeps its frames.
async fn record(texts: usize) -> Result<Vec<Bytes>> {
    let emulator = Emulator::start().await?;
    let text = |index: usize| format!(" and a few words {index}");
    emulator.reply(Reply::pieces((0..texts).map(text)).tokens(24, texts as u64));
    let host = emulator.address().to_string();
    let request = signed_post(&host, PATH, body(), &emulator_keys(&emulator))?;
    let response = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
    if !response.status().is_success() {
        return Err(format!("the emulator answered {}", response.status()).into());
    }
    let mut recorded = response.into_body().collect().await?.to_bytes();
    let mut frames = Vec::new();
    while let Some(length) = recorded.first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        frames.push(recorded.split_to(length.min(recorded.len())));
    }
    Ok(frames)
}

/// An answer on its way.
struct Replay {
    frames: Arc<[Bytes]>,
    next: usize,
    wait: Wait,
    delay: Duration,
    pause: Duration,
}

/// What stands before the next event.
enum Wait {
    Begin,
    /// One turn of the scheduler, in which the connection writes out what it has.
    Turn,
    Sleep(Pin<Box<Sleep>>),
}

impl Replay {
    fn due(&self) -> Duration {
        match self.next {
            0 => self.delay,
            1..FRAMES_TO_FIRST_TEXT => Duration::ZERO,
            _ => self.pause,
        }
    }
}

type Polled = Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>>;

impl Body for Replay {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let this = self.get_mut();
        loop {
            match &mut this.wait {
                Wait::Begin if this.next == this.frames.len() => return Poll::Ready(None),
                Wait::Begin => {
                    let due = this.due();
                    if due.is_zero() {
                        this.wait = Wait::Turn;
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    this.wait = Wait::Sleep(Box::pin(sleep(due)));
                }
                Wait::Turn => break,
                Wait::Sleep(sleep) => {
                    if sleep.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    break;
                }
            }
        }
        this.wait = Wait::Begin;
        let frame = this.frames.get(this.next).cloned();
        this.next += 1;
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }
}
