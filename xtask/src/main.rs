//! `cargo xtask`: the project's chores, one verb each.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
