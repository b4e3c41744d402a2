//! The HTTP gateway, driven in process: a request goes in, a response comes out.
//!
//! `binding` and `build` run against a service that echoes any message, so that every shape of rule has a case; `errors`,
//! `streams` and `requests` against `loom.v1` with scripted answers.

#![cfg(test)]

mod binding;
mod build;
mod echo;
mod errors;
mod loom;
mod requests;
mod streams;
mod support;
