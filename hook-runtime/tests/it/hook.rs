//! Runtimes that have the hook `guest`.

use serde_json::{Value, json};

use crate::{application::Application, guest, process::Runtime};

/// What the configuration of the hook has beside its component.
pub(crate) fn granted(application: &Application, behaviour: &str) -> Value {
    json!({
        "component": "guest.wasm",
        "connect": [application.address()],
        "settings": { "address": application.address().to_string(), "behaviour": behaviour },
        "secrets": { "password": "/etc/passwd" },
    })
}

impl Runtime {
    pub(crate) fn with_behaviour(application: &Application, behaviour: &str) -> Self {
        Self::start(&granted(application, behaviour))
    }

    /// Starts it with this configuration of the hook `guest`.
    pub(crate) fn start(hook: &Value) -> Self {
        Self::start_with(hook, &json!({}), &[])
    }

    /// With more in its configuration than the hook, and with more options.
    pub(crate) fn start_with(hook: &Value, more: &Value, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::copy(guest::component(), folder.path().join("guest.wasm")).expect("the guest can be copied");
        std::fs::write(folder.path().join("password"), "secret\n").expect("a file can be written");
        let mut hook = hook.clone();
        hook["secrets"].as_object_mut().into_iter().for_each(|secrets| {
            secrets.entry("password").and_modify(|path| *path = json!(folder.path().join("password")));
        });
        Self::launch(folder, "guest", &hook, more, options)
    }
}
