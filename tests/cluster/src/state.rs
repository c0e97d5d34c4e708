//! What is remembered of a started cluster, in `cluster.json` in its folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{
    folders,
    node::{self, NodeRecord},
    process::ProcessIdentity,
};

const FILE_NAME: &str = "cluster.json";
/// etcd and the API server close what is open in about a second; nothing of it is kept.
const PATIENCE: Duration = Duration::from_secs(8);

/// A cluster that was started and not stopped since.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// Its folder: data, certificates, logs, kubeconfig.
    pub folder: PathBuf,
    /// Where the API server listens: `https://127.0.0.1:PORT`.
    pub server: String,
    /// A stock kubectl of the same version.
    pub kubectl: PathBuf,
    /// Its processes in order of their start.
    pub processes: Vec<ProcessIdentity>,
    /// The process it was started for, when it is not to outlive that one.
    pub owner: Option<ProcessIdentity>,
    /// What its node has taken of the machine, if it has a node.
    #[serde(default)]
    pub node: Option<NodeRecord>,
    /// Whether its start came to its end. One that was killed leaves a part of a cluster, all of whose processes run.
    #[serde(default = "as_before")]
    pub complete: bool,
}

/// Records of earlier versions do not tell.
fn as_before() -> bool {
    true
}

/// How a recorded cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All processes run.
    Running,
    /// Some processes have ended, or were never started.
    Broken,
    /// No process is left.
    Stale,
}

impl Record {
    /// The record of the cluster `name`; none when it was never started or was stopped.
    pub fn load(name: &str) -> Result<Option<Self>> {
        Self::read(&folders::clusters()?.join(name))
    }

    fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE_NAME);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| {
                    format!("`{}` is damaged: look for its processes and delete it", path.display())
                })
                .map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("could not read `{}`", path.display())),
        }
    }

    /// Writes the record, whole or not at all.
    pub fn save(&self) -> Result<()> {
        let path = self.folder.join(FILE_NAME);
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).context("could not make the record")?;
        serde_json::to_writer_pretty(&mut file, self).context("could not write the record")?;
        file.persist(&path).with_context(|| format!("could not write `{}`", path.display()))?;
        Ok(())
    }

    /// Notes that the start came to its end.
    pub(crate) fn completed(mut self) -> Result<Self> {
        self.complete = true;
        self.save()?;
        Ok(self)
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    /// Whether the process it was started for is gone.
    pub fn is_orphan(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| !owner.is_alive())
    }

    /// How its processes are.
    pub fn health(&self) -> Health {
        match self.processes.iter().filter(|process| process.is_alive()).count() {
            0 => Health::Stale,
            alive if alive == self.processes.len() && self.complete => Health::Running,
            _ => Health::Broken,
        }
    }
}

/// The records of all clusters, in order of name.
pub fn all() -> Result<Vec<Record>> {
    let folder = folders::clusters()?;
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("could not list `{}`", folder.display())),
    };
    let mut records = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("could not list `{}`", folder.display()))?.path();
        records.extend(if path.is_dir() { Record::read(&path)? } else { None });
    }
    records.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(records)
}

/// Stops what is left of a cluster, last started first, and removes its folder. The caller holds its lock.
pub fn remove(record: &Record) -> Result<()> {
    for process in record.processes.iter().rev() {
        process.stop(PATIENCE)?;
    }
    if let Some(node) = &record.node {
        node::remove(node, &record.folder)
            .with_context(|| format!("could not remove the node of `{}`", record.name))?;
    }
    folders::remove(&record.folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(folder: &Path, processes: Vec<ProcessIdentity>) -> Record {
        Record {
            name: "t".into(),
            folder: folder.to_owned(),
            server: "https://127.0.0.1:1".into(),
            kubectl: "/usr/bin/kubectl".into(),
            processes,
            owner: None,
            node: None,
            complete: true,
        }
    }

    fn this_process() -> ProcessIdentity {
        ProcessIdentity::of_this_process().unwrap()
    }

    #[test]
    fn comes_back_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let saved = record(folder.path(), vec![this_process()]);
        saved.save().unwrap();
        let loaded = Record::read(folder.path()).unwrap().unwrap();
        assert_eq!(loaded.processes, saved.processes);
        assert_eq!(loaded.health(), Health::Running);
    }

    #[test]
    fn a_process_with_a_reused_id_does_not_count_as_running() {
        let folder = tempfile::tempdir().unwrap();
        let reused = ProcessIdentity { start_time: 1, ..this_process() };
        assert_eq!(record(folder.path(), vec![reused.clone()]).health(), Health::Stale);
        assert_eq!(record(folder.path(), vec![this_process(), reused]).health(), Health::Broken);
    }

    #[test]
    fn a_cluster_whose_start_was_killed_is_broken_though_its_processes_run() {
        let started = record(Path::new("/t"), vec![this_process()]);
        assert_eq!(started.health(), Health::Running);
        assert_eq!(Record { complete: false, ..started }.health(), Health::Broken);
    }

    #[test]
    fn is_an_orphan_only_when_it_had_an_owner_that_is_gone() {
        let kept = record(Path::new("/t"), Vec::new());
        assert!(!kept.is_orphan());
        assert!(!Record { owner: Some(this_process()), ..kept.clone() }.is_orphan());
        let gone = ProcessIdentity { start_time: 1, ..this_process() };
        assert!(Record { owner: Some(gone), ..kept }.is_orphan());
    }

    #[test]
    fn removing_a_stale_cluster_spares_the_process_that_has_its_id_now() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("t");
        fs::create_dir(&folder).unwrap();
        // This test's own process: were it stopped, nothing after this line would run.
        remove(&record(&folder, vec![ProcessIdentity { start_time: 1, ..this_process() }])).unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn a_damaged_record_is_an_error_not_an_absent_cluster() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "{").unwrap();
        assert!(Record::read(folder.path()).unwrap_err().to_string().contains("is damaged"));
    }
}
