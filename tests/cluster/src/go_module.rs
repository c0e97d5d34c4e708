//! Programs built from a Go module and kept outside the checkout.
//!
//! The cache is keyed by a hash of everything that decides what comes out, so that a folder once complete is never
//! changed; it is filled beside its place and renamed, so that it is never half there.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::folders::{self, Lock};

/// What to build.
#[derive(Clone, Copy, Debug)]
pub struct GoModule<'a> {
    /// The folder with `go.mod`, `go.sum` and the module's own few sources.
    pub folder: &'a Path,
    /// Commands, of the module or of what it requires.
    pub packages: &'a [&'a str],
    /// For `go build -ldflags`.
    pub linker_flags: &'a str,
}

impl GoModule<'_> {
    /// A folder with the programs; built when it is missing, by one process at a time. `area` names the part of the
    /// cache.
    pub fn built(&self, area: &str) -> Result<PathBuf> {
        let cache = folders::cache()?.join(area);
        let folder = cache.join(self.cache_key()?);
        if !folder.is_dir() {
            let _lock = Lock::at(&cache.join("build.lock"))?;
            // Another process may have built while this one waited.
            if !folder.is_dir() {
                self.build(&folder)?;
            }
        }
        Ok(folder)
    }

    fn build(&self, folder: &Path) -> Result<()> {
        let parent = folder.parent().context("the cache folder has no parent")?;
        let partial = tempfile::Builder::new()
            .prefix("building-")
            .tempdir_in(parent)
            .with_context(|| format!("could not make a folder in `{}`", parent.display()))?;
        let names = self.packages.iter().filter_map(|package| package.rsplit('/').next()).collect::<Vec<_>>();
        writeln!(
            io::stderr(),
            "building {} from source, which takes minutes the first time: {}",
            names.join(", "),
            folder.display()
        )?;
        let status = Command::new("go")
            .current_dir(self.folder)
            .args(["build", "-buildvcs=false", "-ldflags", self.linker_flags, "-o"])
            .arg(partial.path())
            .args(self.packages)
            // What is built depends on the module alone: no cgo, no workspace, no other toolchain than the one at hand.
            .envs([("CGO_ENABLED", "0"), ("GOWORK", "off"), ("GOTOOLCHAIN", "local"), ("GOFLAGS", "")])
            .status()
            .context("could not run `go`: install Go 1.26 or newer")?;
        if !status.success() {
            bail!("`go build` in `{}` failed: {status}", self.folder.display());
        }
        fs::rename(partial.keep(), folder)
            .with_context(|| format!("could not move the built programs to `{}`", folder.display()))
    }

    fn cache_key(&self) -> Result<String> {
        let mut digest = Sha256::new();
        let mut sources = Vec::new();
        find_sources(self.folder, &mut sources)?;
        sources.sort();
        for source in sources {
            let content =
                fs::read(&source).with_context(|| format!("could not read `{}`", source.display()))?;
            let name = source.strip_prefix(self.folder).unwrap_or(&source);
            digest.update(Sha256::digest(name.as_os_str().as_encoded_bytes()));
            digest.update(Sha256::digest(content));
        }
        digest.update(Sha256::digest(self.linker_flags));
        digest.update(self.packages.join("\0"));
        Ok(format!("{:x}", digest.finalize())[..16].to_owned())
    }
}

/// All that Go reads in a module: `go.mod`, `go.sum` and `*.go`, at any depth, but not in a module within.
fn find_sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("could not list `{}`", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("could not list `{}`", folder.display()))?.path();
        let extension = path.extension().unwrap_or_default();
        if path.is_dir() {
            if !path.join("go.mod").is_file() {
                find_sources(&path, found)?;
            }
        } else if ["go", "mod", "sum"].iter().any(|wanted| extension == *wanted) {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(files: &[(&str, &str)], linker_flags: &str, packages: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        GoModule { folder: folder.path(), packages, linker_flags }.cache_key().unwrap()
    }

    #[test]
    fn cache_key_follows_every_input_and_nothing_else() {
        let module = [("go.mod", "module m"), ("go.sum", "a"), ("etcd/main.go", "package main")];
        let key = key_of(&module, "-s", &["./etcd"]);
        // Another folder each time: where a module lies is no input.
        assert_eq!(key, key_of(&module, "-s", &["./etcd"]));
        let with_notes = [module[0], module[1], module[2], ("NOTES.md", "n")];
        assert_eq!(key, key_of(&with_notes, "-s", &["./etcd"]));
        let with_another = [module[0], module[1], module[2], ("r/go.mod", "module r"), ("r/main.go", "n")];
        assert_eq!(key, key_of(&with_another, "-s", &["./etcd"]));

        assert_ne!(key, key_of(&[module[0], ("go.sum", "b"), module[2]], "-s", &["./etcd"]));
        assert_ne!(key, key_of(&[module[0], module[1], ("etcd/main.go", "package etcd")], "-s", &["./etcd"]));
        assert_ne!(
            key,
            key_of(&[module[0], module[1], ("store/main.go", "package main")], "-s", &["./etcd"])
        );
        assert_ne!(key, key_of(&module, "-w", &["./etcd"]));
        assert_ne!(key, key_of(&module, "-s", &["./etcd", "./other"]));
    }
}
