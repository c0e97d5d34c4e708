//! Lists from a server that answers by script: the moments that a real one cannot be asked for.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    cli::connection::ConnectionArgs,
    cluster::{Cluster, Lanes, ListFailure, ListRequest, retry::Patience},
    model::resource::{GroupResource, ResourceType, Scope},
};

/// One answer: status, further header lines, body.
type Answer = (&'static str, &'static str, Value);

/// Serves `answers` in turn and keeps the request lines.
fn serve(answers: Vec<Answer>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    thread::spawn(move || {
        for (status, headers, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            seen.lock().unwrap().push(lines.next().unwrap().unwrap());
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let body = body.to_string();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    (url, requests)
}

/// The names that a list gave, how it ended, and what was asked for it.
type Listed = (Vec<String>, Result<u32, ListFailure>, Vec<String>);

async fn listed(answers: Vec<Answer>) -> Listed {
    listed_with(Patience::USUAL, answers).await
}

async fn listed_with(patience: Patience, answers: Vec<Answer>) -> Listed {
    listed_by(patience, true, answers).await
}

async fn listed_by(patience: Patience, is_patient: bool, answers: Vec<Answer>) -> Listed {
    let (url, requests) = serve(answers);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, "").unwrap();
    let args = ConnectionArgs {
        kubeconfig: Some(kubeconfig),
        server: Some(url),
        request_timeout: "0".to_owned(),
        ..ConnectionArgs::default()
    };
    let cluster = Cluster::connect(&args).await.unwrap().with_patience(patience);
    let kind = ResourceType::new(GroupResource::new("configmaps", ""), "v1", "ConfigMap", Scope::Namespaced);
    let request = ListRequest {
        kind,
        namespace: Some("shop".to_owned()),
        only_namespaces: None,
        only_names: None,
        label_selector: None,
        field_selector: None,
        chunk_size: 500,
        is_patient,
        revision: None,
    };
    let (senders, mut lanes) = Lanes::new(1, 1 << 20);
    let mut sender = senders.into_iter().next().unwrap();
    let ended =
        tokio::spawn(async move { cluster.list(&request, &mut sender).await.map(|stats| stats.splices) });
    let mut names = Vec::new();
    while let Some(page) = lanes.next_page(0).await {
        names.extend(page.into_iter().map(|item| item.facts.name));
    }
    let requests = requests.lock().unwrap().clone();
    (names, ended.await.unwrap(), requests)
}

fn page(names: &[&str], next: &str) -> Value {
    let items: Vec<_> =
        names.iter().map(|name| json!({"metadata": {"name": name, "namespace": "shop"}})).collect();
    json!({"kind": "ConfigMapList", "metadata": {"continue": next}, "items": items})
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says() {
    let (names, ended, requests) = listed(vec![
        ("429 Too Many Requests", "retry-after: 1\r\n", json!("too many requests")),
        ("200 OK", "", page(&["a"], "")),
    ])
    .await;
    assert_eq!((names, ended.unwrap(), requests.len()), (vec!["a".to_owned()], 0, 2));
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up() {
    let patience = Patience {
        limit: Duration::from_millis(40),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(20),
    };
    // More answers than pauses fit into the limit: 1, 2, 4, 8, 16 ms.
    let answers = vec![("503 Service Unavailable", "", json!("apiserver not ready")); 20];
    let (names, ended, requests) = listed_with(patience, answers).await;
    assert!(names.is_empty());
    assert!(matches!(ended, Err(ListFailure::Request(error)) if error.code() == Some(503)));
    assert!((2..=6).contains(&requests.len()), "{requests:?}");
}

#[tokio::test]
async fn a_list_without_patience_asks_once() {
    let busy = ("503 Service Unavailable", "", json!("apiserver not ready"));
    let (_, ended, requests) = listed_by(Patience::USUAL, false, vec![busy]).await;
    assert!(matches!(ended, Err(ListFailure::Request(error)) if error.code() == Some(503)));
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn a_server_that_asks_for_an_hour_is_given_up_at_once() {
    let (_, ended, requests) =
        listed(vec![("503 Service Unavailable", "retry-after: 3600\r\n", json!("maintenance"))]).await;
    assert!(matches!(ended, Err(ListFailure::Request(error)) if error.code() == Some(503)));
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn an_expired_list_goes_on_with_the_fresh_token_and_counts_as_spliced() {
    let expired = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old",
        "metadata": {"continue": "fresh"}});
    let (names, ended, requests) = listed(vec![
        ("200 OK", "", page(&["a", "b"], "old")),
        ("410 Gone", "", expired),
        ("200 OK", "", page(&["c"], "")),
    ])
    .await;
    assert_eq!((names, ended.unwrap()), (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], 1));
    assert!(requests[1].contains("continue=old") && requests[2].contains("continue=fresh"), "{requests:?}");
}

#[tokio::test]
async fn an_empty_page_with_a_token_is_not_the_end() {
    let (names, ended, _) =
        listed(vec![("200 OK", "", page(&[], "more")), ("200 OK", "", page(&["a"], ""))]).await;
    assert_eq!((names, ended.unwrap()), (vec!["a".to_owned()], 0));
}

#[tokio::test]
async fn a_failing_page_is_asked_for_again_in_smaller_pieces() {
    let broken = json!({"kind": "Status", "code": 500, "message": "conversion webhook failed"});
    let (names, ended, requests) =
        listed(vec![("500 Internal Server Error", "", broken), ("200 OK", "", page(&["a"], ""))]).await;
    assert_eq!((names, ended.unwrap()), (vec!["a".to_owned()], 0));
    assert!(requests[0].contains("limit=100") && requests[1].contains("limit=50"), "{requests:?}");
}

#[tokio::test]
async fn a_refusal_is_told_as_one() {
    let forbidden = json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"});
    let (names, ended, _) = listed(vec![("403 Forbidden", "", forbidden)]).await;
    assert!(names.is_empty());
    assert!(matches!(ended, Err(ListFailure::Request(error)) if error.is_forbidden()));
}
