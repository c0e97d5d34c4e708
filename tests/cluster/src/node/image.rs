//! A container image of our own few files: one layer, as the tar archive of an OCI layout, which Docker takes as
//! one of its own too. No registry is asked.

use std::{fmt, io::Write as _};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

/// An image that is being put together.
pub struct Image {
    name: String,
    layer: Builder<Vec<u8>>,
    entrypoint: Vec<String>,
}

impl fmt::Debug for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Image").field(&self.name).finish()
    }
}

impl Image {
    /// An empty image; `name` with its tag, as pods name it: `localhost/busybox:1`.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), layer: Builder::new(Vec::new()), entrypoint: Vec::new() }
    }

    /// Its name, with the tag.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// With a folder.
    pub fn folder(mut self, path: &str, mode: u32) -> Result<Self> {
        self.append(path, &mut header(EntryType::Directory, mode), &[])?;
        Ok(self)
    }

    /// With a file.
    pub fn file(mut self, path: &str, mode: u32, content: &[u8]) -> Result<Self> {
        self.append(path, &mut header(EntryType::Regular, mode), content)?;
        Ok(self)
    }

    /// With a symbolic link.
    pub fn link(mut self, path: &str, target: &str) -> Result<Self> {
        let mut header = header(EntryType::Symlink, 0o777);
        header.set_link_name(target).with_context(|| format!("could not make the link `{path}`"))?;
        self.append(path, &mut header, &[])?;
        Ok(self)
    }

    /// With the command that a container runs when its pod names none.
    #[must_use]
    pub fn entrypoint(mut self, command: &[&str]) -> Self {
        self.entrypoint = command.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The archive, as `ctr images import` takes it.
    pub fn archive(self) -> Result<Vec<u8>> {
        let layer = self.layer.into_inner().context("could not end a layer")?;
        let kind = |name: &str| format!("application/vnd.oci.image.{name}");
        let layer_digest = digest(&layer);
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "Entrypoint": self.entrypoint,
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            },
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        })
        .to_string();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": kind("manifest.v1+json"),
            "config": {
                "mediaType": kind("config.v1+json"),
                "digest": digest(config.as_bytes()),
                "size": config.len(),
            },
            "layers": [{"mediaType": kind("layer.v1.tar"), "digest": layer_digest, "size": layer.len()}],
        })
        .to_string();
        let index = json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": kind("manifest.v1+json"),
                "digest": digest(manifest.as_bytes()),
                "size": manifest.len(),
                "annotations": {"io.containerd.image.name": self.name},
            }],
        })
        .to_string();

        // What Docker reads instead of the index, unless it keeps images in containerd.
        let place = |content: &[u8]| format!("blobs/{}", digest(content).replace(':', "/"));
        let for_docker = json!([{
            "Config": place(config.as_bytes()), "RepoTags": [self.name], "Layers": [place(&layer)],
        }])
        .to_string();

        let mut archive = Builder::new(Vec::new());
        let mut add = |path: &str, content: &[u8]| {
            append(&mut archive, path, &mut header(EntryType::Regular, 0o644), content)
        };
        add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        add("index.json", index.as_bytes())?;
        add("manifest.json", for_docker.as_bytes())?;
        for blob in [&layer[..], config.as_bytes(), manifest.as_bytes()] {
            add(&place(blob), blob)?;
        }
        let mut archive = archive.into_inner().context("could not end an image")?;
        archive.flush().context("could not end an image")?;
        Ok(archive)
    }

    fn append(&mut self, path: &str, header: &mut Header, content: &[u8]) -> Result<()> {
        append(&mut self.layer, path, header, content)
    }
}

fn append(archive: &mut Builder<Vec<u8>>, path: &str, header: &mut Header, content: &[u8]) -> Result<()> {
    header.set_size(content.len() as u64);
    archive.append_data(header, path, content).with_context(|| format!("could not add `{path}` to an image"))
}

fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(0);
    header
}

fn digest(content: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(content))
}

/// As Go calls it, and so images.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read as _};

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_digest_names_a_blob_of_its_size() {
        let image = Image::new("localhost/one:1").folder("etc", 0o755).unwrap();
        let image = image.file("etc/name", 0o644, b"one").unwrap().link("name", "etc/name").unwrap();
        let bytes = image.entrypoint(&["/run"]).archive().unwrap();
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(entry.path().unwrap().to_string_lossy().into_owned(), content);
        }
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            let content = &files[&format!("blobs/{}", digest.replace(':', "/"))];
            assert_eq!(content.len() as u64, descriptor["size"].as_u64().unwrap());
            assert_eq!(super::digest(content), digest);
            content.clone()
        };
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        let manifest: Value = serde_json::from_slice(&blob(&index["manifests"][0])).unwrap();
        let config: Value = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
        assert_eq!(config["config"]["Entrypoint"][0], "/run");
        let layer = blob(&manifest["layers"][0]);
        let for_docker: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        assert_eq!(for_docker[0]["RepoTags"][0], "localhost/one:1");
        assert_eq!(files[for_docker[0]["Config"].as_str().unwrap()], blob(&manifest["config"]));
        assert_eq!(files[for_docker[0]["Layers"][0].as_str().unwrap()], layer);
        let mut layer = tar::Archive::new(&layer[..]);
        let names = layer.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
        assert_eq!(names.collect::<Vec<_>>(), ["etc", "etc/name", "name"].map(std::path::PathBuf::from));
    }
}
