//! The databases of this machine run in pods, and answer clients in the pod and clients that come by port-forward.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
};

use test_cluster::{
    TestCluster,
    databases::{PASSWORD, mariadb_pod, mysql_pod, postgres_pod, redis_pod},
    mysql::MySql,
    pods::Pods,
};

fn pods() -> Pods {
    Pods::of_new_namespace(&TestCluster::of_tests_with_node().unwrap()).unwrap()
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn postgresql_keeps_what_is_written_and_asks_for_its_password() {
    let pods = pods();
    pods.start(&postgres_pod("db")).unwrap();
    let sql = |text: &str| pods.exec("db", "postgres", &["psql", "-Atc", text]);
    sql("CREATE TABLE seats (number int)").unwrap();
    sql("INSERT INTO seats SELECT generate_series(1, 100)").unwrap();
    assert_eq!(sql("SELECT sum(number) FROM seats").unwrap(), "5050\n");
    assert!(sql("SELECT 1 FROM nothing").unwrap_err().to_string().contains("\"nothing\" does not exist"));
    let wrong = "PGPASSWORD=wrong exec psql -Atc 'SELECT 1'";
    let refusal = pods.exec("db", "postgres", &["sh", "-c", wrong]).unwrap_err().to_string();
    assert!(refusal.contains("password authentication failed"), "{refusal}");
    assert_eq!(pods.exec("db", "postgres", &["id", "-u"]).unwrap(), "999\n");

    let forward = pods.port_forward("db", 5432).unwrap();
    let mut connection = TcpStream::connect(forward.address()).unwrap();
    // SSLRequest: PostgreSQL answers with one letter.
    connection.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let mut answer = [0];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"N");
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn mariadb_keeps_what_is_written_and_has_a_binary_log() {
    let pods = pods();
    pods.start(&mariadb_pod("db")).unwrap();
    let sql = |text: &str| pods.exec("db", "mariadb", &["mariadb", "-Ne", text]);
    sql("CREATE DATABASE shop; CREATE TABLE shop.seats (number int); INSERT INTO shop.seats VALUES (3), (4)")
        .unwrap();
    assert_eq!(sql("SELECT sum(number) FROM shop.seats").unwrap(), "7\n");
    assert_eq!(sql("SELECT @@log_bin").unwrap(), "1\n");
    let wrong = "MYSQL_PWD=wrong exec mariadb -e 'SELECT 1'";
    let refusal = pods.exec("db", "mariadb", &["sh", "-c", wrong]).unwrap_err().to_string();
    assert!(refusal.contains("Access denied"), "{refusal}");

    let forward = pods.port_forward("db", 3306).unwrap();
    let mut greeting = [0; 16];
    TcpStream::connect(forward.address()).unwrap().read_exact(&mut greeting).unwrap();
    // A packet's header, the version of the protocol, the server's version.
    assert_eq!(greeting[4], 10);
    assert!(greeting[5..].starts_with(b"5.5.5-") || greeting[5..].starts_with(b"1"), "{greeting:?}");
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn mysql_keeps_what_is_written_and_has_a_binary_log() {
    let pods = pods();
    pods.start(&mysql_pod("db", &MySql::find_or_fetch().unwrap())).unwrap();
    let sql = |text: &str| pods.exec("db", "mysql", &["mariadb", "-Ne", text]);
    sql("CREATE DATABASE shop; CREATE TABLE shop.seats (number int); INSERT INTO shop.seats VALUES (3), (4)")
        .unwrap();
    assert_eq!(sql("SELECT sum(number) FROM shop.seats").unwrap(), "7\n");
    assert_eq!(sql("SELECT @@log_bin, @@performance_schema").unwrap(), "1\t1\n");
    let wrong = "MYSQL_PWD=wrong exec mariadb -e 'SELECT 1'";
    let refusal = pods.exec("db", "mysql", &["sh", "-c", wrong]).unwrap_err().to_string();
    assert!(refusal.contains("Access denied"), "{refusal}");
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn redis_keeps_what_is_written_and_asks_for_its_password() {
    let pods = pods();
    pods.start(&redis_pod("cache")).unwrap();
    assert_eq!(pods.exec("cache", "redis", &["redis-cli", "set", "seat", "7"]).unwrap(), "OK\n");

    let forward = pods.port_forward("cache", 6379).unwrap();
    let mut connection = BufReader::new(TcpStream::connect(forward.address()).unwrap());
    let mut ask = |line: &str, answers: usize| {
        connection.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        for _ in 0..answers {
            connection.read_line(&mut answer).unwrap();
        }
        answer
    };
    assert!(ask("GET seat", 1).starts_with("-NOAUTH"));
    assert_eq!(ask(&format!("AUTH \"{PASSWORD}\""), 1), "+OK\r\n");
    assert_eq!(ask("GET seat", 2), "$1\r\n7\r\n");
}
