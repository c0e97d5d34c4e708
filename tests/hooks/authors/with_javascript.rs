//! By the name of this module `cargo xtask test` leaves these tests out where there is no Node.js to build a hook with.

use std::{env, os::unix::fs::symlink, process::Command};

use crate::machine::run;

use super::{holds_an_application, interpreted, is_refused_what_it_is_not_granted, new};

/// The folder with what `npm install` brings, so that not every run fetches it.
const NODE_MODULES: &str = "KUBECTL_BACKUP_NODE_MODULES";

#[test]
#[ignore = "needs Node.js: install it, and npm"]
fn a_hook_in_javascript_is_made_tested_built_and_held() {
    let (_folder, hook) = new("js");
    match env::var_os(NODE_MODULES) {
        Some(modules) => symlink(modules, hook.join("node_modules")).unwrap(),
        None => drop(run(Command::new("npm").arg("install").current_dir(&hook))),
    }
    let tests = run(Command::new("npm").arg("test").current_dir(&hook));
    assert!(String::from_utf8_lossy(&tests.stdout).contains("# pass 3"));
    let component = interpreted(&hook);
    holds_an_application(&component);
    is_refused_what_it_is_not_granted(&component);
}
