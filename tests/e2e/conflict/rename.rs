//! `rename` against each kind that has its own rules: the saved object beside the live one, which stays as it is.

use serde_json::{Value, json};

use super::{Expected, Stage};

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn rename_makes_each_kind_beside_the_live_one_and_leaves_that_as_it_is() {
    let stage = Stage::new(4);
    let before = stage.all();
    let result = stage.restore(&["--on-conflict=rename"], 3);
    assert_eq!(stage.all(), before, "no live object was touched");
    let image = "/spec/template/spec/containers/0/image";
    let renamed = |object, values| Expected { object, state: "renamed", left: &[], values };
    stage.check(
        &result,
        &[
            renamed(
                "deployment/web-restored",
                vec![(image, json!("example.com/web:1")), ("/spec/template/spec/containers/1", Value::Null)],
            ),
            renamed("statefulset/db-restored", vec![("/spec/replicas", json!(1))]),
            renamed("service/ported-restored", vec![("/spec/ports/0/nodePort", json!(stage.ports.0))]),
            renamed("service/fixed-restored", vec![("/spec/clusterIP", json!(stage.addresses.0))]),
            renamed("pvc/data-restored", vec![("/spec/resources/requests/storage", json!("1Gi"))]),
            renamed("job/once-restored", vec![(image, json!("example.com/job:1"))]),
            renamed(
                "configmap/sealed-restored",
                vec![("/data/key", json!("saved")), ("/immutable", json!(true))],
            ),
            renamed("configmap/open-restored", vec![("/data", json!({"key": "saved"}))]),
            renamed("rolebinding/reader-restored", vec![("/roleRef/name", json!("view"))]),
            renamed("widget/w-restored", vec![("/spec", json!({"size": 1, "tags": ["a", "b"]}))]),
            // Two definitions of one kind cannot be.
            Expected { object: "definition", state: "refused", left: &[], values: vec![] },
        ],
    );
}
