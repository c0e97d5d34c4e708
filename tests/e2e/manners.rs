//! kubectl's manners: which cluster and user a command speaks to and for, what it logs, what it completes.

use std::{fs, net::TcpListener, path::PathBuf, process::Command};

use serde_json::{Value, json};

use crate::world::{Output, World};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe}\ndata: {key: value}\n";

/// The kubeconfig of the administrator as JSON, certificates and all inside.
fn kubeconfig(world: &World) -> Value {
    world.kubectl(&["config", "view", "--raw", "--flatten", "--output=json"]).success().json()
}

fn write(world: &World, name: &str, config: &Value) -> PathBuf {
    let path = world.folder().join(name);
    fs::write(&path, config.to_string()).unwrap();
    path
}

/// A service account that may read everything in the test's namespace, by its token.
fn reader_token(world: &World) -> String {
    let rules = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]);
    let path = world.user_with_role(&rules);
    let config: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    config["users"][0]["user"]["token"].as_str().unwrap().to_owned()
}

fn lines(output: Output) -> Vec<String> {
    output
        .success()
        .stdout
        .lines()
        .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn impersonation_reaches_the_server() {
    let world = World::new();
    world.apply(MAP);
    let refused = world.kubectl_backup(&["create", "cm/probe", "--as", "alice"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!((refused.stdout + &refused.stderr).contains("alice"), "{}", refused.stderr);
    world.kubectl_backup(&["create", "cm/probe", "--as", "alice", "--as-group", "system:masters"]).success();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn context_flag_chooses_the_cluster() {
    let world = World::new();
    world.apply(MAP);
    let mut config = kubeconfig(&world);
    let live = config["current-context"].as_str().unwrap().to_owned();
    // Nothing listens on port 1.
    config["clusters"].as_array_mut().unwrap().push(json!({"name": "dead",
        "cluster": {"server": "https://127.0.0.1:1"}}));
    let user = config["users"][0]["name"].clone();
    config["contexts"].as_array_mut().unwrap().push(json!({"name": "dead",
        "context": {"cluster": "dead", "user": user}}));
    config["current-context"] = json!("dead");
    let path = write(&world, "two-contexts.json", &config);
    let dead = world.kubectl_backup_as(&path, &["create", "cm/probe"]).exits_with(1);
    assert!(dead.stderr.contains("https://127.0.0.1:1"), "{}", dead.stderr);
    world.kubectl_backup_as(&path, &["create", "cm/probe", "--context", &live]).success();
    let unknown = world.kubectl_backup_as(&path, &["create", "cm/probe", "--context", "nowhere"]);
    assert_ne!(unknown.code, 0);
    assert!(unknown.stderr.contains("nowhere") && unknown.stderr.contains(&live), "{}", unknown.stderr);

    assert_eq!(
        lines(world.kubectl_backup_as(&path, &["__complete", "--", "--context", "de"])),
        ["dead", ":4"]
    );
}

/// A kubeconfig whose user gets its credential from a script.
#[cfg(unix)]
fn with_credential_plugin(world: &World, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;

    let program = world.folder().join("credential-plugin");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut config = kubeconfig(world);
    config["users"][0]["user"] = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
        "command": program, "interactiveMode": "Never"}});
    write(world, "exec.json", &config)
}

#[cfg(unix)]
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn credential_plugin_is_asked() {
    let world = World::new();
    world.apply(MAP);
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": reader_token(&world)}});
    let path = with_credential_plugin(&world, &format!("echo '{credential}'"));
    world.kubectl_backup_as(&path, &["create", "cm/probe"]).success();
}

#[cfg(unix)]
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn credential_plugin_that_fails_is_named() {
    let world = World::new();
    let path = with_credential_plugin(&world, "echo 'token expired, log in again' >&2; exit 3");
    let failed = world.kubectl_backup_as(&path, &["create", "cm/probe"]).exits_with(1);
    assert!(failed.stderr.starts_with("error: "), "{}", failed.stderr);
    assert!(failed.stderr.contains("credential-plugin"), "{}", failed.stderr);
    assert!(failed.stderr.contains(": token expired, log in again"), "{}", failed.stderr);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn request_timeout_ends_the_wait_for_a_server_that_says_nothing() {
    let world = World::new();
    // Accepts connections, as the kernel does for it, and never answers.
    let black_hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", black_hole.local_addr().unwrap());
    let failed = world
        .kubectl_backup(&["create", "cm/probe", "--server", &server, "--request-timeout", "1s"])
        .exits_with(1);
    assert!(failed.stderr.contains(&server), "{}", failed.stderr);
}

/// As in a pod: no kubeconfig, the service account's files in their place, the server's address in the environment.
///
/// The place is fixed, so the test covers it in a mount namespace of its own.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn without_a_kubeconfig_the_pods_service_account_is_used() {
    let world = World::new();
    let may_mount = Command::new("unshare").args(["--mount", "true"]).output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: only root may cover /run for a process");
        return;
    }
    world.apply(MAP);
    let config = kubeconfig(&world);
    let address = config["clusters"][0]["cluster"]["server"].as_str().unwrap();
    let port = address.rsplit(':').next().unwrap().trim_end_matches('/');
    let authority = config["clusters"][0]["cluster"]["certificate-authority-data"].as_str().unwrap();
    let files = world.folder().join("serviceaccount");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("token"), reader_token(&world)).unwrap();
    fs::write(files.join("namespace"), world.namespace()).unwrap();
    fs::write(files.join("ca.base64"), authority).unwrap();
    let script = "set -e; mount -t tmpfs none /run; place=/run/secrets/kubernetes.io/serviceaccount
        mkdir -p $place; cp \"$1\"/token \"$1\"/namespace $place
        base64 -d \"$1\"/ca.base64 > $place/ca.crt; shift; exec \"$@\"";
    let plugin = world.command(&["create", "cm/probe", "-o", "json"]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]).arg(&files);
    command.arg(plugin.get_program()).args(plugin.get_args()).env_clear();
    for (name, value) in plugin.get_envs() {
        if let Some(value) = value.filter(|_| name != "KUBECONFIG") {
            command.env(name, value);
        }
    }
    command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("KUBERNETES_SERVICE_PORT", port);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let saved = world.kubectl_backup(&["list", "-o", "json"]).success().stdout;
    assert!(saved.contains("in-cluster"), "{saved}");
}

