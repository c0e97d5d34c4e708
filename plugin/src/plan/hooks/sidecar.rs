//! The hook runtime as a container: what is put into a workload's pods, or beside the containers of one pod.
//!
//! It gets no more than it needs: an ordinary user, nothing to write on, no capabilities, no token of the service account.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use clap::ValueEnum;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{HOOKS, HOOKS_PORT, PORT};

/// Name of the container.
pub const CONTAINER: &str = "kubectl-backup-hooks";

/// Annotation of the pod template: changes with the configuration, so that the workload rolls.
pub const CONFIGURATION: &str = "kubectl-backup.dev/hooks-configuration";

/// Folder of the configuration in the container.
const CONFIGURATION_FOLDER: &str = "/etc/kubectl-backup";
/// Its file.
const CONFIGURATION_FILE: &str = "hooks.yaml";
/// Folder of the components.
const COMPONENTS_FOLDER: &str = "/hooks";
/// Folder of the secrets, a folder each.
const SECRETS_FOLDER: &str = "/secrets";
/// Folder for what the runtime keeps: compiled components, and freezes that outlive everybody.
const STATE_FOLDER: &str = "/var/lib/kubectl-backup";
/// Where the kubelet puts the token of the service account, unless something is mounted there.
const TOKEN_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The program, as the image has it on its PATH.
const PROGRAM: &str = "hook-runtime";
/// An ordinary user that no image of a database has.
const USER: u32 = 65_532;

/// Where databases listen in their own pod.
const ADDRESSES: &[(&str, u16)] =
    &[("mariadb", 3306), ("mysql", 3306), ("postgres", 5432), ("redis", 6379), ("valkey", 6379)];

/// What a container is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// Image with the runtime, and with the components unless these come from a `ConfigMap`.
    pub image: String,
    /// Port on the loopback of the pod.
    pub port: u16,
    /// Names of the hooks in the configuration.
    pub hooks: Vec<String>,
    /// The configuration of the runtime.
    pub configuration: String,
    /// Name of the `ConfigMap` that will have the configuration.
    pub config_map: String,
    /// `ConfigMap` with the components.
    pub components: Option<String>,
    /// Secrets that are mounted, and the keys that are read of each. In an ephemeral container, volumes of the pod.
    pub secrets: BTreeMap<String, BTreeSet<String>>,
}

/// One hook, as the command line says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookWords {
    /// Its name.
    pub name: String,
    /// File of its component.
    pub component: Option<String>,
    /// Instead of a file an artifact in a registry, pinned by its digest.
    pub image: Option<String>,
    /// Addresses that it may connect to; the usual one of its database if there is none.
    pub connect: Vec<SocketAddr>,
    /// Settings by name.
    pub settings: BTreeMap<String, String>,
    /// Secrets by name: name of the Secret, and key in it.
    pub secrets: BTreeMap<String, (String, String)>,
    /// Whether it may speak TLS.
    pub tls: Option<TlsWords>,
}

/// What of a server's certificate is verified, in the words of the runtime's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TlsVerify {
    /// That a trusted authority signed it, for this name.
    Full,
    /// That a trusted authority signed it.
    Ca,
    /// Nothing: who is in between reads along.
    None,
}

impl TlsVerify {
    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Ca => "ca",
            Self::None => "none",
        }
    }
}

/// With whom a hook may speak TLS, as the command line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsWords {
    /// What of a certificate is verified.
    pub verify: TlsVerify,
    /// Name of a Secret, and key in it, of the one authority that is trusted; without it those of the runtime's image are.
    pub authority: Option<(String, String)>,
}

/// The file of a key of a Secret, or of one in a volume.
pub fn secret_file(secret: &str, key: &str) -> String {
    format!("{SECRETS_FOLDER}/{secret}/{key}")
}

