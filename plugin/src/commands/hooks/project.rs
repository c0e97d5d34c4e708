//! What a hook's folder holds when it is new, and how one is told from another. Pure; `new` writes it and `build` builds it.
//!
//! The files are those of `examples-hooks/`, where they are built and tested, with another name in them.

use std::path::Path;

use crate::cli::hooks::project::Language;

/// Longest name of a hook, in bytes: it becomes the name of a key and of a container's volume.
const LONGEST_NAME: usize = 40;

/// Where `hooks-sdk` comes from when no folder is named.
const SDK: &str = r#"git = "https://github.com/kubectl-backup/kubectl-backup""#;

const WIT: &str = include_str!("../../../../wit/hook.wit");

// What it names of others.
const WIT_IO: &str = include_str!("../../../../wit/deps/io.wit");
const WIT_TLS: &str = include_str!("../../../../wit/deps/tls.wit");

const RUST_LIBRARY: &str = include_str!("../../../../examples-hooks/starter/src/lib.rs");

const PYTHON: [(&str, &str); 6] = [
    ("hook.py", include_str!("../../../../examples-hooks/python/hook.py")),
    ("test_hook.py", include_str!("../../../../examples-hooks/python/test_hook.py")),
    (".gitignore", include_str!("../../../../examples-hooks/python/.gitignore")),
    ("wit/hook.wit", WIT),
    ("wit/deps/io.wit", WIT_IO),
    ("wit/deps/tls.wit", WIT_TLS),
];

const JAVASCRIPT: [(&str, &str); 11] = [
    ("hook.js", include_str!("../../../../examples-hooks/javascript/hook.js")),
    ("connection.js", include_str!("../../../../examples-hooks/javascript/connection.js")),
    ("http.js", include_str!("../../../../examples-hooks/javascript/http.js")),
    ("http.test.js", include_str!("../../../../examples-hooks/javascript/http.test.js")),
    ("build.mjs", include_str!("../../../../examples-hooks/javascript/build.mjs")),
    ("package.json", include_str!("../../../../examples-hooks/javascript/package.json")),
    (".gitignore", include_str!("../../../../examples-hooks/javascript/.gitignore")),
    ("wit/world.wit", include_str!("../../../../examples-hooks/javascript/wit/world.wit")),
    ("wit/deps/hook/hook.wit", WIT),
    ("wit/deps/io.wit", WIT_IO),
    ("wit/deps/tls.wit", WIT_TLS),
];

/// Why a hook cannot have this name; None when it can.
pub(super) fn refuse_name(name: &str) -> Option<&'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > LONGEST_NAME {
        return Some("it is longer than 40 characters");
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Some("it does not begin with a lower case letter");
    }
    // In WIT each word of a name begins with a letter.
    let words_begin_well =
        name.split('-').all(|word| word.starts_with(|first: char| first.is_ascii_lowercase()));
    if !name.bytes().all(fits) || !words_begin_well {
        return Some("it is not made of words of lower case letters and digits, joined by `-`");
    }
    None
}

/// The files of a new hook: path and content.
pub(super) fn files(name: &str, language: Language, sdk: Option<&Path>) -> Vec<(&'static str, String)> {
    let named = |files: &[(&'static str, &str)], old: &str| {
        files.iter().map(|(path, content)| (*path, content.replace(old, name))).collect()
    };
    match language {
        Language::Rust => vec![
            ("Cargo.toml", manifest(name, sdk)),
            ("src/lib.rs", RUST_LIBRARY.to_owned()),
            (".gitignore", "target/\n".to_owned()),
        ],
        Language::Python => named(&PYTHON, "http-python"),
        Language::Js => named(&JAVASCRIPT, "http-javascript"),
    }
}

fn manifest(name: &str, sdk: Option<&Path>) -> String {
    let sdk = match sdk {
        // A string of JSON is one of TOML.
        Some(folder) => format!("path = {}", serde_json::json!(folder.to_string_lossy())),
        None => SDK.to_owned(),
    };
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
# The component, and what its unit tests link.
crate-type = ["cdylib", "rlib"]

[dependencies]
hooks-sdk = {{ {sdk} }}

[profile.release]
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
strip = true

# On its own, wherever it lies.
[workspace]
"#
    )
}

/// What the hook in a folder is written in, by the names of the files there; None where there is none.
pub(super) fn language_of(has: impl Fn(&str) -> bool) -> Option<Language> {
    [("Cargo.toml", Language::Rust), ("hook.py", Language::Python), ("package.json", Language::Js)]
        .into_iter()
        .find_map(|(file, language)| has(file).then_some(language))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shop", true)]
    #[case("shop-till2", true)]
    #[case("", false)]
    #[case("Shop", false)]
    #[case("2shop", false)]
    #[case("shop--till", false)]
    #[case("shop-", false)]
    #[case("shop-2", false)]
    #[case("../shop", false)]
    #[case("shöp", false)]
    #[case("a23456789-b23456789-c23456789-d23456789-e", false)]
    fn names_are_those_that_every_language_takes(#[case] name: &str, #[case] fits: bool) {
        assert_eq!(refuse_name(name).is_none(), fits);
    }

    #[rstest]
    fn nothing_of_the_example_but_its_content_is_left(
        #[values(Language::Rust, Language::Python, Language::Js)] language: Language,
    ) {
        let files = files("till", language, None);
        assert_eq!(language_of(|file| files.iter().any(|(path, _)| *path == file)), Some(language));
        for (path, content) in &files {
            for old in ["http-python", "http-javascript", "starter"] {
                assert!(!content.contains(old), "`{old}` in {path}");
            }
        }
        assert!(files.iter().any(|(_, content)| content.contains("till")));
    }

    #[test]
    fn the_sdk_may_lie_anywhere() {
        let files = files("till", Language::Rust, Some(Path::new("/a \"b\"/hooks-sdk")));
        assert!(files[0].1.contains(r#"hooks-sdk = { path = "/a \"b\"/hooks-sdk" }"#), "{}", files[0].1);
    }
}
