//! Which hooks a selection has: what pods say of themselves in annotations, or what a file says of them.

pub mod file;
pub mod sidecar;

use hook_protocol::path::is_hook_name;

use crate::model::pod::Pod;

/// Annotation of a pod: the names of its hooks, separated by commas, each with its place if it needs one:
/// `http=10, postgres`.
pub const HOOKS: &str = "kubectl-backup.dev/hooks";

/// Annotation of a pod: the port of its hook runtime, where it is not [`PORT`].
pub const HOOKS_PORT: &str = "kubectl-backup.dev/hooks-port";

/// Where a hook runtime listens if nothing is said.
pub const PORT: u16 = 9911;

/// Most hooks of one pod.
const MOST: usize = 16;

/// Components of applications, which must not write any more when their database stops.
const APPLICATIONS: &[&str] = &["http"];
/// Components that stop a file system, on which databases must have come to rest.
const FILE_SYSTEMS: &[&str] = &["fsfreeze"];

/// Place of applications.
const FIRST: u32 = 10;
/// Place of everything else: databases.
const USUAL: u32 = 20;
/// Place of file systems.
const LAST: u32 = 30;

/// A hook that a pod has, as somebody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedHook {
    /// Its name in the runtime's configuration.
    pub hook: String,
    /// Port of the runtime.
    pub port: u16,
    /// Its place, if it has one.
    pub order: Option<u32>,
}

/// What is wrong with what a pod says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the annotation {annotation} of pod {pod} cannot be used: {reason}")]
pub struct AnnotationError {
    annotation: &'static str,
    pod: String,
    reason: String,
}

/// The place of a hook that has none, by the name of its component: applications before databases, file systems last.
pub fn usual_order(component: &str) -> u32 {
    if APPLICATIONS.contains(&component) {
        FIRST
    } else if FILE_SYSTEMS.contains(&component) {
        LAST
    } else {
        USUAL
    }
}

/// Whether a pod says that it has hooks.
pub fn has_hooks(pod: &Pod) -> bool {
    pod.annotations.contains_key(HOOKS)
}

/// The hooks that a pod says it has.
pub fn annotated(pod: &Pod) -> Result<Vec<WantedHook>, AnnotationError> {
    let wrong = |annotation, reason: String| AnnotationError { annotation, pod: pod.place(), reason };
    let Some(text) = pod.annotations.get(HOOKS) else { return Ok(Vec::new()) };
    let port = match pod.annotations.get(HOOKS_PORT) {
        None => PORT,
        Some(text) => {
            let port = text.trim().parse().ok().filter(|port| *port != 0);
            port.ok_or_else(|| wrong(HOOKS_PORT, format!("`{text}` is no port")))?
        }
    };
    let hooks: Result<Vec<_>, String> = text.split(',').map(|entry| hook(entry.trim(), port)).collect();
    let hooks = hooks.map_err(|reason| wrong(HOOKS, reason))?;
    if hooks.len() > MOST {
        return Err(wrong(HOOKS, format!("it names more than {MOST} hooks")));
    }
    let is_double = |index: usize, hook: &WantedHook| hooks[..index].iter().any(|it| it.hook == hook.hook);
    if let Some((_, hook)) = hooks.iter().enumerate().find(|(index, hook)| is_double(*index, hook)) {
        return Err(wrong(HOOKS, format!("it names `{}` twice", hook.hook)));
    }
    Ok(hooks)
}

fn hook(entry: &str, port: u16) -> Result<WantedHook, String> {
    let (name, order) = match entry.split_once('=') {
        None => (entry, None),
        Some((name, order)) => {
            let order = order.trim().parse().map_err(|_| format!("the place in `{entry}` is no number"))?;
            (name.trim(), Some(order))
        }
    };
    if !is_hook_name(name) {
        return Err(format!(
            "`{name}` is no name of a hook; write for example `postgres` or `http=10, postgres`"
        ));
    }
    Ok(WantedHook { hook: name.to_owned(), port, order })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pod(annotations: &[(&str, &str)]) -> Pod {
        let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Pod {
            namespace: "shop".to_owned(),
            name: "db-0".to_owned(),
            annotations: annotations.collect(),
            ..Pod::default()
        }
    }

    fn wanted(hook: &str, port: u16, order: Option<u32>) -> WantedHook {
        WantedHook { hook: hook.to_owned(), port, order }
    }

    #[rstest]
    #[case::none(&[], &[])]
    #[case::one(&[(HOOKS, "postgres")], &[wanted("postgres", 9911, None)])]
    #[case::several(&[(HOOKS, "http=10, postgres"), (HOOKS_PORT, "7000")],
        &[wanted("http", 7000, Some(10)), wanted("postgres", 7000, None)])]
    fn pods_say_which_hooks_they_have(#[case] annotations: &[(&str, &str)], #[case] expected: &[WantedHook]) {
        assert_eq!(annotated(&pod(annotations)).unwrap(), expected);
    }

    #[rstest]
    #[case::empty(&[(HOOKS, "")], "`` is no name of a hook")]
    #[case::path(&[(HOOKS, "../thaw")], "`../thaw` is no name of a hook")]
    #[case::place(&[(HOOKS, "db=first")], "the place in `db=first` is no number")]
    #[case::twice(&[(HOOKS, "db, db=1")], "it names `db` twice")]
    #[case::port(&[(HOOKS, "db"), (HOOKS_PORT, "0")], "hooks-port of pod shop/db-0 cannot be used: `0` is no port")]
    fn what_cannot_be_understood_is_not_passed_over(
        #[case] annotations: &[(&str, &str)],
        #[case] expected: &str,
    ) {
        let error = annotated(&pod(annotations)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn applications_come_before_databases_and_file_systems_last() {
        let mut components = ["fsfreeze", "postgres", "http", "redis", "guest"];
        components.sort_by_key(|component| usual_order(component));
        assert_eq!(components, ["http", "postgres", "redis", "guest", "fsfreeze"]);
    }
}
