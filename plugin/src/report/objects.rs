//! Saved objects in kubectl's own output forms: tables by kind, documents, lists, names.

mod cells;
mod columns;
mod printer_columns;

pub use printer_columns::{PrinterColumn, printer_columns};

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    document::{self, DocumentError},
    table::GrowingTable,
};
use crate::model::{object, resource::ResourceType};

/// What kubectl says when there is nothing to print; `namespaces` is None for all.
pub fn nothing_found(namespaces: Option<&BTreeSet<String>>) -> String {
    match namespaces {
        Some(names) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("No resources found in {} namespace.", names.join(", "))
        }
        None => "No resources found".to_owned(),
    }
}

/// Which columns a table of objects has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// kubectl's default.
    Default,
    /// `-o wide`.
    Wide,
}

/// How a table of objects is laid out.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions {
    /// Which columns.
    pub width: Width,
    /// Begin with the namespace.
    pub with_namespace: bool,
    /// Write names as `deployment.apps/web`, for output of several kinds.
    pub with_kind: bool,
    /// Begin with the header line.
    pub headers: bool,
    /// Ages are counted up to here.
    pub now: Timestamp,
}

/// A table of the objects of one kind, written as they arrive.
#[derive(Debug)]
pub struct ObjectTable {
    kind: ResourceType,
    columns: Vec<columns::Column>,
    options: TableOptions,
    table: GrowingTable,
}

impl ObjectTable {
    /// An empty table for `kind`; `extra` are the columns that its custom resource definition declares, if any.
    pub fn new(kind: ResourceType, extra: &[PrinterColumn], options: TableOptions) -> Self {
        let columns = columns::of(&kind.resource, extra, options.width);
        let mut headers: Vec<&str> =
            if options.with_namespace { vec!["NAMESPACE", "NAME"] } else { vec!["NAME"] };
        headers.extend(columns.iter().map(|column| column.name.as_ref()));
        let table = GrowingTable::new(&headers, options.headers);
        Self { kind, columns, options, table }
    }

    /// Adds an object and returns the text of a block of rows when one is full.
    pub fn push(&mut self, body: &Value) -> Option<String> {
        let metadata = &body["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let mut row = Vec::with_capacity(self.columns.len() + 2);
        if self.options.with_namespace {
            row.push(metadata["namespace"].as_str().unwrap_or_default().to_owned());
        }
        row.push(if self.options.with_kind {
            object::kubectl_name(&self.kind, name)
        } else {
            name.to_owned()
        });
        row.extend(self.columns.iter().map(|column| column.cell(body, self.options.now)));
        self.table.push(row)
    }

    /// The text of the rows that are left.
    pub fn finish(&mut self) -> String {
        self.table.finish()
    }
}

/// The object as `-o yaml` and `-o json` show it: keys in order, `managedFields` only if asked for.
pub fn shown(body: &Value, show_managed_fields: bool) -> Value {
    let mut shown = document::sorted(body);
    if !show_managed_fields && let Some(Value::Object(metadata)) = shown.get_mut("metadata") {
        metadata.shift_remove("managedFields");
    }
    shown
}

/// Several objects as one `v1` List, as kubectl prints them.
pub fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
}

/// The two document formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// One document with a long list of `items`, written as they arrive.
#[derive(Debug)]
pub struct ItemStream {
    format: DocumentFormat,
    is_object_list: bool,
    items: u64,
}

impl ItemStream {
    /// A `v1` List of objects.
    pub fn of_objects(format: DocumentFormat) -> Self {
        Self { format, is_object_list: true, items: 0 }
    }

    /// A list of records of our own.
    pub fn of_records(format: DocumentFormat) -> Self {
        Self { format, is_object_list: false, items: 0 }
    }

    /// The text of the next item, with the document's beginning before the first.
    pub fn push(&mut self, item: &Value) -> Result<String, DocumentError> {
        let mut text = if self.items == 0 { self.beginning() } else { String::new() };
        match self.format {
            DocumentFormat::Yaml => {
                if self.items == 0 {
                    text.push_str("items:\n");
                }
                text.push_str(&document::to_yaml(&[item])?);
            }
            DocumentFormat::Json => {
                text.push_str(if self.items == 0 { "    \"items\": [" } else { "," });
                for line in document::to_json(item)?.lines() {
                    text.push_str("\n        ");
                    text.push_str(line);
                }
            }
        }
        self.items += 1;
        Ok(text)
    }

    /// The text of the document's end; of all of it, when there was no item.
    pub fn finish(self) -> String {
        let beginning = if self.items == 0 { self.beginning() } else { String::new() };
        match self.format {
            DocumentFormat::Yaml => {
                let items = if self.items == 0 { "items: []\n" } else { "" };
                let end =
                    if self.is_object_list { "kind: List\nmetadata:\n  resourceVersion: \"\"\n" } else { "" };
                format!("{beginning}{items}{end}")
            }
            DocumentFormat::Json => {
                let items = if self.items == 0 { "    \"items\": []" } else { "\n    ]" };
                let end = if self.is_object_list {
                    ",\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }"
                } else {
                    ""
                };
                format!("{beginning}{items}{end}\n}}\n")
            }
        }
    }

    fn beginning(&self) -> String {
        match (self.format, self.is_object_list) {
            (DocumentFormat::Yaml, true) => "apiVersion: v1\n".to_owned(),
            (DocumentFormat::Yaml, false) => String::new(),
            (DocumentFormat::Json, true) => "{\n    \"apiVersion\": \"v1\",\n".to_owned(),
            (DocumentFormat::Json, false) => "{\n".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
