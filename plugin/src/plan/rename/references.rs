//! Where built-in kinds, and Gateway API routes, name other objects.
//!
//! Only names that are one object's are here; selectors, arguments and host names mean what they always meant.

use serde_json::Value;

use crate::plan::pod_spec::{self, group_of};

/// An object as others refer to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Referent {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// None for cluster-scoped ones.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl Referent {
    fn new(group: &str, kind: &str, namespace: Option<&str>) -> Self {
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: String::new(),
        }
    }

    /// The object of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The object `body` itself.
    pub fn of(body: &Value) -> Option<Self> {
        let metadata = &body["metadata"];
        let (group, kind) = (group_of(body), body["kind"].as_str()?);
        Some(Self::new(group, kind, metadata["namespace"].as_str()).named(metadata["name"].as_str()?))
    }
}

/// Calls `see` with each reference in `body`, owners excepted: to what, and the name in its place.
pub fn visit(body: &mut Value, see: &mut dyn FnMut(&Referent, &mut String)) {
    let (group, kind) = (group_of(body).to_owned(), body["kind"].as_str().unwrap_or_default().to_owned());
    let namespace = body["metadata"]["namespace"].as_str().map(str::to_owned);
    let mut visitor = Visitor { namespace, see };
    if let Some(spec) = pod_spec::of(body) {
        visitor.pods(spec);
    }
    match (group.as_str(), kind.as_str()) {
        ("apps", "StatefulSet") => visitor.name(body.pointer_mut("/spec/serviceName"), "", "Service"),
        ("", "ServiceAccount") => {
            for list in ["/secrets", "/imagePullSecrets"] {
                for secret in items(body.pointer_mut(list)) {
                    visitor.name(secret.get_mut("name"), "", "Secret");
                }
            }
        }
        ("", "PersistentVolumeClaim") => {
            visitor.namespace = None;
            visitor.name(body.pointer_mut("/spec/volumeName"), "", "PersistentVolume");
        }
        ("", "PersistentVolume") => {
            let claim = body.pointer_mut("/spec/claimRef");
            visitor.namespaced(claim, "", "PersistentVolumeClaim");
        }
        ("networking.k8s.io" | "extensions", "Ingress") => visitor.ingress(body),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            visitor.stated(body.pointer_mut("/spec/scaleTargetRef"));
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => visitor.binding(body),
        ("gateway.networking.k8s.io", _) => visitor.route(body),
        _ => {}
    }
}

/// Calls `see` with each owner that `body` names: what it may be, in the namespace of `body` or in none, and its name.
pub fn visit_owners(body: &mut Value, see: &mut dyn FnMut(&[Referent], &mut String)) {
    let namespace = body["metadata"]["namespace"].as_str().map(str::to_owned);
    for owner in items(body.pointer_mut("/metadata/ownerReferences")) {
        let (group, kind) =
            (group_of(owner).to_owned(), owner["kind"].as_str().unwrap_or_default().to_owned());
        let referents =
            [Referent::new(&group, &kind, namespace.as_deref()), Referent::new(&group, &kind, None)];
        if let Some(Value::String(name)) = owner.get_mut("name") {
            see(&referents, name);
        }
    }
}

struct Visitor<'a> {
    namespace: Option<String>,
    see: &'a mut dyn FnMut(&Referent, &mut String),
}

