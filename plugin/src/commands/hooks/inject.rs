//! `kubectl backup hooks inject`.

use std::collections::{BTreeMap, BTreeSet};

use hook_artifact::registry::Pinned;
use hook_protocol::path::is_hook_name;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    cli::hooks::place::{InjectArgs, RuntimeArgs},
    cluster::WriteMode,
    commands::{failure::UsageError, session::Session},
    exit::ExitStatus,
    model::object::ObjectKey,
    plan::hooks::sidecar::{HookWords, Sidecar, TlsVerify, TlsWords, configuration, secret_file},
};

use super::workload::{Applied, Workload, agreed, apply};

/// Bytes of a configuration, as the runtime allows them.
const LARGEST: u64 = 1 << 20;

/// Runs `hooks inject`.
pub(super) async fn run(args: InjectArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let secrets = args.secrets.iter().map(|word| secret(word)).collect::<Result<BTreeMap<_, _>, _>>()?;
    let (hooks, configuration) = configured(&args.runtime, &secrets, true)?;
    let authority = tls(&args.runtime)?.and_then(|tls| tls.authority);
    let image = image(&args.runtime)?;
    let cluster = session.cluster().await?;
    let workload = Workload::find(&args.workload, args.change.namespace.as_deref(), &cluster).await?;
    let sidecar = Sidecar {
        image,
        port: args.runtime.port,
        hooks,
        configuration,
        config_map: format!("{}-backup-hooks", workload.key.name),
        components: args.components_from.clone(),
        secrets: keys(secrets.values().chain(&authority)),
    };
    let config_map = Applied {
        kind: workload.config_maps.clone(),
        key: ObjectKey::new(
            workload.config_maps.resource.clone(),
            Some(workload.namespace()),
            &sidecar.config_map,
        ),
        body: sidecar.config_map(workload.namespace()),
    };
    let objects = [config_map, workload.with_template(&sidecar.template())];
    if let Some(owner) = workload.owner() {
        session.printer.warning(&format!(
            "{} belongs to {owner}, which may set its pods back; if it does, state the sidecar there",
            workload.name
        ));
    }
    let question = format!("Put the hook runtime into {}? Its pods are replaced.", workload.name);
    if !agreed(&objects, question, &args.change, &cluster, session).await? {
        return Ok(ended(&args.change));
    }
    for object in &objects {
        apply(object, &cluster, WriteMode::Real).await?;
    }
    session.printer.data(&format!("{} injected", workload.name))?;
    session.printer.note(&format!(
        "When its pods run, try it: kubectl backup hooks test {} -n {}",
        args.workload,
        workload.namespace()
    ));
    Ok(ExitStatus::Done)
}

/// How a change ends that was not made: a dry run is done, a no is a no.
pub(super) fn ended(args: &crate::cli::hooks::place::ChangeArgs) -> ExitStatus {
    if args.dry_run.is_some() || args.yes { ExitStatus::Done } else { ExitStatus::Failed }
}

/// The names of the hooks, and the configuration that has them.
pub(super) fn configured(
    args: &RuntimeArgs,
    secrets: &BTreeMap<String, (String, String)>,
    keeps: bool,
) -> Result<(Vec<String>, String), UsageError> {
    if let Some(path) = &args.config {
        let (hooks, text) = read(path)?;
        names_all(&text, secrets)?;
        return Ok((hooks, text));
    }
    let name = args.hook.clone().unwrap_or_default();
    if !is_hook_name(&name) {
        return Err(UsageError::with_hint(
            format!("`{name}` is no name of a hook"),
            "lower-case letters, digits and `-`, as in postgres",
        ));
    }
    if let Some(image) = &args.hook_image {
        Pinned::parse(image).map_err(|error| UsageError::new(error.to_string()))?;
    }
    let settings = args.settings.iter().map(|word| pair(word, "--setting", "NAME=VALUE"));
    let hook = HookWords {
        name: name.clone(),
        component: args.component.clone(),
        image: args.hook_image.clone(),
        connect: args.connect.clone(),
        settings: settings.collect::<Result<_, _>>()?,
        secrets: secrets.clone(),
        tls: tls(args)?,
    };
    Ok((vec![name], configuration(&hook, args.port, keeps)))
}

/// The image of the runtime. There is no default: a sidecar whose image cannot be had would keep the database from starting.
pub(super) fn image(args: &RuntimeArgs) -> Result<String, UsageError> {
    args.image.clone().filter(|image| !image.is_empty()).ok_or_else(|| {
        UsageError::with_hint(
            "no image of the hook runtime is named, and none is published",
            "build one with `cargo xtask image NAME`, push it to a registry of your cluster as docs/hooks.md shows, and name it by \
             --image or KUBECTL_BACKUP_HOOK_IMAGE",
        )
    })
}

