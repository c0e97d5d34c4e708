//! What a cell says, computed from the object as the API server's own table printer computes it.

use jiff::Timestamp;
use serde_json::Value;

use crate::report::age::age;

/// Where the server's printer leaves a cell blank; of others that are empty kubectl says `<none>`.
pub(super) const BLANK: &str = " ";

/// More host names, ports or addresses than this are shown as a count.
const MOST_HOSTS: usize = 3;

/// Scalars bare, lists and mappings as compact JSON, null as nothing.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number, 0 if it is not there.
pub(super) fn count(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default().to_string()
}

/// A flag, false if it is not there.
pub(super) fn flag(object: &Value, pointer: &str) -> String {
    if object.pointer(pointer) == Some(&Value::Bool(true)) { "True".to_owned() } else { "False".to_owned() }
}

/// The length of a list, 0 if it is not there.
pub(super) fn length(object: &Value, pointer: &str) -> String {
    items(object.pointer(pointer)).len().to_string()
}

/// The value, or `N/A`.
pub(super) fn or_not_applicable(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).map_or_else(|| "N/A".to_owned(), scalar)
}

/// The text, or a blank cell.
pub(super) fn or_blank(text: String) -> String {
    if text.is_empty() { BLANK.to_owned() } else { text }
}

/// The value, or `<unset>`.
pub(super) fn or_unset(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).map_or_else(|| "<unset>".to_owned(), scalar)
}

/// `app=web,tier=front`.
pub(super) fn pairs(mapping: Option<&Value>) -> String {
    let Some(Value::Object(fields)) = mapping else { return String::new() };
    fields.iter().map(|(key, value)| format!("{key}={}", scalar(value))).collect::<Vec<_>>().join(",")
}

fn items(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'value>(object: &'value Value, pointer: &str) -> &'value str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `2/3`.
pub(super) fn ready_of_wanted(object: &Value) -> String {
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    format!("{}/{wanted}", count(object, "/status/readyReplicas"))
}

/// Container names or images of a pod template.
pub(super) fn containers(object: &Value, field: &str) -> String {
    containers_at(object, "/spec/template/spec/containers", field)
}

/// Names or images of the containers at a JSON pointer.
pub(super) fn containers_at(object: &Value, pointer: &str, field: &str) -> String {
    let containers = items(object.pointer(pointer));
    containers.iter().map(|container| scalar(&container[field])).collect::<Vec<_>>().join(",")
}

/// The label selector of a workload.
pub(super) fn selector(object: &Value) -> String {
    pairs(object.pointer("/spec/selector/matchLabels").or_else(|| object.pointer("/spec/selector")))
}

/// Number of keys in `data` and `binaryData`.
pub(super) fn data_count(object: &Value) -> String {
    let keys = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    (keys("data") + keys("binaryData")).to_string()
}

/// `1/2` containers of a pod.
pub(super) fn pod_ready(pod: &Value) -> String {
    let statuses = items(pod.pointer("/status/containerStatuses"));
    let ready = statuses.iter().filter(|status| status["ready"] == true).count();
    format!("{ready}/{}", items(pod.pointer("/spec/containers")).len())
}

/// `Running`, `CrashLoopBackOff`, `Completed`, …
pub(super) fn pod_status(pod: &Value) -> String {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return "Terminating".to_owned();
    }
    let mut status = match text(pod, "/status/reason") {
        "" => text(pod, "/status/phase").to_owned(),
        reason => reason.to_owned(),
    };
    for container in items(pod.pointer("/status/containerStatuses")) {
        let reason = ["/state/waiting/reason", "/state/terminated/reason"]
            .iter()
            .find_map(|pointer| container.pointer(pointer).and_then(Value::as_str));
        if let Some(reason) = reason {
            reason.clone_into(&mut status);
        }
    }
    status
}

/// How often the containers of a pod were started anew.
pub(super) fn pod_restarts(pod: &Value) -> String {
    items(pod.pointer("/status/containerStatuses"))
        .iter()
        .filter_map(|status| status["restartCount"].as_u64())
        .sum::<u64>()
        .to_string()
}

/// `Complete`, `Failed`, `Suspended` or `Running`.
pub(super) fn job_status(job: &Value) -> String {
    let conditions = items(job.pointer("/status/conditions"));
    ["Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"]
        .into_iter()
        .find(|kind| {
            conditions.iter().any(|condition| condition["type"] == **kind && condition["status"] == "True")
        })
        .unwrap_or("Running")
        .to_owned()
}

