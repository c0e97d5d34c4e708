//! `restore --resume`: the same request again, planned anew. What is done already is unchanged by then.
//!
//! What the first run was about to overwrite lies in its undo point; this run saves only what that does not hold, in
//! an undo point linked to the first, so that `undo` goes back to before the first run.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    ops::ControlFlow,
};

use serde_json::{Value, json};

use crate::{
    archive::{ReadFilter, Repository},
    cli::{
        restore::RestoreArgs,
        selection::{FilterArgs, NamespaceArgs},
    },
    cluster::WriteError,
    commands::{
        failure::Failure,
        journal,
        session::{Session, blocking},
    },
    model::{
        conflict_policy::ConflictPolicy,
        object::ObjectKey,
        restore_point::RestorePointId,
        restore_record::{Change, RestoreRequest},
        restore_run::{RestoreRun, RunState},
        selection::Namespaces,
    },
    plan::{
        asking::Answers,
        restore::rules::{Rule, rule},
        restore_runs::{by_id, latest_to_resume},
    },
};

use super::write::Writer;

/// What an earlier run of the same restore left.
#[derive(Debug, Default)]
pub(super) struct Resumed {
    /// Its undo point, or that of the first one.
    pub(super) root: Option<RestorePointId>,
    /// Objects that the undo points hold.
    pub(super) held: HashSet<ObjectKey>,
    /// Dependants of objects that it replaced.
    pub(super) orphans: Vec<Orphan>,
    /// What a person answered.
    pub(super) answers: Answers,
}

/// An object whose owner was replaced, perhaps without its being linked to the successor.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Orphan {
    dependant: ObjectKey,
    owner: ObjectKey,
    /// As it named the owner.
    link: Value,
}

impl Orphan {
    /// The object that stays, whether anybody owns it by now or not.
    pub(super) fn dependant(&self) -> &ObjectKey {
        &self.dependant
    }
}

