//! An object in the user's editor, as `kubectl edit` does it.

use std::{fmt::Write as _, io::Write as _, process::Stdio};

use anyhow::Context;
use serde_json::Value;

use crate::{
    config::editor,
    plan::asking::{Edited, edited},
    report::document,
};

/// Has `object` edited until the text is right, unchanged or empty.
pub(super) async fn edit(object: &Value, name: &str) -> anyhow::Result<Edited> {
    let original = document::to_yaml(object)?;
    let (mut text, mut problem) = (original, None);
    loop {
        let after = run(&format!("{}{text}", header(name, problem.as_deref()))).await?;
        let body: String =
            after.lines().filter(|line| !line.starts_with('#')).flat_map(|it| [it, "\n"]).collect();
        if problem.is_some() && body == text {
            return Ok(Edited::Cancelled);
        }
        match edited(object, &body) {
            Edited::Wrong(reason) => (text, problem) = (body, Some(reason)),
            done => return Ok(done),
        }
    }
}

fn header(name: &str, problem: Option<&str>) -> String {
    let name = name.replace(char::is_control, " ");
    let mut header = format!(
        "# {name}, as it was saved. What you leave here is restored instead: the live object is patched with it.\n\
         # Lines that begin with `#` are passed over. An unchanged or empty file goes back to the question.\n"
    );
    if let Some(problem) = problem {
        let _ = writeln!(header, "#\n# This could not be taken: {}", problem.replace('\n', " "));
    }
    header.push_str("#\n");
    header
}

/// The text after the editor was closed. The file is for the user alone and gone afterwards.
async fn run(text: &str) -> anyhow::Result<String> {
    let mut file = tempfile::Builder::new()
        .prefix("kubectl-backup-edit-")
        .suffix(".yaml")
        .tempfile()
        .context("could not make a temporary file for the editor")?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.flush())
        .context("could not fill the temporary file")?;
    let command = editor();
    let words = shell_words::split(&command).with_context(|| format!("`{command}` is no command"))?;
    let (program, arguments) = words.split_first().context("no editor is named in KUBE_EDITOR or EDITOR")?;
    let status = tokio::process::Command::new(program)
        .args(arguments)
        .arg(file.path())
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .status()
        .await
        .with_context(|| format!("could not run the editor `{program}`; EDITOR names another"))?;
    anyhow::ensure!(status.success(), "the editor `{program}` failed: {status}");
    // By its path: most editors write a new file and put it in the place of the old one.
    std::fs::read_to_string(file.path()).context("could not read what the editor left")
}
