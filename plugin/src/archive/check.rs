//! Checking a repository: rustic's check of the format, and our own of what restore points promise.

mod packs;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rustic_core::{CheckOptions, DataId, FileType, TreeId};

use crate::model::{
    check::{CheckDepth, CheckReport, Finding, Severity},
    resource::GroupResource,
    restore_point::{FORMAT, Manifest, RestorePointId},
};

use super::{
    Inner,
    error::{ArchiveError, plain_text},
    layout::Group,
    read::{Entry, EntryContent, ReadFilter, Reader},
    snapshots::{self, Found, Survey},
};

/// Checks everything that `depth` asks for.
pub(super) fn check(inner: &Inner, depth: CheckDepth) -> Result<CheckReport, ArchiveError> {
    let survey = snapshots::survey(inner)?;
    let mut findings: Vec<Finding> = survey.unreadable.iter().map(unreadable).collect();
    findings.extend(rustic_findings(inner, depth, &survey)?);
    let mut walk = Walk { depth, shards: HashMap::new(), objects: 0 };
    for found in &survey.found {
        findings.extend(walk.restore_point(inner, found)?);
    }
    findings.sort_by_key(|finding| finding.severity);
    Ok(CheckReport {
        depth,
        restore_points: (survey.found.len() + survey.unreadable.len()) as u64,
        objects: walk.objects,
        findings,
    })
}

fn unreadable((id, error): &(RestorePointId, ArchiveError)) -> Finding {
    Finding {
        // A newer version's restore point is beyond us, not damaged.
        severity: if error.is_damage() { Severity::Damage } else { Severity::Note },
        message: sentence(error),
        restore_points: vec![id.clone()],
        affected: Vec::new(),
    }
}

/// An error and its causes in one line.
fn sentence(error: &ArchiveError) -> String {
    plain_text(error)
}

fn rustic_findings(inner: &Inner, depth: CheckDepth, survey: &Survey) -> Result<Vec<Finding>, ArchiveError> {
    let (repository, backend) = inner.connect(false)?;
    let mut findings = Vec::new();
    let mut repository = repository;
    let damaged = super::damaged_indexes(&repository)?;
    if !damaged.is_empty() {
        for (id, error) in damaged {
            backend.ignore(FileType::Index, &id);
            findings.push(damage(format!("index/{}: {}", id.to_hex().as_str(), sentence(&error))));
        }
        repository = inner.connect_through(&backend)?;
    }
    let trees: Vec<TreeId> = survey
        .found
        .iter()
        .map(|found| found.snapshot.tree)
        .chain(survey.foreign.iter().map(|snapshot| snapshot.tree))
        .collect();
    let results = super::guarded("check the repository", || {
        repository
            .check_with_trees(CheckOptions::default(), trees)
            .map_err(|error| ArchiveError::damaged("the check ended early", "check the repository", &error))
    });
    match results {
        Ok(results) => {
            findings.extend(results.0.iter().map(|(level, error)| Finding {
                severity: if format!("{level:?}") == "Error" { Severity::Damage } else { Severity::Note },
                message: reworded(&plain_text(error)),
                restore_points: Vec::new(),
                affected: Vec::new(),
            }));
        }
        Err(error @ ArchiveError::Store { .. }) => return Err(error),
        Err(error) => findings.push(damage(sentence(&error))),
    }
    if depth == CheckDepth::Data {
        findings.extend(packs::findings(&repository, &*inner.store)?);
    }
    Ok(findings)
}

/// rustic's text without its own report form and without the names of its own commands.
fn reworded(text: &str) -> String {
    let text = text.split(" To repair:").next().unwrap_or(text);
    let text = text.split("`rustic_core` experienced").next().unwrap_or(text);
    text.trim_end_matches([' ', ':', '.']).to_owned()
}

fn damage(message: String) -> Finding {
    Finding { severity: Severity::Damage, message, restore_points: Vec::new(), affected: Vec::new() }
}

/// What is carried from one restore point to the next: most of what they hold is the same.
struct Walk {
    depth: CheckDepth,
    /// Shards read already: the number of objects, or why it cannot be read.
    shards: HashMap<(Vec<DataId>, String), Result<u64, String>>,
    objects: u64,
}

