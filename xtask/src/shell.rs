//! Running programs: in the workspace, echoed, and stopped when this process is asked to stop.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, OnceLock, atomic::AtomicBool, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use test_cluster::{Lifetime, NODE_SUFFIX, TestCluster};

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
/// A program that was told to end gets this long before it is ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// From now on Ctrl-C and SIGTERM no longer end this process at once, but whatever it runs, so that it can tidy up.
/// The second one ends it.
pub fn listen() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(flag)))
            .context("could not listen for signals")?;
    }
    Ok(())
}

/// Whether this process was asked to stop.
pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::SeqCst))
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Cargo's folder for what it builds.
pub fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |folder| workspace().join(folder))
}

/// The cargo that runs this.
pub fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).args(arguments);
    command
}

/// Says what it runs, runs it, and fails when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    say(&format!("\n$ {}", line_of(command)))?;
    let status = wait(command)?;
    if !status.success() {
        bail!("`{}` failed: {status}", line_of(command));
    }
    Ok(())
}

/// Runs a program that must succeed, and shows each line of its stdout to `look` on the way to ours.
pub fn run_and_look(command: &mut Command, mut look: impl FnMut(&str) + Send) -> Result<()> {
    check_interrupted()?;
    let name = line_of(command);
    say(&format!("\n$ {name}"))?;
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("could not run `{name}`"))?;
    let output = child.stdout.take().with_context(|| format!("`{name}` has no stdout"))?;
    let (status, copied) = thread::scope(|scope| {
        let copying = scope.spawn(move || -> io::Result<()> {
            for line in BufReader::new(output).lines() {
                let line = line?;
                look(&line);
                writeln!(io::stdout(), "{line}")?;
            }
            Ok(())
        });
        (watch(&mut child, &name), copying.join())
    });
    let status = status?;
    match copied {
        Ok(copied) => copied.with_context(|| format!("could not pass on what `{name}` prints"))?,
        Err(_) => bail!("the reader of what `{name}` prints ended early"),
    }
    if !status.success() {
        bail!("`{name}` failed: {status}");
    }
    Ok(())
}

/// Runs to the end, or to the moment this process is asked to stop.
pub fn wait(command: &mut Command) -> Result<ExitStatus> {
    check_interrupted()?;
    let name = line_of(command);
    let mut child = command.spawn().with_context(|| format!("could not run `{name}`"))?;
    watch(&mut child, &name)
}

fn watch(child: &mut Child, name: &str) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("could not watch `{name}`"))? {
            check_interrupted()?;
            return Ok(status);
        }
        if interrupted() {
            end(child)?;
            check_interrupted()?;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Fails when this process was asked to stop.
pub fn check_interrupted() -> Result<()> {
    if interrupted() {
        bail!("interrupted");
    }
    Ok(())
}

/// One line on stderr.
pub fn say(line: &str) -> Result<()> {
    writeln!(io::stderr(), "{line}").context("could not write to stderr")
}

/// Does `work` with a new cluster that ends with it, whatever becomes of it. `purpose` begins the cluster's name.
pub fn with_cluster<T>(purpose: &str, work: impl FnOnce(&TestCluster) -> Result<T>) -> Result<T> {
    let name = format!("{purpose}-{}", std::process::id());
    let cluster = TestCluster::start(&name, Lifetime::OfThisProcess);
    // A test may have started the others.
    let others = [format!("{name}-other"), format!("{name}{NODE_SUFFIX}")];
    work_with(cluster, work, [name].into_iter().chain(others))
}

/// As [`with_cluster`], with a node that runs pods.
pub fn with_node<T>(purpose: &str, work: impl FnOnce(&TestCluster) -> Result<T>) -> Result<T> {
    let name = format!("{purpose}-{}{NODE_SUFFIX}", std::process::id());
    let cluster = TestCluster::start_with_node(&name, Lifetime::OfThisProcess);
    work_with(cluster, work, [name])
}

fn work_with<T>(
    cluster: Result<TestCluster>,
    work: impl FnOnce(&TestCluster) -> Result<T>,
    names: impl IntoIterator<Item = String>,
) -> Result<T> {
    let outcome = cluster.and_then(|cluster| {
        check_interrupted()?;
        work(&cluster)
    });
    for name in names {
        TestCluster::stop(&name).with_context(|| format!("could not stop the test cluster `{name}`"))?;
    }
    outcome
}

/// At a terminal Ctrl-C has reached the child too; a SIGTERM has not.
fn end(child: &mut Child) -> Result<()> {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It is a child not yet waited for, so its id cannot have gone to another; it may have ended, which is fine.
        let _ = kill_process(pid, Signal::TERM);
    }
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().context("could not watch a program")?.is_none() {
        if Instant::now() > deadline {
            child.kill().context("could not end a program")?;
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The command as one would type it.
fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words =
        std::iter::once(program).chain(command.get_args()).map(|word| quoted(&word.to_string_lossy()));
    words.collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_=./:,@%+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_commands_as_one_would_type_them() {
        let mut command = Command::new("/opt/bin/kubectl");
        command.args(["get", "cm", "-o", "jsonpath={.data}", "it's", ""]);
        assert_eq!(line_of(&command), r"kubectl get cm -o 'jsonpath={.data}' 'it'\''s' ''");
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.starts_with("`false` failed"), "{error}");
    }
}
