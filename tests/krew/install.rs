//! The release archive and its manifest, through real Krew and kubectl, without Krew's index or any other network.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use test_cluster::{assets::Assets, go_module::GoModule};
use xtask::{dist::Release, shell::workspace};

/// Krew and its validator, built once.
fn krew_tools() -> PathBuf {
    let module = GoModule {
        folder: &workspace().join("tests/krew"),
        packages: &["sigs.k8s.io/krew/cmd/krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest"],
        linker_flags: "-s -w",
    };
    module.built("krew").unwrap()
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
#[ignore = "needs Go, and builds krew and kubectl: cargo xtask test"]
fn krew_installs_the_archive_and_kubectl_finds_the_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let release = Release { target: None, into: folder.path().join("dist") };
    let archive = release.pack(Path::new(env!("CARGO_BIN_EXE_kubectl-backup"))).unwrap();
    let manifest = release.write_manifest().unwrap();

    let tools = krew_tools();
    succeed(
        Command::new(tools.join("validate-krew-manifest"))
            .arg(format!("-manifest={}", manifest.display()))
            // Its own installation downloads from the release page; ours below takes the archive at hand.
            .arg("-skip-install"),
    );

    let assets = Assets::find_or_build().unwrap();
    let root = folder.path().join("krew");
    let kubectl_folder = assets.kubectl().parent().unwrap();
    let isolated = |program: &Path| {
        let system = env::split_paths(&env::var_os("PATH").unwrap()).collect::<Vec<_>>();
        let search = [root.join("bin"), kubectl_folder.to_owned()].into_iter().chain(system);
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", env::join_paths(search).unwrap())
            .env("HOME", folder.path())
            .env("KREW_ROOT", &root)
            .env("KREW_NO_UPGRADE_CHECK", "1");
        command
    };
    succeed(
        isolated(&tools.join("krew"))
            .arg("install")
            .arg(format!("--manifest={}", manifest.display()))
            .arg(format!("--archive={}", archive.display())),
    );

    let version = succeed(isolated(assets.kubectl()).args(["backup", "--version"]));
    let expected = format!("kubectl-backup {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&version.stdout), expected);
    let installed = root.join(format!("store/backup/v{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(fs::read(installed.join("LICENSE")).unwrap(), fs::read(workspace().join("LICENSE")).unwrap());
}
