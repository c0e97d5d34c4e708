//! `kubectl backup completion`: a script for one shell, or the shim through which kubectl completes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::CommandFactory;

use crate::{
    cli::{
        Cli,
        upkeep::{CompletionArgs, Shell},
    },
    exit::ExitStatus,
};

use super::{complete::SHIM, session::Session};

/// The plugin's file name on PATH.
const PLUGIN: &str = if cfg!(windows) { "kubectl-backup.exe" } else { "kubectl-backup" };

/// Runs `completion`.
pub(crate) fn run(args: &CompletionArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    match args.shell {
        Some(shell) => session.printer.data(&script(shell))?,
        None => install(session)?,
    }
    Ok(ExitStatus::Done)
}

fn script(shell: Shell) -> String {
    use clap_complete::aot::{Shell as Target, generate};

    let target = match shell {
        Shell::Bash => Target::Bash,
        Shell::Zsh => Target::Zsh,
        Shell::Fish => Target::Fish,
        Shell::Powershell => Target::PowerShell,
    };
    let mut text = Vec::new();
    generate(target, &mut Cli::command(), "kubectl-backup", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn install(session: &Session) -> anyhow::Result<()> {
    let called_as = std::env::args_os().next().map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let place = Place::find(called_as.as_deref(), &std::env::current_exe()?, &path);
    let shim = place.folder.join(shim_file_name());
    match put_shim(&shim, &place.plugin)? {
        Put::Written => session.printer.note(&format!("wrote {}", shim.display())),
        Put::AlreadyThere => session.printer.note(&format!("{} is in place already", shim.display())),
    }
    if place.on_path {
        session.printer.note("kubectl now completes `kubectl backup …` in a shell that completes kubectl;");
        session.printer.note("see `kubectl completion --help` for setting that up");
    } else {
        session.printer.warning(&format!(
            "{} is not on PATH, so kubectl will not find the shim; add the folder to PATH",
            place.folder.display()
        ));
    }
    Ok(())
}

fn shim_file_name() -> String {
    if cfg!(windows) { format!("{SHIM}.cmd") } else { SHIM.to_owned() }
}

/// Where the shim goes.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    folder: PathBuf,
    /// The plugin in that folder, or the running binary when it has another name.
    plugin: PathBuf,
    on_path: bool,
}

impl Place {
    /// The folder in which kubectl finds the plugin. With Krew that is a folder of links, and not the one the
    /// running binary lies in; kubectl would never look for the shim there.
    fn find(called_as: Option<&Path>, running: &Path, path: &std::ffi::OsStr) -> Self {
        let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
        let named = called_as.filter(|name| name.is_absolute()).and_then(Path::parent);
        let of_call = named.filter(|folder| folders.iter().any(|on_path| on_path == folder));
        let of_path = || folders.iter().find(|folder| folder.join(PLUGIN).is_file()).map(PathBuf::as_path);
        if let Some(folder) = of_call.or_else(of_path) {
            return Self { folder: folder.to_owned(), plugin: folder.join(PLUGIN), on_path: true };
        }
        let folder = running.parent().unwrap_or(Path::new(".")).to_owned();
        Self { folder, plugin: running.to_owned(), on_path: false }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Put {
    Written,
    AlreadyThere,
}

/// Why the shim could not be put in place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// There is a file of that name, and it is not ours.
    #[error("{} exists and does not lead to this program", shim.display())]
    Foreign { shim: PathBuf },
    /// No right to write there, a full disk, …
    #[error("could not write {}", shim.display())]
    Write {
        shim: PathBuf,
        plugin: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl InstallError {
    /// The next thing to do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Foreign { shim } => {
                format!("look at it; if it is not needed, delete {} and run this again", shim.display())
            }
            Self::Write { plugin, .. } if cfg!(windows) => {
                format!(
                    "put a {SHIM}.cmd that calls `{} __complete -- %*` into a folder on PATH",
                    plugin.display()
                )
            }
            Self::Write { plugin, .. } => format!(
                "run this as a user who may write there, or link it in any folder on PATH yourself: \
                 `ln -s {} FOLDER/{SHIM}`",
                plugin.display()
            ),
        }
    }
}

/// Puts the shim at `shim`; what is there already is never overwritten.
fn put_shim(shim: &Path, plugin: &Path) -> Result<Put, InstallError> {
    match write_shim(shim, plugin) {
        Ok(()) => Ok(Put::Written),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if leads_to(shim, plugin) {
                Ok(Put::AlreadyThere)
            } else {
                Err(InstallError::Foreign { shim: shim.to_owned() })
            }
        }
        Err(source) => Err(InstallError::Write { shim: shim.to_owned(), plugin: plugin.to_owned(), source }),
    }
}