/// The configuration of a runtime with one hook, as YAML. `keeps` is whether it has a folder to write to.
pub fn configuration(hook: &HookWords, port: u16, keeps: bool) -> String {
    let usual = ADDRESSES.iter().find(|(name, _)| *name == hook.name);
    let mut connect: Vec<String> = hook.connect.iter().map(ToString::to_string).collect();
    if let (true, Some((_, port))) = (connect.is_empty(), usual) {
        connect.push(format!("127.0.0.1:{port}"));
    }
    let file = || hook.component.clone().unwrap_or_else(|| format!("{}.wasm", hook.name));
    let mut body = Map::new();
    match &hook.image {
        Some(image) => body.insert("image".to_owned(), json!(image)),
        None => body.insert("component".to_owned(), json!(file())),
    };
    if !connect.is_empty() {
        body.insert("connect".to_owned(), json!(connect));
    }
    if !hook.settings.is_empty() {
        body.insert("settings".to_owned(), json!(hook.settings));
    }
    if !hook.secrets.is_empty() {
        let paths: BTreeMap<_, _> =
            hook.secrets.iter().map(|(secret, (name, key))| (secret, secret_file(name, key))).collect();
        body.insert("secrets".to_owned(), json!(paths));
    }
    if let Some(tls) = &hook.tls {
        let mut granted = json!({ "verify": tls.verify.word() });
        if let Some((secret, key)) = &tls.authority {
            granted["ca"] = json!(secret_file(secret, key));
        }
        body.insert("tls".to_owned(), granted);
    }
    // JSON is YAML, and needs nothing to be quoted by rules of its own.
    let hooks = Map::from_iter([(hook.name.clone(), Value::Object(body))]);
    let mut whole =
        json!({ "listen": format!("127.0.0.1:{port}"), "folder": COMPONENTS_FOLDER, "hooks": hooks });
    if keeps {
        (whole["cache"], whole["state"]) = (json!(STATE_FOLDER), json!(STATE_FOLDER));
    }
    format!("{whole:#}\n")
}

impl Sidecar {
    /// The `ConfigMap` with the configuration.
    pub fn config_map(&self, namespace: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": self.config_map, "namespace": namespace },
            "data": { CONFIGURATION_FILE: self.configuration },
        })
    }

    /// What is applied to a workload: the native sidecar, its volumes, and the annotations by which backups find it.
    pub fn template(&self) -> Value {
        let mut annotations = self.annotations();
        annotations[CONFIGURATION] = json!(digest(&self.configuration));
        let mut container = self.container();
        // What ends at once keeps the containers after it from starting, and its pod from being ready.
        let file = format!("{CONFIGURATION_FOLDER}/{CONFIGURATION_FILE}");
        container["args"] = json!(["--config", file, "--retry", "30"]);
        container["restartPolicy"] = json!("Always");
        container["resources"] = json!({
            "requests": { "cpu": "10m", "memory": "32Mi" },
            "limits": { "cpu": "1", "memory": "256Mi" },
        });
        container["volumeMounts"] = self.mounts();
        container["livenessProbe"] = self.liveness();
        json!({
            "metadata": { "annotations": annotations },
            "spec": { "initContainers": [container], "volumes": self.volumes() },
        })
    }

    /// The ephemeral container: its configuration is an argument, for it can mount nothing that the pod does not have. The
    /// components and secrets come from volumes of the pod by these names.
    pub fn ephemeral(&self) -> Value {
        let mount =
            |volume: &str, path: String| json!({ "name": volume, "mountPath": path, "readOnly": true });
        let components = self.components.iter().map(|volume| mount(volume, COMPONENTS_FOLDER.to_owned()));
        let secrets = self.secrets.keys().map(|volume| mount(volume, format!("{SECRETS_FOLDER}/{volume}")));
        let mounts: Vec<Value> = components.chain(secrets).collect();
        let mut container = self.container();
        // A `$` of its own is written twice.
        container["args"] = json!(["--config-inline", self.configuration.replace('$', "$$")]);
        if !mounts.is_empty() {
            container["volumeMounts"] = json!(mounts);
        }
        container
    }

    /// What restarts a runtime that is stuck, whatever is frozen. It can do the database no harm: told to end, a runtime thaws;
    /// killed, it takes the session along, or the next one thaws by the record. One that compiles is left alone.
    ///
    /// The database has what it may take to end; the runtime needs no more than its own time, which is 25 s.
    ///
    /// There is no other probe. The containers after a native sidecar wait for its startup probe, and its readiness is that of
    /// the pod: a runtime that fails would keep a database from starting, or take it out of its Services.
    fn liveness(&self) -> Value {
        let listen = format!("127.0.0.1:{}", self.port);
        json!({
            "exec": { "command": [PROGRAM, "probe", "--or-starting", "--listen", listen] },
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
            "terminationGracePeriodSeconds": 30,
        })
    }

    /// The annotations by which backups find the hooks of a pod.
    pub fn annotations(&self) -> Value {
        let mut annotations = Map::new();
        annotations.insert(HOOKS.to_owned(), json!(self.hooks.join(",")));
        if self.port != PORT {
            annotations.insert(HOOKS_PORT.to_owned(), json!(self.port.to_string()));
        }
        Value::Object(annotations)
    }

    /// What both kinds of containers have.
    fn container(&self) -> Value {
        json!({
            "name": CONTAINER,
            "image": self.image,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "runAsGroup": USER,
                "readOnlyRootFilesystem": true,
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "seccompProfile": { "type": "RuntimeDefault" },
            },
        })
    }

    fn mounts(&self) -> Value {
        let mount =
            |volume: String, path: String| json!({ "name": volume, "mountPath": path, "readOnly": true });
        let mut mounts = vec![mount(format!("{CONTAINER}-configuration"), CONFIGURATION_FOLDER.to_owned())];
        if self.components.is_some() {
            mounts.push(mount(format!("{CONTAINER}-components"), COMPONENTS_FOLDER.to_owned()));
        }
        for (index, secret) in self.secrets.keys().enumerate() {
            mounts.push(mount(format!("{CONTAINER}-secret-{index}"), format!("{SECRETS_FOLDER}/{secret}")));
        }
        mounts.push(mount(format!("{CONTAINER}-no-token"), TOKEN_FOLDER.to_owned()));
        mounts.push(json!({ "name": format!("{CONTAINER}-state"), "mountPath": STATE_FOLDER }));
        Value::Array(mounts)
    }

    /// What is lacking is lacked by the runtime, which says so, and not by the pod, which would not start.
    fn volumes(&self) -> Value {
        let mut volumes = vec![json!({
            "name": format!("{CONTAINER}-configuration"),
            "configMap": { "name": self.config_map, "optional": true },
        })];
        if let Some(components) = &self.components {
            volumes.push(json!({
                "name": format!("{CONTAINER}-components"),
                "configMap": { "name": components, "optional": true },
            }));
        }
        for (index, (secret, keys)) in self.secrets.iter().enumerate() {
            let items: Vec<Value> = keys.iter().map(|key| json!({ "key": key, "path": key })).collect();
            volumes.push(json!({
                "name": format!("{CONTAINER}-secret-{index}"),
                "secret": { "secretName": secret, "items": items, "optional": true },
            }));
        }
        volumes.push(json!({ "name": format!("{CONTAINER}-no-token"), "emptyDir": { "sizeLimit": "1Mi" } }));
        volumes.push(json!({ "name": format!("{CONTAINER}-state"), "emptyDir": { "sizeLimit": "256Mi" } }));
        Value::Array(volumes)
    }
}

