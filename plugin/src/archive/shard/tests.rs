//! The laws of cutting: nothing lost, everything found, and a change stays where it is.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::model::resource::GroupResource;

use super::*;

fn group() -> Group {
    Group::new(GroupResource::new("configmaps", ""), Some("shop".to_owned()))
}

fn object(name: &str, size: usize) -> CapturedObject {
    let json = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": "shop" },
        "data": "x".repeat(size),
    });
    CapturedObject {
        namespace: Some("shop".to_owned()),
        name: name.to_owned(),
        json: json.to_string().into(),
    }
}

fn cut(names: &BTreeSet<String>, size: usize) -> Vec<Shard> {
    let (mut sharder, mut ready) = (Sharder::default(), VecDeque::new());
    for name in names {
        sharder.push(&group(), &object(name, size), &mut ready).unwrap();
    }
    sharder.flush(&mut ready);
    ready.into()
}

fn contents(shards: &[Shard]) -> Vec<Vec<String>> {
    let next = |index: usize| shards.get(index + 1).map(|shard| shard.name.as_str());
    shards
        .iter()
        .enumerate()
        .map(|(index, shard)| {
            let objects = read(&shard.content, &shard.group, &shard.name, next(index)).unwrap();
            objects.into_iter().map(|object| object.key.name).collect()
        })
        .collect()
}

fn names() -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set("[a-z][a-z0-9.:-]{0,12}", 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn shards_hold_every_object_once_and_in_order(names in names()) {
        let shards = cut(&names, 10);
        let read: Vec<String> = contents(&shards).concat();
        prop_assert_eq!(read, names.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn an_object_lies_in_the_last_shard_that_is_not_named_behind_it(names in names()) {
        let shards = cut(&names, 10);
        let contents = contents(&shards);
        for name in &names {
            let behind = shards.partition_point(|shard| shard.name.as_str() <= name.as_str());
            prop_assert!(contents[behind - 1].contains(name));
        }
    }

    /// Between two names that end a shard by themselves nothing outside can move a boundary.
    #[test]
    fn a_new_object_changes_only_the_run_it_falls_into(names in names(), new in "[a-z][a-z0-9.:-]{0,12}") {
        let before: BTreeSet<Vec<String>> = contents(&cut(&names, 10)).into_iter().collect();
        let mut more = names.clone();
        more.insert(new.clone());
        let after: BTreeSet<Vec<String>> = contents(&cut(&more, 10)).into_iter().collect();
        let from = names.range(..new.clone()).rev().find(|name| ends_shard(name));
        let to = names.range(new..).find(|name| ends_shard(name));
        for changed in before.symmetric_difference(&after) {
            for name in changed {
                prop_assert!(from.is_none_or(|from| name > from), "{} precedes {:?}", name, from);
                prop_assert!(to.is_none_or(|to| name <= to), "{} follows {:?}", name, to);
            }
        }
    }

    /// Whatever a repository holds, reading it ends with objects or with a reason.
    #[test]
    fn reading_anything_ends_well(content in ".{0,200}", name in "[a-z]{1,5}") {
        let _ = read(content.as_bytes(), &group(), &name, None);
    }
}

#[test]
fn a_shard_has_no_more_objects_than_it_may() {
    // Names none of which ends a shard by itself.
    let names: BTreeSet<String> =
        (0..).map(|number| format!("n{number:06}")).filter(|name| !ends_shard(name)).take(200).collect();
    let sizes: Vec<usize> = contents(&cut(&names, 10)).iter().map(Vec::len).collect();
    assert_eq!(sizes, [64, 64, 64, 8]);
}

#[test]
fn a_shard_is_closed_before_it_grows_too_large() {
    let names: BTreeSet<String> = (0..8).map(|number| format!("n{number:06}")).collect();
    let shards = cut(&names, 1 << 20);
    assert!(shards.len() > 2);
    for shard in shards {
        assert!(shard.content.len() <= LARGEST_SHARD + HEAD.len() + TAIL.len() + MOST_OBJECTS * 2);
    }
}

#[test]
fn an_object_larger_than_a_shard_has_one_to_itself() {
    let shards = cut(&BTreeSet::from(["large".to_owned()]), LARGEST_SHARD + 1);
    assert_eq!(contents(&shards), [["large".to_owned()]]);
}

#[test]
fn shards_have_about_sixteen_objects() {
    let names: BTreeSet<String> = (0..10_000).map(|number| format!("web-{number}")).collect();
    let shards = cut(&names, 10).len();
    assert!((10_000 / 24..10_000 / 10).contains(&shards), "{shards}");
}
