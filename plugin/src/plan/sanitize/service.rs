//! Services: addresses and ports that the cluster allocated, as opposed to those a user chose.

use serde_json::Value;

use super::fields::{annotations, descend, remove};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) fn service(body: &mut Value) {
    if body["spec"]["clusterIP"] != "None" {
        remove(body, &["spec", "clusterIP"]);
        remove(body, &["spec", "clusterIPs"]);
    }
    // Without a uid it was cleaned before, and what told chosen from allocated ports is gone.
    if body["metadata"].get("uid").is_some() {
        drop_allocated_ports(body);
    }
}

/// A port is the user's if the last applied configuration states it or a field manager owns it: the server
/// allocates after it has recorded ownership.
fn drop_allocated_ports(body: &mut Value) {
    let chosen = ChosenPorts::of(body);
    if !chosen.health_check {
        remove(body, &["spec", "healthCheckNodePort"]);
    }
    let Some(Value::Array(ports)) = descend(body, &["spec", "ports"]) else { return };
    for port in ports {
        if !chosen.has(port) {
            remove(port, &["nodePort"]);
        }
    }
}

struct ChosenPorts {
    applied: Option<Value>,
    managed: Vec<Value>,
    health_check: bool,
}

impl ChosenPorts {
    fn of(body: &Value) -> Self {
        let applied: Option<Value> = annotations(body)
            .and_then(|all| all.get(LAST_APPLIED))
            .and_then(Value::as_str)
            .and_then(|text| serde_json::from_str(text).ok());
        let managed: Vec<Value> = body["metadata"]["managedFields"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| entry["fieldsV1"]["f:spec"].clone())
            .collect();
        let health_check = applied.as_ref().is_some_and(|it| it["spec"].get("healthCheckNodePort").is_some())
            || managed.iter().any(|spec| spec.get("f:healthCheckNodePort").is_some());
        Self { applied, managed, health_check }
    }

    fn has(&self, port: &Value) -> bool {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let key = format!("k:{{\"port\":{},\"protocol\":\"{protocol}\"}}", port["port"]);
        self.managed.iter().any(|spec| spec["f:ports"][&key].get("f:nodePort").is_some())
            || self.applied_ports().any(|applied| {
                applied["port"] == port["port"]
                    && applied["protocol"].as_str().unwrap_or("TCP") == protocol
                    && applied.get("nodePort").is_some_and(|number| number == &port["nodePort"])
            })
    }

    fn applied_ports(&self) -> impl Iterator<Item = &Value> {
        self.applied.iter().flat_map(|applied| applied["spec"]["ports"].as_array().into_iter().flatten())
    }
}

/// Gives up the node ports that the server named as taken; returns a note, or none if nothing was given up.
///
/// For a copy beside its original: both cannot have the port that the user chose for one.
pub(super) fn give_up_ports(body: &mut Value, taken: &[&str]) -> Option<String> {
    let mut given_up = Vec::new();
    if taken.contains(&"spec.healthCheckNodePort") {
        given_up.push(body["spec"]["healthCheckNodePort"].to_string());
        remove(body, &["spec", "healthCheckNodePort"]);
    }
    let Some(Value::Array(ports)) = descend(body, &["spec", "ports"]) else { return None };
    for (index, port) in ports.iter_mut().enumerate() {
        if taken.contains(&format!("spec.ports[{index}].nodePort").as_str()) {
            given_up.push(port["nodePort"].to_string());
            remove(port, &["nodePort"]);
        }
    }
    (!given_up.is_empty())
        .then(|| format!("node port {} is taken; the copy gets another", given_up.join(", ")))
}
