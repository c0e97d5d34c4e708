//! What is printed, or handed to the user's own diff program, of each pair of objects.

use serde::Serialize;
use serde_json::{Value, json};

use super::external::External;
use crate::{
    cli::{
        inspect::DiffArgs,
        output::{ColorChoice, DiffFormat},
    },
    commands::session::Session,
    config::external_diff,
    model::{
        object::{ObjectKey, SavedObject},
        resource::GroupResource,
        restoration::FieldChange,
    },
    plan::{
        difference::{Change, mask_secret},
        field_difference::{FieldDifferences, differences},
        normalise::{Status, normalise},
    },
    report::{difference::unified, document, printer::Printer, terminal},
};

/// How much of a difference is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// The names of the objects.
    Names,
    /// Their lines, with the values of Secrets masked.
    Lines,
    /// Their lines, Secrets included.
    LinesWithSecrets,
}

impl Detail {
    fn wanted(args: &DiffArgs) -> Self {
        match (args.brief, args.show_secrets) {
            (true, _) => Self::Names,
            (false, false) => Self::Lines,
            (false, true) => Self::LinesWithSecrets,
        }
    }
}

/// Fields named of one object; more are counted.
const MOST_FIELDS: usize = 256;

/// An object that differs, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    change: &'static str,
    #[serde(flatten)]
    key: ObjectKey,
    /// Each with how it differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Value>,
    #[serde(skip_serializing_if = "is_none")]
    more_fields: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// Shows pairs as they come; a document when all have come.
pub(super) struct Shown {
    printer: Printer,
    format: DiffFormat,
    items: Vec<Item>,
    status: Status,
    detail: Detail,
    colour: bool,
    before: String,
    after: String,
    external: Option<External>,
    differs: bool,
    /// How many were compared.
    pub(super) pairs: u64,
}

impl Shown {
    /// `before` and `after` name the sides.
    pub(super) fn new(
        args: &DiffArgs,
        before: String,
        after: String,
        session: &Session,
    ) -> anyhow::Result<Self> {
        let printer = session.printer.clone();
        let colour = match args.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal::allows_color(printer.stdout_is_terminal()),
        };
        let is_text = args.output == DiffFormat::Text;
        let external = match external_diff().filter(|_| !args.brief && is_text) {
            Some(command) => Some(External::new(&command, &before, &after)?),
            None => None,
        };
        let status = if args.with_status { Status::Compare } else { Status::Ignore };
        Ok(Self {
            printer,
            format: args.output,
            items: Vec::new(),
            status,
            detail: Detail::wanted(args),
            colour,
            before,
            after,
            external,
            differs: false,
            pairs: 0,
        })
    }

    /// Compares the two states of one object.
    pub(super) fn pair(
        &mut self,
        before: Option<SavedObject>,
        after: Option<SavedObject>,
    ) -> anyhow::Result<()> {
        let Some(key) = before.as_ref().or(after.as_ref()).map(|object| object.key.clone()) else {
            return Ok(());
        };
        self.pairs += 1;
        let before = before.map(|object| normalise(object.body, self.status));
        let after = after.map(|object| normalise(object.body, self.status));
        let change = match (&before, &after) {
            (Some(_), None) => Change::Removed,
            (None, Some(_)) => Change::Added,
            _ if before == after => return Ok(()),
            _ => Change::Changed,
        };
        self.differs = true;
        let is_masked =
            key.resource == GroupResource::new("secrets", "") && self.detail != Detail::LinesWithSecrets;
        match self.format {
            DiffFormat::Text if self.detail == Detail::Names => return self.name(&key, change),
            DiffFormat::Text => {}
            DiffFormat::Name => return self.kubectl_name(&key, before.or(after).as_ref()),
            DiffFormat::Json | DiffFormat::Yaml => {
                self.items.push(self.item(key, change, (before, after), is_masked));
                return Ok(());
            }
        }
        let texts = Texts::of(&key, before, after, is_masked)?;
        if let Some(external) = &self.external {
            return external.add(&texts.name, change, &texts.before, &texts.after);
        }
        self.printer.data_styled(&texts.unified(&self.before, &self.after, self.colour))?;
        Ok(())
    }

    fn name(&self, key: &ObjectKey, change: Change) -> anyhow::Result<()> {
        Ok(self.printer.data(&format!("{:<8} {key}", word(change)))?)
    }

    fn kubectl_name(&self, key: &ObjectKey, body: Option<&Value>) -> anyhow::Result<()> {
        let kind = body.and_then(|body| body["kind"].as_str()).unwrap_or_default().to_lowercase();
        let group =
            if key.resource.group.is_empty() { String::new() } else { format!(".{}", key.resource.group) };
        Ok(self.printer.data(&format!("{kind}{group}/{}", key.name))?)
    }

    fn item(
        &self,
        key: ObjectKey,
        change: Change,
        (mut before, mut after): (Option<Value>, Option<Value>),
        is_masked: bool,
    ) -> Item {
        // Before the values are hidden, which would make them equal.
        let found = match (&before, &after) {
            (Some(before), Some(after)) => differences(before, after, MOST_FIELDS),
            _ => FieldDifferences::default(),
        };
        if is_masked {
            mask_secret(&mut before, &mut after);
        }
        let is_brief = self.detail == Detail::Names;
        let field = |change: FieldChange| match change {
            FieldChange::Set => "changed",
            FieldChange::OnlySaved => "removed",
            FieldChange::OnlyLive => "added",
        };
        let fields = found.fields.iter();
        Item {
            change: word(change),
            key,
            fields: fields
                .map(|it| json!({"field": it.path.to_string(), "change": field(it.change)}))
                .collect(),
            more_fields: found.more,
            before: before.filter(|_| !is_brief),
            after: after.filter(|_| !is_brief),
        }
    }

    /// Prints the document or runs the user's own diff program, if there is one, and says whether anything differs.
    pub(super) async fn finish(self) -> anyhow::Result<bool> {
        let document =
            || json!({"kind": "Diff", "before": self.before, "after": self.after, "items": self.items});
        match self.format {
            DiffFormat::Json => self.printer.exact(&document::to_json(&document())?)?,
            DiffFormat::Yaml => self.printer.exact(&document::to_yaml(&document())?)?,
            DiffFormat::Text | DiffFormat::Name => {}
        }
        match self.external {
            Some(external) if self.differs => external.run().await,
            _ => Ok(self.differs),
        }
    }
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    }
}

