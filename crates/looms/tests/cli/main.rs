//! The program as a shell sees it: what it prints where, and how it ends. Every test has a data directory of its own and an
//! environment with nothing in it.

#![cfg(test)]
#![cfg(unix)]

mod emulator;
mod files;
mod refusals;
mod secrets;
mod serve;
mod support;
mod weave;
