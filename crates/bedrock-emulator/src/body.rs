//! The body of an answer: whole, or one event after the other at its pace, broken where a fault says so.
//!
//! Every event leaves as a chunk of its own, as from the real services: a body that always has the next event ready
//! would be coalesced, so it pauses for one turn of the scheduler in between.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body::{Body, Frame, SizeHint};

use crate::fault::{Breakage, StreamException};
use crate::frame::Damage;
use crate::message::Usage;
use crate::operation::Protocol;
use crate::playback::StreamEvent;
use crate::recording::{Outcome, Ticket};
use crate::{anthropic, bedrock};

/// The connection is closed in the middle of a body, on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the answer is cut here by its script")]
pub(crate) struct Cut;

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Cut>> + Send>>;

/// The body of an answer.
pub(crate) enum AnswerBody {
    Whole { bytes: Option<Bytes>, ticket: Ticket },
    Pieces(Pieces),
}

impl AnswerBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>, ticket: Ticket) -> Self {
        Self::Whole { bytes: Some(bytes.into()), ticket }
    }

    /// The first half of a body; then nothing more, or the connection's end.
    pub(crate) fn half(bytes: &Bytes, stalls: bool, mut ticket: Ticket) -> Self {
        let half = bytes.slice(..bytes.len() / 2);
        let rest = async move {
            tokio::task::yield_now().await;
            if stalls {
                // The ticket is dropped with this future, when the client leaves.
                match stall(&ticket).await {}
            }
            ticket.finish(Outcome::Broken);
            Err(Cut)
        };
        let pieces = stream::unfold((Some(half), Some(rest)), async |(half, rest)| match (half, rest) {
            (Some(half), rest) => Some((Ok(half), (None, rest))),
            (None, Some(rest)) => Some((rest.await, (None, None))),
            (None, None) => None,
        });
        Self::Pieces(Box::pin(pieces))
    }

    pub(crate) fn events(events: Events) -> Self {
        Self::Pieces(Box::pin(stream::unfold(events, Events::advance)))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole { bytes, ticket } => {
                ticket.finish(Outcome::Answered);
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Pieces(pieces) => pieces.as_mut().poll_next(context).map_ok(Frame::data),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole { bytes: None, .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { bytes, .. } => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// The events of one answer on their way out.
pub(crate) struct Events {
    pub(crate) protocol: Protocol,
    pub(crate) events: std::vec::IntoIter<StreamEvent>,
    /// After how many events what happens.
    pub(crate) breakage: Option<(usize, Breakage)>,
    pub(crate) usage: Usage,
    pub(crate) first_event_delay: Duration,
    pub(crate) event_pause: Duration,
    pub(crate) started: Instant,
    pub(crate) ticket: Ticket,
    pub(crate) progress: Progress,
}

/// How far a stream has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    sent: usize,
    first_byte: Option<Duration>,
    then: Then,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Then {
    #[default]
    NextEvent,
    Hangup,
    End,
}

impl Events {
    async fn advance(mut self) -> Option<(Result<Bytes, Cut>, Self)> {
        match self.progress.then {
            Then::NextEvent => self.pace().await,
            Then::Hangup => {
                tokio::task::yield_now().await;
                self.progress.then = Then::End;
                return Some((Err(Cut), self));
            }
            Then::End => return None,
        }
        let due = self.breakage.take_if(|(after, _)| *after == self.progress.sent);
        match due {
            Some((_, breakage)) => self.break_off(breakage).await,
            None => self.send(Damage::None),
        }
    }

    async fn pace(&self) {
        let wait = if self.progress.sent == 0 { self.first_event_delay } else { self.event_pause };
        if wait.is_zero() {
            // Lets the connection write out what it has.
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(wait).await;
        }
    }

    fn send(mut self, damage: Damage) -> Option<(Result<Bytes, Cut>, Self)> {
        let event = self.events.next()?;
        let bytes = self.encode(&event, damage);
        self.progress.sent += 1;
        self.ticket.event_sent();
        if self.events.len() == 0 {
            self.ticket.finish(Outcome::Answered);
        }
        Some((Ok(bytes), self))
    }

    async fn break_off(mut self, breakage: Breakage) -> Option<(Result<Bytes, Cut>, Self)> {
        if breakage == Breakage::Stall {
            match stall(&self.ticket).await {}
        }
        self.ticket.finish(Outcome::Broken);
        self.progress.then = Then::End;
        match breakage {
            Breakage::Exception(exception) => {
                let bytes = self.exception(&exception);
                Some((Ok(bytes), self))
            }
            Breakage::CutInside => match self.events.next() {
                Some(event) => {
                    let bytes = self.encode(&event, Damage::None);
                    self.progress.then = Then::Hangup;
                    Some((Ok(bytes.slice(..bytes.len() / 2)), self))
                }
                None => Some((Err(Cut), self)),
            },
            Breakage::Cut => Some((Err(Cut), self)),
            Breakage::End | Breakage::Stall => None,
            Breakage::PreludeCrc => self.go_on_with(Damage::Prelude),
            Breakage::MessageCrc => self.go_on_with(Damage::Message),
        }
    }

    /// After a damaged event the others follow, as good as ever: a reader must have stopped by itself.
    fn go_on_with(mut self, damage: Damage) -> Option<(Result<Bytes, Cut>, Self)> {
        self.progress.then = Then::NextEvent;
        self.send(damage)
    }

    fn encode(&mut self, event: &StreamEvent, damage: Damage) -> Bytes {
        let elapsed = self.started.elapsed();
        let first_byte = *self.progress.first_byte.get_or_insert(elapsed);
        match self.protocol {
            Protocol::Bedrock => {
                let metrics = bedrock::metrics(&self.usage, milliseconds(elapsed), milliseconds(first_byte));
                bedrock::chunk(event, self.progress.sent, &metrics, damage)
            }
            Protocol::Anthropic if damage != Damage::None => anthropic::damaged_event(event),
            Protocol::Anthropic => anthropic::event(event),
        }
    }

    fn exception(&self, exception: &StreamException) -> Bytes {
        match self.protocol {
            Protocol::Bedrock => bedrock::exception(&exception.as_bedrock_refusal()),
            Protocol::Anthropic => anthropic::error_event(&exception.as_anthropic_refusal()),
        }
    }
}

/// Nothing more happens until the client leaves or the emulator stops: both drop the future that waits here.
pub(crate) async fn stall(_until_dropped: &Ticket) -> Infallible {
    pending().await
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
