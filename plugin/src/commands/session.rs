//! What every verb needs: the global flags, the printer, and the ways to a cluster and a repository.

use crate::{
    cli::GlobalArgs,
    cluster::{Cluster, ClusterError},
    report::printer::Printer,
};

/// One run of the plugin.
#[derive(Debug)]
pub(crate) struct Session {
    /// Flags that every verb takes.
    pub(crate) global: GlobalArgs,
    /// The way to stdout and stderr.
    pub(crate) printer: Printer,
}

impl Session {
    /// For the given flags.
    pub(crate) fn new(global: GlobalArgs, printer: Printer) -> Self {
        Self { global, printer }
    }

    /// The cluster that the connection flags mean. No request is made yet.
    pub(crate) async fn cluster(&self) -> Result<Cluster, ClusterError> {
        Cluster::connect(&self.global.connection).await
    }
}
