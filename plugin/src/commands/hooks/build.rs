//! `kubectl backup hooks build`: the component of a hook's folder, by the tools of its language.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;
use serde_json::Value;

use crate::{
    cli::{
        hooks::project::{BuildArgs, Language},
        output::RecordFormat,
    },
    commands::{
        failure::Failure,
        session::{Session, blocking},
    },
    exit::ExitStatus,
    report::{component as report, document},
};

use super::{component, project::language_of};

/// What Rust builds components for.
const TARGET: &str = "wasm32-wasip2";

/// The file that the other languages write.
const COMPONENT: &str = "hook.wasm";

/// What a machine may lack to build a hook, as the thing to do about it.
struct Lacks {
    /// The program.
    program: &'static str,
    /// What the program needs beside itself.
    part: &'static str,
}

const RUST: Lacks =
    Lacks { program: "install Rust from https://rustup.rs", part: "rustup target add wasm32-wasip2" };
const PYTHON: Lacks =
    Lacks { program: "pip install componentize-py", part: "pip install --upgrade componentize-py" };
const JAVASCRIPT: Lacks = Lacks { program: "install Node.js 20 or later", part: "npm install" };

/// Runs `hooks build`. What the tools say goes to stderr.
pub(super) async fn run(args: BuildArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let folder = args.folder;
    let file = blocking(move || build(&folder)).await?;
    let (_, inspected) = component::read(file.clone()).await?;
    let printer = &session.printer;
    let path = file.display().to_string();
    match args.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(&report::built(&path, &inspected))?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&report::built(&path, &inspected))?)?,
        RecordFormat::Name => printer.data(&path)?,
        RecordFormat::Table | RecordFormat::Wide => printer.data(&report::show_built(&path, &inspected))?,
    }
    Ok(ExitStatus::Done)
}

fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let Some(language) = language_of(|file| folder.join(file).is_file()) else {
        let message =
            format!("there is no hook in `{}`: no Cargo.toml, hook.py or package.json", folder.display());
        return Err(Failure::new(message, "name the folder that `kubectl backup hooks new` made").into());
    };
    match language {
        Language::Rust => rust(folder),
        Language::Python => {
            let arguments =
                ["--wit-path", "wit", "--world", "application-hook", "componentize", "hook", "--output"];
            let mut command = Command::new("componentize-py");
            run_tool(command.args(arguments).arg(COMPONENT), folder, &PYTHON)?;
            Ok(folder.join(COMPONENT))
        }
        Language::Js => {
            if !folder.join("node_modules").exists() {
                let message = format!("`{}` has no node_modules", folder.display());
                return Err(Failure::new(message, "run `npm install` there").into());
            }
            run_tool(Command::new("node").arg("build.mjs"), folder, &JAVASCRIPT)?;
            Ok(folder.join(COMPONENT))
        }
    }
}

fn rust(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--lib", "--target", TARGET]);
    command.arg("--message-format=json-render-diagnostics");
    let output = finish(command.stdout(Stdio::piped()), folder, &RUST)?;
    artifact(&output).with_context(|| {
        format!(
            "cargo built no component in `{}`: `crate-type` under [lib] must name `cdylib`",
            folder.display()
        )
    })
}

/// The component that cargo speaks of last: dependencies come before what needs them.
fn artifact(messages: &[u8]) -> Option<PathBuf> {
    let messages = messages.split(|byte| *byte == b'\n').rev();
    let files =
        messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok()).filter_map(|message| {
            let is_artifact = message["reason"] == "compiler-artifact";
            let files = message["filenames"].as_array().filter(|_| is_artifact)?;
            let mut files = files.iter().filter_map(Value::as_str).map(PathBuf::from);
            files.find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        });
    files.into_iter().next()
}

/// Whatever it prints is talk.
fn run_tool(command: &mut Command, folder: &Path, lacks: &Lacks) -> anyhow::Result<()> {
    finish(command.stdout(io::stderr()), folder, lacks).map(drop)
}

/// Runs it in the hook's folder and gives what it printed.
fn finish(command: &mut Command, folder: &Path, lacks: &Lacks) -> anyhow::Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let attempt = || format!("could not build the hook in `{}`", folder.display());
    let output = match command.current_dir(folder).stdin(Stdio::null()).stderr(Stdio::inherit()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::new(
                format!("{}: there is no `{program}` on PATH", attempt()),
                lacks.program,
            )
            .into());
        }
        Err(error) => return Err(anyhow::Error::new(error).context(attempt())),
    };
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = format!("{}: `{program}` ended with {}", attempt(), output.status);
    Err(Failure::new(message, format!("it says why above; if it lacks something: {}", lacks.part)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_that_of_the_last_artifact() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","filenames":["/t/libserde.rlib"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","filenames":["/t/deps/other.wasm"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","filenames":["/t/libtill.rlib","/t/till.wasm"]}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n",
        );
        assert_eq!(artifact(messages.as_bytes()), Some(PathBuf::from("/t/till.wasm")));
        assert_eq!(artifact(b"no json\n"), None);
    }
}
