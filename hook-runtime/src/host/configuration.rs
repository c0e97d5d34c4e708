//! `configuration`: settings and secrets, by name, and only the granted ones.

use tokio::io::AsyncReadExt as _;

use super::State;
use crate::bindings::kubectl_backup::hook::configuration::Host;

/// Bytes of a secret: a password, a key, a certificate.
const LONGEST_SECRET: u64 = 64 * 1024;

impl Host for State {
    async fn get(&mut self, name: String) -> Option<String> {
        self.grants.settings.get(&name).cloned()
    }

    async fn secret(&mut self, name: String) -> Option<String> {
        let Some(path) = self.grants.secrets.get(&name) else {
            self.log.warn("asked for a secret that is not granted");
            return None;
        };
        let mut text = String::new();
        // Anew each time: a mounted secret changes when it is rotated.
        let read =
            async { tokio::fs::File::open(path).await?.take(LONGEST_SECRET).read_to_string(&mut text).await };
        match read.await {
            // Files made by editors end in a line break, passwords do not.
            Ok(_) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                self.log.warn(&format!("could not read the secret `{}`: {error}", path.display()));
                None
            }
        }
    }
}
