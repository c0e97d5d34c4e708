//! `kubectl backup hooks attach`.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::{Value, json};

use crate::{
    cli::{
        hooks::place::{AttachArgs, PlaceFormat},
        restore::DryRun,
    },
    cluster::{Cluster, WriteMode},
    commands::{
        failure::{Failure, UsageError},
        session::Session,
    },
    exit::ExitStatus,
    model::{object::ObjectKey, resource::ResourceType},
    plan::{
        hooks::sidecar::{CONTAINER, Sidecar},
        select::{parse_named_objects, resolve_kind},
    },
};

use super::{
    inject::{configured, ended, image, keys, secret, tls},
    workload::{agrees, documents, need_terminal},
};

/// Annotation of pods that a kubelet runs by itself.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What whoever attaches should know beforehand.
const LIMITS: &str = "An ephemeral container cannot be changed or removed: it goes with the pod. It is not started again \
                      when it ends, has no resource limits of its own, and mounts only what the pod has. `hooks inject` \
                      is for good.";

/// Runs `hooks attach`.
pub(super) async fn run(args: AttachArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let secrets = args.secrets.iter().map(|word| secret(word)).collect::<Result<BTreeMap<_, _>, _>>()?;
    let (hooks, configuration) = configured(&args.runtime, &secrets, false)?;
    let image = image(&args.runtime)?;
    need_terminal(&args.change)?;
    let cluster = session.cluster().await?;
    let (kind, key, live) = pod(&args.pod, args.change.namespace.as_deref(), &cluster).await?;
    let authority = tls(&args.runtime)?.and_then(|tls| tls.authority);
    let volumes = keys(secrets.values().chain(&authority));
    suits(&live, &key.name, volumes.keys().chain(&args.components_from))?;
    let sidecar = Sidecar {
        image,
        port: args.runtime.port,
        hooks,
        configuration,
        config_map: String::new(),
        components: args.components_from.clone(),
        secrets: volumes,
    };
    let container = sidecar.ephemeral();
    let namespace = key.namespace.clone().unwrap_or_default();
    if let Some(dry_run) = args.change.dry_run {
        let shown = match dry_run {
            DryRun::Client => json!({ "apiVersion": "v1", "kind": "Pod",
                "metadata": { "name": key.name, "namespace": namespace, "annotations": sidecar.annotations() },
                "spec": { "ephemeralContainers": [container] } }),
            DryRun::Server => attach(&cluster, &namespace, &key.name, &container, WriteMode::DryRun).await?,
        };
        let format = args.change.output.unwrap_or(PlaceFormat::Yaml);
        session.printer.exact(&documents(&[shown], format)?)?;
        return Ok(ExitStatus::Done);
    }
    session.printer.note(LIMITS);
    let question = format!("Put the hook runtime into pod {namespace}/{}, until it is replaced?", key.name);
    if !agrees(question, &args.change, session).await? {
        return Ok(ended(&args.change));
    }
    attach(&cluster, &namespace, &key.name, &container, WriteMode::Real).await?;
    annotate(&cluster, &kind, &key, &live, &sidecar, session).await;
    session.printer.data(&format!("pod/{} attached", key.name))?;
    session.printer.note(&format!("Try it: kubectl backup hooks test pod/{} -n {namespace}", key.name));
    Ok(ExitStatus::Done)
}

async fn pod(
    word: &str,
    namespace: Option<&str>,
    cluster: &Cluster,
) -> anyhow::Result<(ResourceType, ObjectKey, Value)> {
    let objects = parse_named_objects(&[word.to_owned()])?;
    let Some(object) = objects.first() else { return Err(UsageError::new("no pod is named").into()) };
    let kinds = cluster.discover().await?.kinds;
    let resources = resolve_kind(&object.kind, &kinds)?;
    let found = kinds.iter().find(|kind| resources.first() == Some(&kind.resource));
    let Some(kind) = found.filter(|kind| kind.resource.to_string() == "pods") else {
        let hint = "name a pod, as in pod/db-0; `hooks inject` takes workloads";
        return Err(UsageError::with_hint(format!("`{word}` is no pod"), hint).into());
    };
    let namespace = namespace.unwrap_or(cluster.default_namespace());
    let key = ObjectKey::new(kind.resource.clone(), Some(namespace), &object.name);
    let live = cluster.read(kind, &key).await.with_context(|| format!("could not read {key}"))?;
    match live {
        Some(live) => Ok((kind.clone(), key, live)),
        None => Err(Failure::new(
            format!("there is no pod {} in namespace {namespace}", object.name),
            "-n names another namespace",
        )
        .into()),
    }
}