/// What is wrong with a part of a restore point.
struct Trouble {
    message: String,
    affected: String,
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
        let manifest = match tolerate(reader.manifest())? {
            Ok(manifest) => {
                if manifest.summary != found.point.summary {
                    findings.push(self::finding(
                        id,
                        "its summary and manifest differ".to_owned(),
                        Vec::new(),
                    ));
                }
                Some(manifest)
            }
            Err(message) => {
                findings.push(finding(id, message, Vec::new()));
                None
            }
        };
        let (counts, troubles) = self.contents(inner, &reader)?;
        if troubles.is_empty() {
            findings.extend(manifest.and_then(|manifest| self.compare(id, &manifest, &counts)));
        } else {
            findings.extend(grouped(id, troubles));
        }
        Ok(findings)
    }

    fn contents(
        &mut self,
        inner: &Inner,
        reader: &Reader,
    ) -> Result<(BTreeMap<GroupResource, u64>, Vec<Trouble>), ArchiveError> {
        let (mut counts, mut troubles) = (BTreeMap::new(), Vec::new());
        let groups = match tolerate(reader.groups(&ReadFilter::default()))? {
            Ok(groups) => groups,
            Err(message) => {
                troubles.push(Trouble { message, affected: "everything".to_owned() });
                return Ok((counts, troubles));
            }
        };
        for (group, tree) in groups {
            match tolerate(reader.folder(tree, &group.folders().join("/")))? {
                Ok(shards) => {
                    let count = self.shards(inner, reader, &group, &shards, &mut troubles)?;
                    *counts.entry(group.resource).or_default() += count;
                }
                Err(message) => troubles.push(Trouble { message, affected: group.to_string() }),
            }
        }
        Ok((counts, troubles))
    }

    fn shards(
        &mut self,
        inner: &Inner,
        reader: &Reader,
        group: &Group,
        shards: &[Entry],
        troubles: &mut Vec<Trouble>,
    ) -> Result<u64, ArchiveError> {
        let mut objects = 0;
        for (index, entry) in shards.iter().enumerate() {
            let next = shards.get(index + 1).map(|next| next.name.as_str());
            let EntryContent::File(parts) = &entry.content else {
                troubles.push(Trouble {
                    message: "a folder lies where objects should".to_owned(),
                    affected: format!("{group}/{}", entry.name),
                });
                continue;
            };
            let known = (parts.clone(), format!("{group}/{}\0{}", entry.name, next.unwrap_or_default()));
            let result = if let Some(result) = self.shards.get(&known) {
                result.clone()
            } else {
                let result = self.shard(inner, reader, group, entry, next)?;
                self.shards.insert(known, result.clone());
                result
            };
            match result {
                Ok(count) => objects += count,
                Err(message) => {
                    troubles.push(Trouble { message, affected: format!("{group}/{} …", entry.name) });
                }
            }
        }
        self.objects += objects;
        Ok(objects)
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
        counts: &BTreeMap<GroupResource, u64>,
    ) -> Option<Finding> {
        if self.depth == CheckDepth::Structure {
            return None;
        }
        let stated: BTreeMap<GroupResource, u64> =
            manifest.kinds.iter().map(|entry| (entry.kind.resource.clone(), entry.objects)).collect();
        let differing: Vec<String> = stated
            .keys()
            .chain(counts.keys())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|resource| stated.get(resource).unwrap_or(&0) != counts.get(resource).unwrap_or(&0))
            .map(ToString::to_string)
            .collect();
        (!differing.is_empty()).then(|| {
            finding(id, "it holds other numbers of objects than its manifest says".to_owned(), differing)
        })
    }
}

/// Damage becomes a finding; anything else ends the check.
fn tolerate<T>(result: Result<T, ArchiveError>) -> Result<Result<T, String>, ArchiveError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error @ (ArchiveError::Damaged { .. } | ArchiveError::NewerFormat { .. })) => {
            Ok(Err(sentence(&error)))
        }
        // Shorter than its index says, for example: the store's way of noticing damage.
        Err(ArchiveError::Store { source: super::StoreError::Other { path, source, .. }, .. })
            if source.kind() == std::io::ErrorKind::UnexpectedEof =>
        {
            Ok(Err(format!("`{path}` is too short")))
        }
        Err(error) => Err(error),
    }
}

fn finding(id: &RestorePointId, message: String, affected: Vec<String>) -> Finding {
    Finding { severity: Severity::Damage, message, restore_points: vec![id.clone()], affected }
}

/// One finding for each kind of trouble, with all it affects.
fn grouped(id: &RestorePointId, troubles: Vec<Trouble>) -> Vec<Finding> {
    let mut by_message: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Trouble { message, affected } in troubles {
        // The path of each shard is in `affected`; the rest of the text is what they share.
        let message = message.rsplit(": ").next().unwrap_or(&message).to_owned();
        by_message.entry(message).or_default().push(affected);
    }
    by_message.into_iter().map(|(message, affected)| finding(id, message, affected)).collect()
}
