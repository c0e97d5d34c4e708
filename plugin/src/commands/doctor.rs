//! `kubectl backup doctor`.

mod hooks;
mod permissions;

use std::path::Path;

use jiff::Timestamp;

use crate::{
    archive::{self, ArchiveError},
    cli::upkeep::DoctorArgs,
    cluster::{Discovery, ServerVersion},
    config::{PasswordSource, Settings},
    exit::ExitStatus,
    model::{
        check::{self, Severity},
        finding::{Finding, Level},
        repository::Location,
    },
    plan::left_out,
    report::{doctor as report, freeze::counted, size::size},
};

use super::{
    failure::Told,
    session::{Session, blocking},
};

/// The oldest minor version of Kubernetes that is counted on: the first with
/// aggregated discovery and server-side apply both stable. Older ones are answered in their own forms.
const OLDEST_MINOR: u32 = 30;

/// Clocks further apart than this make ages and times of restore points misleading (kopia's bound).
const MAX_SKEW_SECONDS: i64 = 300;

/// Less free space than this is worth a word: a few packs (16 MiB) and an index are written before anything is
/// finished.
const MIN_FREE: u64 = 256 << 20;

/// How many damages of the repository are told; `check` has them all.
const FEW_DAMAGES: usize = 3;

/// Runs `doctor`.
pub(crate) async fn run(args: DoctorArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let mut findings = vec![Finding::ok("version", format!("kubectl backup {}", env!("CARGO_PKG_VERSION")))];
    examine_cluster(&args, session, &mut findings).await;
    examine_repository(session, &mut findings).await;
    session.printer.data(&report::findings(&findings, args.output.format)?)?;
    let has_problem = findings.iter().any(|finding| finding.level == Level::Problem);
    Ok(if has_problem { ExitStatus::Failed } else { ExitStatus::Done })
}

/// A problem told by an error: its chain on one line, and its hint.
fn problem(check: &'static str, error: &anyhow::Error) -> Finding {
    let told = Told::of(error);
    Finding::new(check, Level::Problem, told.one_line(), told.hint.unwrap_or_default())
}

async fn examine_cluster(args: &DoctorArgs, session: &Session, findings: &mut Vec<Finding>) {
    let cluster = match session.cluster().await {
        Ok(cluster) => cluster,
        Err(error) => return findings.push(problem("kubeconfig", &error.into())),
    };
    findings.push(Finding::ok("kubeconfig", format!("context {}", cluster.context())));
    match cluster.server_version().await {
        Ok(version) => {
            findings.push(judge_version(&version, cluster.server()));
            findings.extend(version.clock.map(|clock| judge_clock(clock, Timestamp::now())));
        }
        Err(error) => return findings.push(problem("cluster", &error.into())),
    }
    match cluster.discover().await {
        Ok(discovery) => {
            findings.extend(judge_groups(&discovery));
            permissions::examine(args, &cluster, discovery, findings).await;
            hooks::examine(args, &cluster, findings).await;
        }
        Err(error) => findings.push(problem("discovery", &error.into())),
    }
}

fn judge_version(version: &ServerVersion, server: &str) -> Finding {
    let message = format!("Kubernetes {} at {server}", version.git_version);
    match version.minor {
        Some(minor) if minor < OLDEST_MINOR => Finding::new(
            "cluster",
            Level::Warning,
            message,
            format!(
                "versions before 1.{OLDEST_MINOR} are not tested; try a restore before you rely on a backup"
            ),
        ),
        _ => Finding::ok("cluster", message),
    }
}

/// Compares the server's clock with `now`. The header has whole seconds.
fn judge_clock(server: Timestamp, now: Timestamp) -> Finding {
    let skew = now.as_second() - server.as_second();
    if skew.abs() <= MAX_SKEW_SECONDS {
        return Finding::ok("clock", format!("{} s from the server's", skew.abs()));
    }
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    Finding::new(
        "clock",
        Level::Warning,
        format!("this machine's clock is {} s {direction} the server's", skew.abs()),
        "set the clock by a time server: restore points are named, sorted and aged by it",
    )
}

fn judge_groups(discovery: &Discovery) -> Vec<Finding> {
    let broken: Vec<Finding> = discovery
        .incomplete
        .iter()
        .filter(|group| !left_out::is_measured_group(group.group()))
        .map(|group| {
            Finding::new(
                "discovery",
                Level::Problem,
                format!("{}: {}", group.group_version, group.reason),
                "repair or remove the APIService (`kubectl get apiservices`); until then backups are incomplete",
            )
        })
        .collect();
    if broken.is_empty() {
        return vec![Finding::ok("discovery", format!("{} kinds", discovery.kinds.len()))];
    }
    broken
}

async fn examine_repository(session: &Session, findings: &mut Vec<Finding>) {
    let settings = match Settings::resolve(&session.global.repository) {
        Ok(settings) => settings,
        Err(error) => return findings.push(problem("repository", &error.into())),
    };
    let location = settings.location.clone();
    findings.push(judge_room(&location, archive::room(&location)));
    match archive::expect_repository(&location) {
        Ok(()) => {}
        Err(ArchiveError::NoRepository { .. }) => {
            let message = format!("none at {location} yet; the first backup makes it");
            return findings.push(Finding::ok("repository", message));
        }
        Err(error) => return findings.push(problem("repository", &error.into())),
    }
    if let PasswordSource::KeyFile(path) | PasswordSource::File(path) = &settings.password {
        findings.extend(judge_key_file(path));
    }
    let opened = blocking(move || {
        let repository = archive::open(&settings.access()?, std::sync::Arc::new(|_: &str| {}))?;
        Ok(repository.glance()?)
    });
    match opened.await {
        Ok((count, seen)) => findings.extend(judge_repository(count, &location, &seen)),
        Err(error) => findings.push(problem("repository", &error)),
    }
}

