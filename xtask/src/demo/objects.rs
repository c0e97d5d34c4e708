//! A backup, a disaster and two restores.

use anyhow::Result;

use crate::shell::workspace;

use super::{Demo, Expect};

pub(super) fn play(demo: &Demo<'_>) -> Result<()> {
    for manifest in ["shop.yaml", "discount.yaml"] {
        demo.give(&workspace().join("xtask/src/demo").join(manifest))?;
    }
    demo.chapter("An application in the namespace shop")?;
    demo.step("kubectl apply -f shop.yaml")?;
    demo.step("kubectl wait --for=condition=Established crd/discounts.shop.example.com")?;
    demo.step("kubectl apply -f discount.yaml")?;
    demo.step("kubectl get deployments,services,configmaps,secrets,pvc,discounts -n shop")?;

    demo.chapter("One command, nothing configured: a restore point")?;
    demo.step("kubectl backup create -n shop")?;
    demo.step("kubectl backup list")?;
    demo.step("kubectl backup ls latest")?;

    demo.chapter("Disaster: the namespace is gone")?;
    demo.step("kubectl delete namespace shop")?;
    demo.step("kubectl get deployments,services,configmaps,secrets,pvc,discounts -n shop")?;

    demo.chapter("All of it comes back")?;
    demo.step("kubectl backup restore latest:shop --dry-run")?;
    demo.step("kubectl backup restore latest:shop --yes")?;
    demo.step("kubectl get deployments,services,configmaps,secrets,pvc,discounts -n shop")?;

    demo.chapter("A smaller mishap: one object is damaged")?;
    demo.step(
        r#"kubectl patch configmap web-config -n shop --patch '{"data":{"app.conf":"listen = 80\n"}}'"#,
    )?;
    demo.step_expecting("kubectl backup diff latest:shop configmap/web-config -n shop", Expect::Difference)?;
    demo.step("kubectl backup restore latest:shop configmap/web-config -n shop --on-conflict patch --yes")?;
    demo.step("kubectl backup diff latest:shop configmap/web-config -n shop")
}
