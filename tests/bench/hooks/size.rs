//! What the runtime takes: bytes on disk, memory, and time to be ready.

use std::{
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    Row,
    application::Application,
    build,
    component::expect,
    median, milliseconds,
    process::{Runtime, program},
};

/// Names the build without a compiler.
const WITHOUT_COMPILER: &str = "KUBECTL_BACKUP_RUNTIME_WITHOUT_COMPILER";
/// Starts that the median is of.
const STARTS: usize = 20;

pub(crate) fn measure() -> Vec<Row> {
    let size = |path: &Path| megabytes(fs::metadata(path).unwrap().len());
    let without_compiler = env::var_os(WITHOUT_COMPILER).expect("`cargo xtask bench hooks` names it");
    let application = Application::start();
    let runtime = starter(&application);
    let mut client = runtime.connect();
    let idle = resident(&runtime);
    expect("done", client.prepare(&json!({})));
    expect("done", client.step("freeze"));
    let held = resident(&runtime);
    let none = String::new;
    vec![
        Row("binary", size(&program()), none(), "< 20 MB"),
        Row("binary without the compiler", size(Path::new(&without_compiler)), none(), "< 6 MB"),
        Row("memory, idle with one hook", megabytes(idle), none(), "< 10 MB"),
        Row("memory, one hook in Rust held", megabytes(held), none(), "< 16 MB"),
        Row(
            "process start to hook ready, compiled before",
            milliseconds(start(&application)),
            none(),
            "< 10 ms",
        ),
    ]
}

/// The hook of `examples-hooks/starter`, compiled before.
pub(crate) fn starter(application: &Application) -> Runtime {
    let components = build::components("examples-hooks", "../hooks");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(components.join("starter.wasm"), folder.path().join("starter.wasm")).unwrap();
    let address = application.address();
    let hook =
        json!({ "component": "starter.wasm", "connect": [address], "settings": { "address": address } });
    Runtime::launch(folder, "starter", &hook, &json!({ "cache": components }), &[])
}

fn start(application: &Application) -> Duration {
    let mut runtime = starter(application);
    runtime.wait_for_line("listening on ");
    let starts = (0..STARTS).map(|_| {
        runtime.stop();
        let began = Instant::now();
        runtime.restart();
        runtime.wait_for_line("listening on ");
        began.elapsed()
    });
    median(starts.collect())
}

/// Bytes of memory that it has now.
fn resident(runtime: &Runtime) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", runtime.id())).unwrap();
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    kibibytes.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52 bytes")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
