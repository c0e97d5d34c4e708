//! The way to hook runtimes: through the API server's port-forward.

use std::error::Error;

use futures::future::BoxFuture;

use crate::{
    cluster::Cluster,
    hooks::{Connect, Duplex, Target},
};

/// Reaches runtimes in the pods of a cluster.
#[derive(Debug)]
pub(in crate::commands) struct Forwards(pub(in crate::commands) Cluster);

impl Connect for Forwards {
    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Box<dyn Duplex>, Box<dyn Error + Send + Sync>>> {
        Box::pin(async move {
            let pod = &target.terms.pod;
            let stream = self.0.forward(&pod.namespace, &pod.name, target.port).await?;
            Ok(Box::new(stream) as Box<dyn Duplex>)
        })
    }
}
