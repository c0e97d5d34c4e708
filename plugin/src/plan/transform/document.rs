//! The file: YAML documents of `kind: Transforms`, read and checked as a whole before anything runs.

use std::collections::{BTreeMap, BTreeSet};

use regex::RegexBuilder;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use super::{
    Transform,
    image_registry::ImageRegistry,
    ingress_host::IngressHost,
    json_patch::JsonPatch,
    matching::{Condition, KindWord, Match},
    node_selector::NodeSelector,
    operation::Operation,
    storage_class::StorageClass,
};
use crate::plan::{
    field_path::FieldPath,
    select::LabelSelector,
    user_file::{API_VERSION, UserFileError, documents, expect},
};

/// What stands in `kind`.
pub const KIND: &str = "Transforms";

/// Most entries of a file.
const MOST: usize = 1000;

/// Largest compiled regular expression, in bytes. They run in linear time, whatever they are.
const REGEX_LIMIT: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: Spanned<String>,
    kind: Spanned<String>,
    transforms: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default, rename = "match")]
    matching: Matching,
    json_patch: Option<Value>,
    merge_patch: Option<Map<String, Value>>,
    strategic_merge_patch: Option<Map<String, Value>>,
    set: Option<Map<String, Value>>,
    remove: Option<Vec<String>>,
    storage_class: Option<BTreeMap<String, String>>,
    image_registry: Option<BTreeMap<String, String>>,
    ingress_host: Option<BTreeMap<String, String>>,
    replicas: Option<u32>,
    node_selector: Option<Value>,
    suspend_cron_jobs: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Matching {
    kinds: Vec<String>,
    namespaces: Vec<String>,
    names: Vec<String>,
    labels: Option<String>,
    #[serde(rename = "where")]
    fields: Vec<Spanned<FieldCondition>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FieldCondition {
    field: String,
    equals: Option<Value>,
    exists: Option<bool>,
    glob: Option<String>,
    regex: Option<String>,
}

/// Reads a file.
pub(super) fn parse(text: &str) -> Result<Vec<Transform>, UserFileError> {
    let documents: Vec<Document> = documents(text)?;
    if documents.is_empty() {
        return Err(UserFileError { line: None, reason: format!("it holds no document of kind {KIND}") });
    }
    let mut transforms = Vec::new();
    let mut names = BTreeSet::new();
    for document in documents {
        expect(&document.api_version, "apiVersion", API_VERSION)?;
        expect(&document.kind, "kind", KIND)?;
        for Spanned { value: entry, referenced, .. } in document.transforms {
            let wrong = |reason| UserFileError { line: Some(referenced.line()), reason };
            if !names.insert(entry.name.clone()) {
                return Err(wrong(format!("another transform has the name `{}` too", entry.name)));
            }
            let name = entry.name.clone();
            let of_this = |reason: String| wrong(format!("transform `{name}`: {reason}"));
            if transforms.len() == MOST {
                return Err(wrong(format!("a file has at most {MOST} transforms")));
            }
            let matching = matching(&entry.matching, &name)?.map_err(&of_this)?;
            let operation = operation(entry).map_err(&of_this)?;
            transforms.push(Transform { name, matching, operation });
        }
    }
    Ok(transforms)
}

/// A condition that is wrong has a line of its own, anything else that of its entry.
fn matching(words: &Matching, name: &str) -> Result<Result<Match, String>, UserFileError> {
    let mut fields = Vec::new();
    for condition in &words.fields {
        fields.push(condition_of(&condition.value).map_err(|reason| UserFileError {
            line: Some(condition.referenced.line()),
            reason: format!("transform `{name}`: {reason}"),
        })?);
    }
    let labels = match words.labels.as_deref().map(LabelSelector::parse).transpose() {
        Ok(labels) => labels,
        Err(error) => return Ok(Err(error.to_string())),
    };
    Ok(Ok(Match {
        kinds: words.kinds.iter().map(|word| KindWord::new(word)).collect(),
        namespaces: words.namespaces.clone(),
        names: words.names.clone(),
        labels,
        fields,
    }))
}

fn condition_of(condition: &FieldCondition) -> Result<(FieldPath, Condition), String> {
    let path = FieldPath::parse(&condition.field).map_err(|error| error.to_string())?;
    let regex = condition.regex.as_deref().map(|pattern| {
        let built = RegexBuilder::new(pattern).size_limit(REGEX_LIMIT).build();
        // The library draws a picture of several lines.
        built.map_err(|error| {
            format!("`{pattern}` is no regular expression: {}", last_line(&error.to_string()))
        })
    });
    let mut stated = [
        condition.equals.clone().map(Condition::Equals),
        condition.exists.map(|exists| if exists { Condition::Exists } else { Condition::Absent }),
        condition.glob.clone().map(Condition::Glob),
        regex.transpose()?.map(Condition::Regex),
    ]
    .into_iter()
    .flatten();
    match (stated.next(), stated.next()) {
        (Some(condition), None) => Ok((path, condition)),
        _ => Err(format!("for `{path}` state one of equals, exists, glob, regex")),
    }
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ")
}

fn operation(entry: Entry) -> Result<Operation, String> {
    let stated = [
        entry.json_patch.map(|patch| JsonPatch::new(patch).map(Operation::JsonPatch)),
        entry.merge_patch.map(|patch| Ok(Operation::MergePatch(patch.into()))),
        entry.strategic_merge_patch.map(|patch| Ok(Operation::StrategicMergePatch(patch.into()))),
        entry.set.map(|fields| {
            fields
                .into_iter()
                .map(|(path, value)| Ok((self::path(&path)?, value)))
                .collect::<Result<_, _>>()
                .map(Operation::Set)
        }),
        entry.remove.map(|paths| {
            paths.iter().map(|path| self::path(path)).collect::<Result<_, _>>().map(Operation::Remove)
        }),
        entry.storage_class.map(|classes| Ok(Operation::StorageClass(StorageClass(classes)))),
        entry.image_registry.map(|registries| ImageRegistry::new(registries).map(Operation::ImageRegistry)),
        entry.ingress_host.map(|hosts| IngressHost::new(hosts).map(Operation::IngressHost)),
        entry.replicas.map(|count| Ok(Operation::Replicas(count))),
        entry.node_selector.map(|selector| node_selector(selector).map(Operation::NodeSelector)),
        entry.suspend_cron_jobs.map(|suspend| Ok(Operation::SuspendCronJobs(suspend))),
    ];
    let mut stated = stated.into_iter().flatten();
    match (stated.next(), stated.next()) {
        (Some(operation), None) => operation,
        (None, _) => {
            Err("it says nothing to do; state one operation, for example `set` or `replicas`".to_owned())
        }
        (Some(_), Some(_)) => {
            Err("it states several operations; make each a transform of its own".to_owned())
        }
    }
}

fn path(text: &str) -> Result<FieldPath, String> {
    FieldPath::parse(text).map_err(|error| error.to_string())
}

fn node_selector(value: Value) -> Result<NodeSelector, String> {
    match value {
        Value::String(word) if word == "remove" => Ok(NodeSelector::Remove),
        Value::Object(selector) if selector.values().all(Value::is_string) => Ok(NodeSelector::Set(selector)),
        _ => Err("nodeSelector is `remove` or a map of labels".to_owned()),
    }
}