/// From what a glance saw; that packs hold what they should is not known by it.
fn judge_repository(count: usize, location: &Location, seen: &[check::Finding]) -> Vec<Finding> {
    let damages: Vec<&check::Finding> =
        seen.iter().filter(|finding| finding.severity == Severity::Damage).collect();
    if damages.is_empty() {
        return vec![Finding::ok("repository", format!("{} at {location}", counted(count, "restore point")))];
    }
    let remedy = "see which restore points are hit: kubectl backup check --read-data";
    let shown = damages.iter().take(FEW_DAMAGES).map(|damage| damage.message.clone());
    let more = damages.len().saturating_sub(FEW_DAMAGES);
    let more = (more > 0).then(|| format!("and {more} more damages"));
    shown.chain(more).map(|message| Finding::new("repository", Level::Problem, message, remedy)).collect()
}

fn judge_room(location: &Location, room: Result<Option<u64>, ArchiveError>) -> Finding {
    match room {
        Ok(None) => Finding::ok("room", format!("{location} can be written to")),
        Ok(Some(free)) if free >= MIN_FREE => {
            Finding::ok("room", format!("{location} can be written to, {} free", size(free)))
        }
        Ok(Some(free)) => Finding::new(
            "room",
            Level::Warning,
            format!("only {} are free for {location}", size(free)),
            "make room, or choose another place with --repo; a backup that runs out of space saves nothing",
        ),
        Err(error) => problem("room", &error.into()),
    }
}

/// A key that others on the machine can read protects nothing from them.
#[cfg(unix)]
fn judge_key_file(path: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt;
    // A file that is not there or cannot be read is told of when the repository is opened.
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    let shown = path.display();
    Some(if mode & 0o077 == 0 {
        Finding::ok("key file", format!("{shown} is readable by you alone; keep a copy elsewhere"))
    } else {
        Finding::new(
            "key file",
            Level::Warning,
            format!("{shown} can be read by others (mode {:04o})", mode & 0o7777),
            format!("chmod 600 {shown}"),
        )
    })
}

#[cfg(not(unix))]
fn judge_key_file(_path: &Path) -> Option<Finding> {
    None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::same(0, Level::Ok)]
    #[case::tolerated(300, Level::Ok)]
    #[case::ahead(301, Level::Warning)]
    #[case::behind(-301, Level::Warning)]
    fn judges_the_clock(#[case] skew: i64, #[case] expected: Level) {
        let server = Timestamp::from_second(1_800_000_000).unwrap();
        let now = Timestamp::from_second(1_800_000_000 + skew).unwrap();
        assert_eq!(judge_clock(server, now).level, expected);
    }

    #[rstest]
    #[case::plenty(Some(MIN_FREE), Level::Ok)]
    #[case::little(Some(MIN_FREE - 1), Level::Warning)]
    #[case::unknown(None, Level::Ok)]
    fn judges_the_room(#[case] free: Option<u64>, #[case] expected: Level) {
        let location = Location::Folder("/backups".into());
        assert_eq!(judge_room(&location, Ok(free)).level, expected);
    }

    #[rstest]
    #[case::whole(&[], &["2 restore points at /backups"])]
    #[case::left_over(&[(Severity::Note, "spare")], &["2 restore points at /backups"])]
    #[case::lost(&[(Severity::Damage, "a"), (Severity::Note, "spare"), (Severity::Damage, "b")], &["a", "b"])]
    #[case::much(&[(Severity::Damage, "a"); 5], &["a", "a", "a", "and 2 more damages"])]
    fn judges_the_repository(#[case] seen: &[(Severity, &str)], #[case] expected: &[&str]) {
        let finding = |(severity, message): &(Severity, &str)| check::Finding {
            severity: *severity,
            message: (*message).to_owned(),
            restore_points: Vec::new(),
            affected: Vec::new(),
        };
        let seen: Vec<_> = seen.iter().map(finding).collect();
        let judged = judge_repository(2, &Location::Folder("/backups".into()), &seen);
        assert_eq!(judged.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(), expected);
        let is_damaged = expected.len() > 1;
        assert!(judged.iter().all(|finding| (finding.level == Level::Problem) == is_damaged));
    }

    #[test]
    fn looking_for_room_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let location = |path: &str| Location::Folder(folder.path().join(path));
        let absent = judge_room(&location("a/b"), archive::room(&location("a/b")));
        let present = judge_room(&location(""), archive::room(&location("")));
        let relative = Location::Folder("no-such-folder-here".into());
        let relative = judge_room(&relative, archive::room(&relative));
        assert!([absent, present, relative].iter().all(|finding| finding.level != Level::Problem));
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(judge_room(&location("file"), archive::room(&location("file"))).level, Level::Problem);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[rstest]
    #[case::current(Some(36), Level::Ok)]
    #[case::old(Some(24), Level::Warning)]
    #[case::unknown(None, Level::Ok)]
    fn judges_the_version(#[case] minor: Option<u32>, #[case] expected: Level) {
        let version = ServerVersion { git_version: "v1.x".to_owned(), minor, clock: None };
        assert_eq!(judge_version(&version, "https://example").level, expected);
    }
}
