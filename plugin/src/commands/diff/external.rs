//! The user's own diff program: `KUBECTL_EXTERNAL_DIFF`, with kubectl's rules.
//!
//! The words after the program are passed on only if they consist of letters, digits, `-` and `=`; then come two
//! folders with a file for each object. The folders are for the user alone and gone when this ends, also after Ctrl-C.

use std::{fs, path::PathBuf, process::Stdio};

use anyhow::Context;
use tempfile::TempDir;

use crate::plan::difference::Change;

/// A diff program and what it is to compare.
pub(super) struct External {
    program: String,
    arguments: Vec<String>,
    // A TempDir is made with mode 0700 and removed when dropped.
    folder: TempDir,
    before: PathBuf,
    after: PathBuf,
}

impl External {
    /// Prepares folders named after the sides.
    pub(super) fn new(command: &str, before: &str, after: &str) -> anyhow::Result<Self> {
        let (program, arguments) = words(command);
        let folder = tempfile::Builder::new()
            .prefix("kubectl-backup-diff-")
            .tempdir()
            .context("could not make a temporary folder for the diff program")?;
        let (before, after) =
            (folder.path().join(format!("1-{before}")), folder.path().join(format!("2-{after}")));
        fs::create_dir(&before)
            .and_then(|()| fs::create_dir(&after))
            .context("could not fill a temporary folder")?;
        Ok(Self { program, arguments, folder, before, after })
    }

    /// Writes the two states of one object.
    pub(super) fn add(&self, name: &str, change: Change, before: &str, after: &str) -> anyhow::Result<()> {
        if change != Change::Added {
            fs::write(self.before.join(name), before).context("could not fill a temporary folder")?;
        }
        if change != Change::Removed {
            fs::write(self.after.join(name), after).context("could not fill a temporary folder")?;
        }
        Ok(())
    }

    /// Runs the program; whether it found a difference.
    pub(super) async fn run(self) -> anyhow::Result<bool> {
        let mut program = tokio::process::Command::new(&self.program);
        program
            .args(&self.arguments)
            .arg(&self.before)
            .arg(&self.after)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let status = tokio::select! {
            status = program.status() => {
                status.with_context(|| format!("could not run the diff program `{}`", self.program))?
            }
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        };
        self.folder.close().context("could not remove the temporary folder")?;
        match status.code() {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => anyhow::bail!("the diff program `{}` failed: {status}", self.program),
        }
    }
}

fn words(command: &str) -> (String, Vec<String>) {
    let mut words = command.split(' ').filter(|word| !word.is_empty());
    let program = words.next().unwrap_or("diff").to_owned();
    let is_plain = |word: &&str| {
        word.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '='))
    };
    (program, words.filter(is_plain).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_kubectl_would_pass_on() {
        let (program, arguments) = words("colordiff -N  -u --color=always $(rm) ; a/b");
        assert_eq!(program, "colordiff");
        assert_eq!(arguments, ["-N", "-u", "--color=always"]);
    }
}
