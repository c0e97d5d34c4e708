//! Opening the runtimes of hooks that were found.

use std::time::Duration;

use futures::{StreamExt, stream};
use hook_protocol::{
    message::{Cut, Limits, Pod, Terms},
    receipt::Consistency,
};

use crate::{
    hooks::{self, Opened, Target},
    model::freeze::FreezeRecord,
    plan::hooks::usual_order,
};

use super::{find::PodHook, forwards::Forwards};

/// Connections that are made at once.
const AT_ONCE: usize = 16;

/// Hooks of one group: each holds a connection through the API server.
const MOST: usize = 256;

/// What a hook is asked for. No volumes are named, for none are copied yet.
pub(in crate::commands) fn target(hook: &PodHook, restore_point: &str, budget: Duration) -> Target {
    let pod = &hook.pod;
    let terms = Terms {
        restore_point: restore_point.to_owned(),
        pod: Pod { namespace: pod.namespace.clone(), name: pod.name.clone(), uid: pod.uid.clone() },
        volumes: Vec::new(),
        cut: Cut::Atomic,
        limits: Limits { freeze: budget, ..Limits::default() },
    };
    Target { terms, port: hook.hook.port, hook: hook.hook.hook.clone(), order: hook.hook.order }
}

/// Connects to all of them; what keeps any from being there otherwise, a sentence each.
pub(in crate::commands) async fn open(
    forwards: &Forwards,
    hooks: &[PodHook],
    restore_point: &str,
    budget: Duration,
) -> Result<Vec<Opened>, Vec<String>> {
    if hooks.len() > MOST {
        let count = hooks.len();
        return Err(vec![format!("{count} hooks are more than the {MOST} that can be frozen at once")]);
    }
    let targets = hooks.iter().map(|hook| target(hook, restore_point, budget));
    let opening = targets.map(|target| hooks::open(forwards, target, usual_order)).collect::<Vec<_>>();
    let opened: Vec<_> = stream::iter(opening).buffered(AT_ONCE).collect().await;
    let (mut open, mut failures) = (Vec::new(), Vec::new());
    for opened in opened {
        match opened {
            Ok(opened) => open.push(opened),
            Err((target, error)) => failures.push(format!("hook {target}: {}", error.one_line())),
        }
    }
    if failures.is_empty() { Ok(open) } else { Err(failures) }
}

/// The record of a group of which nothing was begun.
pub(in crate::commands) fn not_begun(failures: &[String], budget: Duration) -> FreezeRecord {
    FreezeRecord {
        consistency: Consistency::Crash,
        failure: Some(failures.join("; ")),
        namespaces: Vec::new(),
        budget_ms: u64::try_from(budget.as_millis()).unwrap_or(u64::MAX),
        frozen_ms: None,
        cut_ms: None,
        hooks: Vec::new(),
    }
}
