//! The runtime of hooks as a native sidecar in a test's pod.
//!
//! Its program gets into an image of its own; its configuration and its components come by a `ConfigMap`, its secrets by
//! a Secret, as they would for a user.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use crate::{
    TestCluster,
    databases::add_sidecar,
    node::images::{self, USER},
    pods::Pods,
};

/// The sidecar's container.
pub const CONTAINER: &str = "hook-runtime";
/// Where it listens, on the loopback of the pod.
pub const PORT: u16 = 9911;
/// What it logs when it can be asked.
pub const LISTENING: &str = "listening on ";
/// The folder of the secrets: each is a file of its name.
pub const SECRETS: &str = "/secrets";
/// The folder of the components and of the configuration.
const FOLDER: &str = "/hooks";
const CONFIGURATION: &str = "hooks.yaml";

/// The line server of the tests as a script: one process is one session, whose freeze ends with it. A pod has `$` where its
/// command says `$$`.
pub const LINE_SERVER: &str = r#"
cat > /tmp/session <<'END'
held() { [ "$(cat /tmp/frozen 2>&1)" = $$$$ ]; }
trap '! held || rm /tmp/frozen' EXIT
while read -r verb rest; do
    case $verb in
        hello) echo session-$$$$ ;;
        freeze) echo $$$$ > /tmp/frozen; echo ok ;;
        *)  if ! held; then echo not held; continue; fi
            [ $verb != thaw ] || rm /tmp/frozen
            echo ok ;;
    esac
done
END
exec nc -ll -p 7000 -e sh /tmp/session
"#;

/// What the sidecar runs, and with what.
#[derive(Debug)]
pub struct HookRuntime<'a> {
    /// Name of the `ConfigMap` and of the Secret.
    pub name: &'a str,
    /// `hooks` of the runtime's configuration: each by its name. Secrets lie in [`SECRETS`].
    pub hooks: Value,
    /// Files of the components, which lie together in one folder.
    pub components: &'a [&'a Path],
    /// Secrets by their names.
    pub secrets: &'a [(&'a str, &'a str)],
}

impl HookRuntime<'_> {
    /// The `ConfigMap` and the Secret, as a List.
    pub fn objects(&self) -> Result<Value> {
        let mut components = Map::new();
        for component in self.components {
            let content =
                fs::read(component).with_context(|| format!("could not read `{}`", component.display()))?;
            let name = component.file_name().and_then(|name| name.to_str());
            let name = name.with_context(|| format!("`{}` has no name for a key", component.display()))?;
            components.insert(name.to_owned(), json!(BASE64.encode(content)));
        }
        let secrets: Map<_, _> =
            self.secrets.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        // JSON is YAML.
        let configuration = json!({"folder": FOLDER, "hooks": self.hooks}).to_string();
        let metadata = json!({"name": self.name});
        Ok(json!({"apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
                "data": {CONFIGURATION: configuration}, "binaryData": components,
            },
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": secrets},
        ]}))
    }

    /// Puts the sidecar into a pod; `image` is that of [`load`].
    pub fn add_to(&self, pod: &mut Value, image: &str) {
        let container = json!({
            "name": CONTAINER,
            "image": image,
            "args": ["--config", format!("{FOLDER}/{CONFIGURATION}"), "--log", "debug"],
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "runAsGroup": USER,
                "readOnlyRootFilesystem": true,
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "resources": {"limits": {"memory": "128Mi"}},
            "volumeMounts": [
                {"name": "hooks", "mountPath": FOLDER, "readOnly": true},
                {"name": "hook-secrets", "mountPath": SECRETS, "readOnly": true},
            ],
        });
        let volumes = [
            json!({"name": "hooks", "configMap": {"name": self.name}}),
            json!({"name": "hook-secrets", "secret": {"secretName": self.name}}),
        ];
        add_sidecar(pod, container, &volumes);
    }
}

/// Gives the node an image of the runtime, and says its name. The same program again costs nothing.
pub fn load(cluster: &TestCluster, program: &Path) -> Result<String> {
    images::load_program(cluster, program)
}

/// Waits until the runtime in a pod listens: it compiles its components first, which a probe of the pod cannot see.
pub fn wait_listening(pods: &Pods, pod: &str) -> Result<()> {
    pods.wait_logged(pod, CONTAINER, LISTENING)
}

/// The runtime that cargo has built for the tests that now run.
pub fn built() -> Result<PathBuf> {
    let test = env::current_exe().context("this program has no path")?;
    // `target/debug/deps/TEST`
    let program =
        test.ancestors().nth(2).context("this program is in no target folder")?.join("hook-runtime");
    if !program.is_file() {
        bail!("there is no `{}`: run `cargo build --workspace`", program.display());
    }
    Ok(program)
}
