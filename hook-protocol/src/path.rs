//! The paths of the protocol: what a request asks, by its method and path.

use std::fmt;

/// The longest name of a hook.
const LONGEST_NAME: usize = 63;

/// What a request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET /v1`: the state of all hooks.
    Runtime,
    /// `POST /v1/heartbeat`: the leases of this connection are still wanted.
    Heartbeat,
    /// `GET /v1/hooks/NAME`: the state of one.
    Status(String),
    /// `POST /v1/hooks/NAME/STEP`.
    Step(String, Step),
    /// `POST /v1/hooks/NAME/STEP`, after a restore.
    AfterRestore(String, AfterRestore),
    /// `GET /healthz`: the process answers. Says nothing of freezes, so that no probe restarts a runtime that holds one.
    Health,
    /// `GET /metrics`: what was counted, for Prometheus.
    Metrics,
}

/// A step that a hook is asked to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Opens the session. The body is [`Terms`](crate::message::Terms).
    Prepare,
    /// Freezes.
    Freeze,
    /// Proves that the freeze is held.
    Check,
    /// Thaws.
    Thaw,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Prepare, Self::Freeze, Self::Check, Self::Thaw];

    /// Its name, as in the path and in the WIT package.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Freeze => "freeze",
            Self::Check => "check",
            Self::Thaw => "thaw",
        }
    }
}

/// What a hook is asked to do after a restore. No lease is needed for it, and none may be held. The body is
/// [`Restored`](crate::message::Restored).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AfterRestore {
    /// Before the application starts: does what the receipt of the thaw said must be done.
    Recover,
    /// With the application running: asks it whether it is whole.
    Verify,
}

impl AfterRestore {
    /// Both, in their order.
    pub const ALL: [Self; 2] = [Self::Recover, Self::Verify];

    /// Its name, as in the path and in the WIT package.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recover => "recover",
            Self::Verify => "verify",
        }
    }
}

/// Whether this can be the name of a hook: a DNS label, so that it needs no quoting anywhere.
pub fn is_hook_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

impl Route {
    /// What this method and path ask, if anything.
    pub fn parse(method: &str, path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["healthz"]) => Some(Self::Health),
            ("GET", ["metrics"]) => Some(Self::Metrics),
            ("GET", ["v1"]) => Some(Self::Runtime),
            ("POST", ["v1", "heartbeat"]) => Some(Self::Heartbeat),
            ("GET", ["v1", "hooks", name]) if is_hook_name(name) => Some(Self::Status((*name).to_owned())),
            ("POST", ["v1", "hooks", name, step]) if is_hook_name(name) => {
                let name = (*name).to_owned();
                if let Some(step) = Step::ALL.into_iter().find(|known| known.name() == *step) {
                    return Some(Self::Step(name, step));
                }
                let step = AfterRestore::ALL.into_iter().find(|known| known.name() == *step)?;
                Some(Self::AfterRestore(name, step))
            }
            _ => None,
        }
    }

    /// The method it is asked by.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Runtime | Self::Status(_) | Self::Health | Self::Metrics => "GET",
            Self::Heartbeat | Self::Step(..) | Self::AfterRestore(..) => "POST",
        }
    }
}

/// The path.
impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Health => formatter.write_str("/healthz"),
            Self::Metrics => formatter.write_str("/metrics"),
            Self::Runtime => formatter.write_str("/v1"),
            Self::Heartbeat => formatter.write_str("/v1/heartbeat"),
            Self::Status(name) => write!(formatter, "/v1/hooks/{name}"),
            Self::Step(name, step) => write!(formatter, "/v1/hooks/{name}/{}", step.name()),
            Self::AfterRestore(name, step) => write!(formatter, "/v1/hooks/{name}/{}", step.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Route::Runtime)]
    #[case(Route::Health)]
    #[case(Route::Metrics)]
    #[case(Route::Heartbeat)]
    #[case(Route::Status("postgres".to_owned()))]
    #[case(Route::Step("my-db-2".to_owned(), Step::Thaw))]
    #[case(Route::AfterRestore("postgres".to_owned(), AfterRestore::Recover))]
    fn reads_what_it_writes(#[case] route: Route) {
        assert_eq!(Route::parse(route.method(), &route.to_string()), Some(route));
    }

    #[rstest]
    #[case::wrong_method("GET", "/v1/hooks/postgres/thaw")]
    #[case::unknown_version("POST", "/v2/hooks/postgres/thaw")]
    #[case::unknown_step("POST", "/v1/hooks/postgres/melt")]
    #[case::climbing("GET", "/v1/hooks/..")]
    #[case::quoted("GET", "/v1/hooks/%2e%2e")]
    #[case::upper_case("GET", "/v1/hooks/Postgres")]
    #[case::empty_name("GET", "/v1/hooks/")]
    #[case::deeper("GET", "/v1/hooks/a/thaw/now")]
    #[case::relative("GET", "v1")]
    fn knows_nothing_else(#[case] method: &str, #[case] path: &str) {
        assert_eq!(Route::parse(method, path), None);
    }

    #[test]
    fn bounds_the_length_of_a_name() {
        assert!(is_hook_name(&"a".repeat(63)));
        assert!(!is_hook_name(&"a".repeat(64)));
    }
}