/// For a sentence about what could not be done.
impl fmt::Display for Orphan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`, which `{}` owns,", self.dependant, self.owner)
    }
}

/// Finds the restore that `word` means and asks for the same again.
pub(super) async fn prepare(
    args: RestoreArgs,
    word: &str,
    session: &Session,
) -> anyhow::Result<(RestoreArgs, Resumed)> {
    let identity = session.cluster().await?.identity().await?;
    let repository = session.repository().await?;
    let word = word.to_owned();
    let (source, request, resumed) = blocking(move || read(&repository, &word, &identity)).await?;
    Ok((again(args, source, request)?, resumed))
}

fn read(
    repository: &Repository,
    word: &str,
    cluster_uid: &str,
) -> anyhow::Result<(RestorePointId, RestoreRequest, Resumed)> {
    let runs = journal::runs(repository)?;
    let named = if word == "latest" { latest_to_resume(&runs, cluster_uid)? } else { by_id(word, &runs)? };
    let root = named.root().clone();
    let chain: Vec<&RestoreRun> = runs.iter().filter(|run| *run.root() == root).collect();
    // Newest first.
    let last = chain.first().copied().unwrap_or(named);
    check(last, cluster_uid)?;
    let record = repository.manifest(&root)?.record;
    let request = record.and_then(|record| record.request);
    let Some(request) = request.filter(|_| !named.is_undo()) else {
        return Err(Failure::new(
            format!("restore {} is an undo", named.undo_point.id),
            "run `kubectl backup undo` again: what is taken back already is left as it is",
        )
        .into());
    };
    if let Some(option) = request.unknown.keys().next() {
        return Err(Failure::new(
            format!("restore {root} was asked for with `{option}`, which this version does not know"),
            "resume it with the version of kubectl-backup that began it, or a newer one",
        )
        .into());
    }
    let mut resumed = Resumed { root: Some(root), ..Resumed::default() };
    let mut changes: HashMap<ObjectKey, Change> = HashMap::new();
    for run in chain.iter().rev() {
        let record = repository.manifest(&run.undo_point.id)?.record;
        if let Some(request) = record.and_then(|record| record.request) {
            resumed.answers.add(&request.answers).ok_or_else(unknown_policy)?;
        }
        for planned in journal::planned(repository, run)? {
            if planned.change != Change::Create {
                resumed.held.insert(planned.target.clone());
                changes.entry(planned.target).or_insert(planned.change);
            }
        }
    }
    if changes.values().any(|change| *change == Change::Relink) {
        resumed.orphans = orphans(repository, &chain, &changes)?;
    }
    Ok((named.mark.restore_point.clone(), request, resumed))
}

fn check(last: &RestoreRun, cluster_uid: &str) -> anyhow::Result<()> {
    let id = &last.undo_point.id;
    journal::expect_cluster(last, cluster_uid)?;
    let left =
        last.result.as_ref().and_then(|result| result.summary.restore.as_ref()).map_or(0, |it| it.left);
    match last.state {
        RunState::Finished if left == 0 => Err(Failure::new(
            format!("restore {id} came to its end: there is nothing to go on with"),
            format!("`kubectl backup describe {id}` says what came of every object"),
        )
        .into()),
        RunState::Undone | RunState::PartlyUndone => Err(Failure::new(
            format!("restore {id} was taken back"),
            "restore anew, or undo the undo: `kubectl backup list --restores` shows it",
        )
        .into()),
        _ => Ok(()),
    }
}

fn orphans(
    repository: &Repository,
    chain: &[&RestoreRun],
    changes: &HashMap<ObjectKey, Change>,
) -> anyhow::Result<Vec<Orphan>> {
    let mut owners: HashMap<String, ObjectKey> = HashMap::new();
    let mut dependants: Vec<(ObjectKey, Value)> = Vec::new();
    for run in chain {
        repository.each_object(&run.undo_point.id, &ReadFilter::default(), &mut |object| {
            let Ok(object) = object else { return ControlFlow::Continue(()) };
            match changes.get(&object.key) {
                Some(Change::Replace) => {
                    owners.insert(object.uid().to_owned(), object.key);
                }
                // What a controller makes again finds its owner by itself.
                Some(Change::Relink) if rule(&object.key.resource, &object.body, false) == Rule::Restore => {
                    dependants.push((object.key, object.body["metadata"]["ownerReferences"].clone()));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
    }
    let links = dependants.into_iter().flat_map(|(dependant, references)| {
        let references = references.as_array().cloned().unwrap_or_default();
        references.into_iter().map(move |link| (dependant.clone(), link))
    });
    Ok(links
        .filter_map(|(dependant, link)| {
            let owner = owners.get(link["uid"].as_str()?)?.clone();
            Some(Orphan { dependant, owner, link })
        })
        .collect())
}

fn unknown_policy() -> Failure {
    Failure::new(
        "the restore was asked for with a policy that this version does not know",
        "resume it with the version of kubectl-backup that began it, or a newer one",
    )
}

/// The words of `args` that say how, with those of `request` that say what.
fn again(args: RestoreArgs, source: RestorePointId, request: RestoreRequest) -> anyhow::Result<RestoreArgs> {
    let selection = &request.selection;
    let namespaces = match &selection.namespaces {
        Namespaces::All => NamespaceArgs { namespaces: Vec::new(), all_namespaces: true },
        Namespaces::Named(names) => NamespaceArgs { namespaces: names.clone(), all_namespaces: false },
    };
    let on_conflict = match request.on_conflict.as_deref() {
        None => None,
        Some(word) => Some(ConflictPolicy::of_word(word).ok_or_else(unknown_policy)?),
    };
    Ok(RestoreArgs {
        restore_point: Some(source.0),
        objects: selection.objects.iter().map(|it| format!("{}/{}", it.kind, it.name)).collect(),
        namespaces,
        filter: FilterArgs {
            selector: selection.label_selector.clone(),
            include_kinds: selection.include_kinds.clone(),
            exclude_kinds: selection.exclude_kinds.clone(),
            cluster_scoped: selection.cluster_scoped,
        },
        map_namespace: request.map_namespace.clone(),
        with_dependencies: request.with_dependencies,
        fields: request.fields.clone(),
        order: request.order.clone(),
        hold: request.hold,
        keep_finalizers: request.keep_finalizers,
        on_conflict,
        rename_suffix: request.rename_suffix.clone().unwrap_or(args.rename_suffix),
        exact: request.exact,
        prune: request.prune,
        // It was said when the restore began.
        allow_incomplete: true,
        transforms: Vec::new(),
        rules: None,
        resume: args.resume,
        recorded: Some(Box::new(request)),
        ..args
    })
}

impl Writer {
    /// Links an orphan to the successor of its owner, if it is not yet.
    pub(super) async fn adopt(&self, orphan: &Orphan) -> Result<(), WriteError> {
        let kind = |key: &ObjectKey| self.kinds.served(&key.resource);
        let (Some(of_dependant), Some(of_owner)) = (kind(&orphan.dependant), kind(&orphan.owner)) else {
            return Ok(());
        };
        let Some(owner) = self.cluster.read(of_owner, &orphan.owner).await? else { return Ok(()) };
        let Some(dependant) = self.cluster.read(of_dependant, &orphan.dependant).await? else {
            return Ok(());
        };
        let metadata = &dependant["metadata"];
        let mut owners = metadata["ownerReferences"].as_array().cloned().unwrap_or_default();
        let uid = &owner["metadata"]["uid"];
        if owners.iter().any(|owner| owner["uid"] == *uid) {
            return Ok(());
        }
        owners.retain(|owner| owner["uid"] != orphan.link["uid"]);
        let mut link = orphan.link.clone();
        link["uid"] = uid.clone();
        owners.push(link);
        let patch =
            json!({"metadata": {"ownerReferences": owners, "resourceVersion": metadata["resourceVersion"]}});
        self.cluster.patch_object(of_dependant, &orphan.dependant, &patch).await?;
        Ok(())
    }
}
