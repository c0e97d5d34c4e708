//! Services: addresses and ports that the cluster allocated, as opposed to those a user chose.

use serde_json::Value;

use super::fields::{descend, remove};
use crate::plan::last_applied::last_applied;

pub(super) fn service(body: &mut Value) {
    // Without a uid it was cleaned before, and what told chosen from allocated values is gone.
    if body["metadata"].get("uid").is_some() {
        drop_allocated(body);
    }
}

/// A value is the user's if the last applied configuration states it or a field manager owns it: the server
/// allocates after it has recorded ownership.
fn drop_allocated(body: &mut Value) {
    let chosen = Chosen::of(body);
    if body["spec"]["clusterIP"] != "None" && !chosen.has_field("clusterIP") {
        remove(body, &["spec", "clusterIP"]);
        remove(body, &["spec", "clusterIPs"]);
    }
    if !chosen.has_field("healthCheckNodePort") {
        remove(body, &["spec", "healthCheckNodePort"]);
    }
    let Some(Value::Array(ports)) = descend(body, &["spec", "ports"]) else { return };
    for port in ports {
        if !chosen.has_port(port) {
            remove(port, &["nodePort"]);
        }
    }
}

struct Chosen {
    applied: Option<Value>,
    managed: Vec<Value>,
}

impl Chosen {
    fn of(body: &Value) -> Self {
        let applied: Option<Value> =
            last_applied(body).and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
        let managed: Vec<Value> = body["metadata"]["managedFields"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| entry["fieldsV1"]["f:spec"].clone())
            .collect();
        Self { applied, managed }
    }

    fn has_field(&self, name: &str) -> bool {
        self.applied.as_ref().is_some_and(|it| it["spec"].get(name).is_some())
            || self.managed.iter().any(|spec| spec.get(format!("f:{name}")).is_some())
    }

    fn has_port(&self, port: &Value) -> bool {
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

/// Gives up the address and the node ports that the server named as taken or out of range; returns a note, or none if
/// nothing was given up.
///
/// Two objects cannot have the one that the user chose, and another cluster may not have it at all.
pub(super) fn give_up(body: &mut Value, taken: &[&str]) -> Option<String> {
    let mut given_up = Vec::new();
    if taken.iter().any(|field| field.starts_with("spec.clusterIP")) {
        given_up.push(format!("address {}", body["spec"]["clusterIP"].as_str().unwrap_or_default()));
        remove(body, &["spec", "clusterIP"]);
        remove(body, &["spec", "clusterIPs"]);
    }
    if taken.contains(&"spec.healthCheckNodePort") {
        given_up.push(format!("node port {}", body["spec"]["healthCheckNodePort"]));
        remove(body, &["spec", "healthCheckNodePort"]);
    }
    let ports = descend(body, &["spec", "ports"]).and_then(Value::as_array_mut);
    for (index, port) in ports.into_iter().flatten().enumerate() {
        if taken.contains(&format!("spec.ports[{index}].nodePort").as_str()) {
            given_up.push(format!("node port {}", port["nodePort"]));
            remove(port, &["nodePort"]);
        }
    }
    (!given_up.is_empty()).then(|| format!("{} cannot be had here; it gets another", given_up.join(", ")))
}
