//! The rules file, from disk to the rules of the run.

use std::{fs::File, io::Read, path::Path};

use crate::{
    cli::restore::RestoreArgs,
    commands::failure::UsageError,
    model::{resource::ResourceType, restoration::DecidedBy},
    plan::{
        conflict::{
            ConflictPolicy, Resolution,
            rules::{Rules, file::RuleFile},
        },
        rename::wrong_suffix,
        restore::fields::Fields,
    },
    report::printer::Printer,
};

/// More is no file that a person wrote, in bytes.
const LARGEST: u64 = 1 << 20;

/// What the options and the file say of conflicts, before the kinds are known.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    file: Option<RuleFile>,
    otherwise: Resolution,
    fields: Fields,
    suffix: String,
    explain: bool,
}

impl Wishes {
    /// Reads the file that `args` name; only `fields` of each object are restored.
    pub(super) fn read(args: &RestoreArgs, fields: Fields) -> anyhow::Result<Self> {
        let recorded = args.recorded.as_ref().and_then(|recorded| recorded.rules.as_ref());
        let file = match recorded {
            Some(recorded) => Some(parse(&recorded.name, &recorded.text)?),
            None => args.rules.as_deref().map(read).transpose()?,
        };
        // A run that goes on with another one has the answers of that.
        if args.recorded.is_none() && file.as_ref().is_some_and(RuleFile::asks) {
            super::need_terminal(args)?;
        }
        Ok(Self { file, otherwise: resolution(args), fields, suffix: suffix(args)?, explain: args.explain })
    }

    /// What of each object is restored.
    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Name and text of the file.
    pub(super) fn source(&self) -> Option<(String, String)> {
        self.file.as_ref().map(|file| (file.name.clone(), file.text.clone()))
    }

    /// The rules among these kinds; warns of what in the file can have no effect.
    pub(super) fn bind(self, kinds: &[ResourceType], printer: &Printer) -> Rules {
        let rules = match self.file {
            None => Rules::for_all(self.otherwise),
            Some(file) => {
                let (rules, warnings) = file.bind(kinds, self.otherwise);
                for warning in warnings {
                    printer.warning(&warning);
                }
                rules
            }
        };
        let rules = rules.for_fields(self.fields).with_suffix(&self.suffix);
        if self.explain { rules.that_explain() } else { rules }
    }
}

fn read(path: &Path) -> anyhow::Result<RuleFile> {
    let mut text = String::new();
    let file = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
    if let Err(error) = file {
        let message = format!("could not read the rules file `{}`: {error}", path.display());
        return Err(UsageError::new(message).into());
    }
    if text.len() as u64 > LARGEST {
        let message = format!("the rules file `{}` has more than {LARGEST} bytes", path.display());
        return Err(UsageError::new(message).into());
    }
    parse(&path.display().to_string(), &text)
}

fn parse(name: &str, text: &str) -> anyhow::Result<RuleFile> {
    RuleFile::parse(name, text).map_err(|error| {
        let message = format!("the rules file `{name}` is not valid: {error}");
        UsageError::with_hint(message, "docs/rules.md describes the file").into()
    })
}

fn suffix(args: &RestoreArgs) -> Result<String, UsageError> {
    match wrong_suffix(&args.rename_suffix) {
        None => Ok(args.rename_suffix.clone()),
        Some(reason) => Err(UsageError::with_hint(
            format!("--rename-suffix `{}`: {reason}", args.rename_suffix),
            "for example: --rename-suffix=-restored",
        )),
    }
}

/// What the options say of every conflict.
fn resolution(args: &RestoreArgs) -> Resolution {
    let only_fields = (!args.fields.is_empty()).then_some(ConflictPolicy::Patch);
    let policy = args.on_conflict.or(only_fields);
    Resolution {
        policy: policy.unwrap_or_default(),
        exact: args.exact,
        decided_by: policy.map_or(DecidedBy::Default, |_| DecidedBy::CommandLine),
        ..Resolution::default()
    }
}