impl Visitor<'_> {
    /// A name of an object in the visitor's namespace.
    fn name(&mut self, name: Option<&mut Value>, group: &str, kind: &str) {
        let Some(name) = name else { return };
        if let Value::String(name) = name {
            (self.see)(&Referent::new(group, kind, self.namespace.as_deref()), name);
        }
    }

    /// `{namespace, name}`; without a namespace, that of the visitor.
    fn namespaced(&mut self, reference: Option<&mut Value>, group: &str, kind: &str) {
        let Some(reference) = reference else { return };
        let namespace = reference["namespace"].as_str().map(str::to_owned).or_else(|| self.namespace.clone());
        if let Some(Value::String(name)) = reference.get_mut("name") {
            (self.see)(&Referent::new(group, kind, namespace.as_deref()), name);
        }
    }

    /// `{apiVersion, kind, name}` in the visitor's namespace.
    fn stated(&mut self, reference: Option<&mut Value>) {
        let Some(reference) = reference else { return };
        let (group, kind) =
            (group_of(reference).to_owned(), reference["kind"].as_str().unwrap_or_default().to_owned());
        self.name(reference.get_mut("name"), &group, &kind);
    }

    fn pods(&mut self, spec: &mut Value) {
        // Both names of the account are kept in step by the server.
        for field in ["serviceAccountName", "serviceAccount"] {
            self.name(spec.get_mut(field), "", "ServiceAccount");
        }
        for secret in items(spec.get_mut("imagePullSecrets")) {
            self.name(secret.get_mut("name"), "", "Secret");
        }
        for volume in items(spec.get_mut("volumes")) {
            self.name(volume.pointer_mut("/configMap/name"), "", "ConfigMap");
            self.name(volume.pointer_mut("/secret/secretName"), "", "Secret");
            self.name(volume.pointer_mut("/persistentVolumeClaim/claimName"), "", "PersistentVolumeClaim");
            for source in items(volume.pointer_mut("/projected/sources")) {
                self.name(source.pointer_mut("/configMap/name"), "", "ConfigMap");
                self.name(source.pointer_mut("/secret/name"), "", "Secret");
            }
        }
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            for container in items(spec.get_mut(list)) {
                for source in items(container.get_mut("envFrom")) {
                    self.name(source.pointer_mut("/configMapRef/name"), "", "ConfigMap");
                    self.name(source.pointer_mut("/secretRef/name"), "", "Secret");
                }
                for variable in items(container.get_mut("env")) {
                    self.name(variable.pointer_mut("/valueFrom/configMapKeyRef/name"), "", "ConfigMap");
                    self.name(variable.pointer_mut("/valueFrom/secretKeyRef/name"), "", "Secret");
                }
            }
        }
    }

    fn ingress(&mut self, body: &mut Value) {
        self.name(body.pointer_mut("/spec/defaultBackend/service/name"), "", "Service");
        for rule in items(body.pointer_mut("/spec/rules")) {
            for path in items(rule.pointer_mut("/http/paths")) {
                self.name(path.pointer_mut("/backend/service/name"), "", "Service");
            }
        }
        for entry in items(body.pointer_mut("/spec/tls")) {
            self.name(entry.get_mut("secretName"), "", "Secret");
        }
    }

    fn binding(&mut self, body: &mut Value) {
        const GROUP: &str = "rbac.authorization.k8s.io";
        if body["roleRef"]["kind"] == "Role" {
            self.name(body.pointer_mut("/roleRef/name"), GROUP, "Role");
        } else {
            let namespace = self.namespace.take();
            self.name(body.pointer_mut("/roleRef/name"), GROUP, "ClusterRole");
            self.namespace = namespace;
        }
        for subject in items(body.get_mut("subjects")).filter(|subject| subject["kind"] == "ServiceAccount") {
            self.namespaced(Some(subject), "", "ServiceAccount");
        }
    }

    /// Backends of a route; one without a kind is a Service.
    fn route(&mut self, body: &mut Value) {
        for rule in items(body.pointer_mut("/spec/rules")) {
            for backend in items(rule.get_mut("backendRefs")) {
                let text = |field: &str| backend[field].as_str().map(str::to_owned);
                let (group, kind) = (text("group").unwrap_or_default(), text("kind"));
                self.namespaced(Some(backend), &group, kind.as_deref().unwrap_or("Service"));
            }
        }
    }
}

fn items(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    list.and_then(Value::as_array_mut).into_iter().flatten()
}
