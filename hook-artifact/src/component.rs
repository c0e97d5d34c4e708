//! What a component is, read from its bytes alone: its digest, and the interfaces that it imports and exports. What it
//! does not import it cannot do.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use wasmparser::{Parser, Payload};

/// Bytes of a component: one with a whole Python in it has 40 million.
pub const LARGEST: u64 = 128 * 1024 * 1024;
/// Interfaces that are told: a Python imports 30.
const MOST_NAMES: usize = 256;
/// Characters of the name of an interface.
const LONGEST_NAME: usize = 200;
/// The interface that makes a component a hook, whatever its version.
const HOOK: &str = "kubectl-backup:hook/hook@";

/// A component that was looked at and not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// `sha256:…` of the file.
    pub digest: String,
    /// Bytes of the file.
    pub size: u64,
    /// Interfaces that it imports, as in `wasi:sockets/tcp@0.2.6`.
    pub imports: Vec<String>,
    /// Interfaces that it exports.
    pub exports: Vec<String>,
}

/// What a hook can ask for, by what it imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// TCP connections to the addresses that the configuration grants.
    Connect,
    /// UDP, which the runtime refuses.
    Datagrams,
    /// Names to be resolved, which the runtime refuses.
    Names,
    /// TLS by the runtime.
    Tls,
    /// Settings and the secrets that the configuration grants.
    Configuration,
    /// Freezing the file systems that the configuration grants.
    Mounts,
    /// Files; nothing is behind it but what the configuration grants.
    Files,
}

/// Why bytes are no hook.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// More than a hook has.
    #[error("it has {0} bytes, more than {LARGEST}")]
    Large(u64),
    /// Not WebAssembly, or broken.
    #[error("it is not a WebAssembly component")]
    Broken(#[source] wasmparser::BinaryReaderError),
    /// A core module, as rustc makes for other targets.
    #[error("it is a core module and no component; build it for wasm32-wasip2")]
    Module,
    /// A component of another kind.
    #[error("it is a component, but no hook: it does not export `kubectl-backup:hook/hook`")]
    NoHook,
    /// More interfaces than a hook has, or longer names.
    #[error("it names more than {MOST_NAMES} interfaces, or one with more than {LONGEST_NAME} characters")]
    Names,
}

impl Inspected {
    /// Looks at a hook.
    ///
    /// # Errors
    /// When the bytes are not a component that exports the interface of a hook.
    pub fn of(bytes: &[u8]) -> Result<Self, ComponentError> {
        let component = Self::of_component(bytes)?;
        if component.exports.iter().any(|name| name.starts_with(HOOK)) {
            Ok(component)
        } else {
            Err(ComponentError::NoHook)
        }
    }

    /// What it can ask for.
    pub fn powers(&self) -> Vec<Power> {
        let mut powers: Vec<Power> = self.imports.iter().filter_map(|name| power(name)).collect();
        powers.sort_unstable();
        powers.dedup();
        powers
    }

    fn of_component(bytes: &[u8]) -> Result<Self, ComponentError> {
        let size = bytes.len() as u64;
        if size > LARGEST {
            return Err(ComponentError::Large(size));
        }
        let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0usize);
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(ComponentError::Broken)? {
                Payload::Version { encoding: wasmparser::Encoding::Module, .. } if depth == 0 => {
                    return Err(ComponentError::Module);
                }
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                // Nested components have imports of their own, which the outer one satisfies.
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        imports.push(name(import.map_err(ComponentError::Broken)?.name.name)?);
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        exports.push(name(export.map_err(ComponentError::Broken)?.name.name)?);
                    }
                }
                _ => {}
            }
            if imports.len().max(exports.len()) > MOST_NAMES {
                return Err(ComponentError::Names);
            }
        }
        Ok(Self { digest: digest(bytes), size, imports, exports })
    }
}

/// `sha256:…`, as registries and configurations name content.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        // A string takes all.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn name(name: &str) -> Result<String, ComponentError> {
    let plain = name.len() <= LONGEST_NAME && !name.chars().any(char::is_control);
    if plain { Ok(name.to_owned()) } else { Err(ComponentError::Names) }
}

fn power(import: &str) -> Option<Power> {
    let interface = import.split('@').next().unwrap_or(import);
    Some(match interface {
        "wasi:sockets/tcp" | "wasi:sockets/tcp-create-socket" => Power::Connect,
        "wasi:sockets/udp" | "wasi:sockets/udp-create-socket" => Power::Datagrams,
        "wasi:sockets/ip-name-lookup" => Power::Names,
        "wasi:filesystem/types" | "wasi:filesystem/preopens" => Power::Files,
        "kubectl-backup:hook/configuration" => Power::Configuration,
        "kubectl-backup:hook/mounts" => Power::Mounts,
        _ if interface.starts_with("wasi:tls/") => Power::Tls,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    const HOOK: &str = r#"(component
        (import "wasi:sockets/tcp@0.2.6" (instance))
        (import "kubectl-backup:hook/mounts@0.1.0" (instance))
        (import "wasi:io/poll@0.2.6" (instance $poll))
        (export "kubectl-backup:hook/hook@0.1.0" (instance $poll))
        (component (import "wasi:sockets/udp@0.2.6" (instance))))"#;

    #[test]
    fn tells_what_a_hook_can_ask_for() {
        let hook = Inspected::of(&component(HOOK)).unwrap();
        assert_eq!(hook.powers(), [Power::Connect, Power::Mounts]);
        assert_eq!(hook.exports, ["kubectl-backup:hook/hook@0.1.0"]);
        assert_eq!(hook.imports.len(), 3);
        assert!(hook.digest.starts_with("sha256:") && hook.digest.len() == 71);
    }

    #[rstest]
    #[case::text(b"#!/bin/sh".to_vec(), "not a WebAssembly component")]
    #[case::empty(Vec::new(), "not a WebAssembly component")]
    #[case::half(component(HOOK)[..40].to_vec(), "not a WebAssembly component")]
    #[case::core_module(component("(module)"), "build it for wasm32-wasip2")]
    #[case::other_component(component("(component)"), "does not export")]
    fn refuses(#[case] bytes: Vec<u8>, #[case] why: &str) {
        let error = Inspected::of(&bytes).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
