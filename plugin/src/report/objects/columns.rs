//! Which columns each kind has: kubectl's, for the kinds that everybody looks at, and those that a
//! custom resource definition declares. Where the API server computes a column from more than the object, there is none.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::{PrinterColumn, Width, cells};
use crate::{model::resource::GroupResource, report::age::age};

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    /// Its header.
    pub(super) name: Cow<'static, str>,
    cell: Cell,
}

#[derive(Debug)]
enum Cell {
    /// The text at this JSON pointer.
    At(&'static str),
    /// What the function makes of the object.
    Of(fn(&Value) -> String),
    /// The time since `metadata.creationTimestamp`.
    Age,
    /// The time since the timestamp at this JSON pointer.
    Since(&'static str),
    /// How long a job took, or has run until now.
    Lasted,
    /// What a custom resource definition declares.
    Declared(PrinterColumn),
}

impl Column {
    /// The text of the column for an object.
    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> String {
        match &self.cell {
            Cell::At(pointer) => object.pointer(pointer).map(cells::scalar).unwrap_or_default(),
            Cell::Of(make) => make(object),
            Cell::Age => since(object.pointer("/metadata/creationTimestamp"), now, "<unknown>"),
            Cell::Since(pointer) => since(object.pointer(pointer), now, "<none>"),
            Cell::Declared(column) => match column.value(object) {
                Some(value) if column.is_date() => since(Some(&value), now, "<unknown>"),
                Some(value) => cells::scalar(&value),
                None => cells::BLANK.to_owned(),
            },
            Cell::Lasted => cells::job_duration(object, now),
        }
    }
}

fn since(timestamp: Option<&Value>, now: Timestamp, unknown: &str) -> String {
    match timestamp.and_then(Value::as_str).and_then(|text| text.parse().ok()) {
        Some(then) => age(now, then),
        None => unknown.to_owned(),
    }
}

/// The columns after the name.
pub(super) fn of(resource: &GroupResource, extra: &[PrinterColumn], width: Width) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    if extra.is_empty() {
        let (default, wide) = known(&resource.to_string());
        columns.extend(default.into_iter().map(|(name, cell)| Column { name: name.into(), cell }));
        if width == Width::Wide {
            columns.extend(wide.into_iter().map(|(name, cell)| Column { name: name.into(), cell }));
        }
        return columns;
    }
    let wanted = extra.iter().filter(|column| width == Width::Wide || !column.is_wide());
    columns.extend(wanted.map(|column| Column {
        name: column.name().to_uppercase().into(),
        cell: Cell::Declared(column.clone()),
    }));
    columns
}

/// Where the containers of a `CronJob`'s jobs are.
const CRON_TEMPLATE: &str = "/spec/jobTemplate/spec/template/spec/containers";

type Columns = Vec<(&'static str, Cell)>;

/// Default and additional wide columns, in kubectl's order (pkg/printers/internalversion of Kubernetes).
#[expect(clippy::too_many_lines, reason = "a table, a few lines a kind")]
fn known(resource: &str) -> (Columns, Columns) {
    use Cell::{Age, At, Lasted, Of, Since};
    match resource {
        "pods" => (
            vec![
                ("READY", Of(cells::pod_ready)),
                ("STATUS", Of(cells::pod_status)),
                ("RESTARTS", Of(cells::pod_restarts)),
                ("AGE", Age),
            ],
            vec![
                ("IP", At("/status/podIP")),
                ("NODE", At("/spec/nodeName")),
                ("NOMINATED NODE", At("/status/nominatedNodeName")),
                ("READINESS GATES", Of(cells::readiness_gates)),
            ],
        ),
        "deployments.apps" => (
            vec![
                ("READY", Of(cells::ready_of_wanted)),
                ("UP-TO-DATE", Of(|object| cells::count(object, "/status/updatedReplicas"))),
                ("AVAILABLE", Of(|object| cells::count(object, "/status/availableReplicas"))),
                ("AGE", Age),
            ],
            template_columns(true),
        ),
        "replicasets.apps" | "replicationcontrollers" => (
            vec![
                ("DESIRED", Of(|object| cells::count(object, "/spec/replicas"))),
                ("CURRENT", Of(|object| cells::count(object, "/status/replicas"))),
                ("READY", Of(|object| cells::count(object, "/status/readyReplicas"))),
                ("AGE", Age),
            ],
            template_columns(true),
        ),
        "statefulsets.apps" => {
            (vec![("READY", Of(cells::ready_of_wanted)), ("AGE", Age)], template_columns(false))
        }
        "daemonsets.apps" => (
            vec![
                ("DESIRED", Of(|object| cells::count(object, "/status/desiredNumberScheduled"))),
                ("CURRENT", Of(|object| cells::count(object, "/status/currentNumberScheduled"))),
                ("READY", Of(|object| cells::count(object, "/status/numberReady"))),
                ("UP-TO-DATE", Of(|object| cells::count(object, "/status/updatedNumberScheduled"))),
                ("AVAILABLE", Of(|object| cells::count(object, "/status/numberAvailable"))),
                (
                    "NODE SELECTOR",
                    Of(|object| cells::pairs(object.pointer("/spec/template/spec/nodeSelector"))),
                ),
                ("AGE", Age),
            ],
            template_columns(true),
        ),
        "jobs.batch" => (
            vec![
                ("STATUS", Of(cells::job_status)),
                ("COMPLETIONS", Of(cells::job_completions)),
                ("DURATION", Lasted),
                ("AGE", Age),
            ],
            template_columns(true),
        ),
        "cronjobs.batch" => (
            vec![
                ("SCHEDULE", At("/spec/schedule")),
                ("TIMEZONE", At("/spec/timeZone")),
                ("SUSPEND", Of(|object| cells::flag(object, "/spec/suspend"))),
                ("ACTIVE", Of(|object| cells::length(object, "/status/active"))),
                ("LAST SCHEDULE", Since("/status/lastScheduleTime")),
                ("AGE", Age),
            ],
            vec![
                ("CONTAINERS", Of(|job| cells::containers_at(job, CRON_TEMPLATE, "name"))),
                ("IMAGES", Of(|job| cells::containers_at(job, CRON_TEMPLATE, "image"))),
                (
                    "SELECTOR",
                    Of(|job| cells::pairs(job.pointer("/spec/jobTemplate/spec/selector/matchLabels"))),
                ),
            ],
        ),
        _ => known_elsewhere(resource),
    }
}

/// What a kind with a pod template shows when there is room.
fn template_columns(with_selector: bool) -> Columns {
    let mut columns: Columns = vec![
        ("CONTAINERS", Cell::Of(|object| cells::containers(object, "name"))),
        ("IMAGES", Cell::Of(|object| cells::containers(object, "image"))),
    ];
    if with_selector {
        columns.push(("SELECTOR", Cell::Of(cells::selector)));
    }
    columns
}

/// The kinds that run nothing.
#[expect(clippy::too_many_lines, reason = "a table, a few lines a kind")]
fn known_elsewhere(resource: &str) -> (Columns, Columns) {
    use Cell::{Age, At, Of};
    let mut wide = vec![];
    let default = match resource {
        "services" => {
            wide = vec![("SELECTOR", Of(|object| cells::pairs(object.pointer("/spec/selector"))))];
            vec![
                ("TYPE", At("/spec/type")),
                ("CLUSTER-IP", At("/spec/clusterIP")),
                ("EXTERNAL-IP", Of(cells::service_address)),
                ("PORT(S)", Of(cells::service_ports)),
                ("AGE", Age),
            ]
        }
        "configmaps" => vec![("DATA", Of(cells::data_count)), ("AGE", Age)],
        "secrets" => vec![("TYPE", At("/type")), ("DATA", Of(cells::data_count)), ("AGE", Age)],
        "namespaces" => vec![("STATUS", At("/status/phase")), ("AGE", Age)],
        "persistentvolumeclaims" => {
            wide = vec![("VOLUMEMODE", Of(|claim| cells::or_unset(claim, "/spec/volumeMode")))];
            vec![
                ("STATUS", At("/status/phase")),
                ("VOLUME", At("/spec/volumeName")),
                ("CAPACITY", At("/status/capacity/storage")),
                ("ACCESS MODES", Of(|object| cells::access_modes(object, "/status/accessModes"))),
                ("STORAGECLASS", At("/spec/storageClassName")),
                (
                    "VOLUMEATTRIBUTESCLASS",
                    Of(|claim| cells::or_unset(claim, "/spec/volumeAttributesClassName")),
                ),
                ("AGE", Age),
            ]
        }
        "persistentvolumes" => vec![
            ("CAPACITY", At("/spec/capacity/storage")),
            ("ACCESS MODES", Of(|object| cells::access_modes(object, "/spec/accessModes"))),
            ("RECLAIM POLICY", At("/spec/persistentVolumeReclaimPolicy")),
            ("STATUS", At("/status/phase")),
            ("CLAIM", Of(cells::volume_claim)),
            ("STORAGECLASS", At("/spec/storageClassName")),
            ("AGE", Age),
        ],
        "ingresses.networking.k8s.io" => vec![
            ("CLASS", At("/spec/ingressClassName")),
            ("HOSTS", Of(cells::ingress_hosts)),
            ("ADDRESS", Of(|ingress| cells::or_blank(cells::load_balancer(ingress)))),
            ("PORTS", Of(cells::ingress_ports)),
            ("AGE", Age),
        ],
        "networkpolicies.networking.k8s.io" => vec![
            ("POD-SELECTOR", Of(|object| cells::pairs(object.pointer("/spec/podSelector/matchLabels")))),
            ("AGE", Age),
        ],
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            wide = vec![
                ("USERS", Of(|binding| cells::subjects(binding, "User"))),
                ("GROUPS", Of(|binding| cells::subjects(binding, "Group"))),
                ("SERVICEACCOUNTS", Of(|binding| cells::subjects(binding, "ServiceAccount"))),
            ];
            vec![("ROLE", Of(cells::bound_role)), ("AGE", Age)]
        }
        "roles.rbac.authorization.k8s.io"
        | "clusterroles.rbac.authorization.k8s.io"
        | "customresourcedefinitions.apiextensions.k8s.io" => {
            vec![("CREATED AT", At("/metadata/creationTimestamp"))]
        }
        "storageclasses.storage.k8s.io" => vec![
            ("PROVISIONER", At("/provisioner")),
            ("RECLAIMPOLICY", At("/reclaimPolicy")),
            ("VOLUMEBINDINGMODE", At("/volumeBindingMode")),
            ("ALLOWVOLUMEEXPANSION", Of(|object| cells::flag(object, "/allowVolumeExpansion"))),
            ("AGE", Age),
        ],
        "horizontalpodautoscalers.autoscaling" => vec![
            ("REFERENCE", Of(cells::scale_target)),
            ("MINPODS", At("/spec/minReplicas")),
            ("MAXPODS", At("/spec/maxReplicas")),
            ("REPLICAS", Of(|object| cells::count(object, "/status/currentReplicas"))),
            ("AGE", Age),
        ],
        "poddisruptionbudgets.policy" => vec![
            ("MIN AVAILABLE", Of(|object| cells::or_not_applicable(object, "/spec/minAvailable"))),
            ("MAX UNAVAILABLE", Of(|object| cells::or_not_applicable(object, "/spec/maxUnavailable"))),
            ("ALLOWED DISRUPTIONS", Of(|object| cells::count(object, "/status/disruptionsAllowed"))),
            ("AGE", Age),
        ],
        "priorityclasses.scheduling.k8s.io" => vec![
            ("VALUE", At("/value")),
            ("GLOBAL-DEFAULT", Of(|object| cells::flag(object, "/globalDefault"))),
            ("AGE", Age),
        ],
        "resourcequotas" | "limitranges" => vec![("CREATED AT", At("/metadata/creationTimestamp"))],
        _ => vec![("AGE", Age)],
    };
    (default, wide)
}
