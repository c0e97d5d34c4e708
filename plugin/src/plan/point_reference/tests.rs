//! What words mean, case by case.

use jiff::Zoned;
use rstest::rstest;

use super::*;
use crate::model::restore_point::{RestorePointId, Summary};

fn point(
    id: &str,
    name: &str,
    created: &str,
    namespaces: &[&str],
    completeness: Completeness,
) -> RestorePoint {
    RestorePoint {
        id: RestorePointId(format!("{id}{}", "0".repeat(64 - id.len()))),
        created: created.parse().unwrap(),
        summary: Summary {
            format: 1,
            name: name.to_owned(),
            completeness,
            objects: 1,
            bytes: 1,
            namespaces: namespaces.iter().map(|&name| name.to_owned()).collect(),
            namespace_count: namespaces.len() as u64,
            cluster_uid: String::new(),
            context: "test".to_owned(),
            scope: "all namespaces".to_owned(),
            is_narrowed: false,
            consistency: None,
            restore: None,
        },
    }
}

fn points() -> Vec<RestorePoint> {
    use Completeness::{Complete, Incomplete};
    vec![
        point("aaaa1111", "newest", "2026-11-25T11:30:00Z", &["shop"], Incomplete),
        point("aaaa2222", "shop-noon", "2026-11-25T09:00:00Z", &["shop", "web"], Complete),
        point("bbbb1111", "evening", "2026-11-24T22:30:00Z", &["web"], Complete),
        point("cccc1111", "twin", "2026-11-20T09:00:30Z", &["shop"], Complete),
        point("dddd1111", "twin", "2026-11-19T09:00:00Z", &["shop"], Complete),
        point("365d0000", "cafe", "2024-11-01T09:00:00Z", &["old"], Complete),
    ]
}

fn now() -> Zoned {
    // Two hours east of UTC, so that the end of a local day differs from that of a UTC day.
    "2026-11-25T14:00:00+02:00[+02:00]".parse().unwrap()
}

#[rstest]
#[case::latest("latest", "aaaa2222")]
#[case::latest_of_namespace("latest:web", "aaaa2222")]
#[case::latest_of_old_namespace("latest:old", "365d0000")]
#[case::name("evening", "bbbb1111")]
#[case::name_that_looks_like_an_id("cafe", "365d0000")]
#[case::incomplete_by_name("newest", "aaaa1111")]
#[case::short_id("bbbb", "bbbb1111")]
#[case::upper_case_id("BBBB11", "bbbb1111")]
#[case::id_with_the_letters_of_an_age("365d0000", "365d0000")]
#[case::age("2h", "aaaa2222")]
#[case::age_between("4h", "bbbb1111")]
#[case::days("1d", "cccc1111")]
#[case::two_units("1d12h", "cccc1111")]
#[case::weeks("1w", "365d0000")]
#[case::age_with_the_digits_of_an_id("365d", "365d0000")]
#[case::day("2026-11-20", "cccc1111")]
#[case::local_day_ends_before_that_of_utc("2026-11-24", "cccc1111")]
#[case::local_day("2026-11-25", "aaaa2222")]
#[case::minute("2026-11-20T11:00", "cccc1111")]
#[case::minute_with_blank("2026-11-20 11:00", "cccc1111")]
#[case::second_before("2026-11-20T11:00:29", "dddd1111")]
#[case::with_offset("2026-11-20T09:00:30Z", "cccc1111")]
fn word_means(#[case] word: &str, #[case] id: &str) {
    let points = points();
    let found = resolve(word, &points, &now(), Incomplete::Skip).unwrap();
    assert_eq!(found.point.id.short(), id);
}

#[test]
fn incomplete_is_skipped_aloud_or_allowed() {
    let points = points();
    let skipping = resolve("latest", &points, &now(), Incomplete::Skip).unwrap();
    assert_eq!(skipping.skipped, [&points[0]]);
    let allowing = resolve("latest", &points, &now(), Incomplete::Allow).unwrap();
    assert_eq!(allowing.point, &points[0]);
}

