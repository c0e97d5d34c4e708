//! The network of one node: a bridge with a number, which is what tells nodes on one machine apart.
//!
//! A bridge bears the name of its cluster's folder as its alias, so that nobody removes another's.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::stdout_of;

use super::NodeRecord;

/// Numbers of nodes: the third byte of their addresses.
pub(super) const NUMBERS: std::ops::RangeInclusive<u8> = 1..=250;

/// What is known of a bridge.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bridge {
    /// There is none.
    Absent,
    /// It was made and not yet named after its cluster.
    Nameless,
    /// It belongs to the cluster in this folder.
    Of(PathBuf),
}

/// The bridge of this node.
pub(super) fn look(node: &NodeRecord) -> Result<Bridge> {
    let path = Path::new("/sys/class/net").join(node.name()).join("ifalias");
    match fs::read_to_string(&path) {
        Ok(alias) if alias.trim().is_empty() => Ok(Bridge::Nameless),
        Ok(alias) => Ok(Bridge::Of(alias.trim().into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Bridge::Absent),
        Err(error) => Err(error).with_context(|| format!("could not read `{}`", path.display())),
    }
}

/// Makes the bridge. False when there is one already.
pub(super) fn make(node: &NodeRecord, folder: &Path) -> Result<bool> {
    let name = node.name();
    let folder = folder.to_str().context("the cluster folder's name is not UTF-8")?;
    let address = format!("{}/24", node.address());
    if let Err(error) = ip(&["link", "add", &name, "type", "bridge"]) {
        if look(node)? == Bridge::Absent {
            return Err(error.context(format!("could not make the bridge `{name}`")));
        }
        return Ok(false);
    }
    ip(&["link", "set", "dev", &name, "alias", folder])?;
    ip(&["address", "add", &address, "dev", &name])?;
    ip(&["link", "set", "dev", &name, "up"])?;
    Ok(true)
}

/// Removes the bridge of the cluster in `folder`. Does nothing when there is none, or another's.
pub(super) fn remove(node: &NodeRecord, folder: &Path) -> Result<()> {
    match look(node)? {
        Bridge::Absent => return Ok(()),
        Bridge::Of(owner) if owner != folder => return Ok(()),
        Bridge::Nameless | Bridge::Of(_) => {}
    }
    ip(&["link", "delete", "dev", &node.name()])
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = stdout_of(Command::new("ip").args(arguments))?;
    if !output.is_empty() {
        bail!("`ip {}` said: {output}", arguments.join(" "));
    }
    Ok(())
}
