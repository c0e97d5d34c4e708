//! What becomes of a saved object on its way into the cluster, in one place, so that what is compared with the live
//! object is what will be written.
//!
//! Namespaces are mapped and versions moved first, objects renamed, then the object is cleaned, also of finalizers whose controller does not
//! live; then the transforms run: they see the object as the cluster would get it, and have the last word. Owner
//! references get their new uids after that, while restoring.

use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

use crate::{
    model::resource::GroupResource,
    plan::{
        map_namespace::NamespaceMap,
        rename::Renames,
        sanitize::{SanitizeContext, own_finalizers, sanitize},
        transform::{Tally, TransformError, Transforms},
        versions::Moves,
    },
};

use super::finalizers::Finalizers;

/// How objects are prepared in one run.
#[derive(Debug, Default)]
pub struct Preparation {
    /// Which namespace becomes which.
    pub map: NamespaceMap,
    renames: Renames,
    transforms: Transforms,
    tally: Mutex<Tally>,
    /// The finalizers that are kept; all, as long as nothing else is said.
    kept_finalizers: OnceLock<Finalizers>,
    moves: OnceLock<Moves>,
}

impl Preparation {
    /// From what the user asked for.
    pub fn new(map: NamespaceMap, transforms: Transforms) -> Self {
        Self { map, transforms, ..Self::default() }
    }