/// The two states of an object as text.
pub(in crate::commands) struct Texts {
    name: String,
    before: String,
    after: String,
}

impl Texts {
    /// Of these states; `mask` hides the values of a Secret.
    pub(in crate::commands) fn of(
        key: &ObjectKey,
        mut before: Option<Value>,
        mut after: Option<Value>,
        mask: bool,
    ) -> anyhow::Result<Self> {
        if mask {
            mask_secret(&mut before, &mut after);
        }
        let name = file_name(key, before.as_ref().or(after.as_ref()));
        Ok(Self { name, before: yaml(before.as_ref())?, after: yaml(after.as_ref())? })
    }

    /// How they differ; `before` and `after` name the sides.
    pub(in crate::commands) fn unified(&self, before: &str, after: &str, colour: bool) -> String {
        let (from, to) = (format!("{before}/{}", self.name), format!("{after}/{}", self.name));
        unified(&from, &self.before, &to, &self.after, colour)
    }
}

fn yaml(object: Option<&Value>) -> anyhow::Result<String> {
    Ok(match object {
        Some(object) => document::to_yaml(&document::sorted(object))?,
        None => String::new(),
    })
}

/// `apps.v1.Deployment.shop.web`, as kubectl names its files.
fn file_name(key: &ObjectKey, object: Option<&Value>) -> String {
    let text = |field: &str| object.and_then(|object| object[field].as_str()).unwrap_or_default().to_owned();
    let mut name = format!("{}.{}", text("apiVersion").replace('/', "."), text("kind"));
    if let Some(namespace) = &key.namespace {
        name.push('.');
        name.push_str(namespace);
    }
    name.push('.');
    name.push_str(&key.name);
    // It becomes a file's name; a repository may hold anything.
    name.chars()
        .map(|character| if character == '/' || character.is_control() { '_' } else { character })
        .collect()
}
