//! `-o` of `transform`: what is printed of each object before and after.

use serde_json::Value;

use super::key;
use crate::{
    cli::{
        output::ColorChoice,
        transform::{TransformArgs, TransformOutput},
    },
    commands::session::Session,
    plan::difference::mask_secret,
    report::{
        difference::unified,
        document,
        objects::{DocumentFormat, ItemStream, shown},
        printer::Printer,
        restore::objects,
        terminal,
    },
};

/// Shows pairs as they come.
pub(super) struct Shown {
    printer: Printer,
    output: TransformOutput,
    stream: Option<ItemStream>,
    colour: bool,
    show_secrets: bool,
    objects: u64,
    changed: u64,
}

impl Shown {
    pub(super) fn new(args: &TransformArgs, session: &Session) -> Self {
        let printer = session.printer.clone();
        let colour = match args.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal::allows_color(printer.stdout_is_terminal()),
        };
        let stream = match args.output {
            TransformOutput::Yaml => Some(ItemStream::of_objects(DocumentFormat::Yaml)),
            TransformOutput::Json => Some(ItemStream::of_objects(DocumentFormat::Json)),
            TransformOutput::Diff | TransformOutput::Name => None,
        };
        let show_secrets = args.show_secrets;
        Self { printer, output: args.output, stream, colour, show_secrets, objects: 0, changed: 0 }
    }

    /// An object before and after its transforms.
    pub(super) fn pair(&mut self, before: Value, after: Value) -> anyhow::Result<()> {
        let is_changed = before != after;
        self.objects += 1;
        self.changed += u64::from(is_changed);
        if let Some(stream) = &mut self.stream {
            return Ok(self.printer.exact(&stream.push(&shown(&after, false))?)?);
        }
        match self.output {
            _ if !is_changed => Ok(()),
            TransformOutput::Name => Ok(self.printer.data(&name(&after))?),
            _ => self.difference(before, after),
        }
    }

    fn difference(&self, before: Value, after: Value) -> anyhow::Result<()> {
        let file = file_name(&before);
        let is_secret = before["kind"] == "Secret" && before["apiVersion"] == "v1";
        let (mut before, mut after) = (Some(before), Some(after));
        if is_secret && !self.show_secrets {
            mask_secret(&mut before, &mut after);
        }
        let yaml = |object: Option<Value>| document::to_yaml(&shown(&object.unwrap_or_default(), false));
        let (before, after) = (yaml(before)?, yaml(after)?);
        let (from, to) = (format!("saved/{file}"), format!("transformed/{file}"));
        self.printer.data_styled(&unified(&from, &before, &to, &after, self.colour))?;
        Ok(())
    }

    /// Ends a document that was begun; says in one line what came of all objects, `refused` ones besides those shown.
    pub(super) fn finish(self, refused: usize) -> anyhow::Result<String> {
        if let Some(stream) = self.stream {
            self.printer.exact(&stream.finish())?;
        }
        let objects = objects(usize::try_from(self.objects).unwrap_or(usize::MAX).saturating_add(refused));
        let refused = if refused == 0 { String::new() } else { format!(", {refused} refused") };
        Ok(format!("of {objects} {} would be changed{refused}", self.changed))
    }
}

/// `deployment.apps/web`, as kubectl names it.
pub(super) fn name(object: &Value) -> String {
    let key = key(object);
    format!("{}/{}", key.resource, key.name)
}

/// `apps.v1.Deployment.shop.web`, as `diff` names its files.
fn file_name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parts = [
        text(&object["apiVersion"]).replace('/', "."),
        text(&object["kind"]),
        text(&object["metadata"]["namespace"]),
        text(&object["metadata"]["name"]),
    ];
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(".")
}
