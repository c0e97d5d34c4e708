//! One instance of a hook: a sandbox with its limits, and the calls into it. What comes out is bounded and is in the
//! words of the protocol.

use std::sync::Arc;

use hook_protocol::{
    lease::Call,
    message::{Cut, Failure, FailureKind, Terms},
    receipt::{Consistency, Fact, FactValue, Need, Receipt},
};
use wasmtime::{Store, StoreLimitsBuilder};

use crate::{
    bindings::{
        ApplicationHookPre,
        exports::kubectl_backup::hook::hook::Description,
        kubectl_backup::hook::types::{self, ErrorKind},
    },
    engine::{Engine, Hook},
    host::{Grants, HookLog, State},
};

/// What the engine copies out of a guest for one call: a receipt at its bounds has a quarter of it.
const MOST_COPIED: usize = 1024 * 1024;
/// Elements of a table: functions that can be called by pointer; a Python has 10,000.
const MOST_ELEMENTS: usize = 100_000;
/// Core instances, memories and tables that one component may be made of; a Python has about 30.
const MOST_PARTS: usize = 64;
/// Characters of a failure's message.
const LONGEST_MESSAGE: usize = 2000;

/// How instances of one hook are made.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) engine: Engine,
    pub(crate) component: ApplicationHookPre<State>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) log: Arc<HookLog>,
    /// Bytes.
    pub(crate) memory: usize,
}

/// A living instance. Dropping it closes what it holds.
pub(crate) struct Instance {
    store: Store<State>,
    hook: Hook,
}

/// How a call ended.
pub(crate) enum Ended {
    Done(Receipt),
    Failed(Failure),
    /// The instance is gone.
    Broke(Failure),
}

impl Template {
    pub(crate) async fn instantiate(&self) -> wasmtime::Result<Instance> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(self.memory)
            .table_elements(MOST_ELEMENTS)
            .instances(MOST_PARTS)
            .memories(MOST_PARTS)
            .tables(MOST_PARTS)
            // To be told that memory is short, a guest would need memory; the trap says it better.
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(self.engine.engine(), State::new(&self.grants, &self.log, limits));
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(MOST_COPIED);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let hook = self.component.instantiate_async(&mut store).await?;
        Ok(Instance { store, hook })
    }

    pub(crate) async fn describe(&self) -> wasmtime::Result<Description> {
        let _running = self.engine.running();
        let mut instance = self.instantiate().await?;
        instance.hook.kubectl_backup_hook_hook().call_describe(&mut instance.store).await
    }

    /// Calls into this instance, or into a new one.
    pub(crate) async fn call(
        self,
        instance: Option<Instance>,
        call: Call,
        request: types::Request,
    ) -> (Option<Instance>, Ended) {
        let _running = self.engine.running();
        let instance = match instance {
            Some(instance) => Ok(instance),
            None => self.instantiate().await,
        };
        let mut instance = match instance {
            Ok(instance) => instance,
            Err(error) => return (None, Ended::Broke(broke(&error))),
        };
        let hook = instance.hook.kubectl_backup_hook_hook();
        let store = &mut instance.store;
        let outcome = match call {
            Call::Prepare => hook.call_prepare(store, &request).await,
            Call::Freeze => hook.call_freeze(store, &request).await,
            Call::Check => hook.call_check(store, &request).await,
            Call::Thaw | Call::ThawAnew => hook.call_thaw(store, &request).await,
        };
        match outcome {
            Ok(Ok(given)) => match receipt(given).bounded() {
                Ok(receipt) => (Some(instance), Ended::Done(receipt)),
                Err(oversized) => (None, Ended::Broke(failure(FailureKind::Broke, &oversized.to_string()))),
            },
            Ok(Err(error)) => (Some(instance), Ended::Failed(failure(kind(error.kind), &error.message))),
            // A guest that trapped cannot be entered again.
            Err(error) => (None, Ended::Broke(broke(&error))),
        }
    }
}

/// The request of a call, which may take this many milliseconds.
pub(crate) fn request(terms: &Terms, budget: u32) -> types::Request {
    let volume = |volume: &hook_protocol::message::Volume| types::Volume {
        name: volume.name.clone(),
        claim: volume.claim.clone(),
    };
    types::Request {
        restore_point: terms.restore_point.clone(),
        pod: types::Pod {
            namespace: terms.pod.namespace.clone(),
            name: terms.pod.name.clone(),
            uid: terms.pod.uid.clone(),
        },
        volumes: terms.volumes.iter().map(volume).collect(),
        cut: match terms.cut {
            Cut::Atomic => types::Cut::Atomic,
            Cut::Group => types::Cut::Group,
            Cut::Apart => types::Cut::Apart,
            Cut::LiveCopy => types::Cut::LiveCopy,
        },
        budget,
    }
}

pub(crate) fn failure(kind: FailureKind, message: &str) -> Failure {
    Failure { kind, message: message.chars().take(LONGEST_MESSAGE).collect() }
}

fn broke(error: &wasmtime::Error) -> Failure {
    // The backtrace of a guest is for its author; the cause is its last line.
    failure(FailureKind::Broke, &error.root_cause().to_string())
}

fn receipt(given: types::Receipt) -> Receipt {
    let value = |value| match value {
        types::FactValue::Text(text) => FactValue::Text(text),
        types::FactValue::Bytes(bytes) => FactValue::Base64(bytes),
    };
    let need = |need| match need {
        types::Need::Recover => Need::Recover,
        types::Need::Instruction(text) => Need::Instruction(text),
    };
    Receipt {
        session: given.session,
        facts: given
            .facts
            .into_iter()
            .map(|fact| Fact { name: fact.name, value: value(fact.value) })
            .collect(),
        consistency: match given.consistency {
            types::Consistency::Crash => Consistency::Crash,
            types::Consistency::Filesystem => Consistency::Filesystem,
            types::Consistency::Application => Consistency::Application,
        },
        needs: given.needs.into_iter().map(need).collect(),
    }
}

fn kind(kind: ErrorKind) -> FailureKind {
    match kind {
        ErrorKind::Configuration => FailureKind::Configuration,
        ErrorKind::Unreachable => FailureKind::Unreachable,
        ErrorKind::Authentication => FailureKind::Authentication,
        ErrorKind::Denied => FailureKind::Denied,
        ErrorKind::Unsupported => FailureKind::Unsupported,
        ErrorKind::Busy => FailureKind::Busy,
        ErrorKind::NotHeld => FailureKind::NotHeld,
        ErrorKind::TimedOut => FailureKind::TimedOut,
        ErrorKind::Failed => FailureKind::Failed,
    }
}
