//! Measures the hook runtime and the hooks of `examples-hooks`, against the clients of real databases in the same run.
//!
//! No figure makes it fail: it prints target and measurement side by side. `cargo xtask bench hooks` builds for release and
//! starts it.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set its stage has failed")]
#![expect(clippy::print_stdout, reason = "a bench talks to its caller")]

#[path = "../../../hook-runtime/tests/it/application.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod application;
#[path = "../../../hook-runtime/tests/it/build.rs"]
mod build;
mod client;
#[path = "../../hooks/component.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod component;
mod group;
mod lease;
#[path = "../../hooks/machine.rs"]
mod machine;
mod postgres;
#[path = "../../../hook-runtime/tests/it/process.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod process;
#[path = "../../hooks/redis/server.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod redis;
mod size;
#[path = "../../hooks/sql/server.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod sql;

use std::time::Duration;

/// A line of the table: what, measured, beside what, target.
struct Row(&'static str, String, String, &'static str);

fn main() {
    let mut rows = size::measure();
    rows.extend(client::measure());
    rows.extend(lease::measure());
    rows.extend(group::measure());
    println!("| What | Measured | Beside | Target |\n|---|---:|---:|---:|");
    for Row(what, measured, beside, target) in rows {
        println!("| {what} | {measured} | {beside} | {target} |");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
