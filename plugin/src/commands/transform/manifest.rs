//! Objects from a manifest: YAML or JSON, one or many documents, Lists taken apart.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::Context;
use serde_json::Value;

use crate::commands::failure::Failure;

/// Largest manifest, in bytes.
const LARGEST: u64 = 256 << 20;

/// Reads all objects of a manifest.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let shown = path.display();
    let text = text_of(path).with_context(|| format!("could not read the manifest `{shown}`"))?;
    let options = serde_saphyr::options! {
        with_snippet: false,
        // What makes anchors harmless stays; the rest is raised to what a large dump of a cluster has.
        budget: serde_saphyr::budget! {
            max_events: 50_000_000,
            max_nodes: 25_000_000,
            max_documents: 100_000,
            max_depth: 128,
            max_total_scalar_bytes: 256 << 20,
        },
    };
    let documents: Vec<Value> = if text.trim_start().starts_with('{') {
        let read = serde_json::Deserializer::from_str(&text).into_iter().collect::<Result<_, _>>();
        read.with_context(|| format!("could not read the manifest `{shown}` as JSON"))?
    } else {
        serde_saphyr::from_multiple_with_options(&text, options)
            .with_context(|| format!("could not read the manifest `{shown}` as YAML"))?
    };
    let mut objects = Vec::new();
    for (place, document) in documents.into_iter().enumerate() {
        for object in items(document) {
            if !is_object(&object) {
                return Err(Failure::new(
                    format!("document {} of `{shown}` is no Kubernetes object", place + 1),
                    "an object has apiVersion, kind and metadata.name",
                )
                .into());
            }
            objects.push(object);
        }
    }
    Ok(objects)
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LARGEST + 1).read_to_string(&mut text)?
    } else {
        File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?
    };
    if read as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 256 MiB"));
    }
    Ok(text)
}

/// The objects in a List, or the one that it is.
fn items(mut document: Value) -> Vec<Value> {
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document.get_mut("items") {
        Some(Value::Array(items)) if is_list => std::mem::take(items),
        _ => vec![document],
    }
}

fn is_object(value: &Value) -> bool {
    let has = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    has(&value["apiVersion"]) && has(&value["kind"]) && has(&value["metadata"]["name"])
}