/// Of the namespace shop, newest first: whether each is narrowed, and how complete it is.
#[rstest]
#[case::whole(&[(false, true), (false, true)], Some(0), &[])]
#[case::narrowed_ones_are_passed_over(&[(true, true), (true, true), (false, true), (true, true)], Some(2), &[0, 1])]
#[case::narrowed_if_there_is_no_other(&[(true, true), (true, true)], Some(0), &[])]
#[case::narrowed_before_incomplete(&[(true, true), (false, false)], Some(0), &[])]
#[case::none_is_complete(&[(true, false), (false, false)], None, &[])]
fn a_part_of_a_namespace_does_not_stand_for_it(
    #[case] made: &[(bool, bool)],
    #[case] meant: Option<usize>,
    #[case] passed_over: &[usize],
) {
    let points: Vec<RestorePoint> = (0..)
        .zip(made)
        .map(|(place, (is_narrowed, is_complete))| {
            let completeness = if *is_complete { Completeness::Complete } else { Completeness::Incomplete };
            let created = format!("2026-11-2{}T09:00:00Z", 9 - place);
            let mut point = point(&format!("aaaa000{place}"), "point", &created, &["shop"], completeness);
            point.summary.is_narrowed = *is_narrowed;
            point
        })
        .collect();
    let found = resolve("latest:shop", &points, &now(), Incomplete::Skip).ok();
    assert_eq!(found.as_ref().map(|found| found.point), meant.map(|place| &points[place]));
    let narrowed = found.map(|found| found.narrowed).unwrap_or_default();
    assert_eq!(narrowed, passed_over.iter().map(|place| &points[*place]).collect::<Vec<_>>());
    if let Ok(newest) = resolve("latest", &points, &now(), Incomplete::Allow) {
        assert_eq!(newest.point, &points[0]);
    }
}

const LIST: &str = "`kubectl backup list` shows all restore points";
const MORE: &str = "give the id, with as many characters as it takes";

#[rstest]
#[case::ambiguous_id(
    "aaaa",
    "`aaaa` means more than one restore point: aaaa1111 (newest), aaaa2222 (shop-noon)",
    MORE
)]
#[case::ambiguous_name(
    "twin",
    "`twin` means more than one restore point: cccc1111 (twin), dddd1111 (twin)",
    MORE
)]
#[case::near_name("shop-non", "no restore point is named `shop-non`", "did you mean `shop-noon`?")]
#[case::unknown("zzz", "no restore point is named `zzz`", LIST)]
#[case::too_short_an_id("bbb", "no restore point is named `bbb`", "did you mean `evening`?")]
#[case::namespace("latest:none", "no restore point holds the namespace `none`", LIST)]
#[case::age("10y", "no restore point is as old as `10y`; the oldest is 365d0000 (cafe)", LIST)]
#[case::date("2020-01-01", "no restore point is as old as `2020-01-01`; the oldest is 365d0000 (cafe)", LIST)]
#[case::no_date("2026-13-01", "no restore point is named `2026-13-01`", LIST)]
fn refusal_says_why_and_what_next(#[case] word: &str, #[case] message: &str, #[case] hint: &str) {
    let points = points();
    let error = resolve(word, &points, &now(), Incomplete::Skip).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.hint().as_str()), (message, hint));
}

#[rstest]
#[case::name("evening", Ok("bbbb1111"))]
#[case::incomplete("newest", Ok("aaaa1111"))]
#[case::id("CCCC", Ok("cccc1111"))]
#[case::latest("latest", Err("which restore point `latest` means changes with time; here it must be named"))]
#[case::namespace(
    "latest:web",
    Err("which restore point `latest:web` means changes with time; here it must be named")
)]
#[case::age("365d", Err("which restore point `365d` means changes with time; here it must be named"))]
#[case::day(
    "2026-11-20",
    Err("which restore point `2026-11-20` means changes with time; here it must be named")
)]
#[case::ambiguous("twin", Err("`twin` means more than one restore point: cccc1111 (twin), dddd1111 (twin)"))]
#[case::unknown("bbb", Err("no restore point is named `bbb`"))]
fn what_cannot_be_undone_takes_names_and_ids_only(#[case] word: &str, #[case] expected: Result<&str, &str>) {
    let points = points();
    let found = resolve_named(word, &points, &now()).map(|point| point.id.short());
    assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
}

#[test]
fn only_incomplete_ones_are_named() {
    let points = &points()[..1];
    let error = resolve("latest", points, &now(), Incomplete::Skip).unwrap_err();
    assert_eq!(error.to_string(), "`latest` would mean aaaa1111 (newest), and that is incomplete");
    insta::assert_snapshot!(error.hint(), @"`kubectl backup describe aaaa1111` says what it misses; name it as aaaa1111 to use it, or add --allow-incomplete to a restore");
    assert_eq!(resolve("latest", &[], &now(), Incomplete::Skip), Err(PointReferenceError::NoneYet));
}
