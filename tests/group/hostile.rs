//! What answers on the port of a runtime may be anybody.

use hook_protocol::message::LARGEST_ANSWER;
use kubectl_backup::hooks::{Client, ClientError, open};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::cluster::Cluster;

/// The client's error when the other side says this to its first request.
async fn said(answer: impl AsRef<[u8]> + Send + 'static) -> ClientError {
    let (near, mut far) = duplex(1024 * 1024);
    tokio::spawn(async move {
        let mut request = [0; 1024];
        let _ = far.read(&mut request).await;
        let _ = far.write_all(answer.as_ref()).await;
        // Whoever waits for more gets none.
        tokio::time::sleep(Duration::from_mins(10)).await;
    });
    let mut client = Client::over(near).await.expect("nothing is said yet");
    client.status(Duration::from_secs(2)).await.expect_err("it is no runtime")
}

#[tokio::test]
async fn another_server_is_not_taken_for_a_runtime() {
    let page = said("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>").await;
    assert!(matches!(page, ClientError::Answer(_)), "{page:?}");
    let greeting = said("220 mail.example ESMTP\r\n").await;
    assert!(matches!(greeting, ClientError::Connection(_)), "{greeting:?}");
    let nothing = said("").await;
    assert!(matches!(nothing, ClientError::Silent(_)), "{nothing:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let large = said(head.to_owned() + &chunk.repeat(LARGEST_ANSWER / 0x10000 + 2)).await;
    assert!(matches!(large, ClientError::Large), "{large:?}");
    let headers = said("HTTP/1.1 200 OK\r\n".to_owned() + &"x: y\r\n".repeat(100_000)).await;
    assert!(matches!(headers, ClientError::Connection(_)), "{headers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_the_runtime_does_not_have_is_told_with_those_it_has() {
    let cluster = Cluster::start(&["honest"]);
    let mut target = cluster.target(0, 20);
    target.hook = "postgres".to_owned();
    let (_, error) = open(&*cluster, target, |_| 20).await.expect_err("there is none");
    assert_eq!(error.to_string(), "the hook runtime has no hook `postgres`; it has guest");
}
