//! The images that every node has, and how a program of ours gets into one.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::{TestCluster, stdout_of};

use super::{
    configuration::PAUSE,
    image::Image,
    programs::{Programs, packaged},
};

/// A shell and its tools, in a few MiB.
pub const BUSYBOX: &str = "localhost/busybox:1";
/// Nothing but the links of a Debian root: with the node's `/usr` mounted, all that the node has installed.
pub const DEBIAN: &str = "localhost/debian:1";
/// The user of containers that run the node's own programs, and their group.
pub const USER: u32 = 999;

/// Where images and this machine have them.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Those without which no pod of a test would start.
pub(super) fn all(programs: &Programs) -> Result<Vec<Image>> {
    let pause = programs.kubernetes.join("pause");
    let pause = fs::read(&pause).with_context(|| format!("could not read `{}`", pause.display()))?;
    let pause = Image::new(PAUSE).file("pause", 0o755, &pause)?.entrypoint(&["/pause"]);
    Ok(vec![pause, busybox()?, debian()?])
}

fn busybox() -> Result<Image> {
    let path = packaged("busybox").context("there is no busybox")?;
    let program = fs::read(&path).with_context(|| format!("could not read `{}`", path.display()))?;
    let mut image = users(Image::new(BUSYBOX))?.folder("bin", 0o755)?.file("bin/busybox", 0o755, &program)?;
    for tool in stdout_of(Command::new(&path).arg("--list"))?.lines().filter(|tool| *tool != "busybox") {
        image = image.link(&format!("bin/{tool}"), "busybox")?;
    }
    Ok(image.folder("tmp", 0o1777)?.entrypoint(&["/bin/sh"]))
}

fn debian() -> Result<Image> {
    let mut image = users(Image::new(DEBIAN))?;
    for folder in ["usr", "run", "var", "data"] {
        image = image.folder(folder, 0o755)?;
    }
    for folder in ["bin", "sbin", "lib", "lib64"] {
        image = image.link(folder, &format!("usr/{folder}"))?;
    }
    Ok(image.folder("tmp", 0o1777)?.entrypoint(&["/bin/sh"]))
}

/// Gives the cluster's node an image with this program, and says its name: that of the file, with its digest for a tag.
/// The same program again costs nothing.
pub fn load_program(cluster: &TestCluster, program: &Path) -> Result<String> {
    let content = fs::read(program).with_context(|| format!("could not read `{}`", program.display()))?;
    let file = program.file_name().and_then(|name| name.to_str());
    let file = file.with_context(|| format!("`{}` has no name for an image", program.display()))?;
    let digest = format!("{:x}", Sha256::digest(&content));
    let name = format!("localhost/{}:{}", file.to_ascii_lowercase(), &digest[..16]);
    if !cluster.has_image(&name)? {
        cluster.load_image(of_program(&name, program)?)?;
    }
    Ok(name)
}

/// An image with one program that is started as it is, is on PATH by its name, and with the libraries that it is linked to.
pub fn of_program(name: &str, program: &Path) -> Result<Image> {
    let content = fs::read(program).with_context(|| format!("could not read `{}`", program.display()))?;
    let file = program.file_name().and_then(|name| name.to_str());
    let file = file.with_context(|| format!("`{}` has no name for an image", program.display()))?;
    let mut image = users(Image::new(name))?.folder("tmp", 0o1777)?.file("program", 0o755, &content)?;
    image = image.link(&format!("usr/local/bin/{file}"), "/program")?;
    // It fails, and prints nothing, for a program that is linked to none.
    let libraries = Command::new("ldd").arg(program).output().context("could not run ldd")?.stdout;
    for library in libraries_of(&String::from_utf8_lossy(&libraries)) {
        let content = fs::read(&library).with_context(|| format!("could not read `{library}`"))?;
        image = image.file(library.trim_start_matches('/'), 0o755, &content)?;
    }
    Ok(with_authorities(image)?.entrypoint(&["/program"]))
}

/// With the certificates of the authorities that this machine trusts, without which nobody speaks TLS.
pub fn with_authorities(image: Image) -> Result<Image> {
    let authorities = fs::read(AUTHORITIES)
        .with_context(|| format!("could not read `{AUTHORITIES}`: install the package `ca-certificates`"))?;
    image.file(AUTHORITIES.trim_start_matches('/'), 0o644, &authorities)
}

/// Paths in what ldd(1) prints: `libc.so.6 => /lib/libc.so.6 (0x…)`, or the loader's path alone.
fn libraries_of(output: &str) -> Vec<String> {
    let path = |line: &str| {
        let place = line.split_once("=>").map_or(line, |(_, place)| place);
        place.split_whitespace().next().filter(|place| place.starts_with('/')).map(str::to_owned)
    };
    output.lines().filter_map(path).collect()
}

fn users(image: Image) -> Result<Image> {
    let users = format!("root:x:0:0::/:/bin/sh\nuser:x:{USER}:{USER}::/data:/bin/sh\n");
    let groups = format!("root:x:0:\nuser:x:{USER}:\n");
    image.folder("etc", 0o755)?.file("etc/passwd", 0o644, users.as_bytes())?.file(
        "etc/group",
        0o644,
        groups.as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_paths_of_libraries() {
        let output = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n\tnot a dynamic executable\n";
        assert_eq!(libraries_of(output), ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
    }
}
