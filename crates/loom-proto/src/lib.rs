//! The `loom.v1` contract as Rust: message types, client and server, and the descriptor set that reflection and the HTTP gateway read.
//!
//! Owns nothing by hand: what stands in `src/gen/` is made from `proto/` by `cargo xtask codegen`. Knows no behaviour.

/// The package `loom.v1`: its messages, `loom_service_client` and `loom_service_server`.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code follows its generator's style; which of these lints it trips changes with the generator"
)]
pub mod v1 {
    include!("gen/loom.v1.rs");
}

/// The encoded `google.protobuf.FileDescriptorSet` of the contract, imports included.
///
/// It keeps the comments of our own files, `json_name` of every field and the `google.api.http` rules, which the types of
/// `prost-types` drop: decode it with `prost_reflect::DescriptorPool`.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!("gen/descriptor.bin");