/// With whom the hook may speak TLS.
pub(super) fn tls(args: &RuntimeArgs) -> Result<Option<TlsWords>, UsageError> {
    let Some(verify) = args.tls else { return Ok(None) };
    let authority = args.tls_ca.as_deref().map(|word| {
        key_of(word)
            .ok_or_else(|| UsageError::new(format!("`--tls-ca {word}` is not of the form SECRET/KEY")))
    });
    let authority = authority.transpose()?;
    if verify == TlsVerify::None && authority.is_some() {
        return Err(UsageError::new(
            "--tls-ca names whom to trust, and --tls=none verifies nothing: leave out one",
        ));
    }
    Ok(Some(TlsWords { verify, authority }))
}

/// What is read of each Secret, or volume: its keys.
pub(super) fn keys<'words>(
    words: impl IntoIterator<Item = &'words (String, String)>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys = BTreeMap::<_, BTreeSet<_>>::new();
    for (from, key) in words {
        keys.entry(from.clone()).or_default().insert(key.clone());
    }
    keys
}

/// What of a configuration must be known here.
#[derive(Deserialize)]
struct Outline {
    hooks: BTreeMap<String, Value>,
}

fn read(path: &std::path::Path) -> Result<(Vec<String>, String), UsageError> {
    let name = path.display();
    let failed =
        |reason: String| UsageError::new(format!("could not use the configuration `{name}`: {reason}"));
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > LARGEST {
        return Err(failed(format!("it has more than {LARGEST} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let outline: Outline = serde_saphyr::from_str(&text).map_err(|error| failed(error.to_string()))?;
    if let Some(wrong) = outline.hooks.keys().find(|hook| !is_hook_name(hook)) {
        return Err(failed(format!("`{wrong}` is no name of a hook")));
    }
    if outline.hooks.is_empty() {
        return Err(failed("it has no hooks".to_owned()));
    }
    Ok((outline.hooks.into_keys().collect(), text))
}

/// Refuses secrets that would be mounted for nobody.
fn names_all(configuration: &str, secrets: &BTreeMap<String, (String, String)>) -> Result<(), UsageError> {
    let mut files = secrets.values().map(|(secret, key)| secret_file(secret, key));
    match files.find(|file| !configuration.contains(file)) {
        Some(file) => Err(UsageError::with_hint(
            format!("the configuration does not name `{file}`"),
            "a secret is there under that name: put it where the configuration needs the file, or leave out --secret",
        )),
        None => Ok(()),
    }
}

fn pair(word: &str, flag: &str, form: &str) -> Result<(String, String), UsageError> {
    match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(UsageError::new(format!("`{flag} {word}` is not of the form {form}"))),
    }
}

/// `password=db-backup/password`
pub(super) fn secret(word: &str) -> Result<(String, (String, String)), UsageError> {
    const FORM: &str = "NAME=SECRET/KEY";
    let (name, of) = pair(word, "--secret", FORM)?;
    let of =
        key_of(&of).ok_or_else(|| UsageError::new(format!("`--secret {word}` is not of the form {FORM}")))?;
    Ok((name, of))
}

/// `db-backup/password`
fn key_of(word: &str) -> Option<(String, String)> {
    let (secret, key) = word.split_once('/')?;
    let is_one = !secret.is_empty() && !key.is_empty() && !key.contains('/') && key != "..";
    is_one.then(|| (secret.to_owned(), key.to_owned()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_secret_is_a_key_of_a_secret() {
        let expected = ("password".to_owned(), ("db".to_owned(), "backup".to_owned()));
        assert_eq!(secret("password=db/backup").unwrap(), expected);
    }

    #[test]
    fn a_secret_that_is_read_twice_is_one() {
        let words = ["a=one/x", "b=two/x", "c=one/y", "d=one/x"];
        let secrets: BTreeMap<_, _> = words.map(|word| secret(word).unwrap()).into();
        let set = |keys: &[&str]| keys.iter().copied().map(str::to_owned).collect::<BTreeSet<_>>();
        let expected = [("one".to_owned(), set(&["x", "y"])), ("two".to_owned(), set(&["x"]))];
        assert_eq!(keys(secrets.values()), expected.into());
    }

    #[test]
    fn a_configuration_names_the_files_of_its_secrets() {
        let secrets = [secret("password=db/backup").unwrap(), secret("ca=tls/ca.crt").unwrap()].into();
        let with = |ca: &str| {
            format!("hooks: {{db: {{secrets: {{password: /secrets/db/backup}}, tls: {{ca: {ca}}}}}}}")
        };
        assert!(names_all(&with("/secrets/tls/ca.crt"), &secrets).is_ok());
        let refused = names_all(&with("/tls/ca.crt"), &secrets).unwrap_err().to_string();
        assert_eq!(refused, "the configuration does not name `/secrets/tls/ca.crt`");
    }

    #[rstest]
    #[case("password")]
    #[case("password=db")]
    #[case("=db/key")]
    #[case("password=db/")]
    #[case("password=db/..")]
    #[case("password=db/a/b")]
    fn what_is_no_secret_is_refused(#[case] word: &str) {
        assert!(secret(word).is_err());
    }
}
