//! Checking a repository: whether index and packs agree, and whether each restore point holds what it promises.

mod files;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rustic_core::{DataId, TreeId};

use crate::model::{
    check::{CheckDepth, CheckReport, Finding, Severity},
    resource::GroupResource,
    restore_point::{FORMAT, Manifest, RestorePointId},
    unreadable::Unreadable,
};

use super::{
    Inner,
    error::ArchiveError,
    layout::Group,
    read::{Entry, EntryContent, ReadFilter, Reader, tolerate},
    snapshots::{self, Found},
};
use files::{Files, unreadable};

/// Checks everything that `depth` asks for.
pub(super) fn check(inner: &Inner, depth: CheckDepth) -> Result<CheckReport, ArchiveError> {
    let survey = snapshots::survey(inner)?;
    let files = Files::compare(inner, &survey, depth)?;
    let mut findings = files.findings;
    let mut walk = Walk { depth, shards: HashMap::new(), objects: 0 };
    for found in survey.found.iter().filter(|found| !files.unlisted.contains(&found.snapshot.tree)) {
        findings.extend(walk.restore_point(inner, found)?);
    }
    findings.sort_by_key(|finding| finding.severity);
    Ok(CheckReport {
        depth,
        restore_points: (survey.restore_points() + survey.unreadable.len()) as u64,
        objects: walk.objects,
        findings,
    })
}

/// How many restore points can be told, and what shows without reading any: damage of the index, packs that are not there,
/// snapshots that cannot be read. Takes no longer than a backup needs to begin.
pub(super) fn glance(inner: &Inner) -> Result<(usize, Vec<Finding>), ArchiveError> {
    let survey = snapshots::survey(inner)?;
    Ok((survey.restore_points(), Files::compare(inner, &survey, CheckDepth::Structure)?.findings))
}

/// What is carried from one restore point to the next: most of what they hold is the same.
struct Walk {
    depth: CheckDepth,
    /// Shards read already: the number of objects, or why it cannot be read.
    shards: HashMap<(Vec<DataId>, String), Result<u64, String>>,
    objects: u64,
}

/// What a restore point turned out to hold.
#[derive(Default)]
struct Contents {
    /// By kind and, where it is another one than the first, version.
    counts: BTreeMap<(GroupResource, Option<String>), u64>,
    unreadable: Vec<Unreadable>,
}

impl Walk {
    fn restore_point(&mut self, inner: &Inner, found: &Found) -> Result<Vec<Finding>, ArchiveError> {
        let id = &found.point.id;
        if found.point.summary.format > FORMAT {
            let newer = ArchiveError::NewerFormat { id: id.clone(), format: found.point.summary.format };
            return Ok(vec![unreadable(&(id.clone(), newer))]);
        }
        let reader = Reader::new(inner.index()?, found.snapshot.tree, id.clone());
        let mut findings = Vec::new();
        let manifest = match reader.manifest() {
            Err(newer @ ArchiveError::NewerFormat { .. }) => {
                return Ok(vec![unreadable(&(id.clone(), newer))]);
            }
            result => tolerate(result)?,
        };
        let manifest = match manifest {
            Ok(manifest) => {
                if manifest.summary != found.point.summary {
                    findings.push(finding(id, "its summary and manifest differ".to_owned(), Vec::new()));
                }
                Some(manifest)
            }
            Err(reason) => {
                findings.push(finding(id, format!("its manifest cannot be read: {reason}"), Vec::new()));
                None
            }
        };
        if let Err(message) = tolerate(reader.journal(&mut |_| Ok(())))? {
            findings.push(finding(id, message, Vec::new()));
        }
        let groups = reader
            .groups(&ReadFilter::default())
            .and_then(|groups| Ok(groups.into_iter().chain(reader.other_groups()?).collect::<Vec<_>>()));
        match tolerate(groups)? {
            Err(reason) => {
                findings.push(finding(id, format!("none of its objects can be read: {reason}"), Vec::new()));
            }
            Ok(groups) => {
                let mut contents = Contents::default();
                for group in groups {
                    match group {
                        Ok((group, tree)) => self.group(inner, &reader, &group, tree, &mut contents)?,
                        Err(unreadable) => Unreadable::add(&mut contents.unreadable, unreadable),
                    }
                }
                if contents.unreadable.is_empty() {
                    findings
                        .extend(manifest.and_then(|manifest| self.compare(id, &manifest, &contents.counts)));
                } else {
                    findings.extend(grouped(id, contents.unreadable));
                }
            }
        }
        Ok(findings)
    }

