//! What lies between a program and its API server: connections that can be cut.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::Value;

use crate::world::World;

pub(super) struct Relay {
    address: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
    is_down: Arc<AtomicBool>,
}

impl Relay {
    /// Before the API server of a world; with the kubeconfig that leads through it.
    pub(super) fn start(world: &World) -> (Self, PathBuf) {
        let config = world.kubectl(&["config", "view", "--raw", "--flatten", "--output=json"]).success();
        let mut config: Value = serde_json::from_str(&config.stdout).unwrap();
        let cluster = &mut config["clusters"][0]["cluster"];
        let server = cluster["server"].as_str().unwrap().trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay =
            Self { address: listener.local_addr().unwrap(), open: Arc::default(), is_down: Arc::default() };
        let host = server.rsplit_once(':').unwrap().0.to_owned();
        cluster["server"] = format!("https://{}", relay.address).into();
        cluster["tls-server-name"] = host.into();
        let (open, is_down) = (Arc::clone(&relay.open), Arc::clone(&relay.is_down));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                // Down it takes connections and closes them, as a load balancer without a backend.
                if is_down.load(Ordering::SeqCst) {
                    continue;
                }
                let far = TcpStream::connect(&server).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    open.lock().unwrap().push(from.try_clone().unwrap());
                    thread::spawn(move || carry(from, to));
                }
            }
        });
        let path = world.folder().join("relayed.kubeconfig");
        fs::write(&path, config.to_string()).unwrap();
        (relay, path)
    }

    /// Ends all connections; new ones are carried.
    pub(super) fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            // It may be gone already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends all connections, and carries no new ones.
    pub(super) fn take_down(&self) {
        self.is_down.store(true, Ordering::SeqCst);
        self.cut();
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 16 * 1024];
    let ended = loop {
        match from.read(&mut bytes) {
            Ok(0) => break io::Result::Ok(()),
            Ok(count) => {
                if let Err(error) = to.write_all(&bytes[..count]) {
                    break Err(error);
                }
            }
            Err(error) => break Err(error),
        }
    };
    // How it ended is of no interest to the other side.
    drop(ended);
    let _ = to.shutdown(Shutdown::Both);
}
