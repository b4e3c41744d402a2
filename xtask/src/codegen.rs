//! `cargo xtask codegen`: Rust types and a descriptor set from `proto/`, with protox instead of `protoc`.
//!
//! Owns which files of the contract are compiled and where the results are kept. The results are committed, so that a build
//! generates nothing; a test here fails when they are stale.

use std::fs;
use std::path::Path;

use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::{Result, root};

const CONTRACT: [&str; 1] = ["loom/v1/loom.proto"];
const OURS: &str = "loom/";
const OUT: &str = "crates/loom-proto/src/gen";

/// Flags of `cargo xtask codegen`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail when a committed file is stale
    #[arg(long)]
    pub(crate) check: bool,
}

/// Generates the files, and writes those that differ from what is committed.
pub(crate) fn run(args: &Args) -> Result {
    let out = root().join(OUT);
    let stale = stale(&out, generate(&root().join("proto"))?);
    if args.check {
        return match stale.as_slice() {
            [] => Ok(()),
            files => Err(format!("{} in {OUT} not up to date: run `cargo xtask codegen`", names(files)).into()),
        };
    }
    fs::create_dir_all(&out)?;
    for (name, content) in stale {
        fs::write(out.join(name), content)?;
    }
    Ok(())
}

type Generated = (String, Vec<u8>);

/// The generated files that are missing in `out` or differ from what stands there.
fn stale(out: &Path, files: Vec<Generated>) -> Vec<Generated> {
    files.into_iter().filter(|(name, content)| fs::read(out.join(name)).ok().as_ref() != Some(content)).collect()
}

fn names(files: &[Generated]) -> String {
    files.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Compiles the contract under `proto` to file names and contents.
fn generate(proto: &Path) -> Result<Vec<Generated>> {
    let mut compiler = protox::Compiler::new([proto])?;
    compiler.include_imports(true).include_source_info(true).open_files(CONTRACT)?;
    let descriptors = compiler.file_descriptor_set();

    let temporary = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .out_dir(temporary.path())
        .emit_rerun_if_changed(false)
        .compile_fds(only_ours(descriptors))?;

    let rust = fs::read(temporary.path().join("loom.v1.rs"))?;
    let descriptor = without_foreign_comments(&compiler.encode_file_descriptor_set())?;
    Ok(vec![("loom.v1.rs".to_owned(), rust), ("descriptor.bin".to_owned(), descriptor)])
}

/// The HTTP rules are read from the descriptor set, so no Rust types are made of `google.api`.
fn only_ours(set: FileDescriptorSet) -> FileDescriptorSet {
    FileDescriptorSet { file: set.file.into_iter().filter(|file| file.name().starts_with(OURS)).collect() }
}

/// Drops the comments of imported files, most of the set's size, from the encoded set.
///
/// Goes through dynamic messages: the static types would drop the extensions that hold the HTTP rules.
fn without_foreign_comments(encoded: &[u8]) -> Result<Vec<u8>> {
    let mut set = DynamicMessage::decode(FileDescriptorSet::default().descriptor(), encoded)?;
    let files = set.get_field_by_name_mut("file").and_then(Value::as_list_mut).ok_or("a descriptor set has files")?;
    for file in files.iter_mut().filter_map(Value::as_message_mut) {
        let ours = FileDescriptorProto::decode(file.encode_to_vec().as_slice())?.name().starts_with(OURS);
        if !ours {
            file.clear_field_by_name("source_code_info");
        }
    }
    Ok(set.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use prost_types::{EnumValueDescriptorProto, FieldDescriptorProto, MethodDescriptorProto};

    use super::*;

    #[test]
    fn committed_files_are_what_the_contract_generates() {
        run(&Args { check: true }).unwrap();
    }

    #[test]
    fn every_part_of_the_contract_is_described() {
        let set = FileDescriptorSet::decode(committed_descriptor().as_slice()).unwrap();
        for file in set.file.iter().filter(|file| file.name().starts_with(OURS)) {
            let info = file.source_code_info.as_ref().unwrap();
            let described: HashSet<&[i32]> = info
                .location
                .iter()
                .filter(|place| !place.leading_comments().trim().is_empty())
                .map(|place| place.path.as_slice())
                .collect();
            for (path, name) in parts(file) {
                assert!(described.contains(path.as_slice()), "{}: `{name}` has no comment", file.name());
            }
        }
    }

    /// Messages, fields, enums, their values, services and RPCs, by their path in `FileDescriptorProto`.
    fn parts(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
        let mut parts = Vec::new();
        let mut add = |kind: i32, index: i32, name: &str, inner: Vec<&str>| {
            parts.push((vec![kind, index], name.to_owned()));
            parts.extend((0..).zip(inner).map(|(at, part)| (vec![kind, index, 2, at], format!("{name}.{part}"))));
        };
        for (index, message) in (0..).zip(&file.message_type) {
            add(4, index, message.name(), message.field.iter().map(FieldDescriptorProto::name).collect());
        }
        for (index, it) in (0..).zip(&file.enum_type) {
            add(5, index, it.name(), it.value.iter().map(EnumValueDescriptorProto::name).collect());
        }
        for (index, service) in (0..).zip(&file.service) {
            add(6, index, service.name(), service.method.iter().map(MethodDescriptorProto::name).collect());
        }
        parts
    }

    #[test]
    fn the_descriptor_set_keeps_rules_and_json_names() {
        let pool = prost_reflect::DescriptorPool::decode(committed_descriptor().as_slice()).unwrap();
        let rule = pool.get_extension_by_name("google.api.http").unwrap();
        for rpc in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            assert!(rpc.options().has_extension(&rule), "{}", rpc.full_name());
        }
        let set = FileDescriptorSet::decode(committed_descriptor().as_slice()).unwrap();
        let messages = set.file.iter().filter(|file| file.name().starts_with(OURS)).flat_map(|file| &file.message_type);
        for field in messages.flat_map(|message| &message.field) {
            assert!(field.json_name.is_some(), "{}", field.name());
        }
    }

    fn committed_descriptor() -> Vec<u8> {
        fs::read(root().join(OUT).join("descriptor.bin")).unwrap()
    }

    #[test]
    fn a_changed_file_is_stale_and_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("same"), "1").unwrap();
        fs::write(folder.path().join("changed"), "1").unwrap();
        let generated = ["same", "changed", "missing"]
            .map(|name| (name.to_owned(), if name == "changed" { b"2".to_vec() } else { b"1".to_vec() }));
        assert_eq!(names(&stale(folder.path(), generated.to_vec())), "`changed`, `missing`");
    }
}
