//! What a hook says of itself, and whether the configuration fits it.

use std::{collections::BTreeMap, time::Duration};

use hook_protocol::{lease::Expiry, message::Grants};

use crate::{
    bindings::kubectl_backup::hook::types::{self, Description, Grant, Setting, SettingKind},
    configuration::HookConfiguration,
    engine::Error,
    instance::Template,
    keeper::Described,
};

/// A hook must know by heart what it is.
const BUDGET: Duration = Duration::from_secs(5);
/// Characters of what is shown.
const LONGEST: usize = 200;

/// Asks a hook what it is, with nothing granted, and gives the values of its settings.
pub(crate) async fn describe(
    hook: &str,
    template: &Template,
    configuration: &HookConfiguration,
) -> Result<(Described, BTreeMap<String, String>), Error> {
    let failed = |why: String| Error::Describe { hook: hook.to_owned(), why };
    let described = tokio::time::timeout(BUDGET, template.describe())
        .await
        .map_err(|_| failed(format!("it took longer than {} s", BUDGET.as_secs())))?
        .map_err(|error| failed(error.root_cause().to_string()))?;
    let unfit = |why| Error::Unfit { hook: hook.to_owned(), why };
    let values = settings(&described.settings, configuration).map_err(unfit)?;
    grants(&described, configuration).map_err(unfit)?;
    let component = shown(&format!("{} {}", described.name, described.version));
    let expiry = expiry(&described, configuration);
    let (freezes, grants) = (shown(&described.freezes), granted(configuration));
    Ok((Described { component, freezes, grants, expiry }, values))
}

/// A frozen file system outlives everybody, whatever the hook says.
fn expiry(described: &Description, configuration: &HookConfiguration) -> Expiry {
    match described.expiry {
        _ if !configuration.mounts.is_empty() => Expiry::WithoutExpiry,
        types::Expiry::SessionBound => Expiry::SessionBound,
        types::Expiry::SelfExpiring => Expiry::SelfExpiring,
        types::Expiry::WithoutExpiry => Expiry::WithoutExpiry,
    }
}

fn settings(
    described: &[Setting],
    configuration: &HookConfiguration,
) -> Result<BTreeMap<String, String>, String> {
    let unknown =
        configuration.settings.keys().find(|name| !described.iter().any(|known| known.name == **name));
    if let Some(name) = unknown {
        return Err(format!("it has no setting `{name}`"));
    }
    let mut values = BTreeMap::new();
    for setting in described {
        let name = shown(&setting.name);
        let Some(value) = configuration.settings.get(&setting.name).or(setting.default.as_ref()) else {
            return Err(format!("the setting `{name}` is missing: {}", shown(&setting.purpose)));
        };
        let fits = match setting.kind {
            SettingKind::Text => true,
            SettingKind::Number => value.parse::<i64>().is_ok(),
            SettingKind::Boolean => value.parse::<bool>().is_ok(),
            SettingKind::Milliseconds => value.parse::<u32>().is_ok(),
        };
        if !fits {
            return Err(format!("the setting `{name}` must be of the kind {:?}", setting.kind));
        }
        values.insert(setting.name.clone(), value.clone());
    }
    Ok(values)
}

fn granted(configuration: &HookConfiguration) -> Grants {
    Grants {
        connect: configuration.connect.iter().map(ToString::to_string).collect(),
        secrets: configuration.secrets.keys().cloned().collect(),
        mounts: configuration.mounts.keys().cloned().collect(),
        folders: configuration.folders.keys().cloned().collect(),
        memory: configuration.memory,
    }
}

/// What a hook cannot work without is missed now, not at the freeze.
fn grants(described: &Description, configuration: &HookConfiguration) -> Result<(), String> {
    for grant in &described.grants {
        match grant {
            Grant::Connect(what) if configuration.connect.is_empty() => {
                return Err(format!("it must connect to {}, and `connect` is empty", shown(what)));
            }
            Grant::Secret(name) if !configuration.secrets.contains_key(name) => {
                return Err(format!("it needs the secret `{}`", shown(name)));
            }
            Grant::Mount(name) if !configuration.mounts.contains_key(name) => {
                return Err(format!("it freezes the mount `{}`, which is not granted", shown(name)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The text of a hook as it may reach a terminal.
fn shown(text: &str) -> String {
    let plain = text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character });
    plain.take(LONGEST).collect()
}
