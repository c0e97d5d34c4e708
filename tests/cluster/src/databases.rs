//! Pods with real databases: the servers that this machine has installed, and MySQL from the cache, as an ordinary user, on an
//! `emptyDir`.
//!
//! Every pod has one container, named as its server, with a client ready to connect: `psql -Atc '…'`, `mariadb -Ne '…'` (for
//! MySQL too), `redis-cli …`. The servers listen on every address of the pod and ask for [`PASSWORD`].

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    mysql::MySql,
    node::{
        images::{DEBIAN, USER},
        postgres_folder,
    },
};

/// The password of `postgres`, of `root` in MariaDB and MySQL, and of Redis.
pub const PASSWORD: &str = "a test's password";
/// Where the data is mounted; the database is in the folder `db`, which its server makes.
pub const DATA: &str = "/data";

const POSTGRES: &str = r#"
if [ ! -s /data/db/PG_VERSION ]; then
    printf %s "$PGPASSWORD" > /tmp/password
    initdb --pgdata=/data/db --username=postgres --auth=scram-sha-256 --pwfile=/tmp/password \
        --locale=C.UTF-8 --data-checksums --no-instructions
    printf 'host %s all all scram-sha-256\n' all replication >> /data/db/pg_hba.conf
fi
exec postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories=/tmp
"#;

const MARIADB: [&str; 2] = [
    r#"
if [ ! -d /data/db/mysql ]; then
    mariadb-install-db --no-defaults --datadir=/data/db --auth-root-authentication-method=normal --skip-test-db
fi
printf '[client]\nuser=root\nprotocol=tcp\n' > "$HOME/.my.cnf"
"#,
    r"
exec mariadbd --no-defaults --datadir=/data/db --socket=/tmp/mariadb.sock --pid-file=/tmp/mariadb.pid \
    --init-file=/tmp/users.sql --log-bin=binlog --server-id=1
",
];

/// The server is behind the arguments of the script.
const MYSQL: [&str; 2] = [
    r#"
if [ ! -d /data/db ]; then
    "$@" --datadir=/data/db --initialize-insecure
fi
printf '[client]\nuser=root\nsocket=/tmp/mysql.sock\n' > "$HOME/.my.cnf"
"#,
    r#"
exec "$@" --datadir=/data/db --socket=/tmp/mysql.sock --pid-file=/tmp/mysql.pid --init-file=/tmp/users.sql --server-id=1
"#,
];
/// Gives `root` its password in either, on every address.
const USERS: &str = r#"cat > /tmp/users.sql <<END
ALTER USER root@localhost IDENTIFIED BY '$(echo "$MYSQL_PWD" | sed "s/'/''/g")';
CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '$(echo "$MYSQL_PWD" | sed "s/'/''/g")';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
END"#;
/// Where its programs are mounted.
const MYSQL_FOLDER: &str = "/mysql";

const REDIS: &str = r#"
mkdir -p /data/db
exec redis-server --dir /data/db --bind 0.0.0.0 --requirepass "$REDISCLI_AUTH"
"#;

/// A server and how it is known to be ready.
struct Server<'a> {
    container: &'a str,
    port: u16,
    script: &'a str,
    environment: &'a [(&'a str, &'a str)],
    ready: &'a str,
}

/// PostgreSQL: container `postgres`, port 5432. Its log level, WAL level and the like are those of a new cluster.
pub fn postgres_pod(name: &str) -> Value {
    Server {
        container: "postgres",
        port: 5432,
        script: POSTGRES,
        environment: &[("PGHOST", "127.0.0.1"), ("PGUSER", "postgres"), ("PGPASSWORD", PASSWORD)],
        ready: "psql -qc 'SELECT 1'",
    }
    .pod(name)
}

/// MariaDB with a binary log: container `mariadb`, port 3306.
pub fn mariadb_pod(name: &str) -> Value {
    Server {
        container: "mariadb",
        port: 3306,
        script: &MARIADB.join(USERS),
        // The client reads the password from there, and the rest from `~/.my.cnf`.
        environment: &[("MYSQL_PWD", PASSWORD)],
        ready: "mariadb --execute='SELECT 1'",
    }
    .pod(name)
}

