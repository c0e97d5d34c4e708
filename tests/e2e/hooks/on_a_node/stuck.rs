//! Runtimes that fail: one that is there and does nothing more, with a freeze in its hands, and one that cannot start.

use serde_json::{Value, json};
use test_cluster::pods::Pods;

use super::{Stage, ended, pod_spec, stocked, wait_answering};

/// The sidecar that `hooks inject` makes.
const CONTAINER: &str = "kubectl-backup-hooks";

/// A `StatefulSet` with one pod, `db-0`, whose runtime was injected with these words.
fn injected(more: &[&str]) -> Stage {
    let (world, image) = stocked();
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {
            "selector": {"matchLabels": {"app": "lines"}},
            "serviceName": "db",
            "template": {"metadata": {"labels": {"app": "lines"}}, "spec": pod_spec()},
        },
    });
    world.apply(&set.to_string());
    let words = ["hooks", "inject", "sts/db", "--hook=guest", "--connect=127.0.0.1:7000", "--yes"];
    let words = words.into_iter().chain(["--setting=address=127.0.0.1:7000", "--image", &image]);
    let words = words.chain(more.iter().copied());
    world.kubectl_backup(&words.collect::<Vec<_>>()).success();
    world.kubectl(&["rollout", "status", "sts/db", "--timeout=180s"]).success();
    let pods = Pods::of_namespace(world.cluster(), world.namespace());
    Stage { world, pods }
}

/// How often the runtime and the application of `db-0` were started again.
fn restarts(stage: &Stage) -> (Value, Value) {
    let live = stage.world.object("pod/db-0").unwrap();
    let of = |containers: &str| live["status"][containers][0]["restartCount"].clone();
    (of("initContainerStatuses"), of("containerStatuses"))
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_runtime_that_is_stuck_is_restarted_and_its_application_thaws_and_goes_on() {
    let stage = injected(&["--secret=password=hooks/password", "--components-from=hooks"]);
    wait_answering(&stage.world, "sts/db");
    stage.fill();
    let child = stage.begin(&[]);
    stage.pods.suspend_container("db-0", CONTAINER).unwrap();
    let (code, said) = ended(child);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(stage.world.restore_points(), 0, "{said}");
    // Nobody in the pod lets go but who restarts the runtime: its session ends with it.
    stage.wait_frozen("db-0", false);
    stage.world.wait_until("the runtime runs again", || restarts(&stage) == (json!(1), json!(0)));
    wait_answering(&stage.world, "sts/db");
    let made = stage.world.kubectl_backup(&["create", "--hooks=require"]).success();
    assert!(made.stdout.contains("application-consistent"), "{}", made.stdout);
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_runtime_that_lacks_what_it_was_promised_keeps_no_application_from_starting() {
    let stage = injected(&["--secret=password=hooks/forgotten", "--components-from=later"]);
    stage.pods.wait_logged("db-0", CONTAINER, "could not read the component of hook `guest`").unwrap();
    let ready = |live: &Value| {
        let conditions = live["status"]["conditions"].as_array().unwrap();
        conditions.iter().any(|it| it["type"] == "Ready" && it["status"] == "True")
    };
    let live = stage.world.object("pod/db-0").unwrap();
    assert!(ready(&live), "{}", live["status"]);
    assert_eq!(restarts(&stage), (json!(0), json!(0)));
    let refused = stage.world.kubectl_backup(&["create", "--hooks=require"]).exits_with(1);
    assert!(refused.stderr.contains("hook guest of pod"), "{}", refused.stderr);
}
