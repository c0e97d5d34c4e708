//! What a restore was asked for, completed from the repository and checked.

use std::{collections::HashSet, sync::Arc};

use crate::{
    archive::Repository,
    cli::restore::RestoreArgs,
    commands::{
        failure::{Failure, UsageError},
        point::{self, OpenPoint},
        saved_kinds,
        session::{Session, blocking},
        transform::files,
    },
    model::{
        object::ObjectKey,
        resource::ResourceType,
        restore_point::{Completeness, Manifest, RestorePoint},
        restore_record::{RequestFile, RestoreRequest},
        selection::{ClusterScoped, Namespaces, Selection},
    },
    plan::{
        asking::Answers,
        conflict::{ConflictPolicy, rules::Rules},
        field_path::{FieldPath, Step},
        map_namespace::NamespaceMap,
        point_reference::Incomplete,
        restore::{fields::Fields, prepare::Preparation, wanted::Wanted},
        select::{KindFilter, LabelSelector, parse_named_objects},
    },
    report::missing,
};

use super::{
    collect::{Collected, unclear_names},
    dependencies,
    rules::Wishes,
};

/// A complete request.
pub(super) struct Request {
    pub(super) repository: Repository,
    pub(super) point: RestorePoint,
    pub(super) manifest: Manifest,
    pub(super) wanted: Wanted,
    /// Shared by the plan, the comparison and the writes.
    pub(super) preparation: Arc<Preparation>,
    pub(super) wishes: Wishes,
    /// What became of the wishes, once the kinds are known.
    pub(super) rules: Arc<Rules>,
    /// The user wrote no policy: an object named and then skipped was not done as asked.
    pub(super) policy_is_default: bool,
    /// An undo point will be saved.
    pub(super) leaves_record: bool,
    /// As they were when the plan was made.
    pub(super) transform_files: Vec<RequestFile>,
    /// What a person answers, or has answered in the run that this one goes on with.
    pub(super) answers: Answers,
    /// Objects that look as if made since and nobody's, because a run before this one took their owner away.
    pub(super) orphaned: HashSet<ObjectKey>,
    /// Name and text of the rules file.
    pub(super) rules_file: Option<(String, String)>,
}

impl Request {
    /// Reads the restore point's manifest and resolves the words of `args` against it.
    pub(super) async fn complete(args: &RestoreArgs, session: &Session) -> anyhow::Result<Self> {
        let map = NamespaceMap::parse(&args.map_namespace).map_err(|error| {
            UsageError::with_hint(error.to_string(), "for example: --map-namespace shop=shop-test")
        })?;
        let transform_files = match &args.recorded {
            Some(recorded) => recorded.transforms.clone(),
            None => files::texts(&args.transforms)?,
        };
        let transforms = files::parse(&transform_files)?;
        parse_named_objects(&args.objects)?;
        let wishes = Wishes::read(args, fields(args)?)?;
        args.filter.selector.as_deref().map(LabelSelector::parse).transpose()?;
        let incomplete = if args.allow_incomplete { Incomplete::Allow } else { Incomplete::Skip };
        let OpenPoint { repository, point, manifest } = point::open(word(args), incomplete, session).await?;
        warn_of_losses(&manifest, session);
        let mut wanted = wanted(args, &manifest, session)?;
        if args.with_dependencies {
            let (repository, id) = (repository.clone(), point.id.clone());
            let kinds: Vec<_> = manifest.kinds.iter().map(|entry| entry.kind.clone()).collect();
            wanted = blocking(move || dependencies::add(&repository, &id, &kinds, wanted)).await?;
        }
        check_map(&map, &manifest)?;
        let policy_is_default = args.on_conflict.is_none() && args.fields.is_empty();
        let leaves_record = args.dry_run.is_none() && !args.explain && !args.no_undo;
        let preparation = Arc::new(Preparation::new(map, transforms));
        let rules_file = wishes.source();
        Ok(Self {
            repository,
            point,
            manifest,
            wanted,
            preparation,
            wishes,
            rules: Arc::default(),
            policy_is_default,
            leaves_record,
            transform_files,
            answers: Answers::default(),
            orphaned: HashSet::new(),
            rules_file,
        })
    }

    /// The request in words that last: enough to ask for the same again.
    pub(super) fn asked_for(&self, args: &RestoreArgs) -> anyhow::Result<RestoreRequest> {
        let namespaces = match &self.wanted.namespaces {
            None => Namespaces::All,
            Some(names) => Namespaces::Named(names.iter().cloned().collect()),
        };
        let mut selection = Selection::of(namespaces);
        selection.objects = parse_named_objects(&args.objects)?;
        selection.include_kinds.clone_from(&args.filter.include_kinds);
        selection.exclude_kinds.clone_from(&args.filter.exclude_kinds);
        selection.label_selector.clone_from(&args.filter.selector);
        selection.cluster_scoped = args.filter.cluster_scoped;
        let may_rename = matches!(args.on_conflict, Some(ConflictPolicy::Rename | ConflictPolicy::Ask))
            || self.rules_file.is_some();
        Ok(RestoreRequest {
            map_namespace: args.map_namespace.clone(),
            on_conflict: args.on_conflict.map(|policy| policy.word().to_owned()),
            exact: args.exact,
            fields: args.fields.clone(),
            prune: args.prune,
            with_dependencies: args.with_dependencies,
            order: args.order.clone(),
            hold: args.hold,
            keep_finalizers: args.keep_finalizers,
            transforms: self.transform_files.clone(),
            rules: self.rules_file.clone().map(|(name, text)| RequestFile { name, text }),
            answers: self.answers.recorded(),
            rename_suffix: may_rename.then(|| args.rename_suffix.clone()),
            ..RestoreRequest::of(selection)
        })
    }

