//! The law of the lease, in every order of events: a hook that was told to freeze ends thawed or is told as not thawed,
//! and a thaw that is called whole was whole.

use std::time::Duration;

use hook_protocol::{
    lease::{Action, Call, ConnectionId, Event, Expiry, Lease, Moment, Outcome, Reply, Stage},
    message::Limits,
    path::Step,
};
use proptest::prelude::*;

/// Something that happens to a runtime. Calls end only where one is under way.
#[derive(Debug, Clone)]
enum Happening {
    Prepare(u64),
    Ask(u64, Step),
    Heard(u64),
    Lost(u64),
    Passes(u64),
    Stop,
    Ends(Outcome),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let session =
        prop_oneof![9 => Just(Some("a".to_owned())), 1 => Just(Some("b".to_owned())), 1 => Just(None)];
    prop_oneof![
        6 => session.prop_map(|session| Outcome::Done { session }),
        1 => Just(Outcome::Failed),
        1 => Just(Outcome::Broke),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    let connection = || prop_oneof![5 => Just(1u64), 1 => Just(2u64)];
    let step = prop_oneof![2 => Just(Step::Freeze), 1 => Just(Step::Check), 1 => Just(Step::Thaw)];
    prop_oneof![
        3 => connection().prop_map(Happening::Prepare),
        6 => (connection(), step).prop_map(|(from, step)| Happening::Ask(from, step)),
        1 => connection().prop_map(Happening::Heard),
        1 => connection().prop_map(Happening::Lost),
        2 => (0u64..20_000).prop_map(Happening::Passes),
        1 => Just(Happening::Stop),
        9 => outcome().prop_map(Happening::Ends),
    ]
}

/// A runtime around a lease, with what is true of the application beside what the lease believes.
#[derive(Debug, Default)]
struct World {
    lease: Lease,
    session_bound: bool,
    now: Duration,
    under_way: Option<Call>,
    /// Told to freeze, and not thawed since.
    frozen: bool,
    /// The freeze was touched by something that makes its copy worthless.
    spoilt: bool,
    session: Option<String>,
    waiting: Vec<ConnectionId>,
}

impl World {
    fn new(expiry: Expiry, left: bool) -> Self {
        let session_bound = expiry == Expiry::SessionBound;
        let mut world = Self { lease: Lease::of(expiry), session_bound, ..Self::default() };
        // What went with its session is left by nobody.
        if left && !session_bound {
            (world.frozen, world.spoilt) = (true, true);
            world.feed(Event::Left { restore_point: "before".to_owned() });
        }
        world
    }

    fn happen(&mut self, happening: Happening) {
        let event = match happening {
            Happening::Prepare(from) => self.ask(from, |from| Event::Prepare {
                from,
                restore_point: "rp".to_owned(),
                limits: Limits::default(),
            }),
            Happening::Ask(from, step) => self.ask(from, |from| Event::Step { from, step }),
            Happening::Heard(from) => Some(Event::Heard { from: ConnectionId(from) }),
            Happening::Lost(connection) => {
                let connection = ConnectionId(connection);
                self.waiting.retain(|waiting| *waiting != connection);
                Some(Event::Lost { connection })
            }
            Happening::Passes(milliseconds) => {
                self.now += Duration::from_millis(milliseconds);
                let due = self.lease.wake().is_some_and(|wake| wake <= Moment(self.now));
                due.then_some(Event::Time)
            }
            Happening::Stop => Some(Event::Stop),
            Happening::Ends(outcome) => self.end(outcome),
        };
        if let Some(event) = event {
            self.feed(event);
        }
    }

    /// A connection asks one thing at a time.
    fn ask(&mut self, from: u64, event: impl Fn(ConnectionId) -> Event) -> Option<Event> {
        let from = ConnectionId(from);
        if self.waiting.contains(&from) {
            return None;
        }
        self.waiting.push(from);
        Some(event(from))
    }

    fn end(&mut self, outcome: Outcome) -> Option<Event> {
        let call = self.under_way.take()?;
        if let Outcome::Done { session } = &outcome {
            match call {
                Call::Freeze => self.session.clone_from(session),
                Call::Check | Call::Thaw if self.frozen => self.spoilt |= self.session != *session,
                _ => {}
            }
            if matches!(call, Call::Thaw | Call::ThawAnew) {
                self.frozen = false;
            }
        } else {
            self.spoilt = true;
        }
        Some(Event::Ended { call, outcome })
    }

    fn feed(&mut self, event: Event) {
        let forced =
            matches!(event, Event::Stop | Event::Lost { connection: ConnectionId(1 | 2) } | Event::Time);
        for action in self.lease.on(event, Moment(self.now)) {
            match action {
                Action::Call(call) => {
                    assert_eq!(self.under_way, None, "two calls at once");
                    self.under_way = Some(call);
                    match call {
                        Call::Prepare => self.spoilt = false,
                        Call::Freeze => self.frozen = true,
                        Call::Thaw if forced => self.spoilt = true,
                        Call::ThawAnew => self.spoilt = true,
                        Call::Check | Call::Thaw => {}
                    }
                }
                Action::Hurry => {
                    assert!(self.under_way.is_some(), "nothing to hurry");
                    self.spoilt = true;
                }
                Action::Discard => {
                    assert_ne!(self.under_way, Some(Call::Thaw), "the session is dropped before its thaw");
                    self.frozen &= !self.session_bound;
                }
                Action::Reply { to, reply } => self.hear(to, &reply),
            }
        }
        assert!(!self.frozen || self.lease.stage() != Stage::Free, "frozen, and nobody knows");
    }

    fn hear(&mut self, to: ConnectionId, reply: &Reply) {
        let place =
            self.waiting.iter().position(|waiting| *waiting == to).expect("an answer nobody asked for");
        self.waiting.remove(place);
        match reply {
            Reply::Thawed(ending) => {
                assert!(!self.frozen && ending.thawed && ending.broken.is_none());
                assert!(!self.spoilt, "called whole, and is not");
            }
            Reply::Broken(ending) => assert!(ending.broken.is_some() && ending.thawed != self.frozen),
            Reply::Done | Reply::Failed | Reply::Refused(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_ends_thawed_or_told(
        expiry in prop_oneof![Just(Expiry::SessionBound), Just(Expiry::SelfExpiring), Just(Expiry::WithoutExpiry)],
        left: bool,
        happenings in prop::collection::vec(happening(), 0..60),
        endings in prop::collection::vec(outcome(), 8),
    ) {
        let mut world = World::new(expiry, left);
        for happening in happenings {
            world.happen(happening);
        }
        world.happen(Happening::Stop);
        for outcome in endings {
            world.happen(Happening::Ends(outcome));
        }
        if world.frozen {
            prop_assert_eq!(world.lease.stage(), Stage::Stuck);
            prop_assert!(world.lease.last().is_some_and(|ending| !ending.thawed));
            // And the first thaw that succeeds ends it.
            world.happen(Happening::Passes(5_000));
            world.happen(Happening::Ends(Outcome::Done { session: None }));
            prop_assert!(!world.frozen);
        }
        prop_assert_eq!(world.lease.stage(), Stage::Free);
        prop_assert_eq!(world.waiting, vec![]);
    }
}
