//! The emulator seen on the wire: a raw HTTP client, a signer and a frame decoder of the tests' own.
//!
//! `cfg(test)` holds here anyway; stated, it tells clippy that helpers of tests are tests.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod anthropic;
#[cfg(test)]
mod client;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod signer;
