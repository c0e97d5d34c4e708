//! Which hooks a selection has: pods are looked at, by their metadata, and those that have hooks as a whole.

use std::{fs::File, io::Read, path::Path};

use anyhow::Context;
use futures::{StreamExt, stream};

use crate::{
    cluster::{Cluster, RequestError},
    commands::failure::UsageError,
    model::{pod::Pod, selection::Namespaces},
    plan::hooks::{WantedHook, annotated, file::HooksFile, has_hooks},
};

/// Namespaces or pods looked at at once.
const LOOKUPS: usize = 8;

/// More is no file that a person wrote, in bytes.
const LARGEST: u64 = 1 << 20;

/// A hook of a pod.
#[derive(Clone, Debug)]
pub(in crate::commands) struct PodHook {
    pub(in crate::commands) pod: Pod,
    pub(in crate::commands) hook: WantedHook,
}

/// What a look at the pods gave.
#[derive(Debug, Default)]
pub(in crate::commands) struct Found {
    /// The hooks of pods that have not ended.
    pub(in crate::commands) hooks: Vec<PodHook>,
    /// Pods that say something about hooks that cannot be used.
    pub(in crate::commands) problems: Vec<String>,
    /// Namespaces that could not be looked at (None: all of them), each with the reason.
    pub(in crate::commands) unseen: Vec<(Option<String>, RequestError)>,
}

/// Reads the file of `--hooks-file`.
pub(in crate::commands) fn read_file(path: &Path) -> Result<HooksFile, UsageError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
    let name = path.display();
    read.map_err(|error| UsageError::new(format!("could not read the hooks file `{name}`: {error}")))?;
    if text.len() as u64 > LARGEST {
        return Err(UsageError::new(format!("the hooks file `{name}` has more than {LARGEST} bytes")));
    }
    HooksFile::parse(&text).map_err(|error| {
        UsageError::with_hint(
            format!("the hooks file `{name}` is not valid: {error}"),
            "docs/hooks.md describes the file",
        )
    })
}

/// Finds the hooks of pods in `namespaces` with these labels.
pub(in crate::commands) async fn find(
    cluster: &Cluster,
    namespaces: &Namespaces,
    label_selector: Option<&str>,
    file: Option<&HooksFile>,
) -> anyhow::Result<Found> {
    let has_some = |pod: &Pod| match file {
        Some(file) => !file.of(pod).is_empty(),
        None => has_hooks(pod),
    };
    let mut found = Found::default();
    let mut pods = Vec::new();
    for (namespace, answer) in look(cluster, namespaces, label_selector, has_some).await {
        match answer {
            Ok(some) => pods.extend(some),
            Err(error) if error.is_forbidden() => found.unseen.push((namespace, error)),
            Err(error) => return Err(error).context("could not look for pods with hooks"),
        }
    }
    let wholes = stream::iter(pods).map(|pod| async move {
        let whole = cluster.pod(&pod.namespace, &pod.name).await;
        (pod, whole)
    });
    let mut wholes = wholes.buffered(LOOKUPS);
    while let Some((pod, whole)) = wholes.next().await {
        let whole = whole.with_context(|| format!("could not look at pod {}", pod.place()))?;
        // One that is gone holds nothing.
        let Some(whole) = whole.filter(|whole| !whole.is_over()) else { continue };
        let hooks = match file {
            Some(file) => Ok(file.of(&whole)),
            None => annotated(&whole),
        };
        match hooks {
            Ok(_) if whole.phase != "Running" => {
                let phase = if whole.phase.is_empty() { "unknown" } else { &whole.phase };
                found.problems.push(format!("pod {} has hooks and is not running: {phase}", whole.place()));
            }
            Ok(hooks) => {
                found.hooks.extend(hooks.into_iter().map(|hook| PodHook { pod: whole.clone(), hook }));
            }
            Err(error) => found.problems.push(error.to_string()),
        }
    }
    Ok(found)
}

type Answers = Vec<(Option<String>, Result<Vec<Pod>, RequestError>)>;

async fn look(
    cluster: &Cluster,
    namespaces: &Namespaces,
    label_selector: Option<&str>,
    keep: impl Fn(&Pod) -> bool,
) -> Answers {
    let keep = &keep;
    let names = match namespaces {
        Namespaces::Named(names) => names.clone(),
        Namespaces::All => match cluster.pods(None, label_selector, keep).await {
            // Who may not list all may be allowed to list some.
            Err(error) if error.is_forbidden() => match cluster.namespaces().await {
                Ok(names) => names,
                Err(_) => return vec![(None, Err(error))],
            },
            answer => return vec![(None, answer)],
        },
    };
    let answers = stream::iter(names).map(|name| async move {
        let answer = cluster.pods(Some(&name), label_selector, keep).await;
        (Some(name), answer)
    });
    answers.buffered(LOOKUPS).collect().await
}
