//! A change to a workload: what it would come to, shown, asked about, and made.

use std::io::{self, IsTerminal};

use anyhow::Context;
use serde_json::{Value, json};

use crate::{
    cli::{
        hooks::place::{ChangeArgs, PlaceFormat},
        restore::DryRun,
    },
    cluster::{Cluster, WriteMode},
    commands::{
        failure::{Failure, UsageError},
        session::{Session, blocking},
    },
    model::{
        object::{ObjectKey, kubectl_name},
        resource::ResourceType,
    },
    plan::{
        normalise::{Status, normalise},
        select::{parse_named_objects, resolve_kind},
    },
    report::{difference::unified, document, question, terminal},
};

/// Kinds whose pods can be given a sidecar.
const KINDS: &[&str] = &["deployments.apps", "statefulsets.apps", "daemonsets.apps"];

/// A workload that is there.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) kind: ResourceType,
    pub(super) key: ObjectKey,
    pub(super) live: Value,
    /// `statefulset.apps/db`
    pub(super) name: String,
    /// `configmaps`.
    pub(super) config_maps: ResourceType,
}

/// An object that is to be applied under the name of hooks.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) kind: ResourceType,
    pub(super) key: ObjectKey,
    pub(super) body: Value,
}

impl Workload {
    /// Finds it.
    pub(super) async fn find(word: &str, namespace: Option<&str>, cluster: &Cluster) -> anyhow::Result<Self> {
        let objects = parse_named_objects(&[word.to_owned()])?;
        let Some(object) = objects.first() else {
            return Err(UsageError::new("no workload is named").into());
        };
        let kinds = cluster.discover().await?.kinds;
        let resources = resolve_kind(&object.kind, &kinds)?;
        let found = kinds.iter().find(|kind| resources.first() == Some(&kind.resource));
        let Some(kind) = found.filter(|kind| KINDS.contains(&kind.resource.to_string().as_str())) else {
            return Err(UsageError::with_hint(
                format!("`{word}` is no workload that a runtime can be put into"),
                "name a Deployment, a StatefulSet or a DaemonSet, as in sts/db",
            )
            .into());
        };
        let config_maps = kinds.iter().find(|kind| kind.resource.to_string() == "configmaps");
        let config_maps = config_maps.context("the server has no ConfigMaps")?.clone();
        let namespace = namespace.unwrap_or(cluster.default_namespace());
        let key = ObjectKey::new(kind.resource.clone(), Some(namespace), &object.name);
        let name = kubectl_name(kind, &object.name);
        let live = cluster.read(kind, &key).await.with_context(|| format!("could not read {name}"))?;
        let Some(live) = live else {
            return Err(Failure::new(
                format!("there is no {name} in namespace {namespace}"),
                "-n names another namespace",
            )
            .into());
        };
        Ok(Self { kind: kind.clone(), key, live, name, config_maps })
    }

    pub(super) fn namespace(&self) -> &str {
        self.key.namespace.as_deref().unwrap_or_default()
    }

    /// The workload with this pod template; of this life, so that another of the same name is left alone.
    pub(super) fn with_template(&self, template: &Value) -> Applied {
        let mut body = self.without_template().body;
        body["spec"] = json!({ "template": template });
        Applied { kind: self.kind.clone(), key: self.key.clone(), body }
    }

    /// The workload with nothing of ours.
    pub(super) fn without_template(&self) -> Applied {
        let body = json!({
            "apiVersion": self.kind.api_version(),
            "kind": self.kind.kind,
            "metadata": {
                "name": self.key.name,
                "namespace": self.key.namespace,
                "uid": self.live["metadata"]["uid"],
            },
        });
        Applied { kind: self.kind.clone(), key: self.key.clone(), body }
    }

    /// Who would set the template back, if somebody owns the workload.
    pub(super) fn owner(&self) -> Option<String> {
        let owners = self.live["metadata"]["ownerReferences"].as_array()?;
        let owner = owners.iter().find(|owner| owner["controller"] == true)?;
        Some(format!("{} {}", owner["kind"].as_str()?, owner["name"].as_str()?))
    }
}