/// `1/3`.
pub(super) fn job_completions(job: &Value) -> String {
    let succeeded = count(job, "/status/succeeded");
    match job.pointer("/spec/completions").and_then(Value::as_i64) {
        Some(completions) => format!("{succeeded}/{completions}"),
        None => match job.pointer("/spec/parallelism").and_then(Value::as_i64) {
            Some(parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
            _ => format!("{succeeded}/1"),
        },
    }
}

/// How long a job took, or has run so far.
pub(super) fn job_duration(job: &Value, now: Timestamp) -> String {
    let moment = |pointer: &str| text(job, pointer).parse::<Timestamp>().ok();
    let end = moment("/status/completionTime").unwrap_or(now);
    or_blank(moment("/status/startTime").map(|start| age(end, start)).unwrap_or_default())
}

/// `1/2` readiness gates of a pod are passed; nothing where it has none.
pub(super) fn readiness_gates(pod: &Value) -> String {
    let gates = items(pod.pointer("/spec/readinessGates"));
    if gates.is_empty() {
        return String::new();
    }
    let conditions = items(pod.pointer("/status/conditions"));
    let passed = gates.iter().filter(|gate| {
        let condition = conditions.iter().find(|condition| condition["type"] == gate["conditionType"]);
        condition.is_some_and(|condition| condition["status"] == "True")
    });
    format!("{}/{}", passed.count(), gates.len())
}

/// The addresses under which a service is reached from outside.
pub(super) fn service_address(service: &Value) -> String {
    let external: Vec<String> = items(service.pointer("/spec/externalIPs")).iter().map(scalar).collect();
    match text(service, "/spec/type") {
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        "LoadBalancer" if external.is_empty() => match load_balancer(service) {
            address if address.is_empty() => "<pending>".to_owned(),
            address => address,
        },
        _ => external.join(","),
    }
}

/// `80/TCP,443:30443/TCP`.
pub(super) fn service_ports(service: &Value) -> String {
    let port = |port: &Value| {
        let node = port["nodePort"].as_u64().map(|node| format!(":{node}")).unwrap_or_default();
        format!("{}{node}/{}", scalar(&port["port"]), port["protocol"].as_str().unwrap_or("TCP"))
    };
    items(service.pointer("/spec/ports")).iter().map(port).collect::<Vec<_>>().join(",")
}

/// Addresses that a load balancer reported.
pub(super) fn load_balancer(object: &Value) -> String {
    let address =
        |ingress: &Value| ingress["ip"].as_str().or(ingress["hostname"].as_str()).map(str::to_owned);
    let ingresses = items(object.pointer("/status/loadBalancer/ingress"));
    ingresses.iter().filter_map(address).collect::<Vec<_>>().join(",")
}

/// `a.example.com,b.example.com + 2 more...`, `*` for any.
pub(super) fn ingress_hosts(ingress: &Value) -> String {
    let rules = items(ingress.pointer("/spec/rules"));
    let hosts: Vec<&str> = rules.iter().filter_map(|rule| rule["host"].as_str()).collect();
    match hosts.len() {
        0 => "*".to_owned(),
        more if more > MOST_HOSTS => {
            format!("{} + {} more...", hosts[..MOST_HOSTS].join(","), more - MOST_HOSTS)
        }
        _ => hosts.join(","),
    }
}

/// `80`, with `443` if there is a certificate.
pub(super) fn ingress_ports(ingress: &Value) -> String {
    if items(ingress.pointer("/spec/tls")).is_empty() { "80".to_owned() } else { "80, 443".to_owned() }
}

/// `RWO,RWX`.
pub(super) fn access_modes(object: &Value, pointer: &str) -> String {
    let short = |mode: &Value| match mode.as_str().unwrap_or_default() {
        "ReadWriteOnce" => "RWO".to_owned(),
        "ReadOnlyMany" => "ROX".to_owned(),
        "ReadWriteMany" => "RWX".to_owned(),
        "ReadWriteOncePod" => "RWOP".to_owned(),
        other => other.to_owned(),
    };
    items(object.pointer(pointer)).iter().map(short).collect::<Vec<_>>().join(",")
}

/// `shop/data`.
pub(super) fn volume_claim(volume: &Value) -> String {
    match volume.pointer("/spec/claimRef") {
        Some(claim) => format!("{}/{}", scalar(&claim["namespace"]), scalar(&claim["name"])),
        None => String::new(),
    }
}

/// `ClusterRole/view`.
pub(super) fn bound_role(binding: &Value) -> String {
    format!("{}/{}", text(binding, "/roleRef/kind"), text(binding, "/roleRef/name"))
}

/// Who a binding names of one kind: `ada, bob`; accounts with their namespace.
pub(super) fn subjects(binding: &Value, kind: &str) -> String {
    let named = |subject: &Value| match subject["namespace"].as_str() {
        Some(namespace) if kind == "ServiceAccount" => format!("{namespace}/{}", scalar(&subject["name"])),
        _ => scalar(&subject["name"]),
    };
    let of_kind = items(binding.get("subjects")).iter().filter(|subject| subject["kind"] == kind);
    or_blank(of_kind.map(named).collect::<Vec<_>>().join(", "))
}

/// `Deployment/web`.
pub(super) fn scale_target(scaler: &Value) -> String {
    format!("{}/{}", text(scaler, "/spec/scaleTargetRef/kind"), text(scaler, "/spec/scaleTargetRef/name"))
}
