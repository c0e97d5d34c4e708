//! How a component lies in an OCI registry: one layer, as `wkg` and the CNCF's guidance for Wasm artifacts have it. What
//! Kubewarden and Spin push, whose layer has an older type, is read too.

use oci_client::manifest::{OciDescriptor, OciImageManifest};
use serde::Serialize;

use crate::component::{Inspected, LARGEST};

/// Type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Type of the configuration.
pub const CONFIGURATION: &str = "application/vnd.wasm.config.v0+json";
/// Type of the layer.
pub const LAYER: &str = "application/wasm";
/// Type of the layer by Kubewarden's and Spin's tools.
const OLDER_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";

/// Why an artifact is no component.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// No layer, or several that could be meant.
    #[error("it has {0} layers of WebAssembly, and a hook has one")]
    Layers(usize),
    /// Too large.
    #[error("its component has {0} bytes, more than {LARGEST}")]
    Large(i64),
}

/// The layer that is the component.
///
/// # Errors
/// When there is not exactly one, or when it is too large.
pub fn layer(manifest: &OciImageManifest) -> Result<&OciDescriptor, LayoutError> {
    let wasm = |layer: &&OciDescriptor| [LAYER, OLDER_LAYER].contains(&layer.media_type.as_str());
    let layers: Vec<&OciDescriptor> = manifest.layers.iter().filter(wasm).collect();
    let [layer] = layers[..] else { return Err(LayoutError::Layers(layers.len())) };
    match u64::try_from(layer.size) {
        Ok(size) if size <= LARGEST => Ok(layer),
        _ => Err(LayoutError::Large(layer.size)),
    }
}

/// The configuration of an artifact. Without a time in it, so that the same component has the same digest again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Configuration<'a> {
    architecture: &'static str,
    os: &'static str,
    layer_digests: [&'a str; 1],
    component: Interfaces<'a>,
}

#[derive(Debug, Serialize)]
struct Interfaces<'a> {
    exports: &'a [String],
    imports: &'a [String],
    target: Option<String>,
}

impl<'a> Configuration<'a> {
    pub(crate) fn of(component: &'a Inspected) -> Self {
        Self {
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [&component.digest],
            component: Interfaces { exports: &component.exports, imports: &component.imports, target: None },
        }
    }
}

/// The manifest of a component.
pub(crate) fn manifest(component: &Inspected, configuration: &[u8]) -> OciImageManifest {
    let descriptor = |media_type: &str, digest: String, size: usize| OciDescriptor {
        media_type: media_type.to_owned(),
        digest,
        // Nothing here has half of all addresses.
        size: i64::try_from(size).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    };
    let size = usize::try_from(component.size).unwrap_or(usize::MAX);
    OciImageManifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        config: descriptor(CONFIGURATION, crate::component::digest(configuration), configuration.len()),
        layers: vec![descriptor(LAYER, component.digest.clone(), size)],
        ..OciImageManifest::default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn artifact(layers: &[(&str, i64)]) -> OciImageManifest {
        let layers = layers.iter().map(|(media_type, size)| OciDescriptor {
            media_type: (*media_type).to_owned(),
            size: *size,
            ..OciDescriptor::default()
        });
        OciImageManifest { layers: layers.collect(), ..OciImageManifest::default() }
    }

    #[rstest]
    #[case::wkg(&[(LAYER, 10)], Ok(10))]
    #[case::kubewarden(&[(OLDER_LAYER, 10)], Ok(10))]
    #[case::spin_with_files(&[(OLDER_LAYER, 10), ("application/vnd.wasm.content.layer.v1+data", 5)], Ok(10))]
    #[case::two(&[(LAYER, 10), (LAYER, 11)], Err(LayoutError::Layers(2)))]
    #[case::image(&[("application/vnd.oci.image.layer.v1.tar+gzip", 10)], Err(LayoutError::Layers(0)))]
    #[case::huge(&[(LAYER, 1 << 40)], Err(LayoutError::Large(1 << 40)))]
    #[case::negative(&[(LAYER, -1)], Err(LayoutError::Large(-1)))]
    fn finds_the_component(#[case] layers: &[(&str, i64)], #[case] expected: Result<i64, LayoutError>) {
        assert_eq!(layer(&artifact(layers)).map(|layer| layer.size), expected);
    }
}
