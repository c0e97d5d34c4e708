//! Kills a restore of three hundred writes at each of them, one write at a time and several at once, half of the time
//! before the server hears of the write and half after it did it, and looks at the cluster: after `undo` it must be as
//! before the restore, after `restore --resume` as after one that nobody killed, and after `undo` of that as before again.

use std::{fs, io::Write as _, path::Path, process::Command, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use serde_json::Value;
use test_cluster::{
    TestCluster,
    kill_scenario::{self as scenario, LARGE, Scenario},
    write_proxy::{Moment, WriteProxy},
};

use crate::plugin::Plugin;

const SCENARIO: Scenario = LARGE;

const NAMESPACE: &str = "kill-restore";
const KINDS: &str = "configmaps,secrets,serviceaccounts";

/// How the rounds ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Restores that were killed.
    pub(crate) killed: usize,
    /// Of these, taken back at once.
    pub(crate) undone: usize,
    /// Of these, gone on with.
    pub(crate) resumed: usize,
    /// Of these, taken back after that.
    pub(crate) undone_after: usize,
}

/// One cluster and what is asked of it.
struct Stage<'a> {
    cluster: &'a TestCluster,
    plugin: &'a Plugin,
    rules: String,
}

/// Kills at every `every`th write from the `first` on, with so many under way at once.
pub(crate) fn kill(
    cluster: &TestCluster,
    plugin: &Plugin,
    (first, every): (usize, usize),
    parallel: &[usize],
    say: &dyn Fn(&str),
) -> anyhow::Result<Report> {
    let stage = Stage::set(cluster, plugin)?;
    let before = stage.state()?;
    stage.restore()?;
    let after = stage.state()?;
    ensure!(after != before, "the restore did nothing");
    stage.undo(&before, "a restore that was not killed")?;
    let mut report = Report::default();
    let rounds = (first.max(1)..=SCENARIO.writes())
        .step_by(every.max(1))
        .flat_map(|write| parallel.iter().map(move |it| (write, *it)));
    for (write, parallel) in rounds {
        let moment = if write.is_multiple_of(2) { Moment::After } else { Moment::Before };
        let at = format!("write {write} of {parallel} at once, killed {moment:?}");
        stage.kill(write, moment, parallel)?;
        stage.undo(&before, &at)?;
        stage.kill(write, moment, parallel)?;
        plugin.run(&["restore", "--resume", "--yes", "--quiet"])?;
        same(&stage.state()?, &after).with_context(|| format!("{at}: not as restored once it went on"))?;
        stage.undo(&before, &format!("{at}, resumed"))?;
        report.killed += 2;
        report.undone += 1;
        report.resumed += 1;
        report.undone_after += 1;
        if report.undone % 10 == 0 {
            say(&format!("write {write} of {}: {report:?}", SCENARIO.writes()));
        }
    }
    Ok(report)
}

/// Fails with the first object that is not as it should be.
fn same(found: &[Value], expected: &[Value]) -> anyhow::Result<()> {
    let strange = found.iter().find(|object| !expected.contains(object));
    let missing = expected.iter().find(|object| !found.contains(object));
    ensure!(strange.is_none() && missing.is_none(), "there is {strange:?}, and there should be {missing:?}");
    Ok(())
}

impl<'a> Stage<'a> {
    fn set(cluster: &'a TestCluster, plugin: &'a Plugin) -> anyhow::Result<Self> {
        let rules = plugin.home.join("rules.yaml");
        fs::write(&rules, scenario::rules())?;
        let stage = Self { cluster, plugin, rules: rules.display().to_string() };
        stage.kubectl(&["create", "namespace", NAMESPACE], None)?;
        while stage.kubectl(&["get", "serviceaccount", "default", "-n", NAMESPACE], None).is_err() {
            std::thread::sleep(Duration::from_millis(100));
        }
        stage.apply(&SCENARIO.saved())?;
        plugin.run(&["create", "-n", NAMESPACE, "--quiet"])?;
        let lost = SCENARIO.lost();
        let delete: Vec<&str> =
            ["delete", "-n", NAMESPACE].into_iter().chain(lost.iter().map(String::as_str)).collect();
        stage.kubectl(&delete, None)?;
        stage.apply(&SCENARIO.since())?;
        let uid = ["get", "secret", "replaced-owner", "-n", NAMESPACE, "-o", "jsonpath={.metadata.uid}"];
        let uid = stage.kubectl(&uid, None)?;
        stage.apply(&scenario::dependant(&uid))?;
        Ok(stage)
    }

    fn words(&self, parallel: usize) -> Vec<String> {
        let words = ["restore", "latest:kill-restore", "--quiet", "--rules", &self.rules];
        words.into_iter().map(str::to_owned).chain(scenario::options(parallel)).collect()
    }

    fn restore(&self) -> anyhow::Result<()> {
        let words = self.words(1);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.plugin.run(&words).map(drop)
    }

    fn kill(&self, write: usize, moment: Moment, parallel: usize) -> anyhow::Result<()> {
        let (kubectl, kubeconfig) = (self.cluster.kubectl_path(), self.cluster.kubeconfig());
        let proxy = WriteProxy::start(kubectl, kubeconfig, Some((write, moment)))?;
        let kubeconfig = proxy.kubeconfig(&self.plugin.home, NAMESPACE)?;
        let words = self.words(parallel);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.plugin.command(&words);
        let killed = proxy.run(command.env("KUBECONFIG", kubeconfig))?;
        ensure!(killed, "write {write}: the restore ended before it was killed");
        Ok(())
    }

    fn undo(&self, before: &[Value], what: &str) -> anyhow::Result<()> {
        self.plugin.run(&["undo", "--yes", "--quiet"]).with_context(|| what.to_owned())?;
        same(&self.state()?, before).with_context(|| format!("{what}: not as before once it was taken back"))
    }

    fn state(&self) -> anyhow::Result<Vec<Value>> {
        let list = self.kubectl(&["get", KINDS, "-n", NAMESPACE, "-o", "json"], None)?;
        scenario::state(&serde_json::from_str(&list)?)
    }

    fn apply(&self, objects: &Value) -> anyhow::Result<()> {
        let apply = ["apply", "--server-side", "--force-conflicts", "-n", NAMESPACE, "-f", "-"];
        self.kubectl(&apply, Some(&objects.to_string())).map(drop)
    }

    fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
        run(self.cluster.kubectl_path(), self.cluster.kubeconfig(), arguments, input)
    }
}

fn run(kubectl: &Path, kubeconfig: &Path, arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
    let mut child = Command::new(kubectl)
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("kubectl has no input")?;
    stdin.write_all(input.unwrap_or_default().as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl {}: {said}", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
