//! What is counted of each hook, in the text format of Prometheus. Nothing here decides anything.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use hook_protocol::lease::{Ending, Stage};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// Content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counts of all hooks.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    freezes: Family<Hook, Counter>,
    thaws: Family<Hook, Counter>,
    forced: Family<Forced, Counter>,
    seconds: Family<Hook, Counter<f64, AtomicU64>>,
    frozen: Family<Hook, Gauge>,
    stuck: Family<Hook, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hook {
    hook: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Forced {
    hook: String,
    cause: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("kubectl_backup_hook");
        let (freezes, thaws, seconds) = (Family::default(), Family::default(), Family::default());
        let (forced, frozen, stuck) = (Family::default(), Family::default(), Family::default());
        registry.register("freezes", "Freezes that were begun", Family::clone(&freezes));
        registry.register("thaws", "Leases that ended thawed, as asked or by force", Family::clone(&thaws));
        registry.register("auto_thaws", "Leases that the runtime ended by force", Family::clone(&forced));
        registry.register_with_unit(
            "frozen",
            "Time between the begin of a freeze and its thaw",
            Unit::Seconds,
            Family::clone(&seconds),
        );
        registry.register("frozen", "Whether the application is frozen now", Family::clone(&frozen));
        registry.register("stuck", "Whether no thaw has succeeded yet", Family::clone(&stuck));
        Self { registry: Arc::new(registry), freezes, thaws, forced, seconds, frozen, stuck }
    }
}

impl Metrics {
    /// Those of one hook, which are there from now on: a rate needs a zero to begin with.
    pub(crate) fn of(&self, hook: &str) -> HookMetrics {
        let metrics = HookMetrics { all: self.clone(), hook: Hook { hook: hook.to_owned() } };
        drop(self.freezes.get_or_create(&metrics.hook));
        drop(self.thaws.get_or_create(&metrics.hook));
        drop(self.seconds.get_or_create(&metrics.hook));
        metrics.stage(Stage::Free);
        metrics
    }

    /// All of them, as Prometheus reads them.
    ///
    /// # Errors
    /// None that a string could cause.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// The counts of one hook.
#[derive(Clone)]
pub(crate) struct HookMetrics {
    all: Metrics,
    hook: Hook,
}

impl HookMetrics {
    /// It is told to freeze.
    pub(crate) fn freeze(&self) {
        self.all.freezes.get_or_create(&self.hook).inc();
    }

    /// Its lease is in this stage.
    pub(crate) fn stage(&self, stage: Stage) {
        let frozen = matches!(stage, Stage::Freezing | Stage::Frozen | Stage::Checking);
        self.all.frozen.get_or_create(&self.hook).set(frozen.into());
        self.all.stuck.get_or_create(&self.hook).set((stage == Stage::Stuck).into());
    }

    /// Its lease ended, or is told as stuck.
    pub(crate) fn ended(&self, ending: &Ending) {
        if let Some(cause) = ending.broken {
            let forced = Forced { hook: self.hook.hook.clone(), cause: cause.name() };
            self.all.forced.get_or_create(&forced).inc();
        }
        if ending.thawed {
            self.all.thaws.get_or_create(&self.hook).inc();
            self.all.seconds.get_or_create(&self.hook).inc_by(ending.frozen.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hook_protocol::lease::Cause;

    use super::*;

    fn ending(broken: Option<Cause>) -> Ending {
        Ending { restore_point: "rp".to_owned(), broken, thawed: true, frozen: Duration::from_millis(1500) }
    }

    #[test]
    fn counts_what_happens_to_a_hook() {
        let metrics = Metrics::default();
        let hook = metrics.of("db");
        hook.freeze();
        hook.stage(Stage::Frozen);
        assert!(metrics.text().unwrap().contains("kubectl_backup_hook_frozen{hook=\"db\"} 1"));
        hook.ended(&ending(Some(Cause::Deadline)));
        hook.ended(&ending(None));
        hook.stage(Stage::Free);
        let text = metrics.text().unwrap();
        for line in [
            "kubectl_backup_hook_freezes_total{hook=\"db\"} 1",
            "kubectl_backup_hook_thaws_total{hook=\"db\"} 2",
            "kubectl_backup_hook_auto_thaws_total{hook=\"db\",cause=\"deadline\"} 1",
            "kubectl_backup_hook_frozen_seconds_total{hook=\"db\"} 3",
            "kubectl_backup_hook_frozen{hook=\"db\"} 0",
        ] {
            assert!(text.contains(line), "{line} in:\n{text}");
        }
    }

    #[test]
    fn the_names_of_causes_are_those_of_the_protocol() {
        for cause in [Cause::ConnectionLost, Cause::SessionChanged, Cause::ThawFailed] {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.name());
        }
    }
}
