//! `cargo xtask dist`: an archive for each target, its checksum, and the Krew manifest for all archives there are.

mod archive;
mod manifest;
mod platform;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    install,
    shell::{self, cargo, say, target_folder, workspace},
};
use platform::Platform;

pub use archive::sha256_of;

/// Cargo's profile for what users get.
const PROFILE: &str = "dist";

/// Arguments of `dist`.
#[derive(Debug, clap::Args)]
pub(crate) struct DistArgs {
    /// Rust target to build for; repeat for several [default: that of this machine]
    #[arg(long = "target", value_name = "TRIPLE")]
    targets: Vec<String>,
}

/// What is to be packed.
#[derive(Clone, Debug)]
pub struct Release {
    /// Rust target; none for that of this machine.
    pub target: Option<String>,
    /// Folder for the archive, its checksum and `backup.yaml`.
    pub into: PathBuf,
}

pub(crate) fn run(args: &DistArgs) -> Result<()> {
    let mut targets: Vec<_> = args.targets.iter().cloned().map(Some).collect();
    if targets.is_empty() {
        targets.push(None);
    }
    for target in targets {
        let release = Release { target, into: workspace().join("dist") };
        say(&format!("packed {}", release.pack(&release.build()?)?.display()))?;
        say(&format!("wrote {}", release.write_manifest()?.display()))?;
    }
    Ok(())
}

impl Release {
    /// Packs the binary, with the licence, into an archive named after version and platform. A file beside it has its
    /// checksum in the form of sha256sum(1). Gives the archive's path.
    pub fn pack(&self, binary: &Path) -> Result<PathBuf> {
        let name = self.platform()?.archive_name(env!("CARGO_PKG_VERSION"));
        fs::create_dir_all(&self.into)
            .with_context(|| format!("could not make `{}`", self.into.display()))?;
        let path = self.into.join(&name);
        archive::write(&path, &[(binary, 0o755), (&workspace().join("LICENSE"), 0o644)])?;
        let checksum = self.into.join(format!("{name}.sha256"));
        fs::write(&checksum, format!("{}  {name}\n", sha256_of(&path)?))
            .with_context(|| format!("could not write `{}`", checksum.display()))?;
        Ok(path)
    }

    /// Fills `krew-manifest.yaml` for the archives of this version in the folder. Gives the manifest's path, whose
    /// name is the plugin's, as Krew wants it.
    pub fn write_manifest(&self) -> Result<PathBuf> {
        let template = workspace().join("krew-manifest.yaml");
        let template = fs::read_to_string(&template)
            .with_context(|| format!("could not read `{}`", template.display()))?;
        let filled = manifest::fill(&template, env!("CARGO_PKG_VERSION"), &|name| {
            let path = self.into.join(name);
            path.is_file().then(|| sha256_of(&path)).transpose()
        })?;
        let path = self.into.join("backup.yaml");
        fs::write(&path, filled).with_context(|| format!("could not write `{}`", path.display()))?;
        Ok(path)
    }

    /// Builds what users get. Gives the binary's path.
    fn build(&self) -> Result<PathBuf> {
        // First: a build takes minutes.
        let binary_name = self.platform()?.binary_name();
        let mut build = cargo(["build", "--locked", "--package", "kubectl-backup", "--profile", PROFILE]);
        let mut folder = target_folder();
        if let Some(target) = &self.target {
            install::ensure_rust_target(target)?;
            if target.ends_with("-linux-musl") {
                install::ensure_program("musl-gcc", "musl-tools", "the C code of libraries needs musl-gcc")?;
            }
            build.args(["--target", target]);
            folder.push(target);
        }
        shell::run(&mut build)?;
        let binary = folder.join(PROFILE).join(binary_name);
        if !binary.is_file() {
            bail!("cargo built no `{}`", binary.display());
        }
        Ok(binary)
    }

    fn platform(&self) -> Result<Platform> {
        let target = match &self.target {
            Some(target) => target.clone(),
            None => host()?,
        };
        Platform::of(&target).with_context(|| format!("Krew has no platform for the target `{target}`"))
    }
}

/// The target that cargo builds for when none is named.
fn host() -> Result<String> {
    let output = cargo(["version", "--verbose"]).output().context("could not run cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`cargo version --verbose` names no host")
}

/// The last part of a path or address.
fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}
