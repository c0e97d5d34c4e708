//! The floors: the same reads and writes with nothing around them, over the same number of connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use futures::future::try_join_all;
use kube::{
    Client,
    config::{KubeConfigOptions, Kubeconfig},
    core::{
        DynamicObject, ObjectList, Request,
        params::{ListParams, Patch, PatchParams, PostParams},
    },
};
use serde_json::{Value, json};

use crate::workload::{Workload, widget_definition};

/// Lists under way at the same time: the default of `create --parallel`.
const LISTS: usize = 6;
/// Objects a page: the default of `create --chunk-size`.
const PAGE: u32 = 500;
/// Writes under way at the same time: the default of `restore --parallel`.
pub(crate) const WRITES: usize = 24;

/// The API server under measurement.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
}

/// What a bare listing does with a page.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// Throws its bytes away.
    Bytes,
    /// Makes objects of them, as `Api::<DynamicObject>::list` of kube does, and throws those away.
    Objects,
}

/// What a bare listing came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    /// How long it took.
    pub(crate) time: Duration,
    /// Bytes of JSON.
    pub(crate) bytes: usize,
}

impl Api {
    /// With the current context of the kubeconfig at `path`.
    pub(crate) async fn connect(path: &std::path::Path) -> anyhow::Result<Self> {
        let kubeconfig = Kubeconfig::read_from(path)?;
        let mut config =
            kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        // As the plugin does on the loopback interface; a floor that has the server compress would be too high.
        config.disable_compression = true;
        Ok(Self { client: Client::try_from(config)? })
    }

    /// `v1.36.3`.
    pub(crate) async fn version(&self) -> anyhow::Result<String> {
        Ok(self.client.apiserver_version().await?.git_version)
    }

    /// Creates the custom resource definition and the namespaces of `workload`.
    pub(crate) async fn prepare(&self, workload: Workload, prefix: &str) -> anyhow::Result<()> {
        self.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &widget_definition()).await?;
        for name in workload.namespace_names(prefix) {
            self.post("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await?;
        }
        for _ in 0..100 {
            if self.page("/apis/bench.kubectl-backup.io/v1/widgets", None).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the custom resource definition is not served after 10 s")
    }

    /// Creates all objects of `workload`: the bare parallel create loop. Returns the time it took.
    pub(crate) async fn create_all(&self, workload: Workload, prefix: &str) -> anyhow::Result<Duration> {
        let next = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        let writers = (0..WRITES).map(|_| {
            let (api, next, prefix) = (self.clone(), Arc::clone(&next), prefix.to_owned());
            tokio::spawn(async move {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= workload.objects {
                        return anyhow::Ok(());
                    }
                    let object = workload.object(&prefix, index);
                    api.post(&object.path, &object.body).await?;
                }
            })
        });
        for outcome in try_join_all(writers).await? {
            outcome?;
        }
        Ok(started.elapsed())
    }

    /// Lists all kinds of the workload over all namespaces in parallel pages.
    pub(crate) async fn list_all(&self, reading: Reading) -> anyhow::Result<Listed> {
        let collections: Arc<Vec<String>> = Arc::new(Workload::collections().collect());
        let next = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        let readers = (0..LISTS).map(|_| {
            let (api, next, collections) = (self.clone(), Arc::clone(&next), Arc::clone(&collections));
            tokio::spawn(async move {
                let mut bytes = 0;
                while let Some(path) = collections.get(next.fetch_add(1, Ordering::Relaxed)) {
                    bytes += api.list(path, reading).await?;
                }
                anyhow::Ok(bytes)
            })
        });
        let mut bytes = 0;
        for outcome in try_join_all(readers).await? {
            bytes += outcome?;
        }
        Ok(Listed { time: started.elapsed(), bytes })
    }

    /// Changes the object number `index`, so that the next backup finds something new in it.
    pub(crate) async fn touch(
        &self,
        workload: Workload,
        prefix: &str,
        index: usize,
        mark: &str,
    ) -> anyhow::Result<()> {
        let object = workload.object(prefix, index);
        let mark = json!({"metadata": {"annotations": {"example.com/touched": mark}}});
        let request =
            Request::new(&object.path).patch(&object.name, &PatchParams::default(), &Patch::Merge(&mark))?;
        self.client
            .request_text(request)
            .await
            .with_context(|| format!("could not change {}", object.name))?;
        Ok(())
    }

    async fn list(&self, path: &str, reading: Reading) -> anyhow::Result<usize> {
        let mut bytes = 0;
        let mut token = None;
        loop {
            let page = self.page(path, token.as_deref()).await?;
            bytes += page.len();
            token = match reading {
                Reading::Bytes => continue_token(&page).map(str::to_owned),
                Reading::Objects => {
                    let page: ObjectList<DynamicObject> = serde_json::from_str(&page)?;
                    page.metadata.continue_.filter(|token| !token.is_empty())
                }
            };
            if token.is_none() {
                return Ok(bytes);
            }
        }
    }

    async fn page(&self, path: &str, token: Option<&str>) -> anyhow::Result<String> {
        let mut query = ListParams::default().limit(PAGE);
        if let Some(token) = token {
            query = query.continue_token(token);
        }
        let request = Request::new(path).list(&query)?;
        self.client.request_text(request).await.with_context(|| format!("could not list {path}"))
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = Request::new(path).create(&PostParams::default(), serde_json::to_vec(body)?)?;
        match self.client.request_text(request).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "AlreadyExists" => Ok(()),
            Err(error) => Err(error).with_context(|| format!("could not create in {path}")),
        }
    }
}

/// The token of the next page: the server writes a list's `metadata` before its items, so no parsing is needed.
fn continue_token(page: &str) -> Option<&str> {
    let head = &page[..page.find("\"items\"").unwrap_or(page.len())];
    let (_, behind) = head.split_once("\"continue\":\"")?;
    behind.split_once('"').map(|(token, _)| token).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::continue_token;

    #[test]
    fn token_is_found_in_the_head_only() {
        let last = r#"{"metadata":{"resourceVersion":"1"},"items":[{"data":{"x":"\"continue\":\"no\""}}]}"#;
        assert_eq!(continue_token(last), None);
        assert_eq!(continue_token(r#"{"metadata":{"continue":"abc"},"items":[]}"#), Some("abc"));
    }
}
