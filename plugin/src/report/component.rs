//! A hook's component for people and programs.

use std::fmt::Write as _;

use hook_artifact::component::{Inspected, Power};
use serde_json::{Value, json};

use super::{size::size, table::NONE, terminal::clean_line};

/// As a document.
pub fn record(component: &Inspected) -> Value {
    let powers: Vec<&str> = component.powers().into_iter().map(name).collect();
    json!({
        "digest": component.digest,
        "size": component.size,
        "powers": powers,
        "imports": component.imports,
        "exports": component.exports,
    })
}

/// The same, with the file that was built.
pub fn built(file: &str, component: &Inspected) -> Value {
    let mut whole = json!({ "file": file });
    if let (Some(whole), Value::Object(record)) = (whole.as_object_mut(), record(component)) {
        whole.extend(record);
    }
    whole
}

/// The same, with the file that was built.
pub fn show_built(file: &str, component: &Inspected) -> String {
    format!("{:<10}{}\n{}", "File:", clean_line(file), show(component))
}

/// In the manner of `kubectl describe`.
pub fn show(component: &Inspected) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{:<10}{}", "Digest:", component.digest);
    let _ = writeln!(text, "{:<10}{}", "Size:", size(component.size));
    let powers = component.powers();
    let lines: Vec<String> =
        powers.iter().map(|power| format!("{:<15}{}", name(*power), purpose(*power))).collect();
    list(&mut text, "Powers", lines.iter().map(String::as_str));
    list(&mut text, "Imports", component.imports.iter().map(String::as_str));
    list(&mut text, "Exports", component.exports.iter().map(String::as_str));
    text.truncate(text.trim_end().len());
    text
}

fn list<'a>(text: &mut String, label: &str, lines: impl Iterator<Item = &'a str>) {
    let label = format!("{label}:");
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        let _ = writeln!(text, "{label:<10}{NONE}");
        return;
    }
    let _ = writeln!(text, "{label}");
    for line in lines {
        let _ = writeln!(text, "  {}", clean_line(line));
    }
}

fn name(power: Power) -> &'static str {
    match power {
        Power::Connect => "connect",
        Power::Datagrams => "datagrams",
        Power::Names => "names",
        Power::Tls => "tls",
        Power::Configuration => "configuration",
        Power::Mounts => "mounts",
        Power::Files => "files",
    }
}

/// What it comes to under the runtime, which grants nothing by itself.
fn purpose(power: Power) -> &'static str {
    match power {
        Power::Connect => "TCP, to the addresses under `connect` alone",
        Power::Datagrams => "UDP, which the runtime refuses",
        Power::Names => "resolving names, which the runtime refuses",
        Power::Tls => "TLS by the runtime",
        Power::Configuration => "its settings, and the secrets under `secrets` alone",
        Power::Mounts => "freezing the file systems under `mounts` alone",
        Power::Files => "the folders under `folders`, in `recover` alone",
    }
}
