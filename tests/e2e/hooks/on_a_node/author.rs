//! The whole way of a hook's author: made, tested, built, pushed, pinned, injected, and used by a backup.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use test_cluster::{hooks, node::images::BUSYBOX, registry::Registry};

use super::{pod_spec, rolled_out, wait_answering};
use crate::world::World;

/// What a program of the author prints on stdout.
fn run(command: &mut Command) -> String {
    // What cargo builds is kept, and its own variables are for the build that runs this test.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../hooks");
    command.env("CARGO_TARGET_DIR", target);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The plugin on the author's own machine, which needs no cluster.
fn plugin<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"));
    run(command.current_dir(folder).arg("hooks").args(arguments))
}

/// A new hook that was tested and built: its component.
fn component(folder: &Path) -> PathBuf {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hooks-sdk");
    let new = [OsStr::new("new"), OsStr::new("till"), OsStr::new("--sdk"), sdk.as_os_str()];
    let hook = folder.join(plugin(folder, &new));
    let tests = run(Command::new(env!("CARGO")).current_dir(&hook).arg("test"));
    assert!(tests.contains("test result: ok. 3 passed"), "{tests}");
    PathBuf::from(plugin(&hook, &["build", "-o", "name"]))
}

/// A Deployment that carries the registry of this machine into its pods: there too it is on the loopback, where no TLS is needed.
fn deployment(registry: &Registry) -> Value {
    let port = registry.address().port();
    let mut spec = pod_spec();
    spec["initContainers"] = json!([{
        "name": "registry", "image": BUSYBOX, "restartPolicy": "Always",
        "command": ["sh", "-c", format!("exec nc -ll -p {port} -e nc \"$NODE\" {port}")],
        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}],
    }]);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "lines"},
        "spec": {
            "selector": {"matchLabels": {"app": "lines"}},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": {"app": "lines"}}, "spec": spec},
        },
    })
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_new_hook_gets_into_pods_by_a_registry_and_vouches_for_a_backup() {
    let world = World::on_a_node();
    let runtime = hooks::load(world.cluster(), &hooks::built().unwrap()).unwrap();
    let registry = Registry::start_for_pods().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let component = component(folder.path());

    let image = format!("127.0.0.1:{}/hooks/till:0.1.0", registry.address().port());
    let pinned = plugin(folder.path(), &[OsStr::new("push"), component.as_os_str(), OsStr::new(&image)]);
    assert!(pinned.contains("/hooks/till@sha256:"), "{pinned}");

    world.wait_until("the service account", || world.object("sa/default").is_some());
    world.apply(&deployment(&registry).to_string());
    rolled_out(&world);
    let address = "127.0.0.1:7000";
    let inject = |hook_image: &str| {
        let setting = format!("--setting=address={address}");
        let (hook_image, runtime) = (format!("--hook-image={hook_image}"), format!("--image={runtime}"));
        let words = ["hooks", "inject", "deploy/lines", "--hook=till", "--connect", address, "--yes"];
        let words = words.into_iter().chain([setting.as_str(), &hook_image, &runtime]);
        world.kubectl_backup(&words.collect::<Vec<_>>())
    };
    // What a tag means is decided by somebody else later.
    let refused = inject(&image).exits_with(2);
    assert!(refused.stderr.contains("must be pinned by its digest"), "{}", refused.stderr);
    inject(&pinned).success();
    rolled_out(&world);
    wait_answering(&world, "deploy/lines");

    let made = world.kubectl_backup(&["create", "--hooks", "require"]).success();
    assert!(made.stdout.contains("application-consistent"), "{}", made.stdout);
    let saved = world.kubectl_backup(&["describe", "-o", "json"]).success().json();
    let hook = &saved["freeze"]["hooks"][0];
    assert_eq!(saved["freeze"]["consistency"], "application", "{}", saved["freeze"]);
    assert_eq!((&hook["hook"], &hook["component"]), (&json!("till"), &json!("till 0.1.0")), "{hook}");
    assert_eq!((&hook["end"], &hook["consistency"]), (&json!("thawed"), &json!("application")), "{hook}");
    assert!(hook["session"].as_str().is_some_and(|session| session.starts_with("session-")), "{hook}");
    let told = world.kubectl_backup(&["describe"]).success().stdout;
    assert!(told.contains("till") && told.contains("application"), "{told}");
}
