//! The facts of a receipt, as a restore gives them back.

use crate::{Error, Fact, FactValue, Result};

/// What the thaw wrote down. It comes from a restore point: nobody promises that it is what this hook wrote.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a>(pub &'a [Fact]);

impl<'a> Facts<'a> {
    /// The text of this name, if it is there.
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.find(name).and_then(|value| match value {
            FactValue::Text(text) => Some(text.as_str()),
            FactValue::Bytes(_) => None,
        })
    }

    /// The bytes of this name, if they are there.
    pub fn bytes(self, name: &str) -> Option<&'a [u8]> {
        self.find(name).and_then(|value| match value {
            FactValue::Bytes(bytes) => Some(bytes.as_slice()),
            FactValue::Text(_) => None,
        })
    }

    /// The text of this name, without which nothing can be done.
    pub fn expect_text(self, name: &str) -> Result<&'a str> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// The bytes of this name, without which nothing can be done.
    pub fn expect_bytes(self, name: &str) -> Result<&'a [u8]> {
        self.bytes(name).ok_or_else(|| missing(name))
    }

    fn find(self, name: &str) -> Option<&'a FactValue> {
        self.0.iter().find(|fact| fact.name == name).map(|fact| &fact.value)
    }
}

fn missing(name: &str) -> Error {
    Error::failed(format!("the receipt of the restore point has no fact `{name}`"))
}
