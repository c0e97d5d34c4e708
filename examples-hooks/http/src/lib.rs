//! The hook for any application that has endpoints by which it can be paused, asked whether it is, and resumed.
//!
//! Each answers with a status of 2xx when it is so. The pause outlives everybody unless the application ends it itself;
//! it is told how long it may last.

mod exchange;

use std::net::SocketAddr;

use hooks_sdk::{
    Consistency, Deadline, Description, Error, ErrorKind, Expiry, Facts, Hook, Receipt, Request, Result,
    Secret, Setting, Stream,
};

use crate::exchange::{Ask, ask};

const ADDRESS: Setting<SocketAddr> =
    Setting::required("address", "where the application listens, in numbers");
const PAUSE: Setting<String> =
    Setting::with_default("pause-path", "/pause", "POST here returns when nothing is written any more");
const PAUSED: Setting<String> =
    Setting::with_default("paused-path", "/paused", "GET here is 2xx while it is paused");
const RESUME: Setting<String> =
    Setting::with_default("resume-path", "/resume", "POST here resumes, also what is not paused");
const VERIFY: Setting<String> =
    Setting::with_default("verify-path", "", "GET here is 2xx when the application is whole after a restore");
const WITH_TOKEN: Setting<bool> =
    Setting::with_default("with-token", "false", "whether the secret `token` is sent as a bearer token");
const TOKEN: Secret = Secret::new("token");

#[derive(Default)]
struct Http;

/// Asks for something that must be so.
fn must(method: &str, path: &str, request: &Request) -> Result<()> {
    let (address, deadline) = (ADDRESS.get()?, Deadline::of(request));
    let token = if WITH_TOKEN.get()? { Some(TOKEN.read()?) } else { None };
    let at_most = Some(deadline.left()?.as_millis());
    let host = address.to_string();
    let status =
        ask(Stream::connect(address, deadline)?, &Ask { method, path, host: &host, token, at_most })?;
    let kind = match status {
        200..=299 => return Ok(()),
        401 => ErrorKind::Authentication,
        403 => ErrorKind::Denied,
        404 | 405 | 501 => ErrorKind::Unsupported,
        409 | 423 | 429 => ErrorKind::Busy,
        _ => ErrorKind::Failed,
    };
    Err(Error::new(kind, format!("could not {method} {path}: the application answers {status}")))
}

impl Hook for Http {
    fn describe() -> Description {
        let freezes = "an application, by its own endpoints";
        Description::new("http", env!("CARGO_PKG_VERSION"), freezes, Expiry::WithoutExpiry)
            .connects("the port of the application")
            .setting(&ADDRESS)
            .setting(&PAUSE)
            .setting(&PAUSED)
            .setting(&RESUME)
            .setting(&VERIFY)
            .setting(&WITH_TOKEN)
    }

    fn prepare(&mut self, request: &Request) -> Result<Receipt> {
        // Somebody answers, and the token can be read.
        Stream::connect(ADDRESS.get()?, Deadline::of(request))?;
        if WITH_TOKEN.get()? {
            TOKEN.read()?;
        }
        Ok(Receipt::new(Consistency::Crash))
    }

    fn freeze(&mut self, request: &Request) -> Result<Receipt> {
        must("POST", &PAUSE.get()?, request)?;
        Ok(Receipt::new(Consistency::Application))
    }

    fn check(&mut self, request: &Request) -> Result<Receipt> {
        must("GET", &PAUSED.get()?, request).map_err(|error| match error.kind {
            // The application spoke, and did not say yes.
            ErrorKind::Failed | ErrorKind::Busy => Error::not_held(error.message),
            _ => error,
        })?;
        Ok(Receipt::new(Consistency::Application))
    }

    fn thaw(&mut self, request: &Request) -> Result<Receipt> {
        must("POST", &RESUME.get()?, request)?;
        Ok(Receipt::new(Consistency::Application))
    }

    fn verify(&mut self, request: &Request, _: Facts<'_>) -> Result<Receipt> {
        let path = VERIFY.get()?;
        if path.is_empty() {
            return Err(Error::unsupported("the setting `verify-path` is empty"));
        }
        must("GET", &path, request)?;
        Ok(Receipt::new(Consistency::Application))
    }
}

hooks_sdk::export!(Http);
