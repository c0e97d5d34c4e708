//! A damaged repository costs what lay in the damaged part and nothing else, and every command says what that was.

use sha2::{Digest, Sha256};

use super::*;

const OBJECTS: usize = 200;

/// Two restore points of the same names with other content, the first of them damaged in one place.
struct Damaged {
    world: World,
    /// What of the first cannot be read, as the commands name it.
    range: String,
    /// Names in that range.
    lost: Vec<String>,
}

/// Text that compresses badly, so that objects weigh more than folders.
fn noise(seed: &str) -> String {
    let digest = |part: u8| format!("{:x}", Sha256::digest(format!("{seed}/{part}")));
    (0..8).map(digest).collect::<Vec<_>>().concat()
}

fn names() -> Vec<String> {
    (0..OBJECTS).map(|number| format!("map-{number:03}")).collect()
}

#[fixture]
#[once]
fn damaged() -> Damaged {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), KEY).unwrap();
    let root = folder.path().join("repository");
    let access = Access { location: Location::Folder(root.clone()), secret: Secret::generated(KEY) };
    let (repository, _) = archive::open_or_create(&access, Arc::new(|_| {})).unwrap();
    let point = |name: &str, created: &str| {
        let objects: Vec<_> = names()
            .iter()
            .map(|map| {
                let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(map),
                    "data": {"text": noise(&format!("{name}/{map}"))}});
                (kind("configmaps", "", "ConfigMap", "cm"), body)
            })
            .collect();
        save(&repository, name, created, &objects, vec![]);
    };
    point("old", "2026-01-01T10:00:00Z");
    damage_largest_pack(&root.join("data"));
    point("new", "2026-01-02T10:00:00Z");
    let world = World { folder };
    let printed = world.run(&["ls", "old", "-o", "name"]);
    let range = printed.stderr.lines().find_map(|line| line.strip_prefix("warning: cannot be read: "));
    let range = range.and_then(|rest| rest.split(": ").next()).unwrap_or_default().to_owned();
    let found: Vec<&str> =
        printed.stdout.lines().filter_map(|line| line.strip_prefix("configmap/")).collect();
    let lost = names().into_iter().filter(|name| !found.contains(&name.as_str())).collect();
    Damaged { world, range, lost }
}

fn damage_largest_pack(data: &Path) {
    let packs = std::fs::read_dir(data).unwrap().flat_map(|folder| {
        std::fs::read_dir(folder.unwrap().path()).unwrap().map(|pack| pack.unwrap().path())
    });
    let pack = packs.max_by_key(|pack| std::fs::metadata(pack).unwrap().len()).unwrap();
    let mut content = std::fs::read(&pack).unwrap();
    content[100] ^= 1;
    std::fs::write(&pack, content).unwrap();
}

/// The names that `shop/configmaps from A to before B` means.
fn in_range(range: &str) -> Vec<String> {
    let words: Vec<&str> = range.split(' ').collect();
    let (first, next) = match words.as_slice() {
        ["shop/configmaps", "from", first, "to", "before", next] => (*first, *next),
        ["shop/configmaps", "from", first, "on"] => (*first, "~"),
        _ => panic!("`{range}`"),
    };
    names().into_iter().filter(|name| name.as_str() >= first && name.as_str() < next).collect()
}

/// What the user reads is ours: no name of a library, no form of a debugger.
fn assert_own_words(text: &str) {
    for foreign in ["rustic", "aead::", "Error", "kind:", "source:", "pack {", "Tree", "blob"] {
        assert!(!text.contains(foreign), "`{foreign}` in {text}");
    }
}

