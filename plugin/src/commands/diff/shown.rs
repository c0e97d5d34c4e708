//! What is printed, or handed to the user's own diff program, of each pair of objects.

use serde_json::Value;

use super::external::External;
use crate::{
    cli::{inspect::DiffArgs, output::ColorChoice},
    commands::session::Session,
    config::external_diff,
    model::{
        object::{ObjectKey, SavedObject},
        resource::GroupResource,
    },
    plan::{
        difference::{Change, mask_secret},
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

/// Shows pairs as they come.
pub(super) struct Shown {
    printer: Printer,
    status: Status,
    detail: Detail,
    colour: bool,
    before: String,
    after: String,
    external: Option<External>,
    differs: bool,
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
        let external = match external_diff().filter(|_| !args.brief) {
            Some(command) => Some(External::new(&command, &before, &after)?),
            None => None,
        };
        let status = if args.with_status { Status::Compare } else { Status::Ignore };
        Ok(Self {
            printer,
            status,
            detail: Detail::wanted(args),
            colour,
            before,
            after,
            external,
            differs: false,
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
        let before = before.map(|object| normalise(object.body, self.status));
        let after = after.map(|object| normalise(object.body, self.status));
        let change = match (&before, &after) {
            (Some(_), None) => Change::Removed,
            (None, Some(_)) => Change::Added,
            _ if before == after => return Ok(()),
            _ => Change::Changed,
        };
        self.differs = true;
        if self.detail == Detail::Names {
            return self.name(&key, change);
        }
        let is_secret = key.resource == GroupResource::new("secrets", "");
        let texts = Texts::of(&key, before, after, is_secret && self.detail == Detail::Lines)?;
        if let Some(external) = &self.external {
            return external.add(&texts.name, change, &texts.before, &texts.after);
        }
        self.printer.data_styled(&texts.unified(&self.before, &self.after, self.colour))?;
        Ok(())
    }

    fn name(&self, key: &ObjectKey, change: Change) -> anyhow::Result<()> {
        let word = match change {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Changed => "changed",
        };
        Ok(self.printer.data(&format!("{word:<8} {key}"))?)
    }

    /// Runs the user's own diff program, if there is one, and says whether anything differs.
    pub(super) async fn finish(self) -> anyhow::Result<bool> {
        match self.external {
            Some(external) if self.differs => external.run().await,
            _ => Ok(self.differs),
        }
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
