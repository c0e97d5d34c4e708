//! The components of `examples-hooks`, and runtimes that have one of them.

use std::{path::Path, path::PathBuf, sync::OnceLock};

use serde_json::{Value, json};

use crate::{build, process::Runtime};

impl Runtime {
    /// A runtime with this hook: what it may connect to, its settings, and a password.
    pub(crate) fn with_hook(name: &str, hook: &Value, password: &str) -> Self {
        static COMPONENTS: OnceLock<PathBuf> = OnceLock::new();
        let components: &Path = COMPONENTS.get_or_init(|| build::components("examples-hooks", "../hooks"));
        let folder = tempfile::tempdir().unwrap();
        let file = format!("{name}.wasm");
        std::fs::copy(components.join(&file), folder.path().join(&file)).unwrap();
        std::fs::write(folder.path().join("password"), password).unwrap();
        let mut hook = hook.clone();
        hook["component"] = json!(file);
        let granted = if name == "http" { "token" } else { "password" };
        hook["secrets"] = json!({ granted: folder.path().join("password") });
        // Compiling takes as long as the rest of a test.
        let cache = json!({ "cache": components });
        Self::launch(folder, name, &hook, &cache, &[])
    }
}

/// A fact of the receipt in this answer.
pub(crate) fn fact<'a>(answer: &'a Value, name: &str) -> &'a str {
    let facts = answer["receipt"]["facts"].as_array().unwrap_or_else(|| panic!("no receipt: {answer}"));
    let fact = facts.iter().find(|fact| fact["name"] == name);
    fact.and_then(|fact| fact["text"].as_str()).unwrap_or_else(|| panic!("no text `{name}` in {answer}"))
}

/// What a step came to, when it must have come to this.
#[track_caller]
pub(crate) fn expect(result: &str, (status, answer): (u16, Value)) -> Value {
    assert_eq!((status, &answer["result"]), (200, &json!(result)), "{answer}");
    answer
}
