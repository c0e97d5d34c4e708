//! A writer that is killed at any moment leaves no damage, and takes no earlier restore point with it.
//!
//! The writer is this test program itself, started again with an environment variable. Packs are made small, so
//! that there are many moments to be killed at. `KILL_ROUNDS` sets the number of rounds.

use std::{
    env,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustic_core::{ConfigOptions, Id};

use super::*;

const FOLDER: &str = "KILL_TEST_FOLDER";
const KEY: &str = "KILL_TEST_KEY";
const ROUND: &str = "KILL_TEST_ROUND";
const OBJECTS: usize = 1500;

/// Objects that no other round has and that compress badly.
fn objects(round: u64) -> Vec<Sample> {
    let mut random = Random(round + 1);
    let mut object = |number: usize| {
        let text = (0..64).fold(String::new(), |text, _| text + &format!("{:016x}", random.next()));
        Sample::with_text("configmaps", Some(&format!("round-{round}")), &format!("map-{number:05}"), &text)
    };
    (0..OBJECTS).map(&mut object).collect()
}

/// xorshift: the rounds shall be the same each time, and the moments are random enough by themselves.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// The writer, when started by the test below; nothing otherwise.
#[test]
fn writer() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let key: MasterKey = serde_json::from_str(&env::var(KEY).unwrap()).unwrap();
    let store = Arc::new(store::local::LocalStore::new(folder.into()));
    let repository = Repository::over(Inner::new(store, key, silent()));
    save(&repository, &objects(env::var(ROUND).unwrap().parse().unwrap())).unwrap();
}

fn start_writer(fixture: &Fixture, round: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "archive::tests::killed::writer"])
        .env(FOLDER, fixture.folder.path())
        .env(KEY, serde_json::to_string(&fixture.repository.inner.key).unwrap())
        .env(ROUND, round.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn with_small_packs() -> Fixture {
    let fixture = Fixture::new();
    let (mut repository, _) = fixture.repository.inner.connect(false).unwrap();
    // Configurations are never replaced, here as elsewhere.
    fs::remove_file(fixture.folder.path().join("config")).unwrap();
    let mut options = ConfigOptions::default();
    options.set_datapack_size = "16KiB".parse().ok();
    options.set_treepack_size = "1KiB".parse().ok();
    options.set_datapack_growfactor = Some(0);
    repository.apply_config(&options).unwrap();
    fixture
}

fn file_count(fixture: &Fixture) -> usize {
    ["data", "index", "snapshots"].iter().map(|folder| fixture.files(folder).len()).sum()
}

#[test]
fn a_killed_writer_leaves_no_damage() {
    let rounds: u64 = env::var("KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(15);
    let fixture = with_small_packs();
    let first = fixture.save(&config_maps("shop", 50));
    let mut random = Random(rounds);
    let (mut saved, mut midway) = (1, 0);
    let uninterrupted = {
        let before = file_count(&fixture);
        assert!(start_writer(&fixture, rounds).wait().unwrap().success());
        saved += 1;
        file_count(&fixture) - before
    };
    assert!(uninterrupted > 20, "too few moments to be killed at: {uninterrupted}");
    for round in 0..rounds {
        let before = file_count(&fixture);
        let files = usize::try_from(random.next()).unwrap() % (uninterrupted + 2);
        let mut child = start_writer(&fixture, round);
        let deadline = Instant::now() + Duration::from_mins(1);
        while file_count(&fixture) < before + files && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the writer hangs");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let repository = fixture.reopened();
        let points = repository.restore_points().unwrap();
        let written = file_count(&fixture) - before;
        midway += u64::from(points.len() == saved && written > 0);
        saved = points.len();
        assert!(points.contains(&first), "round {round} lost an earlier restore point");
        assert_whole(&repository);
    }
    assert!(
        rounds < 10 || midway > rounds / 3,
        "only {midway} of {rounds} kills came between first and last write"
    );
    let last = save(&fixture.reopened(), &objects(rounds + 1)).unwrap();
    let repository = fixture.reopened();
    assert_whole(&repository);
    assert_eq!(read_all(&repository, &last.id, &ReadFilter::default()).len(), OBJECTS);
    assert!(backend::parse_id(&last.id.0).is_some_and(|id| id != Id::default()));
}
