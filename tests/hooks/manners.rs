//! What holds of every hook that connects: where nobody listens it says so, and it connects to nobody else.

use std::net::TcpListener;

use rstest::rstest;
use serde_json::json;

use crate::{machine, process::Runtime};

#[rstest]
fn where_nobody_listens_it_is_told(#[values("postgres", "mariadb", "mysql", "redis", "http")] name: &str) {
    let address = format!("127.0.0.1:{}", machine::free_port());
    let hook = json!({ "connect": [address], "settings": { "address": address } });
    let runtime = Runtime::with_hook(name, &hook, "");
    let (status, answer) = runtime.connect().prepare(&json!({}));
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("unreachable")), "{answer}");
}

#[rstest]
fn what_is_not_granted_is_told(#[values("postgres", "mariadb", "mysql", "redis", "http")] name: &str) {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let settings = json!({ "address": other.local_addr().unwrap() });
    let hook = json!({ "connect": ["127.0.0.1:1"], "settings": settings });
    let runtime = Runtime::with_hook(name, &hook, "");
    let (status, answer) = runtime.connect().prepare(&json!({}));
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("denied")), "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("`connect` of this hook"), "{answer}");
    assert!(other.accept().is_err(), "nobody came");
}
