//! Three databases frozen as a group by the plugin's own client, around a cut that takes no time.

use std::{collections::BTreeMap, error::Error, net::SocketAddr, time::Duration};

use futures::future::BoxFuture;
use hook_protocol::message::{Cut, Limits, Pod, Terms};
use kubectl_backup::hooks::{ClientError, Connect, Duplex, Target, hold, open};
use tokio::net::TcpStream;

use crate::{Row, median, milliseconds, postgres, process::Runtime, redis, sql};

const ROUNDS: usize = 9;

/// The runtimes by the names of their hooks.
struct Runtimes(BTreeMap<&'static str, SocketAddr>);

impl Connect for Runtimes {
    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Box<dyn Duplex>, Box<dyn Error + Send + Sync>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(self.0[target.hook.as_str()]).await?;
            Ok(Box::new(stream) as Box<dyn Duplex>)
        })
    }
}

pub(crate) fn measure() -> Vec<Row> {
    let (postgres, mariadb, redis) =
        (postgres::Server::primary(), sql::Server::new(sql::Kind::MariaDb), redis::Server::start(false));
    let members = [
        ("postgres", Runtime::with_hook("postgres", &postgres.hook(), postgres::PASSWORD)),
        ("mariadb", mariadb.runtime()),
        ("redis", redis.runtime()),
    ];
    let addresses = members.iter().map(|(hook, runtime)| (*hook, runtime.address("listening on ")));
    let runtimes = Runtimes(addresses.collect());
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let frozen = median((0..ROUNDS).map(|_| tokio.block_on(round(&runtimes))).collect());
    vec![Row(
        "three databases, first freeze to last thaw, beyond the cut",
        milliseconds(frozen),
        String::new(),
        "< 500 ms",
    )]
}

async fn round(runtimes: &Runtimes) -> Duration {
    let limits = Limits::default();
    let mut opened = Vec::new();
    for hook in runtimes.0.keys() {
        let pod = Pod { namespace: "shop".to_owned(), name: format!("{hook}-0"), uid: format!("uid-{hook}") };
        let restore_point = "bench".to_owned();
        let terms = Terms { restore_point, pod, volumes: Vec::new(), cut: Cut::Atomic, limits };
        let target = Target { terms, port: 0, hook: (*hook).to_owned(), order: None };
        opened.push(open(runtimes, target, |_| 20).await.unwrap());
    }
    let finished =
        hold(runtimes, opened, limits.freeze, async { Ok::<_, ClientError>(()) }, std::future::pending())
            .await;
    assert_eq!(finished.record.failure, None);
    Duration::from_millis(finished.record.frozen_ms.unwrap())
}
