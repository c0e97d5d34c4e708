//! The file of `--hooks-file`: hooks of pods that carry no annotation. With it, annotations do not count.

use hook_protocol::path::is_hook_name;
use serde::Deserialize;
use serde_json::json;
use serde_saphyr::Spanned;

use crate::{
    model::pod::Pod,
    plan::{
        select::LabelSelector,
        user_file::{API_VERSION, UserFileError, documents, expect, wrong},
    },
};

use super::{PORT, WantedHook};

/// What stands in `kind`.
pub const KIND: &str = "BackupHooks";

/// Most entries of a file.
const MOST: usize = 1000;

/// A file that was read.
#[derive(Debug)]
pub struct HooksFile {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    namespace: String,
    pods: Pods,
    hook: WantedHook,
}

#[derive(Debug)]
enum Pods {
    Named(String),
    Labelled(LabelSelector),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: Spanned<String>,
    kind: Spanned<String>,
    hooks: Vec<Spanned<Words>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Words {
    namespace: String,
    #[serde(default)]
    pod: Option<String>,
    #[serde(default)]
    selector: Option<String>,
    hook: String,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    order: Option<u32>,
}

impl HooksFile {
    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self, UserFileError> {
        let mut entries = Vec::new();
        for document in documents::<Document>(text)? {
            expect(&document.api_version, "apiVersion", API_VERSION)?;
            expect(&document.kind, "kind", KIND)?;
            for words in document.hooks {
                entries.push(entry(&words)?);
            }
        }
        if entries.len() > MOST {
            return Err(UserFileError { line: None, reason: format!("it has more than {MOST} hooks") });
        }
        Ok(Self { entries })
    }

    /// The hooks that the file gives to a pod.
    pub fn of(&self, pod: &Pod) -> Vec<WantedHook> {
        let entries = self.entries.iter().filter(|entry| entry.means(pod));
        entries.map(|entry| entry.hook.clone()).collect()
    }
}

impl Entry {
    fn means(&self, pod: &Pod) -> bool {
        self.namespace == pod.namespace
            && match &self.pods {
                Pods::Named(name) => *name == pod.name,
                Pods::Labelled(selector) => {
                    selector.matches(&json!({ "metadata": { "labels": pod.labels } }))
                }
            }
    }
}

fn entry(words: &Spanned<Words>) -> Result<Entry, UserFileError> {
    let Words { namespace, pod, selector, hook, port, order } = &words.value;
    let pods = match (pod, selector) {
        (Some(name), None) => Pods::Named(name.clone()),
        (None, Some(selector)) => {
            Pods::Labelled(LabelSelector::parse(selector).map_err(|error| wrong(words, error.to_string()))?)
        }
        _ => return Err(wrong(words, "either `pod` or `selector` must say which pods are meant")),
    };
    if !is_hook_name(hook) {
        return Err(wrong(words, format!("`{hook}` is no name of a hook")));
    }
    let port = port.unwrap_or(PORT);
    if port == 0 {
        return Err(wrong(words, "0 is no port"));
    }
    let hook = WantedHook { hook: hook.clone(), port, order: *order };
    Ok(Entry { namespace: namespace.clone(), pods, hook })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HEAD: &str = "apiVersion: kubectl-backup.dev/v1alpha1\nkind: BackupHooks\nhooks:\n";

    fn pod(name: &str, label: &str) -> Pod {
        Pod {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            labels: [("app".to_owned(), label.to_owned())].into(),
            ..Pod::default()
        }
    }

    #[test]
    fn pods_are_meant_by_name_or_by_label() {
        let text = format!(
            "{HEAD}- {{namespace: shop, pod: db-0, hook: postgres}}\n\
             - {{namespace: shop, selector: app=web, hook: http, port: 7000, order: 5}}\n\
             - {{namespace: other, pod: db-0, hook: redis}}\n"
        );
        let file = HooksFile::parse(&text).unwrap();
        let hook = |hook: &str, port, order| vec![WantedHook { hook: hook.to_owned(), port, order }];
        assert_eq!(file.of(&pod("db-0", "db")), hook("postgres", 9911, None));
        assert_eq!(file.of(&pod("web-1", "web")), hook("http", 7000, Some(5)));
        assert_eq!(file.of(&pod("db-1", "db")), []);
    }

    #[rstest]
    #[case::nothing_meant("- {namespace: shop, hook: db}", "line 4: either `pod` or `selector`")]
    #[case::both_meant("- {namespace: shop, hook: db, pod: a, selector: b=c}", "either `pod` or `selector`")]
    #[case::no_hook("- {namespace: shop, pod: a}", "`hook` is missing")]
    #[case::name("- {namespace: shop, pod: a, hook: A}", "`A` is no name of a hook")]
    #[case::typo("- {namespace: shop, pods: a, hook: a}", "perhaps `pod`?")]
    #[case::port("- {namespace: shop, pod: a, hook: a, port: 0}", "0 is no port")]
    fn a_wrong_file_is_refused(#[case] text: &str, #[case] expected: &str) {
        let error = HooksFile::parse(&format!("{HEAD}{text}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
