//! What a restore waits for between its steps.

use std::{process::Stdio, thread, time::Duration};

use serde_json::{Value, json};

use super::{reason, state};
use crate::world::{World, unique};

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

/// A Service without a selector: its endpoints are the test's to make.
fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 443}]}})
}

fn ready_endpoint(service: &str) -> Value {
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": format!("{service}-by-hand"), "labels": {"kubernetes.io/service-name": service}},
        "endpoints": [{"addresses": ["10.9.8.7"], "conditions": {"ready": true}}],
        "ports": [{"name": "", "port": 443, "protocol": "TCP"}]})
}

/// A webhook that no request of any test goes to.
fn webhooks(world: &World, name: &str, service: &str, policy: &str) -> Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{"name": "hook.example.com", "failurePolicy": policy, "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "rules": [{"apiGroups": [format!("{name}.example.com")], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["nothings"]}],
            "clientConfig": {"service": {"namespace": world.namespace(), "name": service}}}]})
}

/// Saves the objects of `kinds`, also those outside the namespace.
fn back_up(world: &World, kinds: &str) {
    let words = ["create", "-n", world.namespace(), "--cluster-scoped=all", "--include", kinds, "-q"];
    world.kubectl_backup(&words).success();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_webhook_configuration_waits_for_its_backend_and_says_what_holds_meanwhile() {
    let world = World::new();
    let (ready, never) = (unique("ready"), unique("never"));
    for object in [
        service("ready"),
        service("never"),
        webhooks(&world, &ready, "ready", "Fail"),
        webhooks(&world, &never, "never", "Ignore"),
    ] {
        world.apply(&object.to_string());
    }
    let kinds = "services,validatingwebhookconfigurations";
    back_up(&world, kinds);
    world.kubectl(&["delete", "service/ready", "service/never"]).success();
    world.kubectl(&["delete", "validatingwebhookconfiguration", &ready, &never]).success();

    let latest = format!("latest:{}", world.namespace());
    let configuration = |name: &str| format!("validatingwebhookconfiguration/{name}");
    let restore = world
        .command(&["restore", &latest, "--cluster-scoped=all", "--yes", "-o", "json", "--include", kinds])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    world.wait_until("the services", || world.object("service/ready").is_some());
    // Long enough for a configuration that does not wait.
    thread::sleep(Duration::from_secs(2));
    world.apply(&ready_endpoint("ready").to_string());
    let output = restore.wait_with_output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");

    let slice = world.object("endpointslice/ready-by-hand").unwrap();
    let written = world.cluster_object(&configuration(&ready)).unwrap();
    assert!(revision(&slice) < revision(&written), "written before its backend was ready");
    assert!(stderr.contains("waiting for Service"), "{stderr}");
    let result: Value = serde_json::from_str(&stdout).unwrap();
    let notes = |name: &str| {
        let objects = result["objects"].as_array().unwrap();
        objects.iter().find(|it| it["name"] == name).unwrap()["notes"].to_string()
    };
    assert_eq!(notes(&ready), "null");
    assert!(notes(&never).contains("passes unchecked (failurePolicy Ignore)"), "{}", notes(&never));
    world.kubectl(&["delete", "validatingwebhookconfiguration", &ready, &never]).success();
}

/// Custom resources that another cluster's API server serves, by way of an aggregated API.
struct Aggregated<'world> {
    world: &'world World,
    other: World,
    group: String,
}

impl<'world> Aggregated<'world> {
    fn new(world: &'world World) -> Self {
        let this =
            Self { world, other: world.on_other_cluster(), group: format!("{}.example.com", unique("api")) };
        let group = &this.group;
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")},
            "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                    {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
        // The one server comes to the other as nobody.
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": group},
            "rules": [{"apiGroups": [group], "resources": ["*"], "verbs": ["*"]},
                {"nonResourceURLs": ["/apis*"], "verbs": ["get"]}]});
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": group},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": group},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:anonymous"}]});
        for object in [definition, role, binding] {
            this.other.apply(&object.to_string());
        }
        this.other.kubectl(&["create", "namespace", world.namespace()]).success();
        this
    }

    fn apply(&self) {
        let server = self.other.kubectl(&[
            "config",
            "view",
            "--minify",
            "-o",
            "jsonpath={.clusters[0].cluster.server}",
        ]);
        let port: u16 = server.success().stdout.rsplit_once(':').unwrap().1.trim().parse().unwrap();
        let namespace = self.world.namespace();
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}});
        let api = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": self.api_service()},
            "spec": {"group": self.group, "version": "v1", "insecureSkipTLSVerify": true,
                "groupPriorityMinimum": 100, "versionPriority": 100,
                "service": {"namespace": namespace, "name": "api", "port": port}}});
        let thing = json!({"apiVersion": format!("{}/v1", self.group), "kind": "Thing",
            "metadata": {"name": "one"}, "spec": {"size": 1}});
        self.world.apply(&service.to_string());
        self.world.apply(&api.to_string());
        self.world.wait_until("the aggregated API", || {
            self.world.kubectl(&["get", &format!("things.{}", self.group)]).code == 0
        });
        self.world.apply(&thing.to_string());
    }

    fn api_service(&self) -> String {
        format!("v1.{}", self.group)
    }
}

impl Drop for Aggregated<'_> {
    fn drop(&mut self) {
        self.world.kubectl(&["delete", "apiservice", &self.api_service(), "--ignore-not-found"]);
        self.other.kubectl(&["delete", "clusterrole,clusterrolebinding", &self.group]);
        self.other.kubectl(&["delete", "crd", &format!("things.{}", self.group), "--wait=false"]);
        self.other.kubectl(&["delete", "namespace", self.world.namespace(), "--wait=false"]);
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn objects_of_an_aggregated_api_come_back_once_it_is_available() {
    let world = World::new();
    let aggregated = Aggregated::new(&world);
    aggregated.apply();
    let things = format!("things.{}", aggregated.group);
    let kinds = format!("services,apiservices,{things}");
    back_up(&world, &kinds);
    world.kubectl(&["delete", &format!("{things}/one")]).success();
    world.kubectl(&["delete", "apiservice", &aggregated.api_service()]).success();
    world.kubectl(&["delete", "service/api"]).success();

    let latest = format!("latest:{}", world.namespace());
    let only = format!("services,apiservices,{things}");
    let arguments = ["restore", &latest, "--cluster-scoped=all", "--include", &only, "--yes", "-o", "json"];
    let result = world.kubectl_backup(&arguments).success().json();
    let thing = format!("thing.{}/one", aggregated.group);
    assert_eq!(state(&result, &thing), "created", "{}", reason(&result, &thing));
    let live = aggregated.other.object_in(world.namespace(), &format!("{things}/one")).unwrap();
    assert_eq!(live["spec"], json!({"size": 1}));
}
