//! `kubectl backup version`: what this program is, in the form of `kubectl version`.

use serde_json::json;

use crate::{
    cli::upkeep::{VersionArgs, VersionFormat},
    exit::ExitStatus,
    report::document,
};

use super::session::Session;

/// Runs `version`.
pub(crate) fn run(args: &VersionArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let facts = json!({"clientVersion": {"gitVersion": version, "platform": platform}});
    match args.output {
        None => session.printer.data(&format!("Client Version: {version}"))?,
        Some(VersionFormat::Json) => session.printer.exact(&document::to_json(&facts)?)?,
        Some(VersionFormat::Yaml) => session.printer.exact(&document::to_yaml(&facts)?)?,
    }
    Ok(ExitStatus::Done)
}
