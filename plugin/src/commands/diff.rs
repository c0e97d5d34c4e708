//! `kubectl backup diff`: what changed between a restore point and the cluster, or another restore point.

mod external;
mod live;
mod places;
mod shown;
mod sides;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    cli::inspect::DiffArgs,
    cluster::Cluster,
    exit::ExitStatus,
    model::{
        object::SavedObject,
        resource::{GroupResource, ResourceType, Scope as KindScope},
        restore_point::{KindEntry, Manifest},
        selection::ClusterScoped,
    },
    plan::{
        coverage::{covers, knows_namespace},
        difference::archive_order,
        point_reference::Incomplete,
        restore::rules::{Rule, rule},
        select::{KindFilter, LabelSelector, parse_named_object, resolve_one_kind},
        versions::taken_at,
    },
    report::missing,
};

use super::{
    failure::Failure,
    point::{self, OpenPoint},
    session::Session,
    unreadable::tell_ranges,
};
use shown::Shown;
pub(super) use shown::Texts;
use sides::{Scope, Side};

const NOTHING: &str = "nothing was compared: no object that was asked for is in what both sides cover";

/// Runs `diff`.
pub(crate) async fn run(args: DiffArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let (second, names) = match args.others.split_first() {
        Some((word, names)) if !word.contains('/') => (Some(word.as_str()), names),
        _ => (None, args.others.as_slice()),
    };
    for name in names {
        parse_named_object(name)?;
    }
    args.selector.as_deref().map(LabelSelector::parse).transpose()?;
    let words: Vec<&str> = std::iter::once(args.restore_point.as_str()).chain(second).collect();
    let mut opened = point::open_all(&words, Incomplete::Skip, session).await?.into_iter();
    let Some(mut before) = opened.next() else { anyhow::bail!("no restore point was named") };
    let after = opened.next();
    let live = if after.is_none() {
        let cluster = session.cluster().await?;
        let discovery = cluster.discover().await?;
        at_served_versions(&mut before, &discovery.kinds);
        Some((cluster, discovery))
    } else {
        None
    };
    let kinds = known_kinds(&before, after.as_ref(), live.iter().flat_map(|(_, discovery)| &discovery.kinds));
    let scope = scope(&args, names, &before, after.as_ref(), &kinds)?;
    expect_namespaces(&args, &before, after.as_ref(), live.as_ref().map(|(cluster, _)| cluster)).await?;
    let after_name = after.as_ref().map_or_else(|| "live".to_owned(), |point| point.point.id.to_string());
    let mut shown = Shown::new(&args, before.point.id.to_string(), after_name, session)?;
    let coverage = Coverage {
        before: before.manifest.clone(),
        after: after.as_ref().map(|point| point.manifest.clone()),
        kinds,
        named: scope.objects.iter().cloned().collect(),
    };
    let mut first = Side::saved(before.clone(), scope.clone());
    let mut other = match (after, live) {
        (Some(point), _) => Side::saved(point, scope),
        (None, Some((cluster, discovery))) => live::live(cluster, &discovery, &before, scope, session).await,
        (None, None) => anyhow::bail!("there is nothing to compare with"),
    };

    let seen = compare(&mut first, &mut other, &coverage, &mut shown).await?;
    let unreadable = [first.unreadable, other.unreadable].concat();
    let is_all_read = other.missing.is_empty() && unreadable.is_empty();
    if is_all_read {
        expect_met(&coverage.named, &seen, &before)?;
        if shown.pairs == 0 {
            session.printer.note(NOTHING);
        }
    }
    for warning in missing::warnings(&other.missing, "not compared") {
        session.printer.warning(&warning);
    }
    let differs = shown.finish().await?;
    tell_ranges(&session.printer, &unreadable);
    Ok(match (is_all_read, differs) {
        (false, _) => ExitStatus::DiffFailed,
        (true, true) => ExitStatus::Different,
        (true, false) => ExitStatus::Done,
    })
}

/// Refuses named objects that were met on neither side.
fn expect_met(
    named: &BTreeSet<(GroupResource, String)>,
    seen: &BTreeSet<(GroupResource, String)>,
    before: &OpenPoint,
) -> Result<(), Failure> {
    let nowhere: Vec<String> =
        named.difference(seen).map(|(resource, name)| format!("{resource}/{name}")).collect();
    if nowhere.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        format!("on neither side: {}", nowhere.join(", ")),
        format!("`kubectl backup ls {}` lists what is in the restore point", before.point.id),
    ))
}

