//! The objects that are measured: N mixed objects in M namespaces, the same ones for the same numbers.
//!
//! Nothing among them makes a controller create more: Deployments are paused, cron jobs suspended. So the count
//! stays what was asked for, with or without a controller manager.

use std::fmt::Write;

use serde_json::{Value, json};

/// How many objects, and over how many namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    /// Number of objects, namespaces not counted.
    pub(crate) objects: usize,
    /// Number of namespaces.
    pub(crate) namespaces: usize,
}

/// An object to create, and the collection it goes into.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Generated {
    /// `/apis/apps/v1/namespaces/shop/deployments`
    pub(crate) path: String,
    /// Its name.
    pub(crate) name: String,
    /// The whole object.
    pub(crate) body: Value,
}

/// The kinds of the mix: their share in percent, and root and plural of their path.
const MIX: [(usize, &str, &str); 9] = [
    (25, "/api/v1", "configmaps"),
    (15, "/apis/apps/v1", "deployments"),
    (15, "/api/v1", "secrets"),
    (10, "/api/v1", "services"),
    (10, "/api/v1", "serviceaccounts"),
    (8, "/apis/rbac.authorization.k8s.io/v1", "roles"),
    (7, "/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    (5, "/apis/batch/v1", "cronjobs"),
    (5, "/apis/bench.kubectl-backup.io/v1", "widgets"),
];

impl Workload {
    /// The paths under which all of it is listed, over all namespaces.
    pub(crate) fn collections() -> impl Iterator<Item = String> {
        MIX.iter().map(|(_, root, plural)| format!("{root}/{plural}"))
    }

    /// The plurals of its kinds, as `kubectl get` takes them.
    pub(crate) fn plurals() -> String {
        MIX.map(|(_, _, plural)| plural).join(",")
    }

    /// Names of its namespaces when their common beginning is `prefix`.
    pub(crate) fn namespace_names(self, prefix: &str) -> Vec<String> {
        (0..self.namespaces).map(|index| format!("{prefix}-{index:03}")).collect()
    }

    /// The object number `index` with its namespace named after `prefix`.
    pub(crate) fn object(self, prefix: &str, index: usize) -> Generated {
        let namespace = format!("{prefix}-{:03}", index % self.namespaces);
        let (root, plural) = kind_of(index / self.namespaces);
        let mut random = Random::seeded(index as u64);
        let name = format!("{}-{index:06}", random.word());
        let mut body = content(plural, &name, &mut random);
        body["metadata"] = json!({
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": name, "tier": random.word(), "part": format!("{}", index % 7)},
            "annotations": {"example.com/owner": format!("team-{}", random.below(20))},
        });
        Generated { path: format!("{root}/namespaces/{namespace}/{plural}"), name, body }
    }
}

/// The kind of the `position`-th object of a namespace: spread so that any hundred in a row hold the whole mix.
fn kind_of(position: usize) -> (&'static str, &'static str) {
    // 37 and 100 have no common divisor, so the hundred places are all met, in a stirred order.
    let mut place = position * 37 % 100;
    for (share, root, plural) in MIX {
        if place < share {
            return (root, plural);
        }
        place -= share;
    }
    unreachable!("the shares sum up to 100")
}

fn content(plural: &str, name: &str, random: &mut Random) -> Value {
    match plural {
        "configmaps" => {
            let size = random.log_uniform(300, 16_384);
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"app.conf": random.text(size)}})
        }
        "secrets" => json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "data": {"password": random.base64(32), "token": random.base64(400)}}),
        "deployments" => deployment(name, random),
        "services" => json!({"apiVersion": "v1", "kind": "Service", "spec": {
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}),
        "serviceaccounts" => json!({"apiVersion": "v1", "kind": "ServiceAccount"}),
        "roles" => json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}]}),
        "rolebindings" => json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": random.word()},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": random.word()}]}),
        "cronjobs" => json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {
            "schedule": "15 3 * * *", "suspend": true, "jobTemplate": {"spec": {"template": {"spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "job", "image": format!("registry.example.com/{name}:1.0")}]}}}}}}),
        _ => json!({"apiVersion": "bench.kubectl-backup.io/v1", "kind": "Widget",
            "spec": {"color": random.word(), "size": random.below(1000), "notes": random.text(400)}}),
    }
}

fn deployment(name: &str, random: &mut Random) -> Value {
    let environment: Vec<Value> = (0..random.below(12))
        .map(|index| json!({"name": format!("SETTING_{index}"), "value": random.text(24)}))
        .collect();
    let labels = json!({"app.kubernetes.io/name": name});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {
        "replicas": 2,
        "paused": true,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
            "name": "main",
            "image": format!("registry.example.com/{name}:1.{}", random.below(40)),
            "env": environment,
            "ports": [{"name": "http", "containerPort": 8080}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
        }]}},
    }})
}

/// The custom resource definition of the mix.
pub(crate) fn widget_definition() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.bench.kubectl-backup.io"},
        "spec": {"group": "bench.kubectl-backup.io", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {
                    "color": {"type": "string"}, "size": {"type": "integer"}, "notes": {"type": "string"}}}}}}}]}})
}

/// splitmix64: the same numbers for the same seed on every machine and with every release of any library.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Starts the row of numbers that belongs to `seed`.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x2545_f491_4f6c_dd1d))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A size from `low` to below twice the last doubling of it under `high`: each doubling as likely as another.
    fn log_uniform(&mut self, low: usize, high: usize) -> usize {
        let doublings = u64::from((high / low).ilog2());
        let base = low << self.below(doublings + 1);
        let upper = (base * 2).min(high.max(base + 1));
        base + usize::try_from(self.below((upper - base) as u64)).unwrap_or(0)
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 16] = [
            "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "juniper",
            "kelp", "larch", "maple", "north", "opal", "pine",
        ];
        WORDS[usize::try_from(self.below(16)).unwrap_or(0)]
    }

    /// Words and numbers: compresses about as configuration does.
    fn text(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 32);
        while text.len() < length {
            let _ = writeln!(text, "{}.{} = {}", self.word(), self.word(), self.below(1_000_000));
        }
        text.truncate(length);
        text
    }

    /// Random base64, a multiple of four letters; does not compress.
    fn base64(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..length / 4 * 4)
            .map(|_| char::from(LETTERS[usize::try_from(self.below(64)).unwrap_or(0)]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const WORKLOAD: Workload = Workload { objects: 1000, namespaces: 10 };

    #[test]
    fn same_numbers_give_the_same_objects() {
        assert_eq!(WORKLOAD.object("a", 17), WORKLOAD.object("a", 17));
        assert_ne!(WORKLOAD.object("a", 17).body, WORKLOAD.object("a", 18).body);
    }

    #[test]
    fn every_namespace_holds_the_whole_mix() {
        let mut kinds: BTreeMap<(String, String), usize> = BTreeMap::new();
        for index in 0..WORKLOAD.objects {
            let object = WORKLOAD.object("a", index);
            let namespace = object.body["metadata"]["namespace"].as_str().unwrap().to_owned();
            let kind = object.body["kind"].as_str().unwrap().to_owned();
            *kinds.entry((namespace, kind)).or_default() += 1;
        }
        assert_eq!(kinds.len(), 10 * MIX.len());
        assert_eq!(kinds[&("a-003".to_owned(), "ConfigMap".to_owned())], 25);
    }

    #[test]
    fn sizes_keep_their_bounds() {
        let mut random = Random::seeded(1);
        for _ in 0..10_000 {
            let size = random.log_uniform(300, 16_384);
            assert!((300..16_384).contains(&size), "{size}");
        }
    }
}