    /// The same, once it is known which objects get another name.
    #[must_use]
    pub fn with_renames(&self, renames: Renames) -> Self {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            map: self.map.clone(),
            transforms: self.transforms.clone(),
            renames,
            tally: Mutex::new(tally),
            kept_finalizers: self.kept_finalizers.clone(),
            moves: self.moves.clone(),
        }
    }

    /// From here on objects of these kinds are moved to another version.
    pub fn move_versions(&self, moves: Moves) {
        let _ = self.moves.set(moves);
    }

    /// Why an object cannot be moved to another version, if it has to be.
    pub fn cannot_move(&self, resource: &GroupResource, body: &Value) -> Option<String> {
        self.moves.get()?.refusal(resource, body)
    }

    /// To the namespace and the version that it will have.
    fn relocate(&self, resource: &GroupResource, body: &mut Value) {
        self.map.apply(resource, body);
        if let Some(moves) = self.moves.get() {
            moves.apply(resource, body);
        }
    }

    /// From here on only these finalizers are kept.
    pub fn keep_finalizers(&self, kept: Finalizers) {
        // Whoever says it first is right: it is said once a run.
        let _ = self.kept_finalizers.set(kept);
    }

    /// What to know of an object that is made: it has a finalizer of which nobody knows whether its controller lives.
    pub fn note_of_finalizers(&self, body: &Value) -> Option<String> {
        if self.kept_finalizers.get().is_some() {
            return None;
        }
        let names: Vec<&str> = own_finalizers(body).collect();
        (!names.is_empty()).then(|| {
            format!("keeps finalizer {}: deleting it needs the controller that removes it", names.join(", "))
        })
    }

    fn drop_finalizers(&self, resource: &GroupResource, body: &mut Value) -> Option<String> {
        self.kept_finalizers.get()?.restrict(resource, body)
    }

    /// For the plan, the first time that an object is met: counts which transforms matched it.
    ///
    /// Cleaned no further than the transforms need, since comparing cleans both sides by itself.
    pub fn plan(&self, resource: &GroupResource, body: &mut Value) -> Result<(), TransformError> {
        self.relocate(resource, body);
        if self.transforms.is_empty() {
            return Ok(());
        }
        sanitize(resource, body, &SanitizeContext::default());
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        self.transforms.apply(body, &mut tally).map(drop)
    }

    /// For the comparison with a live object. What a transform fails on was refused before.
    pub fn compare(&self, resource: &GroupResource, body: &mut Value) {
        self.relocate(resource, body);
        self.renames.apply(body);
        self.drop_finalizers(resource, body);
        if !self.transforms.is_empty() {
            sanitize(resource, body, &SanitizeContext::default());
            let _ = self.transforms.apply(body, &mut Tally::default());
        }
        self.renames.apply_to_owners(body);
    }

    /// For the write; returns what a user should know about the object.
    pub fn write(
        &self,
        resource: &GroupResource,
        body: &mut Value,
        context: &SanitizeContext,
    ) -> Result<Vec<String>, TransformError> {
        self.relocate(resource, body);
        self.renames.apply(body);
        let mut notes: Vec<String> = self.drop_finalizers(resource, body).into_iter().collect();
        notes.extend(sanitize(resource, body, context));
        self.transforms.apply(body, &mut Tally::default())?;
        Ok(notes)
    }

    /// For the write, once the owners are linked by the names they were saved under.
    pub fn rename_owners(&self, body: &mut Value) {
        self.renames.apply_to_owners(body);
    }

    /// What hints at a mistake in a file of transforms, once all objects were met.
    pub fn warnings(&self) -> Vec<String> {
        self.transforms.warnings(&self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn preparation() -> Preparation {
        let map = NamespaceMap::parse(&["shop=test".to_owned()]).unwrap();
        let transforms = Transforms::parse(
            "apiVersion: kubectl-backup.dev/v1alpha1\nkind: Transforms\ntransforms:\n\
             - name: fixed-ip\n  match: {namespaces: [test], where: [{field: spec.clusterIP, exists: false}]}\n  \
               set: {spec.clusterIP: 10.0.0.7}\n\
             - {name: broken, match: {names: [bad]}, set: {metadata.name: good}}\n",
        );
        Preparation::new(map, transforms.unwrap())
    }

    fn service(name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop", "uid": "1"},
               "spec": {"clusterIP": "10.0.0.1", "ports": []}, "status": {}})
    }

    #[test]
    fn transforms_see_the_mapped_and_cleaned_object_and_have_the_last_word() {
        let services = GroupResource::new("services", "");
        let mut written = service("web");
        preparation().write(&services, &mut written, &SanitizeContext::default()).unwrap();
        assert_eq!(
            written,
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "test"},
                   "spec": {"clusterIP": "10.0.0.7", "ports": []}})
        );
    }

    #[test]
    fn what_is_compared_is_what_is_written() {
        let services = GroupResource::new("services", "");
        let (mut planned, mut compared, mut written) = (service("web"), service("web"), service("web"));
        let preparation = preparation();
        preparation.plan(&services, &mut planned).unwrap();
        preparation.compare(&services, &mut compared);
        preparation.write(&services, &mut written, &SanitizeContext::default()).unwrap();
        assert_eq!(planned, written);
        assert_eq!(compared, written);
        assert_eq!(preparation.warnings(), ["transform `broken` matches none of the objects"]);
    }

    #[test]
    fn a_finalizer_goes_before_comparing_as_before_writing() {
        let widgets = GroupResource::new("widgets", "example.com");
        let saved = json!({"metadata": {"name": "w", "finalizers": ["a/x"]}});
        let preparation = preparation();
        let (mut compared, mut written) = (saved.clone(), saved);
        assert_eq!(preparation.drop_finalizers(&widgets, &mut compared), None, "nothing was said yet");
        assert_eq!(
            preparation.note_of_finalizers(&compared).unwrap(),
            "keeps finalizer a/x: deleting it needs the controller that removes it"
        );
        preparation.keep_finalizers(Finalizers::default());
        assert_eq!(preparation.note_of_finalizers(&compared), None, "what is kept is known to be needed");
        preparation.compare(&widgets, &mut compared);
        let notes = preparation.write(&widgets, &mut written, &SanitizeContext::default()).unwrap();
        assert_eq!(compared, json!({"metadata": {"name": "w"}}));
        assert_eq!(written, compared);
        assert_eq!(notes.len(), 1, "{notes:?}");
    }

    #[test]
    fn a_transform_that_fails_is_told_by_plan_and_write() {
        let services = GroupResource::new("services", "");
        let planned = preparation().plan(&services, &mut service("bad")).unwrap_err();
        let written =
            preparation().write(&services, &mut service("bad"), &SanitizeContext::default()).unwrap_err();
        assert_eq!(planned, written);
        assert_eq!(
            planned.to_string(),
            "transform `broken`: it would change `metadata.name`, by which the object is known"
        );
    }
}
