//! The restore point that a word on the command line means, opened for reading.

use jiff::Zoned;

use crate::{
    archive::Repository,
    model::restore_point::{Manifest, RestorePoint},
    plan::{
        coverage::knows_namespace,
        point_reference::{self, Incomplete},
        restore_runs::{self, RunReferenceError},
    },
    report::create::shortened,
};

use super::{
    failure::Failure,
    journal,
    session::{Session, blocking},
};

/// A restore point with what is needed to read it.
#[derive(Clone, Debug)]
pub(crate) struct OpenPoint {
    /// Where it lies.
    pub(crate) repository: Repository,
    /// Its place in the list.
    pub(crate) point: RestorePoint,
    /// Its manifest.
    pub(crate) manifest: Manifest,
}

impl OpenPoint {
    /// `3f2a9c01 (shop-20261120-100000)`, for messages.
    pub(crate) fn described(&self) -> String {
        described(&self.point)
    }

    /// Whether `word` is `latest` or a time rather than its name or id.
    pub(crate) fn is_meant_by_time(&self, word: &str) -> bool {
        word != self.point.summary.name && !self.point.id.0.starts_with(&word.to_ascii_lowercase())
    }
}

fn described(point: &RestorePoint) -> String {
    format!("{} ({})", point.id, point.summary.name)
}

/// Opens the restore point that `word` means, and says which incomplete ones were passed over.
pub(crate) async fn open(word: &str, incomplete: Incomplete, session: &Session) -> anyhow::Result<OpenPoint> {
    let mut opened = open_all(&[word], incomplete, session).await?;
    // One word gives one restore point.
    opened.pop().ok_or_else(|| anyhow::anyhow!("no restore point was named"))
}

/// Opens several of one repository.
pub(crate) async fn open_all(
    words: &[&str],
    incomplete: Incomplete,
    session: &Session,
) -> anyhow::Result<Vec<OpenPoint>> {
    let repository = session.repository().await?;
    let wanted: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let (opened, skipped, narrowed) = blocking(move || {
        let points = repository.restore_points()?;
        let mut opened = Vec::with_capacity(wanted.len());
        let (mut skipped, mut narrowed) = (Vec::new(), Vec::new());
        for word in &wanted {
            let point = match point_reference::resolve(word, &points, &Zoned::now(), incomplete) {
                Ok(resolved) => {
                    skipped.extend(resolved.skipped.into_iter().map(described));
                    narrowed.extend(resolved.narrowed.into_iter().map(described));
                    resolved.point.clone()
                }
                // An undo point is only ever meant by its id.
                Err(error) => match restore_runs::by_id(word, &journal::runs(&repository)?) {
                    Ok(run) => run.undo_point.clone(),
                    Err(RunReferenceError::Unknown(_)) => return Err(error.into()),
                    Err(ambiguous) => return Err(ambiguous.into()),
                },
            };
            let manifest = repository.manifest(&point.id)?;
            opened.push(OpenPoint { repository: repository.clone(), point, manifest });
        }
        Ok((opened, skipped, narrowed))
    })
    .await?;
    if !skipped.is_empty() {
        session.printer.warning(&format!(
            "passed over {}, which is incomplete; name it by its id to use it",
            skipped.join(", ")
        ));
    }
    if !narrowed.is_empty() {
        session.printer.warning(&format!(
            "passed over {}, made of a part of the namespace only; name it by its id to use it",
            narrowed.join(", ")
        ));
    }
    for (word, point) in words.iter().zip(&opened) {
        if let Some(warning) = part_only(word, point) {
            session.printer.warning(&warning);
        }
    }
    Ok(opened)
}

/// The namespace in `latest:NAMESPACE`, which selects it as well.
pub(crate) fn namespace_in(word: &str) -> Option<&str> {
    word.strip_prefix("latest:")
}

/// Refuses namespaces that were not there for the restore point; one that was and is empty is worth a warning.
pub(crate) fn expect_namespaces(
    namespaces: &[String],
    manifest: &Manifest,
    session: &Session,
) -> Result<(), Failure> {
    if let Some(unknown) = namespaces.iter().find(|name| !knows_namespace(manifest, name)) {
        return Err(unknown_namespace(unknown, manifest));
    }
    let summary = &manifest.summary;
    for name in namespaces.iter().filter(|name| !summary.is_shortened() && !summary.namespaces.contains(name))
    {
        session.printer.warning(&format!("the restore point holds nothing of namespace `{name}`"));
    }
    Ok(())
}

/// What to say of a namespace that was not there for the restore point.
pub(crate) fn unknown_namespace(name: &str, manifest: &Manifest) -> Failure {
    let summary = &manifest.summary;
    let held = if summary.namespaces.is_empty() { "none".to_owned() } else { shortened(&summary.namespaces) };
    Failure::new(
        format!("the restore point `{}` holds nothing of namespace `{name}`", summary.name),
        format!("it holds {held}; `kubectl backup list -n {name}` looks for others that hold it"),
    )
}

/// What to say when `latest` or a time means a backup of a few objects; whoever gives its name or id knows it.
fn part_only(word: &str, point: &OpenPoint) -> Option<String> {
    let summary = &point.point.summary;
    (point.is_meant_by_time(word) && point.manifest.selection.is_narrowed()).then(|| {
        format!(
            "`{word}` is {}, which was made of a part only ({}); `kubectl backup list` shows the others",
            point.described(),
            summary.scope
        )
    })
}
