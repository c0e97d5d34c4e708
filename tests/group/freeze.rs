//! Groups that hold, and groups that do not: however it ends, every application is thawed and the record is honest.

use std::{sync::Arc, time::Duration};

use hook_protocol::{message::Limits, receipt::Consistency};
use kubectl_backup::{
    hooks::{ClientError, hold},
    model::freeze::{FreezeRecord, HookEnd},
};
use rstest::rstest;
use rustix::process::Signal;

use crate::cluster::{Cluster, Link};

fn ends(record: &FreezeRecord) -> Vec<HookEnd> {
    record.hooks.iter().map(|hook| hook.end).collect()
}

/// A cut that never ends by itself.
async fn endless() -> Result<(), ClientError> {
    std::future::pending().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_frozen_during_the_cut_and_thawed_after_it() {
    let cluster = Cluster::start(&["honest", "honest", "honest"]);
    let finished = cluster
        .hold(&[20, 10, 20], async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(cluster.frozen())
        })
        .await;
    assert_eq!(finished.cut.expect("it was cut").expect("it can be"), [true, true, true]);
    let record = finished.record;
    assert_eq!((&record.failure, record.consistency), (&None, Consistency::Application));
    assert_eq!(ends(&record), [HookEnd::Thawed; 3]);
    assert_eq!(cluster.frozen(), [false, false, false]);
    // In the order in which they froze, each with its own session and time.
    let pods: Vec<&str> = record.hooks.iter().map(|hook| hook.pod.as_str()).collect();
    assert_eq!(pods, ["db-1", "db-0", "db-2"]);
    for hook in &record.hooks {
        let steps: Vec<&str> = hook.steps.iter().map(|step| step.step.as_str()).collect();
        assert_eq!(steps, ["prepare", "freeze", "check", "check", "thaw"]);
        assert_eq!(hook.session.as_deref(), Some("session-1"));
        assert_eq!(hook.component, "guest 0.1.0");
        assert!(hook.frozen_ms >= record.cut_ms && record.frozen_ms >= hook.frozen_ms, "{record:?}");
    }
    for member in &cluster.members {
        member.application.wait("the session is closed", |state| state.events.len() == 5);
        let expected = ["1 freeze rp", "1 check", "1 check", "1 thaw", "1 closed"];
        member.application.look(|state| assert_eq!(state.events, expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_cut_is_held_by_signs_of_life() {
    let limits = Limits { silence: Duration::from_millis(600), ..Limits::default() };
    let cluster = Cluster::with_limits(&["honest"], limits);
    let finished = cluster
        .hold(&[20], async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(())
        })
        .await;
    assert_eq!((finished.record.failure, finished.record.consistency), (None, Consistency::Application));
}

#[rstest]
#[case::fails_to_prepare(
    "fail-at-prepare",
    "could not prepare: a privilege or grant is missing: the guest may not prepare"
)]
#[case::traps_at_prepare("trap-at-prepare", "could not prepare: the hook broke")]
#[case::fails_to_freeze("fail-at-freeze", "could not freeze: a privilege or grant is missing")]
#[case::traps_at_freeze("trap-at-freeze", "could not freeze: the hook broke")]
#[case::fails_the_check("fail-at-check", "could not check: a privilege or grant is missing")]
#[case::traps_at_check("trap-at-check", "could not check: the hook broke")]
#[case::eats_memory("eat-at-freeze", "could not freeze: the hook broke")]
#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_thaws_all_and_nothing_is_cut(#[case] behaviour: &str, #[case] expected: &str) {
    let cluster = Cluster::start(&["honest", behaviour, "honest"]);
    let finished = cluster.hold(&[10, 20, 20], async { Ok(()) }).await;
    let record = finished.record;
    assert!(finished.cut.is_none());
    let failure = record.failure.clone().expect("it failed");
    assert!(failure.contains("hook guest of pod shop/db-1") && failure.contains(expected), "{failure}");
    assert_eq!(record.consistency, Consistency::Crash);
    assert!(record.hooks.iter().all(|hook| hook.consistency.is_none() && hook.facts.is_empty()));
    assert!(
        !ends(&record).contains(&HookEnd::Stuck) && !ends(&record).contains(&HookEnd::Unknown),
        "{record:?}"
    );
    cluster.wait_until_thawed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_is_ended_by_the_budget() {
    let limits = Limits { freeze: Duration::from_secs(2), ..Limits::default() };
    let cluster = Cluster::with_limits(&["honest", "spin-at-freeze"], limits);
    let finished = cluster.hold(&[10, 20], async { Ok(()) }).await;
    let failure = finished.record.failure.clone().expect("it failed");
    assert!(failure.contains("within the budget of 2 s"), "{failure}");
    assert_eq!(finished.record.consistency, Consistency::Crash);
    assert_eq!(finished.record.hooks[0].end, HookEnd::Thawed);
    cluster.wait_until_thawed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_beyond_the_budget_is_given_up() {
    let limits = Limits { freeze: Duration::from_secs(1), ..Limits::default() };
    let cluster = Cluster::with_limits(&["honest", "honest"], limits);
    let finished = cluster.hold(&[10, 20], endless()).await;
    let record = finished.record;
    assert!(finished.cut.is_none());
    assert!(record.failure.as_ref().is_some_and(|it| it.contains("within the budget of 1 s")), "{record:?}");
    // The thaw was asked for in time, so that no runtime had to break its lease.
    assert_eq!(ends(&record), [HookEnd::Thawed; 2]);
    // Half of so small a budget is kept for the thaw; what is left of it the cut may have.
    assert!(record.frozen_ms.is_some_and(|frozen| frozen >= 400), "{record:?}");
    assert_eq!(cluster.frozen(), [false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_thaws_before_it_returns() {
    let cluster = Cluster::start(&["honest", "honest"]);
    let opened = cluster.open(&[10, 20]).await;
    let frozen = Arc::clone(&cluster);
    let stopped = async move {
        let waited = tokio::task::spawn_blocking(move || {
            for member in &frozen.members {
                member.application.wait("it is frozen", |state| state.frozen.is_some());
            }
        });
        waited.await.expect("nothing panicked");
    };
    let finished = hold(&*cluster, opened, Duration::from_secs(30), endless(), stopped).await;
    assert_eq!(finished.record.failure.as_deref(), Some("interrupted"));
    assert_eq!(ends(&finished.record), [HookEnd::Thawed; 2]);
    assert_eq!(cluster.frozen(), [false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_does_not_wait_for_a_long_preparation() {
    let cluster = Cluster::start(&["sleep-at-prepare"]);
    let opened = cluster.open(&[20]).await;
    let stopped = tokio::time::sleep(Duration::from_millis(300));
    let finished = hold(&*cluster, opened, Duration::from_secs(30), endless(), stopped).await;
    assert_eq!(finished.record.failure.as_deref(), Some("interrupted"));
    // Its runtime was asked, and says why it ended.
    let hook = &finished.record.hooks[0];
    assert_eq!((hook.end, hook.broken.as_deref()), (HookEnd::Broken, Some("connection-lost")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_has_let_go() {
    let cluster = Cluster::start(&["honest", "honest"]);
    let opened = cluster.open(&[10, 20]).await;
    let holding = {
        let cluster = Arc::clone(&cluster);
        async move {
            let never = std::future::pending();
            hold(&*cluster, opened, Duration::from_secs(30), endless(), never).await
        }
    };
    // As a process that is killed: nothing of it runs any more, and its connections end.
    let outcome = tokio::time::timeout(Duration::from_secs(2), holding).await;
    assert!(outcome.is_err());
    cluster.wait_until_thawed().await;
    for member in &cluster.members {
        assert_eq!(member.runtime.last()["broken"], "connection-lost");
    }
}

/// What happens to the second of two members while the cut is made, and what its runtime says afterwards.
#[rstest]
#[case::cut(Trouble::Link(Link::Cut), HookEnd::Broken, Some("connection-lost"))]
#[case::stalled(Trouble::Link(Link::Stalled), HookEnd::Broken, Some("silence"))]
#[case::stopped(Trouble::Signal(Signal::TERM), HookEnd::Unknown, None)]
#[case::killed(Trouble::Signal(Signal::KILL), HookEnd::Unknown, None)]
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_lost_breaks_the_group(
    #[case] trouble: Trouble,
    #[case] end: HookEnd,
    #[case] broken: Option<&str>,
) {
    let limits = Limits { silence: Duration::from_secs(1), ..Limits::default() };
    let cluster = Cluster::with_limits(&["honest", "honest"], limits);
    let finished = cluster
        .hold(&[10, 20], async {
            match trouble {
                Trouble::Link(link) => cluster.set_link(1, link),
                Trouble::Signal(signal) => cluster.members[1].runtime.signal(signal),
            }
            endless().await
        })
        .await;
    let record = finished.record;
    assert!(finished.cut.is_none());
    let failure = record.failure.clone().expect("it failed");
    assert!(failure.contains("hook guest of pod shop/db-1 was lost"), "{failure}");
    assert_eq!(ends(&record), [HookEnd::Thawed, end], "{record:?}");
    assert_eq!((record.hooks[1].broken.as_deref(), record.consistency), (broken, Consistency::Crash));
    cluster.wait_until_thawed().await;
}

#[derive(Clone, Copy)]
enum Trouble {
    Link(Link),
    Signal(Signal),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_at_the_check_comes_out_at_the_thaw() {
    let cluster = Cluster::start(&["honest", "lie"]);
    let ended = Arc::clone(&cluster);
    let finished = cluster
        .hold(&[10, 20], async move {
            // An administrator ends the session that holds the freeze, and the hook goes on saying that all is well.
            let ending = tokio::task::spawn_blocking(move || ended.members[1].application.end_sessions());
            ending.await.expect("nothing panicked");
            Ok(())
        })
        .await;
    assert!(finished.cut.is_some());
    let record = finished.record;
    let failure = record.failure.clone().expect("it failed");
    assert!(failure.contains("hook guest of pod shop/db-1 could not thaw"), "{failure}");
    assert_eq!((record.consistency, record.hooks[1].consistency), (Consistency::Crash, None));
    assert_eq!(record.hooks[0].end, HookEnd::Thawed);
    cluster.wait_until_thawed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_held_by_another_backup_is_not_touched() {
    let cluster = Cluster::start(&["honest"]);
    let finished = cluster
        .hold(&[20], async {
            let second = cluster.hold(&[20], async { Ok(()) }).await;
            let failure = second.record.failure.clone().expect("it failed");
            assert!(failure.contains("another backup holds it"), "{failure}");
            assert_eq!(ends(&second.record), [HookEnd::NotBegun]);
            Ok(cluster.frozen())
        })
        .await;
    assert_eq!(finished.cut.expect("it was cut").expect("it can be"), [true]);
    assert_eq!(finished.record.failure, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_that_fails_is_told_and_thaws() {
    let cluster = Cluster::start(&["honest"]);
    let failing = async { Err::<(), _>(ClientError::Large) };
    let finished = cluster.hold(&[20], failing).await;
    assert!(matches!(finished.cut, Some(Err(ClientError::Large))));
    assert!(finished.record.failure.is_some_and(|it| it.contains("sends more than")));
    assert_eq!(cluster.frozen(), [false]);
}