fn digest(text: &str) -> String {
    format!("{:x}", Sha256::digest(text.as_bytes()))[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook() -> HookWords {
        HookWords {
            name: "postgres".to_owned(),
            settings: [("user".to_owned(), "backup".to_owned())].into(),
            secrets: [("password".to_owned(), ("db".to_owned(), "backup-password".to_owned()))].into(),
            ..HookWords::default()
        }
    }

    fn sidecar() -> Sidecar {
        Sidecar {
            image: "registry.example/hooks:1".to_owned(),
            port: PORT,
            hooks: vec!["postgres".to_owned()],
            configuration: configuration(&hook(), PORT, true),
            config_map: "db-backup-hooks".to_owned(),
            components: None,
            secrets: [("db".to_owned(), ["backup-password".to_owned()].into())].into(),
        }
    }

    #[test]
    fn a_hook_is_granted_what_the_command_line_says_and_its_own_database() {
        insta::assert_snapshot!(configuration(&hook(), PORT, true), @r#"
        {
          "listen": "127.0.0.1:9911",
          "folder": "/hooks",
          "hooks": {
            "postgres": {
              "component": "postgres.wasm",
              "connect": [
                "127.0.0.1:5432"
              ],
              "settings": {
                "user": "backup"
              },
              "secrets": {
                "password": "/secrets/db/backup-password"
              }
            }
          },
          "cache": "/var/lib/kubectl-backup",
          "state": "/var/lib/kubectl-backup"
        }
        "#);
        let other = HookWords { name: "mine".to_owned(), ..HookWords::default() };
        assert!(!configuration(&other, PORT, false).contains("connect"));
        let tls = |verify, authority: Option<(&str, &str)>| {
            let authority = authority.map(|(secret, key)| (secret.to_owned(), key.to_owned()));
            let hook = HookWords { tls: Some(TlsWords { verify, authority }), ..other.clone() };
            let text = configuration(&hook, PORT, false);
            serde_json::from_str::<Value>(&text).unwrap()["hooks"]["mine"]["tls"].clone()
        };
        assert_eq!(tls(TlsVerify::None, None), json!({ "verify": "none" }));
        let expected = json!({ "verify": "full", "ca": "/secrets/db/ca.crt" });
        assert_eq!(tls(TlsVerify::Full, Some(("db", "ca.crt"))), expected);
        let image = HookWords { image: Some("registry.example/db@sha256:0".to_owned()), ..other };
        assert!(!configuration(&image, PORT, false).contains("component"));
    }

    #[test]
    fn the_container_has_no_rights_and_no_token() {
        let template = sidecar().template();
        let container = &template["spec"]["initContainers"][0];
        assert_eq!(container["restartPolicy"], "Always");
        let context = &container["securityContext"];
        assert_eq!(
            (&context["runAsNonRoot"], &context["readOnlyRootFilesystem"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
        assert_eq!(context["seccompProfile"], json!({ "type": "RuntimeDefault" }));
        let mounts = container["volumeMounts"].as_array().unwrap();
        assert!(mounts.iter().any(|mount| mount["mountPath"] == TOKEN_FOLDER));
        let writable: Vec<_> = mounts.iter().filter(|mount| mount["readOnly"] != true).collect();
        assert_eq!(writable.len(), 1, "{writable:?}");
        assert_eq!(writable[0]["mountPath"], STATE_FOLDER);
        let volumes: Vec<_> =
            template["spec"]["volumes"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert_eq!(volumes, mounts.iter().map(|mount| &mount["name"]).collect::<Vec<_>>());
        assert_eq!(template["metadata"]["annotations"][HOOKS], "postgres");
        // Of a Secret only the key that was named.
        let of_secret = &template["spec"]["volumes"][1]["secret"];
        assert_eq!(of_secret["items"], json!([{ "key": "backup-password", "path": "backup-password" }]));
    }

    #[test]
    fn a_stuck_runtime_is_restarted_and_the_database_waits_for_none() {
        let sidecar = Sidecar { port: 9000, ..sidecar() };
        let template = sidecar.template();
        let container = &template["spec"]["initContainers"][0];
        assert_eq!(
            container["livenessProbe"]["exec"]["command"],
            json!(["hook-runtime", "probe", "--or-starting", "--listen", "127.0.0.1:9000"])
        );
        // A database may have an hour to end.
        assert_eq!(container["livenessProbe"]["terminationGracePeriodSeconds"], 30);
        for probe in ["startupProbe", "readinessProbe"] {
            assert!(container.get(probe).is_none(), "{probe}");
        }
        assert!(container["args"].as_array().unwrap().contains(&json!("--retry")));
        for volume in template["spec"]["volumes"].as_array().unwrap() {
            let optional = ["configMap", "secret"].map(|of| &volume[of]["optional"]).contains(&&json!(true));
            assert!(optional || volume["emptyDir"].is_object(), "{volume}");
        }
    }

    #[test]
    fn an_ephemeral_container_brings_its_configuration_and_borrows_volumes() {
        let mut sidecar = sidecar();
        sidecar.configuration = "user: $(NAME)".to_owned();
        sidecar.components = Some("hooks".to_owned());
        let container = sidecar.ephemeral();
        assert_eq!(container["args"], json!(["--config-inline", "user: $$(NAME)"]));
        assert_eq!(
            container["volumeMounts"][1],
            json!({ "name": "db", "mountPath": "/secrets/db", "readOnly": true })
        );
        // What the server refuses in an ephemeral container.
        for field in ["resources", "restartPolicy", "livenessProbe"] {
            assert!(container.get(field).is_none(), "{field}");
        }
    }

    #[test]
    fn another_configuration_rolls_the_workload() {
        let mut other = sidecar();
        other.configuration.push('\n');
        let annotation =
            |sidecar: &Sidecar| sidecar.template()["metadata"]["annotations"][CONFIGURATION].clone();
        assert_ne!(annotation(&other), annotation(&sidecar()));
        assert_eq!(annotation(&sidecar()), annotation(&sidecar()));
    }
}
