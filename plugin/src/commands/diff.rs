//! `kubectl backup diff`: what changed between a restore point and the cluster, or another restore point.

mod external;
mod shown;
mod sides;

use std::cmp::Ordering;

use crate::{
    cli::inspect::DiffArgs,
    exit::ExitStatus,
    model::{object::SavedObject, resource::ResourceType, restore_point::Manifest},
    plan::{
        coverage::covers,
        difference::archive_order,
        point_reference::Incomplete,
        select::{KindFilter, LabelSelector, parse_named_object, resolve_one_kind},
    },
};

use super::{
    point::{self, OpenPoint},
    session::Session,
};
use shown::Shown;
use sides::{Scope, Side};

/// Runs `diff`.
pub(crate) async fn run(args: DiffArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let (second, names) = match args.others.split_first() {
        Some((word, names)) if !word.contains('/') => (Some(word.as_str()), names),
        _ => (None, args.others.as_slice()),
    };
    let words: Vec<&str> = std::iter::once(args.restore_point.as_str()).chain(second).collect();
    let mut opened = point::open_all(&words, Incomplete::Skip, session).await?.into_iter();
    let Some(before) = opened.next() else { anyhow::bail!("no restore point was named") };
    let after = opened.next();
    let live = if after.is_none() {
        let cluster = session.cluster().await?;
        let discovery = cluster.discover().await?;
        Some((cluster, discovery.kinds))
    } else {
        None
    };
    let kinds = known_kinds(&before, after.as_ref(), live.iter().flat_map(|(_, kinds)| kinds));
    let scope = scope(&args, names, &before, after.as_ref(), &kinds)?;
    let after_name = after.as_ref().map_or_else(|| "live".to_owned(), |point| point.point.id.to_string());
    let shown = Shown::new(&args, before.point.id.to_string(), after_name, session)?;
    let coverage = Coverage {
        before: before.manifest.clone(),
        after: after.as_ref().map(|point| point.manifest.clone()),
        kinds,
    };
    let first = Side::saved(before.clone(), scope.clone());
    let other = match (after, live) {
        (Some(point), _) => Side::saved(point, scope),
        (None, Some((cluster, served))) => Side::live(cluster, &served, &before, scope),
        (None, None) => anyhow::bail!("there is nothing to compare with"),
    };

    let differs = compare(first, other, &coverage, shown).await?;
    Ok(if differs { ExitStatus::Different } else { ExitStatus::Done })
}

/// The kinds of both sides, each once.
fn known_kinds<'kinds>(
    before: &OpenPoint,
    after: Option<&OpenPoint>,
    live: impl Iterator<Item = &'kinds ResourceType>,
) -> Vec<ResourceType> {
    let mut kinds: Vec<ResourceType> = Vec::new();
    let saved = [Some(before), after].into_iter().flatten().flat_map(|point| &point.manifest.kinds);
    for kind in saved.map(|entry| entry.kind.clone()).chain(live.cloned()) {
        if kinds.iter().all(|known| known.resource != kind.resource) {
            kinds.push(kind);
        }
    }
    kinds
}

/// What the two sides were made to hold: an object that one side was never asked for is no difference.
struct Coverage {
    before: Manifest,
    /// None for the live cluster, which holds all there is.
    after: Option<Manifest>,
    kinds: Vec<ResourceType>,
}

impl Coverage {
    fn covers(&self, pair: &(Option<SavedObject>, Option<SavedObject>)) -> bool {
        match pair {
            (Some(object), None) => self
                .after
                .as_ref()
                .is_none_or(|manifest| covers(manifest, &self.kinds, &object.key, &object.body)),
            (None, Some(object)) => covers(&self.before, &self.kinds, &object.key, &object.body),
            _ => true,
        }
    }
}

/// Walks both sides in archive order, so that never more than one object of each is held.
async fn compare(
    mut first: Side,
    mut other: Side,
    coverage: &Coverage,
    mut shown: Shown,
) -> anyhow::Result<bool> {
    let (mut left, mut right) = (first.next().await?, other.next().await?);
    let mut not_covered = 0_u64;
    loop {
        let order = match (&left, &right) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => archive_order(&left.key, &right.key),
        };
        let pair = (
            if order == Ordering::Greater { None } else { left.take() },
            if order == Ordering::Less { None } else { right.take() },
        );
        if coverage.covers(&pair) {
            shown.pair(pair.0, pair.1)?;
        } else {
            not_covered += 1;
        }
        if order != Ordering::Greater {
            left = first.next().await?;
        }
        if order != Ordering::Less {
            right = other.next().await?;
        }
    }
    tracing::info!(not_covered, "objects on one side that the other side was never asked for");
    shown.finish().await
}

fn scope(
    args: &DiffArgs,
    names: &[String],
    before: &OpenPoint,
    after: Option<&OpenPoint>,
    kinds: &[ResourceType],
) -> anyhow::Result<Scope> {
    let filter = KindFilter::new(&args.include_kinds, &args.exclude_kinds, kinds)?;
    let objects = names
        .iter()
        .map(|name| {
            let named = parse_named_object(name)?;
            Ok((resolve_one_kind(&named.kind, kinds)?, named.name))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let saved =
        before.manifest.kinds.iter().chain(after.iter().flat_map(|point| point.manifest.kinds.iter()));
    let resources = saved
        .map(|entry| entry.kind.resource.clone())
        .filter(|resource| filter.admits(resource))
        .filter(|resource| objects.is_empty() || objects.iter().any(|(kind, _)| kind == resource))
        .collect();
    let namespaces = match args.namespaces.namespaces.as_slice() {
        [] => None,
        names => Some(names.iter().cloned().collect()),
    };
    let selector = args.selector.as_deref().map(LabelSelector::parse).transpose()?;
    Ok(Scope { resources, namespaces, objects, selector })
}
