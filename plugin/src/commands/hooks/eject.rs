//! `kubectl backup hooks eject`.

use serde_json::Value;

use crate::{
    cli::hooks::place::EjectArgs,
    cluster::{Propagation, WriteMode},
    commands::{failure::Failure, session::Session},
    exit::ExitStatus,
    model::object::ObjectKey,
    plan::hooks::sidecar::CONTAINER,
};

use super::{
    inject::ended,
    workload::{Workload, agreed, apply},
};

/// Runs `hooks eject`.
pub(super) async fn run(args: EjectArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let cluster = session.cluster().await?;
    let workload = Workload::find(&args.workload, args.change.namespace.as_deref(), &cluster).await?;
    if !has_runtime(&workload.live) {
        return Err(Failure::new(
            format!("{} has no hook runtime", workload.name),
            "`kubectl backup hooks list` shows the pods that have hooks",
        )
        .into());
    }
    let configuration = config_map(&workload.live);
    let objects = [workload.without_template()];
    let question = format!("Take the hook runtime out of {}? Its pods are replaced.", workload.name);
    if !agreed(&objects, question, &args.change, &cluster, session).await? {
        return Ok(ended(&args.change));
    }
    let [object] = &objects;
    let after = apply(object, &cluster, WriteMode::Real).await?;
    if has_runtime(&after) {
        return Err(Failure::new(
            format!("the hook runtime stays in {}: somebody else states it too", workload.name),
            "`kubectl get -o yaml --show-managed-fields` shows who; take it out there",
        )
        .into());
    }
    if let Some(name) = configuration {
        let kind = &workload.config_maps;
        let key = ObjectKey::new(kind.resource.clone(), Some(workload.namespace()), &name);
        if let Some(found) = cluster.read(kind, &key).await? {
            let uid = found["metadata"]["uid"].as_str().unwrap_or_default();
            let background = Propagation::Background;
            let deleted = cluster.delete_object(kind, &key, uid, None, background, WriteMode::Real).await;
            if let Err(error) = deleted {
                session.printer.warning(&format!("its configuration {key} is left: {error}"));
            }
        }
    }
    session.printer.data(&format!("{} ejected", workload.name))?;
    Ok(ExitStatus::Done)
}

fn has_runtime(workload: &Value) -> bool {
    let containers = workload["spec"]["template"]["spec"]["initContainers"].as_array();
    containers.into_iter().flatten().any(|container| container["name"] == CONTAINER)
}

/// The `ConfigMap` that `inject` made.
fn config_map(workload: &Value) -> Option<String> {
    let name = format!("{CONTAINER}-configuration");
    let volumes = workload["spec"]["template"]["spec"]["volumes"].as_array()?;
    let volume = volumes.iter().find(|volume| volume["name"] == name.as_str())?;
    Some(volume["configMap"]["name"].as_str()?.to_owned())
}