    /// Every `TYPE/NAME` means exactly one object.
    pub(super) fn check_names(&self, collected: &Collected) -> anyhow::Result<()> {
        let (missing, several) = unclear_names(&self.wanted.named, collected);
        if let Some((name, namespaces)) = several.into_iter().next() {
            return Err(Failure::new(
                format!("`{name}` is in several namespaces: {}", namespaces.join(", ")),
                "say which with -n",
            )
            .into());
        }
        if !missing.is_empty() {
            return Err(Failure::new(
                format!("not in restore point {}: {}", self.point.id, missing.join(", ")),
                format!("`kubectl backup ls {}` lists what is", self.point.id),
            )
            .into());
        }
        if !collected.missing_fields.is_empty() {
            return Err(Failure::new(
                format!("not in restore point {}: {}", self.point.id, collected.missing_fields.join(", ")),
                format!("`kubectl backup get {} TYPE/NAME -o yaml` shows what is", self.point.id),
            )
            .into());
        }
        if collected.candidates.is_empty() && collected.unreadable.is_empty() {
            return Err(Failure::new(
                format!("nothing in restore point {} matches the selection", self.point.id),
                format!("`kubectl backup ls {}` lists what it holds", self.point.id),
            )
            .into());
        }
        Ok(())
    }
}

/// The fields of `--field`; they are set, so no policy but `patch` goes with them.
fn fields(args: &RestoreArgs) -> anyhow::Result<Fields> {
    if !args.fields.is_empty() && args.on_conflict.is_some_and(|policy| policy != ConflictPolicy::Patch) {
        return Err(UsageError::with_hint(
            "--field sets fields of a live object, and goes with --on-conflict=patch only",
            "leave --on-conflict out",
        )
        .into());
    }
    let parse = |text: &String| {
        FieldPath::parse(text).map_err(|error| {
            UsageError::with_hint(
                format!("--field `{text}`: {error}"),
                "for example: spec.replicas, data['app.conf'], spec.template.spec.containers[name=web].image",
            )
        })
    };
    let paths = args.fields.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = paths.iter().find(|path| is_the_servers(path)) {
        return Err(UsageError::with_hint(
            format!("--field `{path}`: the server keeps this field, and no restore sets it"),
            "for example: spec.replicas, data['app.conf'], metadata.labels",
        )
        .into());
    }
    Ok(Fields::new(paths))
}

/// The word that names the restore point.
fn word(args: &RestoreArgs) -> &str {
    args.restore_point.as_deref().unwrap_or_default()
}

fn warn_of_losses(manifest: &Manifest, session: &Session) {
    if manifest.summary.completeness == Completeness::Complete {
        return;
    }
    let losses = missing::losses(&manifest.missing);
    session
        .printer
        .warning(&format!("restore point `{}` is incomplete; it misses {losses}", manifest.summary.name));
}

/// The selection. `latest:shop` names a namespace, and so selects it, unless -n or -A says otherwise.
fn wanted(args: &RestoreArgs, manifest: &Manifest, session: &Session) -> anyhow::Result<Wanted> {
    let kinds: Vec<ResourceType> = manifest.kinds.iter().map(|entry| entry.kind.clone()).collect();
    let mut namespaces = args.namespaces.namespaces.clone();
    if let (true, false, Some(namespace)) =
        (namespaces.is_empty(), args.namespaces.all_namespaces, point::namespace_in(word(args)))
    {
        namespaces.push(namespace.to_owned());
    }
    point::expect_namespaces(&namespaces, manifest, session)?;
    let mut named = std::collections::BTreeSet::new();
    for object in parse_named_objects(&args.objects)? {
        named.insert((saved_kinds::resolve_one(&object.kind, manifest)?, object.name));
    }
    Ok(Wanted {
        namespaces: (!namespaces.is_empty()).then(|| namespaces.into_iter().collect()),
        kinds: KindFilter::new(&args.filter.include_kinds, &args.filter.exclude_kinds, &kinds)?,
        labels: args.filter.selector.as_deref().map(LabelSelector::parse).transpose()?,
        named,
        needed_by_named: std::collections::BTreeSet::new(),
        // A field brings no other object along.
        cluster_scoped: if args.fields.is_empty() { args.filter.cluster_scoped } else { ClusterScoped::None },
    })
}

/// `status`, and what the server writes into the metadata.
fn is_the_servers(path: &FieldPath) -> bool {
    let field = |place: usize| match path.steps().get(place) {
        Some(Step::Field(name)) => name.as_str(),
        _ => "",
    };
    match field(0) {
        "status" | "apiVersion" | "kind" => true,
        "metadata" => !matches!(field(1), "labels" | "annotations" | "finalizers" | "ownerReferences"),
        _ => false,
    }
}

/// A mistyped source would restore over the original instead of beside it.
fn check_map(map: &NamespaceMap, manifest: &Manifest) -> anyhow::Result<()> {
    let known = &manifest.summary.namespaces;
    if manifest.summary.is_shortened() {
        return Ok(());
    }
    match map.sources().find(|source| !known.iter().any(|name| name == source)) {
        None => Ok(()),
        Some(source) => Err(Failure::new(
            format!("--map-namespace: the restore point holds nothing of namespace `{source}`"),
            format!("it holds {}", known.join(", ")),
        )
        .into()),
    }
}
