//! One instance of a hook: a sandbox with its limits, and the calls into it. What comes out is bounded and is in the
//! words of the protocol.

use std::sync::Arc;

use hook_protocol::{
    lease::Call,
    message::{Cut, Failure, FailureKind, Pod, Restored, Terms, Volume},
    path::AfterRestore,
    receipt::{Consistency, Fact, FactValue, Need, Receipt},
};
use wasmtime::Store;

use crate::{
    bindings::{
        ApplicationHookPre,
        exports::kubectl_backup::hook::hook::Description,
        kubectl_backup::hook::types::{self, ErrorKind},
    },
    engine::{Engine, Hook},
    host::{Folders, Grants, HookLog, Limits, State},
};

/// What the engine copies out of a guest for one call: a receipt at its bounds has a quarter of it.
const MOST_COPIED: usize = 1024 * 1024;
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
    async fn instantiate(&self, folders: Folders) -> wasmtime::Result<Instance> {
        let state = State::new(&self.grants, &self.log, Limits::new(self.memory), folders)?;
        let mut store = Store::new(self.engine.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(MOST_COPIED);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let hook = self.component.instantiate_async(&mut store).await?;
        Ok(Instance { store, hook })
    }

    pub(crate) async fn describe(&self) -> wasmtime::Result<Description> {
        let _running = self.engine.running();
        let mut instance = self.instantiate(Folders::Hidden).await?;
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
            None => self.instantiate(Folders::Hidden).await,
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
        match ended(outcome) {
            // A guest that trapped cannot be entered again.
            Ended::Broke(failure) => (None, Ended::Broke(failure)),
            ended => (Some(instance), ended),
        }
    }

    /// Calls into an instance that lives for this call.
    pub(crate) async fn call_after_restore(self, step: AfterRestore, restored: Restored) -> Ended {
        let _running = self.engine.running();
        let folders = match step {
            AfterRestore::Recover => Folders::Writable,
            AfterRestore::Verify => Folders::Hidden,
        };
        let mut instance = match self.instantiate(folders).await {
            Ok(instance) => instance,
            Err(error) => return Ended::Broke(broke(&error)),
        };
        let budget = u32::try_from(restored.budget.as_millis()).unwrap_or(u32::MAX);
        let request = about(restored.restore_point, &restored.pod, &restored.volumes, restored.cut, budget);
        let facts: Vec<types::Fact> = restored.facts.into_iter().map(fact).collect();
        let hook = instance.hook.kubectl_backup_hook_hook();
        let store = &mut instance.store;
        ended(match step {
            AfterRestore::Recover => hook.call_recover(store, &request, &facts).await,
            AfterRestore::Verify => hook.call_verify(store, &request, &facts).await,
        })
    }
}

fn ended(outcome: wasmtime::Result<Result<types::Receipt, types::Error>>) -> Ended {
    match outcome {
        Ok(Ok(given)) => match receipt(given).bounded() {
            Ok(receipt) => Ended::Done(receipt),
            Err(oversized) => Ended::Broke(failure(FailureKind::Broke, &oversized.to_string())),
        },
        Ok(Err(error)) => Ended::Failed(failure(kind(error.kind), &error.message)),
        Err(error) => Ended::Broke(broke(&error)),
    }
}

/// The request of a call, which may take this many milliseconds.
pub(crate) fn request(terms: &Terms, budget: u32) -> types::Request {
    about(terms.restore_point.clone(), &terms.pod, &terms.volumes, terms.cut, budget)
}

fn about(restore_point: String, pod: &Pod, volumes: &[Volume], cut: Cut, budget: u32) -> types::Request {
    let volume = |volume: &Volume| types::Volume { name: volume.name.clone(), claim: volume.claim.clone() };
    types::Request {
        restore_point,
        pod: types::Pod { namespace: pod.namespace.clone(), name: pod.name.clone(), uid: pod.uid.clone() },
        volumes: volumes.iter().map(volume).collect(),
        cut: match cut {
            Cut::Atomic => types::Cut::Atomic,
            Cut::Group => types::Cut::Group,
            Cut::Apart => types::Cut::Apart,
            Cut::LiveCopy => types::Cut::LiveCopy,
        },
        budget,
    }
}

/// A fact as the hook gave it.
fn fact(fact: Fact) -> types::Fact {
    let value = match fact.value {
        FactValue::Text(text) => types::FactValue::Text(text),
        FactValue::Base64(bytes) => types::FactValue::Bytes(bytes),
    };
    types::Fact { name: fact.name, value }
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
