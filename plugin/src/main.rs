//! The `kubectl-backup` binary: parse, run, and turn the outcome into output and an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_backup::main(std::env::args_os())
}
