//! Who may depend on what: the arrows between our crates, and the owners of every external crate.
//!
//! Tables only. A new row is a decision: an external crate costs build time and trust, and a second owner spreads a subject.

/// Our crates, and those of ours that each may depend on.
pub(super) const ARROWS: [(&str, &[&str]); 6] = [
    ("claude", &[]),
    ("loom-proto", &[]),
    ("loom-store", &[]),
    // The emulator shares no code with `claude`, so that a bug of the codec cannot cancel itself out.
    ("bedrock-emulator", &[]),
    ("looms", &["bedrock-emulator", "claude", "loom-proto", "loom-store"]),
    ("xtask", &["bedrock-emulator", "claude", "loom-proto", "loom-store", "looms"]),
];

/// External crates of one subject, who may depend on them, and why nobody else.
pub(super) struct Row {
    pub(super) crates: &'static [&'static str],
    pub(super) owners: &'static [&'static str],
    pub(super) why: &'static str,
}

const HAND_WRITTEN: &[&str] = &["bedrock-emulator", "claude", "loom-store", "looms", "xtask"];

pub(super) const OWNERS: &[Row] = &[
    Row {
        crates: &["base64", "bytes", "fastrand", "futures-util", "jiff", "percent-encoding", "serde", "serde_json"],
        owners: HAND_WRITTEN,
        why: "general vocabulary; generated code needs none of it",
    },
    Row {
        crates: &["thiserror", "tokio", "tokio-util", "tracing", "uuid"],
        owners: HAND_WRITTEN,
        why: "general vocabulary; generated code needs none of it",
    },
    Row {
        crates: &["http", "http-body", "http-body-util", "hyper", "hyper-util"],
        owners: &["bedrock-emulator", "claude", "looms", "xtask"],
        why: "the store knows no network",
    },
    Row { crates: &["hyper-rustls", "rustls"], owners: &["claude"], why: "TLS is spoken upstream only" },
    Row {
        crates: &["tower"],
        owners: &["claude", "looms"],
        why: "the retry budget, and the layers of the front doors",
    },
    Row { crates: &["axum", "matchit", "tower-http"], owners: &["looms"], why: "only the product has an HTTP door" },
    Row {
        crates: &["prost", "prost-types", "tonic", "tonic-prost"],
        owners: &["loom-proto", "looms", "xtask"],
        why: "claude, the store and the emulator know no wire contract of ours",
    },
    Row {
        crates: &["tonic-health", "tonic-reflection", "tonic-types"],
        owners: &["looms"],
        why: "only the product has a gRPC door",
    },
    Row {
        crates: &["prost-reflect", "protox"],
        owners: &["looms", "xtask"],
        why: "the gateway and its tests read descriptors, codegen makes them",
    },
    Row {
        crates: &["tonic-prost-build"],
        owners: &["xtask"],
        why: "generated code is committed, so no build generates",
    },
    Row {
        crates: &["aws-credential-types", "aws-sigv4"],
        owners: &["claude", "xtask"],
        why: "claude signs, and so does the bench's bare proxy; the emulator verifies by its own arithmetic",
    },
    Row {
        crates: &["aws-smithy-eventstream", "aws-smithy-types"],
        owners: &["claude"],
        why: "claude decodes AWS's frames; the emulator writes them by its own arithmetic",
    },
    Row {
        crates: &["crc32fast", "sha2"],
        owners: &["bedrock-emulator", "claude"],
        why: "checksums of frames and hashes of bodies are matters of the wire upstream",
    },
    Row { crates: &["hmac"], owners: &["bedrock-emulator"], why: "aws-sigv4 signs for everybody else" },
    Row { crates: &["rusqlite"], owners: &["loom-store"], why: "nobody else knows where a session lies" },
    Row {
        crates: &["serde-saphyr", "strsim", "tracing-subscriber"],
        owners: &["looms"],
        why: "the configuration file and the log are the program's, not a library's",
    },
    Row {
        crates: &["mimalloc"],
        owners: &["looms", "xtask"],
        why: "a program chooses its allocator, and the bench's bare proxy must have the product's",
    },
    Row { crates: &["clap"], owners: &["looms", "xtask"], why: "only programs have a command line" },
    Row { crates: &["rcgen", "tokio-rustls"], owners: &["looms"], why: "a TLS server for tests" },
    Row { crates: &["insta", "proptest", "tempfile"], owners: HAND_WRITTEN, why: "tests" },
];