/// At any level, `RUST_LOG` included.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn log_holds_no_secret() {
    let world = World::new();
    world.apply(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: probe}\nstringData: {password: correct-horse}\n",
    );
    let token = reader_token(&world);
    let path = world.kubeconfig_with_token("logged", &token);
    let key = "battery-staple";
    for (flag, filter) in [("-v=3", None), ("-v", Some("trace"))] {
        let mut command = world.command(&["create", "secret/probe", flag]);
        command.env("KUBECONFIG", &path).env("KUBECTL_BACKUP_PASSWORD", key);
        if let Some(filter) = filter {
            command.env("RUST_LOG", filter);
        }
        let output = command.output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{log}");
        assert!(log.lines().count() > 10, "nothing was logged: {log}");
        // The password as it is and as the server encodes it.
        for secret in [token.as_str(), key, "correct-horse", "Y29ycmVjdC1ob3JzZQ"] {
            assert!(!log.contains(secret), "{flag} {filter:?} shows {secret}");
        }
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn completion_knows_cluster_and_repository() {
    let world = World::new();
    world.apply(MAP);
    world.kubectl_backup(&["create", "--name", "first"]).success();
    let complete = |words: &[&str]| lines(world.kubectl_backup(&[&["__complete", "--"], words].concat()));
    let namespace = world.namespace();

    assert_eq!(complete(&["create", "-n", namespace]), [namespace, ":4"]);
    assert!(complete(&["create", "conf"]).contains(&"configmaps/".to_owned()));
    assert_eq!(complete(&["create", "cm/pr"]), ["cm/probe", ":4"]);
    assert_eq!(complete(&["restore", "fir"]), ["first", ":36"]);
    let latest = format!("latest:{namespace}");
    assert_eq!(complete(&["restore", &latest]), [latest.as_str(), ":36"]);
    assert_eq!(complete(&["restore", "first", "-n", ""]), [namespace, ":4"]);
    assert_eq!(complete(&["get", "first", "configm"]), ["configmaps", ":4"]);
    assert_eq!(complete(&["get", "latest", "cm", "pr"]), ["probe", ":4"]);
    assert_eq!(complete(&["get", "latest", "configmap/pr"]), ["configmap/probe", ":4"]);
    assert_eq!(complete(&["list", "-n", ""]), [namespace, ":4"]);
    assert_eq!(complete(&["get", "no-such-point", "cm/"]), [":4"]);
    // `latest` is what it is for `get`, which passes over one that lacks something.
    world.kubectl(&["create", "secret", "generic", "other"]).success();
    let secrets = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]);
    let role = world.user_with_role(&secrets);
    world.kubectl_backup_as(&role, &["create", "--name", "partial"]).exits_with(3);
    assert_eq!(complete(&["get", "latest", "cm", "pr"]), ["probe", ":4"]);

    #[cfg(unix)]
    through_kubectl(&world);
}

/// The same through the real kubectl and the shim that the plugin puts in place itself.
#[cfg(unix)]
fn through_kubectl(world: &World) {
    let tools = world.folder().join("tools");
    fs::create_dir(&tools).unwrap();
    let plugin = world.command::<&str>(&[]).get_program().to_owned();
    std::os::unix::fs::symlink(plugin, tools.join("kubectl-backup")).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let surroundings = world.command::<&str>(&[]);
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command.envs(surroundings.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let path =
            surroundings.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path).unwrap();
        let folders = std::iter::once(tools.clone()).chain(std::env::split_paths(path));
        command.env("PATH", std::env::join_paths(folders).unwrap()).output().unwrap()
    };
    let installed = run(tools.join("kubectl-backup").to_str().unwrap(), &["completion", "--install"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let offered = run("kubectl", &["__complete", "backup", "restore", "fir"]);
    let offered = String::from_utf8_lossy(&offered.stdout).into_owned();
    assert!(offered.starts_with("first\t"), "{offered}");
}
