//! `nodeSelector`: on which nodes pods may run. The nodes of another cluster have other names and labels.

use serde_json::{Map, Value};

use crate::plan::pod_spec;

/// What to do about it.
#[derive(Clone, Debug)]
pub(super) enum NodeSelector {
    /// Any node will do: the selector, `nodeName` and the node affinity go.
    Remove,
    /// The selector becomes this one.
    Set(Map<String, Value>),
}

impl NodeSelector {
    pub(super) fn apply(&self, object: &mut Value) -> Result<(), String> {
        let Some(Value::Object(spec)) = pod_spec::of(object) else {
            return Err("the object has no pod spec".to_owned());
        };
        match self {
            Self::Set(selector) => {
                spec.insert("nodeSelector".to_owned(), Value::Object(selector.clone()));
            }
            Self::Remove => {
                spec.shift_remove("nodeSelector");
                spec.shift_remove("nodeName");
                if let Some(Value::Object(affinity)) = spec.get_mut("affinity")
                    && affinity.shift_remove("nodeAffinity").is_some()
                    && affinity.is_empty()
                {
                    spec.shift_remove("affinity");
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::selector(json!({"nodeSelector": {"disk": "ssd"}, "x": 1}), json!({"x": 1}))]
    #[case::name(json!({"nodeName": "node-1"}), json!({}))]
    #[case::affinity(json!({"affinity": {"nodeAffinity": {}}}), json!({}))]
    #[case::pod_affinity_stays(
        json!({"affinity": {"nodeAffinity": {}, "podAffinity": {}}}), json!({"affinity": {"podAffinity": {}}})
    )]
    #[case::empty_affinity_was_so(json!({"affinity": {}}), json!({"affinity": {}}))]
    #[case::nothing_to_remove(json!({"x": 1}), json!({"x": 1}))]
    fn removed(#[case] before: Value, #[case] after: Value) {
        let objects = pod_spec::tests::of_every_kind(&before);
        for (mut object, expected) in objects.into_iter().zip(pod_spec::tests::of_every_kind(&after)) {
            NodeSelector::Remove.apply(&mut object).unwrap();
            assert_eq!(object, expected);
        }
    }

    #[test]
    fn set_replaces_the_whole_selector() {
        let mut pod =
            json!({"apiVersion": "v1", "kind": "Pod", "spec": {"nodeSelector": {"a": "b"}, "nodeName": "n"}});
        let selector = Map::from_iter([("disk".to_owned(), json!("ssd"))]);
        NodeSelector::Set(selector).apply(&mut pod).unwrap();
        assert_eq!(pod["spec"], json!({"nodeSelector": {"disk": "ssd"}, "nodeName": "n"}));
    }

    #[test]
    fn a_workload_without_pods_is_an_error() {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod"});
        assert_eq!(NodeSelector::Remove.apply(&mut pod), Err("the object has no pod spec".to_owned()));
    }
}
