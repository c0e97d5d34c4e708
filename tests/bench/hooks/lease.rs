//! How soon an application goes on when its lease ends by itself.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{Row, application::Application, component::expect, median, milliseconds, process::Client, size};

const ROUNDS: usize = 15;

pub(crate) fn measure() -> Vec<Row> {
    let lost = (0..ROUNDS).map(|_| {
        let application = Application::start();
        let (_runtime, client) = frozen(&application, &json!({}));
        let began = Instant::now();
        drop(client);
        thawed(&application);
        began.elapsed()
    });
    let lost = median(lost.collect());
    let budget = Duration::from_millis(400);
    let late = (0..ROUNDS).map(|_| {
        let application = Application::start();
        let runtime = size::starter(&application);
        let mut client = runtime.connect();
        expect("done", client.prepare(&json!({ "freezeMs": budget.as_millis() })));
        // The deadline counts from the moment that the freeze is asked for.
        let began = Instant::now();
        expect("done", client.step("freeze"));
        thawed(&application);
        began.elapsed().saturating_sub(budget)
    });
    let late = median(late.collect());
    vec![
        Row("thaw after a lost connection", milliseconds(lost), String::new(), "≤ 250 ms"),
        Row("thaw after a deadline", milliseconds(late), String::new(), "≤ 100 ms"),
    ]
}

fn frozen(application: &Application, limits: &serde_json::Value) -> (crate::process::Runtime, Client) {
    let runtime = size::starter(application);
    let mut client = runtime.connect();
    expect("done", client.prepare(limits));
    expect("done", client.step("freeze"));
    (runtime, client)
}

fn thawed(application: &Application) {
    application.wait("it is thawed", |state| state.frozen.is_none());
}
