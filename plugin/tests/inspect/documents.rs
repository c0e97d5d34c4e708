//! `-o` of `diff` and `delete`.

use rstest::rstest;
use serde_json::{Value, json};

use super::{World, world};

#[rstest]
fn a_difference_is_a_document_with_fields_and_masked_secrets(world: &World) {
    let printed = world.run(&["diff", "first", "second", "--include", "deploy,secrets,cm", "-o", "json"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (1, ""));
    let document: Value = serde_json::from_str(&printed.stdout).unwrap();
    let items = document["items"].as_array().unwrap();
    let told: Vec<_> =
        items.iter().map(|item| (item["change"].as_str().unwrap(), item["name"].as_str().unwrap())).collect();
    assert_eq!(told, [("removed", "gone"), ("added", "new"), ("changed", "web"), ("changed", "token")]);
    assert_eq!(items[2]["fields"], json!([{"field": "spec.replicas", "change": "changed"}]));
    assert_eq!(
        (&items[2]["before"]["spec"], &items[2]["after"]["spec"]["replicas"]),
        (&json!({"replicas": 2}), &json!(3))
    );
    assert_eq!(items[3]["fields"], json!([{"field": "data.password", "change": "changed"}]));
    assert_eq!(items[3]["after"]["data"]["password"], "*** (after)");
    let brief = world.run(&["diff", "first", "second", "--brief", "-o", "yaml"]);
    assert!(
        brief.stdout.contains("change: removed") && !brief.stdout.contains("  before:"),
        "{}",
        brief.stdout
    );
}

#[rstest]
fn what_differs_is_named_as_kubectl_names_it(world: &World) {
    let printed = world.run(&["diff", "first", "second", "-o", "name"]);
    assert_eq!(
        (printed.code, printed.stdout.as_str()),
        (1, "configmap/gone\nconfigmap/new\ndeployment.apps/web\nsecret/token\n")
    );
    let same = world.run(&["diff", "first", "second", "cm/odd", "-o", "json"]);
    assert_eq!(same.code, 0);
    assert_eq!(serde_json::from_str::<Value>(&same.stdout).unwrap()["items"], json!([]));
}

#[rstest]
fn what_is_deleted_is_a_document(world: &World) {
    let printed = world.run(&["delete", "first", "--dry-run", "-o", "json"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let document: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!((&document["dryRun"], &document["items"][0]["name"]), (&json!(true), &json!("first")));
    let id = document["items"][0]["id"].as_str().unwrap();
    let names = world.run(&["delete", "first", "--dry-run", "-o", "name"]);
    assert_eq!(names.stdout.trim(), id);
    let told = world.run(&["delete", "first", "--dry-run"]);
    assert_eq!(told.stdout, format!("restorepoint \"first\" ({}) deleted (dry run)\n", &id[..8]));
}
