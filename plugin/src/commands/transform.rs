//! `kubectl backup transform`: what transforms would do, without a cluster.

pub(crate) mod files;
mod manifest;
mod shown;

use std::{collections::BTreeSet, ops::ControlFlow};

use serde_json::Value;

use crate::{
    archive::ReadFilter,
    cli::transform::TransformArgs,
    exit::ExitStatus,
    model::{
        object::{ObjectKey, SavedObject},
        resource::GroupResource,
    },
    plan::{
        map_namespace::NamespaceMap,
        point_reference::Incomplete,
        restore::rules::{Rule, rule},
        sanitize::{SanitizeContext, sanitize},
        select::{LabelSelector, parse_named_objects},
        transform::{Tally, Transforms},
    },
};

use super::{
    failure::{Failure, UsageError},
    point::{self, OpenPoint},
    saved_kinds,
    session::{Session, blocking},
};
use shown::Shown;

/// Runs `transform`.
pub(crate) async fn run(args: TransformArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let transforms = files::read(&args.files)?;
    let selector = args.selector.as_deref().map(LabelSelector::parse).transpose()?;
    let mut run = Run {
        shown: Shown::new(&args, session),
        transforms,
        tally: Tally::default(),
        selector,
        failures: Vec::new(),
    };
    let run = match &args.from {
        Some(path) => {
            for object in manifest::read(path)? {
                run.object(object)?;
            }
            run
        }
        None => of_restore_point(&args, run, session).await?,
    };
    run.finish(session)
}

/// The objects that a restore would write, mapped and cleaned as it would.
async fn of_restore_point(args: &TransformArgs, mut run: Run, session: &Session) -> anyhow::Result<Run> {
    let map = NamespaceMap::parse(&args.map_namespace).map_err(|error| {
        UsageError::with_hint(error.to_string(), "for example: --map-namespace shop=shop-test")
    })?;
    let words = parse_named_objects(&args.objects)?;
    let OpenPoint { repository, point, manifest } =
        point::open(&args.restore_point, Incomplete::Skip, session).await?;
    point::expect_namespaces(&args.namespaces.namespaces, &manifest, session)?;
    let mut named = BTreeSet::new();
    for object in words {
        named.insert((saved_kinds::resolve_one(&object.kind, &manifest)?, object.name));
    }
    let filter = ReadFilter {
        resources: (!named.is_empty()).then(|| named.iter().map(|(kind, _)| kind.clone()).collect()),
        namespaces: namespaces(args),
        ..ReadFilter::default()
    };
    let (mut missing, id) = (named.clone(), point.id.clone());
    let run = blocking(move || {
        let mut failed = None;
        repository.each_object(&id, &filter, &mut |object| {
            let SavedObject { key, mut body } = match object {
                Ok(object) => object,
                Err(range) => {
                    run.failures.push(format!("{range}"));
                    return ControlFlow::Continue(());
                }
            };
            let word = (key.resource.clone(), key.name.clone());
            if !named.is_empty() && !named.contains(&word)
                || !matches!(rule(&key.resource, &body, !named.is_empty()), Rule::Restore)
                || filter.namespaces.is_some() && key.namespace.is_none()
            {
                return ControlFlow::Continue(());
            }
            missing.remove(&word);
            map.apply(&key.resource, &mut body);
            sanitize(&key.resource, &mut body, &SanitizeContext::default());
            match run.object(body) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        not_there(&missing, &id.to_string())?;
        failed.map_or(Ok(run), Err)
    })
    .await?;
    Ok(run)
}

/// None for all. `latest:shop` names one, unless -n or -A says otherwise.
fn namespaces(args: &TransformArgs) -> Option<BTreeSet<String>> {
    let named = &args.namespaces;
    match (named.all_namespaces, named.namespaces.as_slice(), point::namespace_in(&args.restore_point)) {
        (true, ..) | (false, [], None) => None,
        (false, [], Some(namespace)) => Some(BTreeSet::from([namespace.to_owned()])),
        (false, names, _) => Some(names.iter().cloned().collect()),
    }
}

fn not_there(missing: &BTreeSet<(GroupResource, String)>, point: &str) -> anyhow::Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let words: Vec<_> = missing.iter().map(|(kind, name)| format!("{kind}/{name}")).collect();
    Err(Failure::new(
        format!("not in restore point {point}: {}", words.join(", ")),
        format!("`kubectl backup ls {point}` lists what is"),
    )
    .into())
}

/// One preview.
struct Run {
    transforms: Transforms,
    tally: Tally,
    selector: Option<LabelSelector>,
    shown: Shown,
    /// Objects that would be refused, with the reasons.
    failures: Vec<String>,
}

impl Run {
    fn object(&mut self, before: Value) -> anyhow::Result<()> {
        if self.selector.as_ref().is_some_and(|selector| !selector.matches(&before)) {
            return Ok(());
        }
        let mut after = before.clone();
        match self.transforms.apply(&mut after, &mut self.tally) {
            Ok(_) => self.shown.pair(before, after),
            Err(error) => {
                self.failures.push(format!("{}: {error}", shown::name(&before)));
                Ok(())
            }
        }
    }

    fn finish(self, session: &Session) -> anyhow::Result<ExitStatus> {
        let summary = self.shown.finish(self.failures.len())?;
        for failure in &self.failures {
            session.printer.warning(failure);
        }
        for warning in self.transforms.warnings(&self.tally) {
            session.printer.warning(&warning);
        }
        session.printer.note(&summary);
        Ok(if self.failures.is_empty() { ExitStatus::Done } else { ExitStatus::Incomplete })
    }
}

/// The identity of an object as it stands in its body, with its kind as kubectl writes it: `deployment.apps`.
fn key(body: &Value) -> ObjectKey {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let api_version = text(&body["apiVersion"]);
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let resource = GroupResource::new(text(&body["kind"]).to_lowercase(), group);
    ObjectKey::new(resource, body["metadata"]["namespace"].as_str(), &text(&body["metadata"]["name"]))
}