/// Refuses a namespace that a restore point was not made of, and one that is on neither side: nothing of it could be
/// compared, which would look like no difference.
async fn expect_namespaces(
    args: &DiffArgs,
    before: &OpenPoint,
    after: Option<&OpenPoint>,
    live: Option<&Cluster>,
) -> anyhow::Result<()> {
    let saved = || std::iter::once(before).chain(after);
    for name in &args.namespaces.namespaces {
        let is_asked = |point: &&OpenPoint| point.manifest.selection.namespaces.covers(name);
        if let Some(other) = saved().find(|point| !is_asked(point)) {
            return Err(point::unknown_namespace(name, &other.manifest).into());
        }
        if saved().any(|point| knows_namespace(&point.manifest, name)) {
            continue;
        }
        match live {
            // Who may not look for it sees what the lists tell.
            Some(cluster) if cluster.has_namespace(name).await.unwrap_or(true) => {}
            _ => {
                return Err(Failure::new(
                    format!("on neither side: namespace {name}"),
                    format!("`kubectl backup describe {}` names those of the restore point", before.point.id),
                )
                .into());
            }
        }
    }
    Ok(())
}

/// Of the saved versions of a kind, the one that the cluster serves: what is compared must have the same shape.
fn at_served_versions(opened: &mut OpenPoint, served: &[ResourceType]) {
    let mut read_at = BTreeMap::new();
    for entry in &mut opened.manifest.kinds {
        let live = served.iter().find(|kind| kind.resource == entry.kind.resource);
        if let Some(version) = live.and_then(|live| taken_at(entry, live)) {
            entry.kind.version.clone_from(&version);
            read_at.insert(entry.kind.resource.clone(), version);
        }
    }
    opened.repository = opened.repository.reading_at(read_at);
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
    /// Objects named on the command line.
    named: BTreeSet<(GroupResource, String)>,
}

impl Coverage {
    /// Whether a controller makes the object from another one: that other one is what is compared.
    fn is_made_by_owner(&self, object: &SavedObject) -> bool {
        self.named.is_empty()
            && matches!(rule(&object.key.resource, &object.body, false), Rule::LeaveWithOwner { .. })
    }

    fn covers(&self, pair: &(Option<SavedObject>, Option<SavedObject>)) -> bool {
        match pair {
            (Some(object), _) | (None, Some(object)) if self.is_made_by_owner(object) => false,
            (Some(object), None) => self
                .after
                .as_ref()
                .is_none_or(|manifest| covers(manifest, &self.kinds, &object.key, &object.body)),
            (None, Some(object)) => covers(&self.before, &self.kinds, &object.key, &object.body),
            _ => true,
        }
    }
}

/// Walks both sides in archive order, so that never more than one object of each is held. Returns which of the
/// named objects were met.
async fn compare(
    first: &mut Side,
    other: &mut Side,
    coverage: &Coverage,
    shown: &mut Shown,
) -> anyhow::Result<BTreeSet<(GroupResource, String)>> {
    let mut seen = BTreeSet::new();
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
        if let Some(object) = pair.0.as_ref().or(pair.1.as_ref())
            && !coverage.named.is_empty()
        {
            seen.insert((object.key.resource.clone(), object.key.name.clone()));
        }
        let can_tell = match &pair {
            (Some(object), None) => other.can_tell(&object.key),
            (None, Some(object)) => first.can_tell(&object.key),
            _ => true,
        };
        if can_tell && coverage.covers(&pair) {
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
    tracing::info!(not_covered, "objects on one side that the other was never asked for or did not give");
    Ok(seen)
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
    let manifests = std::iter::once(&before.manifest).chain(after.iter().map(|point| &point.manifest));
    let resources = manifests
        .flat_map(|manifest| manifest.kinds.iter().filter(|entry| is_comparable(manifest, entry)))
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

/// Of a kind outside namespaces that was read only for what the rest refers to, a new object is no difference.
fn is_comparable(manifest: &Manifest, entry: &KindEntry) -> bool {
    entry.objects > 0
        || entry.kind.scope == KindScope::Namespaced
        || manifest.selection.cluster_scoped == ClusterScoped::All
}
