//! By the name of this module `cargo xtask test` leaves these tests out where there is no Python to build a hook with.

use std::process::Command;

use crate::machine::run;

use super::{holds_an_application, interpreted, is_refused_what_it_is_not_granted, new};

#[test]
#[ignore = "needs componentize-py: pip install componentize-py"]
fn a_hook_in_python_is_made_tested_built_and_held() {
    let (_folder, hook) = new("python");
    let mut bindings = Command::new("componentize-py");
    bindings.args(["--wit-path", "wit", "--world", "application-hook", "bindings", "bindings"]);
    run(bindings.current_dir(&hook));
    let tests = run(Command::new("python3").args(["-m", "unittest"]).current_dir(&hook));
    assert!(String::from_utf8_lossy(&tests.stderr).contains("Ran 3 tests"));
    let component = interpreted(&hook);
    holds_an_application(&component);
    is_refused_what_it_is_not_granted(&component);
}
