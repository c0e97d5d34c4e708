//! Write a hook of `kubectl backup` in ordinary Rust, for `wasm32-wasip2`.
//!
//! A hook is a type that implements [`Hook`] and is named in [`export!`]. One value of it lives from `prepare` to
//! `thaw`, so what it holds is the session. Settings and secrets are constants with a type ([`Setting`], [`Secret`]);
//! connections keep to the time that a call may take ([`Stream`], [`Deadline`]), and the runtime does their TLS
//! ([`Stream::secure`]). `std::net` works too. Everything also compiles for the machine at hand, where [`fake::Host`] stands for the runtime, so unit tests are ordinary ones.
//!
//! ```
//! use std::{io::Write as _, net::SocketAddr};
//!
//! use hooks_sdk::{Attempt as _, Consistency, Deadline, Description, Error, Expiry, Hook, Receipt, Request, Result};
//! use hooks_sdk::{Setting, Stream};
//!
//! const ADDRESS: Setting<SocketAddr> = Setting::required("address", "where the shop listens");
//!
//! #[derive(Default)]
//! struct Shop(Option<Stream>);
//!
//! impl Shop {
//!     fn say(&mut self, word: &str, request: &Request) -> Result<Receipt> {
//!         let stream = self.0.as_mut().ok_or_else(|| Error::not_held("the shop is not connected"))?;
//!         stream.renew(Deadline::of(request));
//!         stream.write_all(word.as_bytes()).attempt(|| format!("say `{word}` to the shop"))?;
//!         Ok(Receipt::new(Consistency::Application))
//!     }
//! }
//!
//! impl Hook for Shop {
//!     fn describe() -> Description {
//!         Description::new("shop", env!("CARGO_PKG_VERSION"), "the tills of the shop", Expiry::SessionBound)
//!             .connects("the port of the shop")
//!             .setting(&ADDRESS)
//!     }
//!     fn prepare(&mut self, request: &Request) -> Result<Receipt> {
//!         self.0 = Some(Stream::connect(ADDRESS.get()?, Deadline::of(request))?);
//!         Ok(Receipt::new(Consistency::Crash))
//!     }
//!     fn freeze(&mut self, request: &Request) -> Result<Receipt> {
//!         self.say("close\n", request)
//!     }
//!     fn check(&mut self, request: &Request) -> Result<Receipt> {
//!         self.say("closed?\n", request)
//!     }
//!     fn thaw(&mut self, request: &Request) -> Result<Receipt> {
//!         self.say("open\n", request)
//!     }
//! }
//!
//! hooks_sdk::export!(Shop);
//! ```
//!
//! Owns the author's side of the WIT package. Leaves to the author what the application understands, and to the runtime
//! every limit: what a hook is not granted fails here, whatever the code says.

#[doc(hidden)]
#[expect(clippy::pedantic, reason = "written by wit-bindgen")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "sdk",
        features: ["tls"],
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "hooks_sdk::bindings",
    });
}

mod connection;
mod deadline;
mod description;
mod error;
mod export;
mod fact;
#[cfg(not(target_family = "wasm"))]
pub mod fake;
mod folder;
mod hook;
mod host;
pub mod log;
pub mod mounts;
mod receipt;
mod secret;
mod setting;
mod stream;
mod tls;
#[cfg(target_family = "wasm")]
mod wire;

pub use bindings::kubectl_backup::hook::types::{
    Consistency, Cut, Description, Error, ErrorKind, Expiry, Fact, FactValue, Grant, Need, Pod, Receipt,
    Request, SettingKind, Volume,
};
pub use connection::{Connection, Encryption, SERVER_NAME, SSLMODE};
pub use deadline::Deadline;
pub use error::{Attempt, Result};
pub use fact::Facts;
pub use folder::Folder;
pub use hook::Hook;
pub use secret::{Secret, SecretText};
pub use setting::{Setting, SettingValue};
pub use stream::Stream;
pub use tls::TlsStream;

#[cfg(test)]
mod tests {
    #[test]
    fn the_copy_of_the_wit_package_is_the_original() {
        let copies = [
            (include_str!("../wit/deps/hook/hook.wit"), include_str!("../../wit/hook.wit")),
            (include_str!("../wit/deps/io.wit"), include_str!("../../wit/deps/io.wit")),
            (include_str!("../wit/deps/tls.wit"), include_str!("../../wit/deps/tls.wit")),
        ];
        let same = copies.iter().all(|(copy, original)| copy == original);
        assert!(
            same,
            "run: cp wit/hook.wit hooks-sdk/wit/deps/hook/ && cp wit/deps/*.wit hooks-sdk/wit/deps/"
        );
    }
}
