//! What a hook may ask of the runtime: one file for each interface of the WIT package. A guest is hostile, so every text
//! and number it gives is bounded here.

mod configuration;
mod limits;
mod log;
mod mounts;
pub(crate) mod tls;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView, sockets::SocketAddrUse};
use wasmtime_wasi_tls::{WasiTlsCtx, WasiTlsCtxBuilder, WasiTlsCtxView, WasiTlsView};

pub(crate) use self::{limits::Limits, log::HookLog, mounts::Mounts};
use crate::{
    bindings::kubectl_backup::hook::types::{self, ErrorKind},
    configuration::{HookConfiguration, Tls},
};

/// What one hook is granted.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(crate) connect: Vec<SocketAddr>,
    /// Values of the settings that the hook describes, its defaults included.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) secrets: BTreeMap<String, PathBuf>,
    pub(crate) tls: Option<Tls>,
    pub(crate) mounts: Mounts,
    /// There in `recover` alone.
    pub(crate) folders: BTreeMap<String, PathBuf>,
}

impl Grants {
    pub(crate) fn new(configuration: &HookConfiguration, settings: BTreeMap<String, String>) -> Self {
        Self {
            connect: configuration.connect.clone(),
            settings,
            secrets: configuration.secrets.clone(),
            tls: configuration.tls.clone(),
            mounts: Mounts::new(&configuration.mounts),
            folders: configuration.folders.clone(),
        }
    }
}

/// Whether an instance has the granted folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folders {
    /// As in every call but `recover`: what a database writes is not for a hook beside it.
    Hidden,
    /// To read and to write.
    Writable,
}

/// What the runtime keeps for one instance.
pub(crate) struct State {
    wasi: WasiCtx,
    tls: WasiTlsCtx,
    table: ResourceTable,
    pub(crate) limits: Limits,
    grants: Arc<Grants>,
    log: Arc<HookLog>,
}

impl State {
    /// Nothing of WASI has anything behind it but clocks, random numbers, the log as stderr, granted addresses, TLS
    /// with them, and granted folders. A folder that is not there is told.
    pub(crate) fn new(
        grants: &Arc<Grants>,
        log: &Arc<HookLog>,
        limits: Limits,
        folders: Folders,
    ) -> wasmtime::Result<Self> {
        let granted = Arc::clone(grants);
        let mut wasi = WasiCtx::builder();
        if folders == Folders::Writable {
            for (name, path) in &grants.folders {
                wasi.preopened_dir(path, format!("/{name}"), FsPerms::ReadWrite).map_err(|error| {
                    wasmtime::format_err!("could not open the folder `{}`: {error}", path.display())
                })?;
            }
        }
        let wasi = wasi
            .allow_tcp(true)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .socket_addr_check(move |address, purpose| {
                let allowed = may_use(&granted.connect, address, purpose);
                Box::pin(async move { allowed })
            })
            .stderr(log::Stderr(Arc::clone(log)))
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::MOST_RESOURCES);
        let tls = Box::new(tls::Provider::new(grants.tls.clone()));
        let tls = WasiTlsCtxBuilder::new().provider(tls).build();
        Ok(Self { wasi, tls, table, limits, grants: Arc::clone(grants), log: Arc::clone(log) })
    }
}

fn may_use(granted: &[SocketAddr], address: SocketAddr, purpose: SocketAddrUse) -> bool {
    match purpose {
        SocketAddrUse::TcpConnect => granted.contains(&address),
        // Connecting binds to any port of any address, and that is asked for too.
        SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
        _ => false,
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiTlsView for State {
    fn tls(&mut self) -> WasiTlsCtxView<'_> {
        WasiTlsCtxView { ctx: &mut self.tls, table: &mut self.table }
    }
}

impl types::Host for State {}

fn denied(message: String) -> types::Error {
    types::Error { kind: ErrorKind::Denied, message }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::granted("127.0.0.1:5432", SocketAddrUse::TcpConnect, true)]
    #[case::other_port("127.0.0.1:5433", SocketAddrUse::TcpConnect, false)]
    #[case::other_address("10.0.0.1:5432", SocketAddrUse::TcpConnect, false)]
    #[case::implicit_bind("0.0.0.0:0", SocketAddrUse::TcpBind, true)]
    #[case::own_port("0.0.0.0:80", SocketAddrUse::TcpBind, false)]
    #[case::listen("127.0.0.1:5432", SocketAddrUse::TcpListen, false)]
    #[case::datagram("127.0.0.1:5432", SocketAddrUse::UdpSend, false)]
    fn uses_only_granted_addresses(
        #[case] address: SocketAddr,
        #[case] purpose: SocketAddrUse,
        #[case] expected: bool,
    ) {
        let granted = ["127.0.0.1:5432".parse().unwrap()];
        assert_eq!(may_use(&granted, address, purpose), expected);
    }
}