    fn group(
        &mut self,
        inner: &Inner,
        reader: &Reader,
        group: &Group,
        tree: TreeId,
        contents: &mut Contents,
    ) -> Result<(), ArchiveError> {
        let mut lose = |first: Option<&str>, next: Option<&str>, reason: String| {
            Unreadable::add(&mut contents.unreadable, group.unreadable(first, next, reason));
        };
        let shards = match tolerate(reader.folder(tree, &group.folders().join("/")))? {
            Ok(shards) => shards,
            Err(reason) => {
                lose(None, None, reason);
                return Ok(());
            }
        };
        let mut objects = 0;
        for (index, entry) in shards.iter().enumerate() {
            let next = shards.get(index + 1).map(|next| next.name.as_str());
            match self.known_shard(inner, reader, group, entry, next)? {
                Ok(count) => objects += count,
                Err(reason) => lose(Some(&entry.name), next, reason),
            }
        }
        // At another version they are the same objects once more.
        if group.version.is_none() {
            self.objects += objects;
        }
        *contents.counts.entry((group.resource.clone(), group.version.clone())).or_default() += objects;
        Ok(())
    }

    /// A shard that several restore points share is read once.
    fn known_shard(
        &mut self,
        inner: &Inner,
        reader: &Reader,
        group: &Group,
        entry: &Entry,
        next: Option<&str>,
    ) -> Result<Result<u64, String>, ArchiveError> {
        let EntryContent::File(parts) = &entry.content else {
            return Ok(Err("a folder lies where objects should".to_owned()));
        };
        let known = (parts.clone(), format!("{group}/{}\0{}", entry.name, next.unwrap_or_default()));
        if let Some(result) = self.shards.get(&known) {
            return Ok(result.clone());
        }
        let result = self.shard(inner, reader, group, entry, next)?;
        self.shards.insert(known, result.clone());
        Ok(result)
    }

    fn shard(
        &self,
        inner: &Inner,
        reader: &Reader,
        group: &Group,
        entry: &Entry,
        next: Option<&str>,
    ) -> Result<Result<u64, String>, ArchiveError> {
        if self.depth == CheckDepth::Data {
            return Ok(tolerate(reader.shard(group, entry, next))?.map(|objects| objects.len() as u64));
        }
        let EntryContent::File(parts) = &entry.content else { return Ok(Ok(0)) };
        tolerate(reader.is_stored(&*inner.store, parts)).map(|stored| stored.map(|()| 0))
    }

    fn compare(
        &self,
        id: &RestorePointId,
        manifest: &Manifest,
        counts: &BTreeMap<(GroupResource, Option<String>), u64>,
    ) -> Option<Finding> {
        if self.depth == CheckDepth::Structure {
            return None;
        }
        let mut stated: BTreeMap<(GroupResource, Option<String>), u64> = BTreeMap::new();
        for entry in &manifest.kinds {
            let resource = &entry.kind.resource;
            stated.insert((resource.clone(), None), entry.objects);
            for other in &entry.other_versions {
                stated.insert((resource.clone(), Some(other.version.clone())), other.objects);
            }
        }
        let differing: Vec<String> = stated
            .keys()
            .chain(counts.keys())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|key| stated.get(key).unwrap_or(&0) != counts.get(key).unwrap_or(&0))
            .map(|(resource, version)| {
                Group { version: version.clone(), ..Group::new(resource.clone(), None) }.to_string()
            })
            .collect();
        (!differing.is_empty()).then(|| {
            finding(id, "it holds other numbers of objects than its manifest says".to_owned(), differing)
        })
    }
}

fn finding(id: &RestorePointId, message: String, affected: Vec<String>) -> Finding {
    Finding { severity: Severity::Damage, message, restore_points: vec![id.clone()], affected }
}

/// One finding for each reason, with all it affects.
fn grouped(id: &RestorePointId, unreadable: Vec<Unreadable>) -> Vec<Finding> {
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in unreadable {
        let affected = entry.to_string();
        by_reason.entry(entry.reason).or_default().push(affected);
    }
    by_reason
        .into_iter()
        .map(|(reason, affected)| finding(id, format!("objects cannot be read: {reason}"), affected))
        .collect()
}
