//! What a hook says of itself, put together step by step.

use crate::{Description, Expiry, Grant, Secret, Setting, SettingValue};

impl Description {
    /// A hook of this name and version that freezes this, with a freeze that ends like this.
    pub fn new(name: &str, version: &str, freezes: &str, expiry: Expiry) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            freezes: freezes.to_owned(),
            expiry,
            grants: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// It cannot work without connections to this.
    #[must_use]
    pub fn connects(mut self, to: &str) -> Self {
        self.grants.push(Grant::Connect(to.to_owned()));
        self
    }

    /// It cannot work without this secret.
    #[must_use]
    pub fn secret(mut self, secret: &Secret) -> Self {
        self.grants.push(Grant::Secret(secret.name().to_owned()));
        self
    }

    /// It cannot work without freezing the file system granted under this name.
    #[must_use]
    pub fn mount(mut self, name: &str) -> Self {
        self.grants.push(Grant::Mount(name.to_owned()));
        self
    }

    /// It has this setting.
    #[must_use]
    pub fn setting<T: SettingValue>(mut self, setting: &Setting<T>) -> Self {
        self.settings.push(setting.describe());
        self
    }
}
