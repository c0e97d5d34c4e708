//! What one end-to-end test has to itself: a namespace, a repository, a home directory, users.
//!
//! Nothing of the user's own is reached: the binary and kubectl see only an environment made here.

use std::{
    env,
    ffi::OsStr,
    fs,
    hash::{BuildHasher as _, RandomState},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_cluster::TestCluster;

/// The cluster that all tests share.
static CLUSTER: OnceLock<TestCluster> = OnceLock::new();
/// The cluster that tests restore into when they move to another.
static OTHER_CLUSTER: OnceLock<TestCluster> = OnceLock::new();
/// The cluster whose pods run.
static NODE_CLUSTER: OnceLock<TestCluster> = OnceLock::new();
/// For what the cluster does by itself. Far beyond what it takes on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// One test's surroundings. Its namespaces are deleted when it ends.
pub(crate) struct World {
    cluster: &'static TestCluster,
    namespace: String,
    more_namespaces: Mutex<Vec<String>>,
    kubeconfig: PathBuf,
    folder: Arc<TempDir>,
}

/// How a program ended and what it printed.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The exit code; -1 after a signal.
    pub(crate) code: i32,
}

impl World {
    /// A fresh namespace in the shared cluster, which is started when it does not run.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("kubectl-backup-e2e-").tempdir().unwrap();
        Self::on(CLUSTER.get_or_init(|| TestCluster::of_tests("").unwrap()), Arc::new(folder))
    }

    /// A fresh namespace in the cluster whose pods run.
    pub(crate) fn on_a_node() -> Self {
        let folder = tempfile::Builder::new().prefix("kubectl-backup-e2e-").tempdir().unwrap();
        Self::on(NODE_CLUSTER.get_or_init(|| TestCluster::of_tests_with_node().unwrap()), Arc::new(folder))
    }

    /// A fresh namespace in a second cluster; home directory and repository are those of this world.
    pub(crate) fn on_other_cluster(&self) -> Self {
        Self::on(
            OTHER_CLUSTER.get_or_init(|| TestCluster::of_tests("-other").unwrap()),
            Arc::clone(&self.folder),
        )
    }

    fn on(cluster: &'static TestCluster, folder: Arc<TempDir>) -> Self {
        let namespace = unique("e2e");
        let kubeconfig = folder.path().join(format!("{namespace}.kubeconfig"));
        fs::create_dir_all(folder.path().join("home")).unwrap();
        fs::copy(cluster.kubeconfig(), &kubeconfig).unwrap();
        let world = Self { cluster, namespace, more_namespaces: Mutex::default(), kubeconfig, folder };
        world.kubectl(&["config", "set-context", "--current", "--namespace", &world.namespace]).success();
        world.kubectl(&["create", "namespace", &world.namespace]).success();
        world
    }

    /// Its cluster.
    pub(crate) fn cluster(&self) -> &'static TestCluster {
        self.cluster
    }

    /// The namespace of this test; also that of the kubeconfig's context.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// One more namespace, deleted with the rest.
    pub(crate) fn another_namespace(&self) -> String {
        let name = self.reserve_namespace();
        self.kubectl(&["create", "namespace", &name]).success();
        name
    }

    /// A name for a namespace that does not exist yet; deleted with the rest if the test makes it.
    pub(crate) fn reserve_namespace(&self) -> String {
        let name = unique("e2e");
        self.more_namespaces.lock().unwrap().push(name.clone());
        name
    }

    /// Kubeconfig of an administrator.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The repository that the binary uses: `KUBECTL_BACKUP_REPO`.
    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// `HOME` of the binary.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A folder for whatever the test wants to keep; removed at its end.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the binary as an administrator.
    pub(crate) fn kubectl_backup(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments), "")
    }

    /// Runs the binary as the user of another kubeconfig.
    pub(crate) fn kubectl_backup_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Output {
        run(self.command(arguments).env("KUBECONFIG", kubeconfig), "")
    }

    /// How many restore points the repository holds.
    pub(crate) fn restore_points(&self) -> usize {
        self.kubectl_backup(&["list", "-o", "name"]).success().stdout.lines().count()
    }

    /// The binary, ready to run: for tests that change its environment, feed it or kill it.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"));
        self.isolate(&mut command);
        command.args(arguments).env("KUBECTL_BACKUP_REPO", self.repository());
        command
    }

    /// Where stock kubectl is.
    pub(crate) fn kubectl_path(&self) -> &Path {
        self.cluster.kubectl_path()
    }

    /// Runs stock kubectl as an administrator.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Output {
        self.kubectl_as(&self.kubeconfig, arguments)
    }

    /// Runs stock kubectl as the user of another kubeconfig.
    pub(crate) fn kubectl_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Output {
        run(self.kubectl_command(arguments).env("KUBECONFIG", kubeconfig), "")
    }

    /// Applies a manifest (YAML or JSON, any number of documents) and fails the test if it is refused.
    pub(crate) fn apply(&self, manifest: &str) {
        let mut command =
            self.kubectl_command(&["apply", "--server-side", "--force-conflicts", "--filename=-"]);
        run(&mut command, manifest).success();
    }

    /// The live object `TYPE/NAME` of this test's namespace.
    pub(crate) fn object(&self, type_and_name: &str) -> Option<Value> {
        self.object_in(&self.namespace, type_and_name)
    }

    /// The live object `TYPE/NAME` outside namespaces.
    pub(crate) fn cluster_object(&self, type_and_name: &str) -> Option<Value> {
        self.object_in(&self.namespace, type_and_name)
    }

    /// The live object `TYPE/NAME` of a namespace.
    pub(crate) fn object_in(&self, namespace: &str, type_and_name: &str) -> Option<Value> {
        let found = self
            .kubectl(&["get", type_and_name, "--namespace", namespace, "--output=json", "--ignore-not-found"])
            .success();
        if found.stdout.is_empty() { None } else { Some(serde_json::from_str(&found.stdout).unwrap()) }
    }

    /// Deletes this test's namespace and waits until it is gone with all that was in it.
    pub(crate) fn lose_namespace(&self) {
        self.kubectl(&["delete", "namespace", &self.namespace, "--wait", "--timeout=120s"]).success();
    }

    /// A user who may do in this namespace what `rules` (of a Role, as JSON) say, and nothing else: its kubeconfig.
    pub(crate) fn user_with_role(&self, rules: &Value) -> PathBuf {
        self.user_with_rules("Role", rules)
    }

    /// As [`World::user_with_role`], in all namespaces and outside of them.
    pub(crate) fn user_with_cluster_role(&self, rules: &Value) -> PathBuf {
        self.user_with_rules("ClusterRole", rules)
    }

    fn user_with_rules(&self, kind: &str, rules: &Value) -> PathBuf {
        let name = unique("user");
        let group = "rbac.authorization.k8s.io";
        // Roles of a cluster go with the namespace too, since it owns them.
        let namespace = self.cluster_object(&format!("namespace/{}", self.namespace)).unwrap();
        let mut metadata = json!({"name": name, "namespace": self.namespace});
        if kind == "ClusterRole" {
            let uid = &namespace["metadata"]["uid"];
            let owner = json!({"apiVersion": "v1", "kind": "Namespace", "name": self.namespace, "uid": uid});
            metadata = json!({"name": name, "ownerReferences": [owner]});
        }
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": self.namespace}},
            {"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": metadata, "rules": rules},
            {"apiVersion": format!("{group}/v1"), "kind": format!("{kind}Binding"), "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": kind, "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.namespace}]},
        ]});
        self.apply(&objects.to_string());
        let token = self.kubectl(&["create", "token", &name, "--duration=1h"]).success().stdout;
        self.kubeconfig_with_token(&name, token.trim())
    }

    /// A copy of the administrator's kubeconfig with another token: that of a narrow user, or one that is not valid.
    pub(crate) fn kubeconfig_with_token(&self, name: &str, token: &str) -> PathBuf {
        let view = self.kubectl(&["config", "view", "--raw", "--flatten", "--output=json"]).success().stdout;
        let mut config: Value = serde_json::from_str(&view).unwrap();
        config["users"][0]["user"] = json!({"token": token});
        let path = self.folder.path().join(format!("{name}.kubeconfig"));
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// Waits for something that the cluster does by itself.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, done: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < deadline, "gave up waiting for {what} in {}", self.namespace);
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.cluster.kubectl_path());
        command.args(arguments);
        self.isolate(&mut command);
        command.env("KUBERC", "off");
        command
    }

    /// An environment in which nothing is the user's, with the cluster's own kubectl first on `PATH`.
    fn isolate(&self, command: &mut Command) {
        let home = self.home();
        let tools = self.cluster.kubectl_path().parent().map(Path::to_owned);
        let search = env::var_os("PATH").unwrap_or_default();
        let search = env::join_paths(tools.into_iter().chain(env::split_paths(&search))).unwrap();
        command
            .env_clear()
            .env("PATH", search)
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let mut arguments =
            vec!["delete", "namespace", "--wait=false", "--ignore-not-found", &self.namespace];
        let more = self.more_namespaces.lock().unwrap();
        arguments.extend(more.iter().map(String::as_str));
        // Nothing to do about a failure here: the names are random and the cluster is thrown away.
        drop(self.kubectl_command(&arguments).output());
    }
}

impl Output {
    /// This output, if the program ended with 0; fails the test otherwise.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        self.exits_with(0)
    }

    /// This output, if the program ended with `code`; fails the test otherwise.
    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        let Self { stdout, stderr, code: actual } = &self;
        assert_eq!(*actual, code, "exit code\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("not JSON ({error}): {}\n--- stderr\n{}", self.stdout, self.stderr)
        })
    }
}

/// `object` without its status, its identity and what the server and the rollout count: what is left can come back.
pub(crate) fn without_its_life(object: &mut Value) {
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
        metadata.remove(field);
    }
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.remove("deployment.kubernetes.io/revision");
    }
}

/// A name that nothing else in the cluster has: `PREFIX-` and 12 hexadecimal digits.
pub(crate) fn unique(prefix: &str) -> String {
    // Seeded from the system's randomness, and counted up within the process.
    let number = RandomState::new().hash_one(std::process::id());
    format!("{prefix}-{:012x}", number >> 16)
}

fn run(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside the reading, so that neither side waits for the other with a full pipe. A program that reads nothing
    // closes its end: no failure of the test.
    let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Output {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap_or(-1),
    }
}
