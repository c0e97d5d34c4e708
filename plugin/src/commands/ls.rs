//! `kubectl backup ls`: which objects a restore point holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    ops::ControlFlow,
};

use serde_json::{Value, json};

use crate::{
    archive::ReadFilter,
    cli::{inspect::LsArgs, output::RecordFormat},
    exit::ExitStatus,
    model::{
        object::{SavedObject, kubectl_name},
        resource::{ResourceType, Scope},
        restore_point::Manifest,
        unreadable::Unreadable,
    },
    plan::{point_reference::Incomplete, select::LabelSelector},
    report::{
        objects::{DocumentFormat, ItemStream, nothing_found},
        printer::Printer,
        size::size,
        table::GrowingTable,
        terminal::clean_line,
    },
};

use super::{
    point, saved_kinds,
    session::{Session, blocking},
    unreadable::tell_ranges,
};

/// Objects outside namespaces stand under this name in the tree.
const NO_NAMESPACE: &str = "(no namespace)";

/// Runs `ls`.
pub(crate) async fn run(args: LsArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let selector = args.selector.as_deref().map(LabelSelector::parse).transpose()?;
    let opened = point::open(&args.restore_point, Incomplete::Skip, session).await?;
    let filter = filter(&args, &opened.manifest)?;
    point::expect_namespaces(&args.namespaces.namespaces, &opened.manifest, session)?;
    if let Some(kinds) = &filter.resources {
        saved_kinds::warn_of_missing(kinds, filter.namespaces.as_ref(), &opened.manifest, session);
    }
    let mut listing = Listing::new(&args, filter.namespaces.clone(), session.printer.clone());
    let listing = blocking(move || {
        let mut failed = None;
        opened.repository.each_object(&opened.point.id, &filter, &mut |object| {
            let object = match object {
                Ok(object) => object,
                Err(lost) => {
                    Unreadable::add(&mut listing.unreadable, lost);
                    return ControlFlow::Continue(());
                }
            };
            if selector.as_ref().is_some_and(|selector| !selector.matches(&object.body)) {
                return ControlFlow::Continue(());
            }
            match listing.push(&object, &opened.manifest) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(listing), Err)
    })
    .await?;
    let unreadable = listing.finish()?;
    let is_incomplete = tell_ranges(&session.printer, &unreadable);
    Ok(if is_incomplete { ExitStatus::Incomplete } else { ExitStatus::Done })
}

fn filter(args: &LsArgs, manifest: &Manifest) -> anyhow::Result<ReadFilter> {
    let mut filter = ReadFilter::default();
    if !args.kinds.is_empty() {
        let mut resources = BTreeSet::new();
        for word in &args.kinds {
            resources.extend(saved_kinds::resolve(word, manifest)?);
        }
        filter.resources = Some(resources);
    }
    if !args.namespaces.namespaces.is_empty() {
        filter.namespaces = Some(args.namespaces.namespaces.iter().cloned().collect());
        // `-n` asks for what is in the namespace, so objects outside of any are not meant.
        filter.scope = Some(Scope::Namespaced);
    }
    Ok(filter)
}

/// Prints objects as they come; only the tree has to know all names first.
struct Listing {
    printer: Printer,
    form: Form,
    count: u64,
    namespaces: Option<BTreeSet<String>>,
    unreadable: Vec<Unreadable>,
}

enum Form {
    Table { table: GrowingTable, with_size: bool },
    Stream(ItemStream),
    Names,
    Tree(BTreeMap<String, BTreeMap<String, Vec<String>>>),
}

impl Listing {
    fn new(args: &LsArgs, namespaces: Option<BTreeSet<String>>, printer: Printer) -> Self {
        let form = match args.output.output.format {
            RecordFormat::Json => Form::Stream(ItemStream::of_records(DocumentFormat::Json)),
            RecordFormat::Yaml => Form::Stream(ItemStream::of_records(DocumentFormat::Yaml)),
            RecordFormat::Name => Form::Names,
            _ if args.tree => Form::Tree(BTreeMap::new()),
            format => {
                let with_size = format == RecordFormat::Wide;
                let mut columns = vec!["NAMESPACE", "KIND", "NAME"];
                columns.extend(with_size.then_some("SIZE"));
                Form::Table { table: GrowingTable::new(&columns, !args.output.no_headers), with_size }
            }
        };
        Self { printer, form, count: 0, namespaces, unreadable: Vec::new() }
    }

    fn push(&mut self, object: &SavedObject, manifest: &Manifest) -> anyhow::Result<()> {
        self.count += 1;
        let key = &object.key;
        let kind = manifest.kind(&key.resource).map(|entry| &entry.kind);
        let word = kind.map_or_else(|| key.resource.to_string(), ResourceType::kind_word);
        let namespace = key.namespace.clone().unwrap_or_default();
        match &mut self.form {
            Form::Table { table, with_size } => {
                let mut row = vec![namespace, word, key.name.clone()];
                row.extend(with_size.then(|| size(bytes(&object.body))));
                if let Some(block) = table.push(row) {
                    self.printer.data(&block)?;
                }
            }
            Form::Stream(stream) => {
                let item = json!({
                    "namespace": key.namespace, "resource": key.resource, "kind": kind.map(|kind| &kind.kind),
                    "apiVersion": object.body["apiVersion"], "name": key.name, "bytes": bytes(&object.body),
                });
                self.printer.exact(&stream.push(&item)?)?;
            }
            Form::Names => self.printer.data(&match kind {
                Some(kind) => kubectl_name(kind, &key.name),
                None => format!("{word}/{}", key.name),
            })?,
            Form::Tree(namespaces) => {
                let namespace = if namespace.is_empty() { NO_NAMESPACE.to_owned() } else { namespace };
                namespaces.entry(namespace).or_default().entry(word).or_default().push(key.name.clone());
            }
        }
        Ok(())
    }

    /// Prints what is left to print; returns what could not be listed.
    fn finish(self) -> anyhow::Result<Vec<Unreadable>> {
        match self.form {
            Form::Stream(stream) => self.printer.exact(&stream.finish())?,
            _ if self.count == 0 && !self.unreadable.is_empty() => {}
            _ if self.count == 0 => self.printer.note(&nothing_found(self.namespaces.as_ref())),
            Form::Table { mut table, .. } => self.printer.data(&table.finish())?,
            Form::Tree(namespaces) => self.printer.data(&tree(&namespaces))?,
            Form::Names => {}
        }
        Ok(self.unreadable)
    }
}

fn bytes(body: &Value) -> u64 {
    body.to_string().len() as u64
}

fn tree(namespaces: &BTreeMap<String, BTreeMap<String, Vec<String>>>) -> String {
    let mut text = String::new();
    for (namespace, kinds) in namespaces {
        let _ = writeln!(text, "{}", clean_line(namespace));
        for (at, (kind, names)) in kinds.iter().enumerate() {
            let is_last_kind = at + 1 == kinds.len();
            let _ = writeln!(text, "{}{} ({})", branch(is_last_kind), clean_line(kind), names.len());
            for (at, name) in names.iter().enumerate() {
                let trunk = if is_last_kind { "   " } else { "│  " };
                let _ = writeln!(text, "{trunk}{}{}", branch(at + 1 == names.len()), clean_line(name));
            }
        }
    }
    text
}

fn branch(is_last: bool) -> &'static str {
    if is_last { "└─ " } else { "├─ " }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_groups_by_namespace_and_kind() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let shop = BTreeMap::from([
            ("configmap".to_owned(), names(&["a", "b"])),
            ("deployment.apps".to_owned(), names(&["web"])),
        ]);
        let outside = BTreeMap::from([("namespace".to_owned(), names(&["shop\x1b[2J"]))]);
        let namespaces = BTreeMap::from([(NO_NAMESPACE.to_owned(), outside), ("shop".to_owned(), shop)]);
        insta::assert_snapshot!(tree(&namespaces), @r"
        (no namespace)
        └─ namespace (1)
           └─ shop␛[2J
        shop
        ├─ configmap (2)
        │  ├─ a
        │  └─ b
        └─ deployment.apps (1)
           └─ web
        ");
    }
}