#[rstest]
fn ls_lists_the_rest_and_names_the_range_that_is_lost(damaged: &Damaged) {
    assert_eq!(damaged.lost, in_range(&damaged.range));
    assert!(!damaged.lost.is_empty() && damaged.lost.len() <= 64, "{:?}", damaged.lost);
    for arguments in [&["ls", "old"][..], &["ls", "old", "-o", "json"], &["ls", "old", "--tree"]] {
        let printed = damaged.world.run(arguments);
        assert_eq!(printed.code, 3, "{}", printed.stderr);
        let mut lines = printed.stderr.lines();
        assert!(lines.next().unwrap().starts_with(&format!("warning: cannot be read: {}: ", damaged.range)));
        assert!(lines.next().unwrap().contains("kubectl backup check"), "{}", printed.stderr);
        assert_eq!(lines.next(), None);
        assert_own_words(&printed.stderr);
    }
    assert_eq!(damaged.world.run(&["ls", "new"]).code, 0);
}

#[rstest]
fn get_prints_the_rest(damaged: &Damaged) {
    let printed = damaged.world.run(&["get", "old", "cm", "-n", "shop", "-o", "name"]);
    assert_eq!((printed.code, printed.stdout.lines().count()), (3, OBJECTS - damaged.lost.len()));
    assert!(printed.stderr.contains(&damaged.range), "{}", printed.stderr);
    let lost = format!("cm/{}", damaged.lost[0]);
    let kept = names().into_iter().find(|name| !damaged.lost.contains(name)).unwrap();
    let kept = format!("cm/{kept}");
    let both = damaged.world.run(&["get", "old", &lost, &kept, "-n", "shop", "-o", "name"]);
    assert_eq!((both.code, both.stdout.lines().count()), (3, 1), "{}", both.stderr);
    let named = format!("warning: cannot be read: shop/configmaps/{}: ", damaged.lost[0]);
    assert!(both.stderr.starts_with(&named), "{}", both.stderr);
    assert_own_words(&both.stderr);
}

#[rstest]
fn diff_compares_the_rest_and_takes_nothing_unreadable_for_a_difference(damaged: &Damaged) {
    for order in [["old", "new"], ["new", "old"]] {
        let printed = damaged.world.run(&["diff", order[0], order[1], "--brief"]);
        assert_eq!(printed.code, 2, "{}", printed.stderr);
        assert_eq!(printed.stdout.lines().count(), OBJECTS - damaged.lost.len());
        assert!(printed.stdout.lines().all(|line| line.starts_with("changed ")), "{}", printed.stdout);
        assert!(printed.stderr.contains(&damaged.range), "{}", printed.stderr);
        assert_own_words(&printed.stderr);
    }
}

#[rstest]
fn history_tells_what_it_can(damaged: &Damaged) {
    let lost = format!("cm/{}", damaged.lost[0]);
    let printed = damaged.world.run(&["history", &lost, "-n", "shop", "--all"]);
    assert_eq!(printed.code, 3, "{}", printed.stderr);
    let changes: Vec<_> =
        printed.stdout.lines().skip(1).map(|line| line.split("   ").last().unwrap().trim()).collect();
    assert_eq!(changes, ["created", "unreadable"], "{}", printed.stdout);
    assert!(printed.stderr.starts_with("warning: cannot be read: "), "{}", printed.stderr);
    assert_own_words(&printed.stderr);
}

#[rstest]
fn check_names_the_range_in_our_words(damaged: &Damaged) {
    let printed = damaged.world.run(&["check", "--read-data"]);
    assert_eq!(printed.code, 1);
    assert!(printed.stdout.contains(&format!("  {}\n", damaged.range)), "{}", printed.stdout);
    assert!(printed.stderr.contains("kubectl backup"), "{}", printed.stderr);
    assert_own_words(&printed.stdout);
    assert_own_words(&printed.stderr);
}

#[test]
fn lost_snapshots_are_not_taken_for_a_repository_without_any() {
    let world = world();
    std::fs::remove_dir_all(world.folder.path().join("repository/snapshots")).unwrap();
    let printed = world.run(&["list"]);
    assert!(printed.stderr.contains("`snapshots` of the repository are lost"), "{}", printed.stderr);
}
