//! Which objects a command speaks of, as the user said it; shared by `create`, `restore`, `ls`, `get` and `diff`.
//!
//! Only the words. What they mean against a server's kinds or a saved object is decided in `plan::select`.

use serde::{Deserialize, Serialize};

/// Which cluster-scoped objects go along with a selection of namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum ClusterScoped {
    /// None at all.
    None,
    /// Those the selected objects refer to.
    #[default]
    Referenced,
    /// Every one.
    All,
}

/// At which versions of its kind an object is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ApiVersions {
    /// At the one the server prefers, and at its others where they may differ in more than their name.
    #[default]
    Auto,
    /// At the one the server prefers.
    Preferred,
    /// At every one it serves; one that cannot be read makes the restore point incomplete.
    All,
}

/// The namespaces a command covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Namespaces {
    /// `-A`.
    All,
    /// `-n`, repeatable; never empty, sorted, without doubles.
    Named(Vec<String>),
}

impl Namespaces {
    /// Whether `namespace` is covered.
    pub fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name == namespace),
        }
    }
}

/// `TYPE/NAME` as the user wrote it; the type is resolved later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedObject {
    /// `deploy`, `deployments.apps`, …
    pub kind: String,
    /// The object's name.
    pub name: String,
}

/// Everything that narrows a command down. An empty list means "no restriction".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// `-n`, `-A`.
    pub namespaces: Namespaces,
    /// Kinds wanted, in any spelling kubectl takes, and `*.group`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include_kinds: Vec<String>,
    /// Kinds left out, in the same spellings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude_kinds: Vec<String>,
    /// `TYPE/NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<NamedObject>,
    /// `-l`, in kubectl's selector syntax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
    /// `--field-selector`; only the server can evaluate it, so only `create` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_selector: Option<String>,
    /// Which cluster-scoped objects go along.
    #[serde(default)]
    pub cluster_scoped: ClusterScoped,
}

impl Selection {
    /// Everything in `namespaces`, with the cluster-scoped objects it refers to.
    pub fn of(namespaces: Namespaces) -> Self {
        Self {
            namespaces,
            include_kinds: Vec::new(),
            exclude_kinds: Vec::new(),
            objects: Vec::new(),
            label_selector: None,
            field_selector: None,
            cluster_scoped: ClusterScoped::default(),
        }
    }

    /// Whether it takes less than everything that its namespaces hold.
    pub fn is_narrowed(&self) -> bool {
        !self.objects.is_empty() || self.is_filtered()
    }

    /// Whether kinds, labels or fields decide what of its namespaces is taken.
    pub fn is_filtered(&self) -> bool {
        self.label_selector.is_some()
            || self.field_selector.is_some()
            || !self.include_kinds.is_empty()
            || !self.exclude_kinds.is_empty()
    }

    /// Whether Namespace objects are asked for by their kind, and not only along with what they hold.
    pub fn names_namespaces(&self) -> bool {
        let kinds = self.include_kinds.iter().chain(self.objects.iter().map(|object| &object.kind));
        kinds
            .into_iter()
            .any(|kind| matches!(kind.to_lowercase().as_str(), "ns" | "namespace" | "namespaces"))
    }
}
