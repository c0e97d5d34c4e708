//! A database that is frozen by its hook while its namespace is saved. Its pod really runs.

use anyhow::Result;
use test_cluster::{hooks::LISTENING, node::images::load_program, pods::Pods};

use crate::{
    hooks,
    shell::{target_folder, workspace},
};

use super::Demo;

/// What `hooks inject` calls its container.
const SIDECAR: &str = "kubectl-backup-hooks";

pub(super) fn play(demo: &Demo<'_>) -> Result<()> {
    demo.give(&workspace().join("xtask/src/demo/database.yaml"))?;
    demo.give(&hooks::component("postgres"))?;
    let image = load_program(demo.cluster, &target_folder().join("debug/hook-runtime"))?;

    demo.chapter("A database that runs, and is written to all the time")?;
    demo.step("kubectl apply -f database.yaml")?;
    demo.step("kubectl rollout status sts/db -n bank --timeout=180s")?;

    demo.chapter("It gets its hook: a component of its own, in a sidecar that may do next to nothing")?;
    demo.step("kubectl create configmap hooks -n bank --from-file=postgres.wasm")?;
    demo.step(&format!(
        "kubectl backup hooks inject sts/db -n bank --hook postgres --secret password=db/password \\\n    \
         --components-from hooks --image {image} --yes"
    ))?;
    demo.step("kubectl rollout status sts/db -n bank --timeout=180s")?;
    // Without optimisation it compiles for seconds.
    Pods::of_namespace(demo.cluster, "bank").wait_logged("db-0", SIDECAR, LISTENING)?;
    demo.step("kubectl backup hooks list -n bank")?;
    demo.step("kubectl backup hooks test sts/db -n bank")?;

    demo.chapter("A restore point that knows what it is worth")?;
    demo.step("kubectl backup create -n bank")?;
    demo.step("kubectl backup describe latest | sed -n '/^Freeze:/,/^Kinds:/p'")?;
    demo.step("kubectl backup hooks status -n bank")?;
    demo.step("kubectl exec db-0 -n bank -c postgres -- sh -c '/usr/lib/postgresql/*/bin/psql -c \"SELECT count(*) FROM payments\"'")
}