/// Shows what `objects` would come to and asks; false if it ends there.
pub(super) async fn agreed(
    objects: &[Applied],
    question: String,
    args: &ChangeArgs,
    cluster: &Cluster,
    session: &Session,
) -> anyhow::Result<bool> {
    need_terminal(args)?;
    if args.dry_run == Some(DryRun::Client) {
        let bodies: Vec<Value> = objects.iter().map(|object| for_others(&object.body)).collect();
        let format = args.output.unwrap_or(PlaceFormat::Yaml);
        session.printer.exact(&documents(&bodies, format)?)?;
        return Ok(false);
    }
    let mut texts = Vec::new();
    let mut bodies = Vec::new();
    for object in objects {
        let live = cluster.read(&object.kind, &object.key).await;
        let live = live.with_context(|| format!("could not read {}", object.key))?;
        let preview = apply(object, cluster, WriteMode::DryRun).await?;
        texts.push(difference(object, live, preview.clone(), session)?);
        bodies.push(preview);
    }
    let text = texts.concat();
    match (args.dry_run, args.output) {
        (Some(_), Some(format)) => session.printer.exact(&documents(&bodies, format)?)?,
        (Some(_), None) => session.printer.data_styled(&text)?,
        (None, _) => session.printer.dialogue(&text),
    }
    if args.dry_run.is_some() {
        return Ok(false);
    }
    if text.is_empty() {
        session.printer.note("nothing changes");
        return Ok(false);
    }
    agrees(question, args, session).await
}

/// As it can be kept in a file: the uid is that of an object which may be made again.
fn for_others(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(metadata) = body["metadata"].as_object_mut() {
        metadata.remove("uid");
    }
    body
}

/// Refuses to change anything unasked where nobody can be asked.
pub(super) fn need_terminal(args: &ChangeArgs) -> Result<(), UsageError> {
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if args.dry_run.is_some() || args.yes || can_ask {
        return Ok(());
    }
    Err(UsageError::with_hint(
        "this asks before it changes anything, and there is no terminal to ask on",
        "say --yes to change it without being asked, or --dry-run=server to see what would change",
    ))
}

/// Asks, unless the user said yes already.
pub(super) async fn agrees(question: String, args: &ChangeArgs, session: &Session) -> anyhow::Result<bool> {
    if args.yes {
        return Ok(true);
    }
    let agrees =
        blocking(move || question::agrees(&question).context("could not ask on the terminal")).await?;
    if !agrees {
        session.printer.note("nothing was changed");
    }
    Ok(agrees)
}

/// Applies an object.
pub(super) async fn apply(object: &Applied, cluster: &Cluster, mode: WriteMode) -> anyhow::Result<Value> {
    let written = cluster.apply_for_hooks(&object.kind, &object.key, &object.body, mode).await;
    let written = written.map_err(|error| {
        let hint = if error.source.code() == Some(409) {
            "somebody else states these fields too, as an earlier set-up by hand; take them out there first"
        } else {
            "--dry-run prints what is sent"
        };
        Failure::new(format!("could not apply {}: {error}", object.key), hint)
    })?;
    Ok(written.body)
}

pub(super) fn documents(bodies: &[Value], format: PlaceFormat) -> anyhow::Result<String> {
    Ok(match format {
        PlaceFormat::Json => {
            document::to_json(&json!({ "apiVersion": "v1", "kind": "List", "items": bodies }))?
        }
        PlaceFormat::Yaml => {
            let texts: Result<Vec<String>, _> = bodies.iter().map(document::to_yaml).collect();
            texts?.join("---\n")
        }
    })
}

fn difference(
    object: &Applied,
    live: Option<Value>,
    preview: Value,
    session: &Session,
) -> anyhow::Result<String> {
    let yaml = |value: Value| document::to_yaml(&document::sorted(&normalise(value, Status::Ignore)));
    let before = live.map(yaml).transpose()?.unwrap_or_default();
    let after = yaml(preview)?;
    if before == after {
        return Ok(String::new());
    }
    let colour = terminal::allows_color(session.printer.stdout_is_terminal());
    Ok(unified(&format!("live/{}", object.key), &before, &format!("hooks/{}", object.key), &after, colour))
}