/// MySQL with a binary log, and TLS by a certificate that it makes itself: container `mysql`, port 3306.
pub fn mysql_pod(name: &str, programs: &MySql) -> Value {
    let script = MYSQL.join(USERS);
    let mut pod = Server {
        container: "mysql",
        port: 3306,
        script: &script,
        environment: &[("MYSQL_PWD", PASSWORD)],
        ready: "mariadb --execute='SELECT 1'",
    }
    .pod(name);
    let container = &mut pod["spec"]["containers"][0];
    let server = MySql::server_in(Path::new(MYSQL_FOLDER));
    container["command"] =
        json!([&["sh", "-euc", &script, "mysql"].map(str::to_owned)[..], &server].concat());
    let volume = json!({"name": "programs", "mountPath": MYSQL_FOLDER, "readOnly": true});
    push(&mut container["volumeMounts"], volume);
    let folder = json!({"path": programs.folder(), "type": "Directory"});
    push(&mut pod["spec"]["volumes"], json!({"name": "programs", "hostPath": folder}));
    pod
}

fn push(list: &mut Value, value: Value) {
    if let Value::Array(values) = list {
        values.push(value);
    }
}

/// Redis without an append-only file: container `redis`, port 6379.
pub fn redis_pod(name: &str) -> Value {
    Server {
        container: "redis",
        port: 6379,
        script: REDIS,
        environment: &[("REDISCLI_AUTH", PASSWORD)],
        ready: "[ \"$(redis-cli ping)\" = PONG ]",
    }
    .pod(name)
}

/// Adds a native sidecar to a pod, and the volumes that it mounts.
pub fn add_sidecar(pod: &mut Value, mut container: Value, volumes: &[Value]) {
    container["restartPolicy"] = json!("Always");
    let spec = &mut pod["spec"];
    for (field, values) in [("initContainers", &[container][..]), ("volumes", volumes)] {
        match &mut spec[field] {
            Value::Array(present) => present.extend_from_slice(values),
            absent => *absent = json!(values),
        }
    }
}

impl Server<'_> {
    fn pod(&self, name: &str) -> Value {
        let programs = format!("{}:/usr/sbin:/usr/bin", postgres_folder().display());
        let environment = [("PATH", programs.as_str()), ("HOME", "/tmp")]
            .into_iter()
            .chain(self.environment.iter().copied());
        let environment: Vec<_> =
            environment.map(|(name, value)| json!({"name": name, "value": value})).collect();
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 5,
                "securityContext": {
                    "runAsNonRoot": true,
                    "runAsUser": USER,
                    "runAsGroup": USER,
                    "fsGroup": USER,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [{
                    "name": self.container,
                    "image": DEBIAN,
                    "command": ["sh", "-euc", self.script],
                    "env": environment,
                    "ports": [{"containerPort": self.port}],
                    "readinessProbe": {
                        "exec": {"command": ["sh", "-c", self.ready]},
                        "periodSeconds": 1,
                        "timeoutSeconds": 5,
                        "failureThreshold": 300,
                    },
                    "securityContext": {
                        "readOnlyRootFilesystem": true,
                        "allowPrivilegeEscalation": false,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [
                        {"name": "usr", "mountPath": "/usr", "readOnly": true},
                        {"name": "data", "mountPath": DATA},
                        {"name": "tmp", "mountPath": "/tmp"},
                    ],
                }],
                "volumes": [
                    {"name": "usr", "hostPath": {"path": "/usr", "type": "Directory"}},
                    {"name": "data", "emptyDir": {}},
                    {"name": "tmp", "emptyDir": {}},
                ],
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_comes_with_its_volumes_beside_what_is_there() {
        let mut pod = redis_pod("cache");
        let volumes = pod["spec"]["volumes"].as_array().unwrap().len();
        for name in ["one", "two"] {
            add_sidecar(&mut pod, json!({"name": name}), &[json!({"name": name, "emptyDir": {}})]);
        }
        assert_eq!(pod["spec"]["initContainers"][1], json!({"name": "two", "restartPolicy": "Always"}));
        assert_eq!(pod["spec"]["volumes"].as_array().unwrap().len(), volumes + 2);
    }
}
