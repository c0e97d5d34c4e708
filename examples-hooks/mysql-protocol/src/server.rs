//! A server for tests that says what it is told to, whatever it hears.

use std::io::{self, Read, Write};

use hooks_sdk::SecretText;

pub(crate) const PASSWORD: &str = "hunter2";

/// It has this to say, and keeps what it hears.
#[derive(Debug)]
pub(crate) struct Says<'a> {
    left: &'a [u8],
    pub(crate) heard: Vec<u8>,
}

impl<'a> Says<'a> {
    pub(crate) fn new(left: &'a [u8]) -> Self {
        Self { left, heard: Vec::new() }
    }
}

impl Read for Says<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.left.read(buffer)
    }
}

impl Write for Says<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn packet(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&[length[0], length[1], length[2], 0][..], content].concat()
}

/// Of a server with TLS, by this way to log in.
pub(crate) fn greeting(way: &str) -> Vec<u8> {
    let capabilities = [0xff, 0xff, 45, 2, 0, 0xff, 0xff, 21];
    let parts: [&[u8]; 9] = [
        &[10],
        b"10.11\0",
        &[1, 0, 0, 0],
        b"12345678",
        &[0],
        &capabilities,
        &[0; 10],
        b"abcdefghijkl\0",
        way.as_bytes(),
    ];
    packet(&[&parts.concat()[..], &[0]].concat())
}

/// A greeting, and the word that the login was taken.
pub(crate) fn welcome() -> Vec<u8> {
    [greeting("mysql_native_password"), packet(&[0; 7])].concat()
}

pub(crate) fn password() -> SecretText {
    let host = hooks_sdk::fake::Host::new().secret("password", PASSWORD);
    host.run(|| hooks_sdk::Secret::new("password").read().unwrap())
}