/// Refuses what the server would refuse later, or accept and never run.
fn suits<'a>(live: &Value, name: &str, volumes: impl Iterator<Item = &'a String>) -> Result<(), Failure> {
    let refused = |reason: String, hint: &str| Err(Failure::new(format!("pod {name} {reason}"), hint));
    if live["metadata"]["annotations"].get(MIRROR).is_some() {
        return refused(
            "is run by its kubelet alone, which takes no ephemeral containers".to_owned(),
            "change its manifest on the node",
        );
    }
    if live["status"]["phase"] != "Running" {
        return refused("is not running".to_owned(), "wait until it runs");
    }
    let has = |list: &str, name: &str| {
        let items = live["spec"][list].as_array();
        items.into_iter().flatten().any(|item| item["name"] == name)
    };
    if has("ephemeralContainers", CONTAINER) || has("initContainers", CONTAINER) {
        return refused(
            "has a hook runtime already".to_owned(),
            "`kubectl backup hooks status` asks it; one that is attached cannot be changed before the pod is replaced",
        );
    }
    for volume in volumes {
        if !has("volumes", volume) {
            return refused(
                format!("has no volume `{volume}`"),
                "an ephemeral container mounts only what the pod has; `hooks inject` brings volumes along",
            );
        }
    }
    Ok(())
}

async fn attach(
    cluster: &Cluster,
    namespace: &str,
    pod: &str,
    container: &Value,
    mode: WriteMode,
) -> anyhow::Result<Value> {
    let written = cluster.add_ephemeral_container(namespace, pod, container, mode).await;
    let written = written.map_err(|error| {
        let hint = if error.source.is_forbidden() {
            "it needs patch on pods/ephemeralcontainers, and a namespace whose pod security allows the container"
        } else {
            "--dry-run prints what is sent"
        };
        Failure::new(format!("could not attach to pod {namespace}/{pod}: {error}"), hint)
    })?;
    Ok(written.body)
}

/// So that backups find the hooks. Without the right to it a file does.
async fn annotate(
    cluster: &Cluster,
    kind: &ResourceType,
    key: &ObjectKey,
    live: &Value,
    sidecar: &Sidecar,
    session: &Session,
) {
    // With the uid, so that another pod of the same name is left alone.
    let patch =
        json!({ "metadata": { "uid": live["metadata"]["uid"], "annotations": sidecar.annotations() } });
    if let Err(error) = cluster.patch_object(kind, key, &patch).await {
        session.printer.warning(&format!(
            "the pod could not be annotated, so that backups find its hooks only by --hooks-file: {error}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn live() -> Value {
        json!({ "metadata": {}, "status": { "phase": "Running" }, "spec": { "volumes": [{ "name": "credentials" }] } })
    }

    fn reason(live: &Value, volume: &str) -> String {
        suits(live, "db-0", [volume.to_owned()].iter()).err().map(|it| it.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_running_pod_with_the_volumes_suits() {
        assert_eq!(reason(&live(), "credentials"), "");
        assert!(reason(&live(), "other").contains("has no volume `other`"));
    }

    #[rstest]
    #[case::ended("/status/phase", json!("Succeeded"), "is not running")]
    #[case::of_a_kubelet("/metadata", json!({ "annotations": { MIRROR: "x" } }), "run by its kubelet alone")]
    #[case::attached(
        "/spec", json!({ "ephemeralContainers": [{ "name": CONTAINER }] }), "has a hook runtime already")]
    #[case::injected("/spec", json!({ "initContainers": [{ "name": CONTAINER }] }), "has a hook runtime already")]
    fn others_do_not(#[case] place: &str, #[case] value: Value, #[case] expected: &str) {
        let mut live = live();
        *live.pointer_mut(place).unwrap() = value;
        let reason = reason(&live, "credentials");
        assert!(reason.contains(expected), "{reason}");
    }
}
