//! What a word for a kind means in a restore point, and what the restore point misses of a kind.

use std::collections::BTreeSet;

use crate::{
    model::{
        resource::{GroupResource, ResourceType},
        restore_point::{Manifest, Missing},
    },
    plan::{
        coverage::missing_kind,
        select::{SelectError, resolve_kind, resolve_one_kind},
    },
    report::create::shortened,
};

use super::{failure::Failure, session::Session};

/// The kinds that `word` stands for.
pub(crate) fn resolve(word: &str, manifest: &Manifest) -> anyhow::Result<Vec<GroupResource>> {
    resolve_kind(word, &kinds(manifest)).map_err(|error| explained(error, manifest))
}

/// The kind that `word` stands for, where only one makes sense.
pub(crate) fn resolve_one(word: &str, manifest: &Manifest) -> anyhow::Result<GroupResource> {
    resolve_one_kind(word, &kinds(manifest)).map_err(|error| explained(error, manifest))
}

fn kinds(manifest: &Manifest) -> Vec<ResourceType> {
    manifest.kinds.iter().map(|entry| entry.kind.clone()).collect()
}

/// A kind that could not be read is not one that does not exist.
fn explained(error: SelectError, manifest: &Manifest) -> anyhow::Error {
    let SelectError::UnknownKind { word, near } = &error else { return error.into() };
    let describe = format!("`kubectl backup describe {}` shows all that it misses", manifest.summary.name);
    if let Some(entry) = missing_kind(word, &manifest.missing) {
        return Failure::new(said(entry), describe).into();
    }
    if !near.is_empty() || manifest.missing.is_empty() {
        return error.into();
    }
    let what: Vec<String> = manifest.missing.iter().map(|entry| entry.what.clone()).collect();
    Failure::new(
        format!(
            "there is no kind `{word}` in the restore point, which is incomplete: it misses {}",
            shortened(&what)
        ),
        describe,
    )
    .into()
}

/// Says what of `resources` the restore point misses in the namespaces (None: in any).
pub(crate) fn warn_of_missing(
    resources: &BTreeSet<GroupResource>,
    namespaces: Option<&BTreeSet<String>>,
    manifest: &Manifest,
    session: &Session,
) {
    for entry in &manifest.missing {
        let is_wanted = resources.iter().any(|resource| resource.to_string() == entry.what);
        let is_in_place = entry.namespaces.is_empty()
            || namespaces.is_none_or(|wanted| entry.namespaces.iter().any(|name| wanted.contains(name)));
        if is_wanted && is_in_place {
            session.printer.warning(&said(entry));
        }
    }
}

fn said(entry: &Missing) -> String {
    let place = match entry.namespaces.as_slice() {
        [] => String::new(),
        [only] => format!(" in namespace {only}"),
        several => format!(" in namespaces {}", shortened(several)),
    };
    format!("the restore point misses {}{place}: {}", entry.what, entry.reason)
}
