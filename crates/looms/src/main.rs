//! `looms`: serve Claude over gRPC and HTTP.

use std::process::ExitCode;

/// Streams allocate many small strings on many threads; this allocator is worth 10 to 20 % of a request's CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    looms::cli::main()
}
