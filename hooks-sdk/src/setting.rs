//! Settings: what the configuration of the runtime says, as values of a type.

use std::{marker::PhantomData, net::SocketAddr, time::Duration};

use crate::{Error, Result, SettingKind, bindings::kubectl_backup::hook::types, host};

/// A setting, as a constant of the hook.
///
/// ```
/// use std::time::Duration;
///
/// use hooks_sdk::{Setting, fake::Host};
///
/// const PAUSE: Setting<Duration> = Setting::with_default("pause", "1500", "how long writers wait at most");
///
/// assert_eq!(PAUSE.get().unwrap(), Duration::from_millis(1500));
/// Host::new().setting("pause", "20").run(|| assert_eq!(PAUSE.get().unwrap(), Duration::from_millis(20)));
/// ```
#[derive(Debug)]
pub struct Setting<T> {
    name: &'static str,
    default: Option<&'static str>,
    purpose: &'static str,
    value: PhantomData<fn() -> T>,
}

/// A type that a setting can have.
pub trait SettingValue: Sized {
    /// What the runtime checks before the hook runs.
    const KIND: SettingKind;
    /// What must stand there, as in `a number`.
    const SHAPE: &'static str;

    /// The value of this text, if it is one.
    fn parse(text: &str) -> Option<Self>;
}

impl<T: SettingValue> Setting<T> {
    /// One that must be set. The name is in kebab case, the purpose a sentence for people.
    pub const fn required(name: &'static str, purpose: &'static str) -> Self {
        Self { name, default: None, purpose, value: PhantomData }
    }

    /// One with a default, written as in the configuration.
    pub const fn with_default(name: &'static str, default: &'static str, purpose: &'static str) -> Self {
        Self { name, default: Some(default), purpose, value: PhantomData }
    }

    /// Its value: an error of kind `configuration` when it is missing or not of its type.
    pub fn get(&self) -> Result<T> {
        let name = self.name;
        let text = host::setting(name).or_else(|| self.default.map(str::to_owned));
        let text = text.ok_or_else(|| Error::configuration(format!("the setting `{name}` is missing")))?;
        T::parse(&text).ok_or_else(|| {
            Error::configuration(format!("the setting `{name}` must be {}: `{text}`", T::SHAPE))
        })
    }

    pub(crate) fn describe(&self) -> types::Setting {
        types::Setting {
            name: self.name.to_owned(),
            kind: T::KIND,
            default: self.default.map(str::to_owned),
            purpose: self.purpose.to_owned(),
        }
    }
}

impl SettingValue for String {
    const KIND: SettingKind = SettingKind::Text;
    const SHAPE: &'static str = "text";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl SettingValue for SocketAddr {
    const KIND: SettingKind = SettingKind::Text;
    const SHAPE: &'static str = "an address with a port, as in `127.0.0.1:5432`";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl SettingValue for i64 {
    const KIND: SettingKind = SettingKind::Number;
    const SHAPE: &'static str = "a whole number";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl SettingValue for bool {
    const KIND: SettingKind = SettingKind::Boolean;
    const SHAPE: &'static str = "`true` or `false`";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl SettingValue for Duration {
    const KIND: SettingKind = SettingKind::Milliseconds;
    const SHAPE: &'static str = "milliseconds, as a whole number";

    fn parse(text: &str) -> Option<Self> {
        text.parse::<u32>().ok().map(|milliseconds| Self::from_millis(milliseconds.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, fake::Host};

    const ADDRESS: Setting<SocketAddr> = Setting::required("address", "where the shop listens");

    #[test]
    fn one_that_is_missing_is_told() {
        let error = ADDRESS.get().unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::Configuration, "the setting `address` is missing")
        );
    }

    #[test]
    fn one_of_the_wrong_type_is_told_with_its_text() {
        let error = Host::new().setting("address", "db:5432").run(|| ADDRESS.get().unwrap_err());
        assert_eq!(
            error.message,
            "the setting `address` must be an address with a port, as in `127.0.0.1:5432`: `db:5432`"
        );
    }
}
