//! `cargo xtask image`: the hook runtime and the example hooks as an image for Linux, in a file that programs which push
//! images take. No registry is asked, and no daemon.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use test_cluster::node::{image::Image, images::with_authorities};

use crate::{
    hooks, install,
    shell::{self, cargo, say, target_folder, workspace},
};

/// Cargo's profile for the runtime that users get.
pub(crate) const PROFILE: &str = "dist-runtime";
/// The program, by the name that `hooks inject` starts it by in its probe.
const PROGRAM: &str = "hook-runtime";

/// Those that hold an application which others have too.
const HOOKS: [&str; 6] = ["fsfreeze", "http", "mariadb", "mysql", "postgres", "redis"];

/// Arguments of `image`.
#[derive(Debug, clap::Args)]
pub(crate) struct ImageArgs {
    /// Its name with a tag, in a registry that your cluster's nodes reach: `registry.example/hook-runtime:1`
    name: String,
}

pub(crate) fn run(args: &ImageArgs) -> Result<()> {
    hooks::build()?;
    let image = image(&args.name, &runtime()?, &HOOKS.map(hooks::component))?;
    let folder = workspace().join("dist");
    fs::create_dir_all(&folder).with_context(|| format!("could not make `{}`", folder.display()))?;
    let path = folder.join("hook-runtime.tar");
    fs::write(&path, image.archive()?).with_context(|| format!("could not write `{}`", path.display()))?;
    let (path, name) = (path.display(), &args.name);
    say(&format!("wrote {path}; push it with one of"))?;
    say(&format!("  docker load --input {path} && docker push {name}"))?;
    say(&format!("  skopeo copy oci-archive:{path} docker://{name}"))
}

/// Linked to nothing, so that the image needs nothing else.
fn runtime() -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    if !cfg!(target_os = "linux") {
        bail!(
            "the image is for Linux, and its C code is built by the compiler of this machine: run this on Linux"
        );
    }
    install::ensure_rust_target(&target)?;
    install::ensure_program("musl-gcc", "musl-tools", "the C code of libraries needs musl-gcc")?;
    let mut build = cargo(["build", "--locked", "--package", PROGRAM, "--profile", PROFILE, "--target"]);
    shell::run(build.arg(&target))?;
    Ok(target_folder().join(target).join(PROFILE).join(PROGRAM))
}

fn image(name: &str, program: &Path, components: &[PathBuf]) -> Result<Image> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("could not read `{}`", path.display()));
    let mut image = Image::new(name).file(&format!("usr/local/bin/{PROGRAM}"), 0o755, &read(program)?)?;
    for component in components {
        let file = component.file_name().and_then(|name| name.to_str());
        let file = file.with_context(|| format!("`{}` has no name for an image", component.display()))?;
        image = image.file(&format!("hooks/{file}"), 0o644, &read(component)?)?;
    }
    // For hooks that come from a registry.
    Ok(with_authorities(image)?.entrypoint(&[PROGRAM]))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn has_what_hooks_inject_relies_on() {
        let folder = tempfile::tempdir().unwrap();
        let [program, component] = ["hook-runtime", "postgres.wasm"].map(|name| folder.path().join(name));
        fs::write(&program, "the program").unwrap();
        fs::write(&component, "the component").unwrap();
        let archive =
            image("registry.example/hook-runtime:1", &program, &[component]).unwrap().archive().unwrap();
        let mut names = Vec::new();
        for entry in tar::Archive::new(&archive[..]).entries().unwrap() {
            let mut blob = Vec::new();
            entry.unwrap().read_to_end(&mut blob).unwrap();
            // Of the blobs one is the layer.
            let mut layer = tar::Archive::new(&blob[..]);
            let entries = layer.entries().unwrap().map_while(Result::ok);
            names.extend(entries.filter_map(|entry| Some(entry.path().ok()?.display().to_string())));
        }
        let expected =
            ["usr/local/bin/hook-runtime", "hooks/postgres.wasm", "etc/ssl/certs/ca-certificates.crt"];
        assert_eq!(names, expected);
    }
}
