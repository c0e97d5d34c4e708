//! Each policy that writes, taken back: every kind is as it was before, whatever became of it.

use rstest::rstest;
use serde_json::Value;

use super::{OBJECTS, Stage};

/// The content of all live objects: their lives may be new ones.
fn content(stage: &Stage) -> Vec<Value> {
    let without_uid = |object: Value| {
        // A Job's selector and labels are made of it.
        let uid = object[0].as_str().unwrap().to_owned();
        serde_json::from_str(&object.to_string().replace(&uid, "")).unwrap()
    };
    stage.all().into_iter().map(without_uid).collect()
}

#[rstest]
#[case::patch(5, &["--on-conflict=patch"], 3)]
#[case::exact(6, &["--on-conflict=patch", "--exact"], 3)]
#[case::replace(7, &["--on-conflict=replace"], 3)]
#[case::rename(8, &["--on-conflict=rename"], 3)]
#[ignore = "needs cluster: cargo xtask test"]
fn what_a_policy_did_to_each_kind_is_taken_back(
    #[case] number: u16,
    #[case] policy: &[&str],
    #[case] code: i32,
) {
    let stage = Stage::new(number);
    let before = content(&stage);
    let kinds = "deployments,statefulsets,services,pvc,jobs,configmaps,rolebindings";
    let names = || {
        let get = ["get", kinds, "-n", stage.world.namespace(), "-o", "name"];
        stage.world.kubectl(&get).success().stdout
    };
    let named = names();
    stage.restore(policy, code);
    let undone = stage.world.kubectl_backup(&["undo", "--yes", "-o", "json"]).success().json();
    for ((after, before), name) in content(&stage).iter().zip(&before).zip(OBJECTS) {
        let short = name.rsplit('/').next().unwrap();
        let entry = undone["objects"].as_array().unwrap().iter().find(|it| it["name"] == short);
        assert_eq!(after, before, "{name}: {entry:#?}");
    }
    assert_eq!(names(), named, "nothing is left beside them");
}
