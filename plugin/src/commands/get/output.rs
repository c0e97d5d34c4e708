//! `-o` of `get`: what is printed of each object, as it arrives.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{Wanted, definition};
use crate::{
    cli::inspect::GetArgs,
    commands::{failure::UsageError, point::OpenPoint, session::Session},
    model::{
        object::{SavedObject, kubectl_name},
        resource::GroupResource,
    },
    report::{
        document,
        jsonpath::Template,
        objects::{
            self, DocumentFormat, ItemStream, ObjectTable, TableOptions, Width, nothing_found,
            printer_columns,
        },
        printer::Printer,
    },
};

/// An output form of kubectl.
#[derive(Clone, Debug)]
pub(super) enum Format {
    Table(Width),
    Document(DocumentFormat),
    Name,
    JsonPath(Template),
}

impl Format {
    /// Reads the value of `-o`.
    pub(super) fn parse(word: Option<&str>) -> Result<Self, UsageError> {
        Ok(match word {
            None | Some("") => Self::Table(Width::Default),
            Some("wide") => Self::Table(Width::Wide),
            Some("yaml") => Self::Document(DocumentFormat::Yaml),
            Some("json") => Self::Document(DocumentFormat::Json),
            Some("name") => Self::Name,
            Some(word) => match word.split_once('=') {
                Some(("jsonpath", template)) => Self::JsonPath(
                    Template::parse(template).map_err(|error| UsageError::new(error.to_string()))?,
                ),
                _ => {
                    return Err(UsageError::with_hint(
                        format!("there is no output format `{word}`"),
                        "known are yaml, json, name, wide and jsonpath=TEMPLATE",
                    ));
                }
            },
        })
    }
}

/// Prints objects one after the other. Memory holds a block of rows, or all objects for `jsonpath` of several.
pub(super) struct Output {
    printer: Printer,
    format: Format,
    options: TableOptions,
    show_managed_fields: bool,
    is_one_object: bool,
    opened: OpenPoint,
    table: Option<(GroupResource, ObjectTable)>,
    stream: Option<ItemStream>,
    kept: Vec<Value>,
    count: u64,
    nothing: String,
}

impl Output {
    pub(super) fn new(
        args: &GetArgs,
        format: Format,
        wanted: &Wanted,
        namespaces: Option<&BTreeSet<String>>,
        opened: &OpenPoint,
        session: &Session,
    ) -> Self {
        let width = if let Format::Table(width) = format { width } else { Width::Default };
        let options = TableOptions {
            width,
            with_namespace: namespaces.is_none_or(|names| names.len() > 1),
            with_kind: wanted.resources().len() > 1,
            headers: !args.no_headers,
            now: Timestamp::now(),
        };
        let stream = match (&format, wanted.is_one_object()) {
            (Format::Document(format), false) => Some(ItemStream::of_objects(*format)),
            _ => None,
        };
        let nothing = nothing_found(namespaces);
        Self {
            printer: session.printer.clone(),
            format,
            options,
            show_managed_fields: args.show_managed_fields,
            is_one_object: wanted.is_one_object(),
            opened: opened.clone(),
            table: None,
            stream,
            kept: Vec::new(),
            count: 0,
            nothing,
        }
    }

    /// Prints an object, or keeps it for later.
    pub(super) fn push(&mut self, object: &SavedObject) -> anyhow::Result<()> {
        self.count += 1;
        match &self.format {
            Format::Table(_) => self.push_row(object)?,
            Format::Name => {
                let name = match self.opened.manifest.kind(&object.key.resource) {
                    Some(entry) => kubectl_name(&entry.kind, &object.key.name),
                    None => format!("{}/{}", object.key.resource, object.key.name),
                };
                self.printer.data(&name)?;
            }
            Format::Document(format) => {
                let shown = objects::shown(&object.body, self.show_managed_fields);
                let text = match (&mut self.stream, format) {
                    (Some(stream), _) => stream.push(&shown)?,
                    (None, DocumentFormat::Json) => document::to_json(&shown)?,
                    (None, DocumentFormat::Yaml) => document::to_yaml(&shown)?,
                };
                self.printer.exact(&text)?;
            }
            Format::JsonPath(_) => self.kept.push(object.body.clone()),
        }
        Ok(())
    }

    /// Prints what is left.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        if let Format::JsonPath(template) = &self.format {
            let text = match (self.is_one_object, self.kept.as_slice()) {
                (true, [object]) => template.render(object),
                (_, items) => template.render(&objects::list(items)),
            };
            return Ok(self.printer.exact(&text)?);
        }
        if let Some(stream) = self.stream.take() {
            return Ok(self.printer.exact(&stream.finish())?);
        }
        if let Some((_, mut table)) = self.table.take() {
            self.printer.data(&table.finish())?;
        }
        if self.count == 0 {
            self.printer.note(&self.nothing);
        }
        Ok(())
    }

    fn push_row(&mut self, object: &SavedObject) -> anyhow::Result<()> {
        let resource = &object.key.resource;
        let is_same_kind = self.table.as_ref().is_some_and(|(kind, _)| kind == resource);
        if !is_same_kind {
            if let Some((_, mut before)) = self.table.take() {
                self.printer.data(&before.finish())?;
                self.printer.exact("\n")?;
            }
            let Some(entry) = self.opened.manifest.kind(resource) else {
                anyhow::bail!("the restore point's manifest does not know the kind `{resource}`");
            };
            let extra = definition(&self.opened, resource)
                .map(|definition| printer_columns(&definition, &entry.kind.version))
                .unwrap_or_default();
            self.table = Some((resource.clone(), ObjectTable::new(entry.kind.clone(), &extra, self.options)));
        }
        if let Some(block) = self.table.as_mut().and_then(|(_, table)| table.push(&object.body)) {
            self.printer.data(&block)?;
        }
        Ok(())
    }
}