/// A link that names the plugin beside it, so that it survives an update that replaces the plugin.
#[cfg(unix)]
fn write_shim(shim: &Path, plugin: &Path) -> io::Result<()> {
    let target = plugin.file_name().map_or(plugin, Path::new);
    std::os::unix::fs::symlink(target, shim)
}

#[cfg(unix)]
fn leads_to(shim: &Path, plugin: &Path) -> bool {
    matches!((fs::canonicalize(shim), fs::canonicalize(plugin)), (Ok(shim), Ok(plugin)) if shim == plugin)
}

/// Links need a privilege on Windows; a batch file does not.
#[cfg(not(unix))]
fn write_shim(shim: &Path, plugin: &Path) -> io::Result<()> {
    use std::io::Write;

    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(shim)?;
    file.write_all(batch_file(plugin).as_bytes())
}

#[cfg(not(unix))]
fn leads_to(shim: &Path, plugin: &Path) -> bool {
    fs::read_to_string(shim).is_ok_and(|text| text == batch_file(plugin))
}

#[cfg(not(unix))]
fn batch_file(plugin: &Path) -> String {
    let name = plugin.file_name().unwrap_or(plugin.as_os_str()).to_string_lossy();
    format!("@\"%~dp0{name}\" __complete -- %*\r\n")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn with_plugin() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plugin = folder.path().join(PLUGIN);
        fs::write(&plugin, "").expect("it can be written");
        let shim = folder.path().join(SHIM);
        (folder, plugin, shim)
    }

    #[test]
    fn shim_is_a_link_to_the_plugin_beside_it_and_is_put_once() {
        let (_folder, plugin, shim) = with_plugin();
        assert_eq!(put_shim(&shim, &plugin).unwrap(), Put::Written);
        assert_eq!(fs::read_link(&shim).unwrap(), Path::new(PLUGIN));
        assert_eq!(put_shim(&shim, &plugin).unwrap(), Put::AlreadyThere);
    }

    #[test]
    fn foreign_file_stays_as_it_is() {
        let (_folder, plugin, shim) = with_plugin();
        fs::write(&shim, "somebody else's").unwrap();
        let error = put_shim(&shim, &plugin).unwrap_err();
        assert!(matches!(error, InstallError::Foreign { .. }), "{error:?}");
        assert_eq!(fs::read_to_string(&shim).unwrap(), "somebody else's");
    }

    #[test]
    fn folder_that_cannot_be_written_gets_a_way_out() {
        let (_folder, plugin, _) = with_plugin();
        let error = put_shim(Path::new("/nonexistent/shim"), &plugin).unwrap_err();
        assert!(error.hint().contains("ln -s"), "{}", error.hint());
    }

    #[test]
    fn shim_goes_where_kubectl_finds_the_plugin() {
        let (folder, plugin, _) = with_plugin();
        let path = std::env::join_paths([Path::new("/usr/bin"), folder.path()]).unwrap();
        let expected = Place { folder: folder.path().to_owned(), plugin: plugin.clone(), on_path: true };
        let store = Path::new("/krew/store/backup/v1/kubectl-backup");
        assert_eq!(Place::find(Some(&plugin), store, &path), expected);
        assert_eq!(Place::find(Some(Path::new("kubectl-backup")), store, &path), expected);
    }

    #[test]
    fn without_a_plugin_on_path_the_binary_itself_is_meant() {
        let running = Path::new("/opt/tool/kubectl-backup");
        let place = Place::find(None, running, "/nonexistent".as_ref());
        assert_eq!((place.folder.as_path(), place.on_path), (Path::new("/opt/tool"), false));
        assert_eq!(place.plugin, running);
    }
}
