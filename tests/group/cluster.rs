//! Some pods, as far as a group freeze sees them: a runtime each, reached by a link that can be cut or stalled.

use std::{collections::BTreeMap, error::Error, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use hook_protocol::message::{Cut, Limits, Pod, Terms};
use kubectl_backup::hooks::{ClientError, Connect, Duplex, Finished, Opened, Target, hold, open};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::TcpStream,
    sync::broadcast,
};

use crate::{application::Application, process::Runtime};

/// What happens to the links that are open; later ones are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Bytes are taken and go nowhere, as behind a proxy that lost the other side.
    Stalled,
    Cut,
}

/// A pod with an application and a runtime.
pub(crate) struct Member {
    pub(crate) application: Application,
    pub(crate) runtime: Runtime,
    link: broadcast::Sender<Link>,
}

/// Pods by name: `db-0`, `db-1`, …
pub(crate) struct Cluster {
    pub(crate) members: Vec<Member>,
    addresses: BTreeMap<String, (SocketAddr, broadcast::Sender<Link>)>,
    pub(crate) limits: Limits,
}

impl Cluster {
    /// One pod for each of these behaviours.
    pub(crate) fn start(behaviours: &[&str]) -> Arc<Self> {
        Self::with_limits(behaviours, Limits::default())
    }

    pub(crate) fn with_limits(behaviours: &[&str], limits: Limits) -> Arc<Self> {
        let members: Vec<Member> = behaviours
            .iter()
            .map(|behaviour| {
                let application = Application::start();
                let runtime = Runtime::with_behaviour(&application, behaviour);
                Member { application, runtime, link: broadcast::Sender::new(4) }
            })
            .collect();
        let addresses = members.iter().enumerate().map(|(index, member)| {
            let line = member.runtime.wait_for_line("listening on ");
            let address = line.rsplit(' ').next().and_then(|word| word.parse().ok()).expect("an address");
            (format!("db-{index}"), (address, member.link.clone()))
        });
        let addresses = addresses.collect();
        Arc::new(Self { members, addresses, limits })
    }

    pub(crate) fn target(&self, index: usize, order: u32) -> Target {
        let pod =
            Pod { namespace: "shop".to_owned(), name: format!("db-{index}"), uid: format!("uid-{index}") };
        let terms = Terms {
            restore_point: "rp".to_owned(),
            pod,
            volumes: Vec::new(),
            cut: Cut::Atomic,
            limits: self.limits,
        };
        Target { terms, port: 9911, hook: "guest".to_owned(), order: Some(order) }
    }

    /// Connects to all, whose orders are these.
    pub(crate) async fn open(&self, orders: &[u32]) -> Vec<Opened> {
        let mut opened = Vec::new();
        for (index, order) in orders.iter().enumerate() {
            opened.push(open(self, self.target(index, *order), |_| 20).await.expect("it answers"));
        }
        opened
    }

    /// Freezes all around `cut`, and nobody interrupts.
    pub(crate) async fn hold<T>(
        &self,
        orders: &[u32],
        cut: impl Future<Output = Result<T, ClientError>>,
    ) -> Finished<T, ClientError> {
        let opened = self.open(orders).await;
        hold(self, opened, self.limits.freeze, cut, std::future::pending()).await
    }

    pub(crate) fn set_link(&self, index: usize, link: Link) {
        self.members[index].link.send(link).expect("a link is open");
    }

    pub(crate) fn frozen(&self) -> Vec<bool> {
        self.members.iter().map(|member| member.application.is_frozen()).collect()
    }

    /// Waits until no application is frozen.
    pub(crate) async fn wait_until_thawed(self: &Arc<Self>) {
        let cluster = Arc::clone(self);
        let waited = tokio::task::spawn_blocking(move || {
            for member in &cluster.members {
                member.application.wait("it is thawed", |state| state.frozen.is_none());
            }
        });
        waited.await.expect("nothing panicked");
    }
}

impl Connect for Cluster {
    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Box<dyn Duplex>, Box<dyn Error + Send + Sync>>> {
        Box::pin(async move {
            let (address, link) = &self.addresses[&target.terms.pod.name];
            let stream = TcpStream::connect(address).await?;
            let (near, far) = duplex(64 * 1024);
            tokio::spawn(carry(stream, far, link.subscribe()));
            Ok(Box::new(near) as Box<dyn Duplex>)
        })
    }
}

/// Carries bytes both ways until something happens to the link.
async fn carry(mut stream: TcpStream, mut near: DuplexStream, mut link: broadcast::Receiver<Link>) {
    let happened = tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut stream, &mut near) => None,
        happened = link.recv() => happened.ok(),
    };
    if happened == Some(Link::Stalled) {
        let mut lost = [0; 1024];
        while near.read(&mut lost).await.is_ok_and(|count| count > 0) {}
        // The proxy keeps its own side open for longer than any test takes.
        tokio::time::sleep(Duration::from_mins(10)).await;
    }
    let _ = stream.shutdown().await;
}
