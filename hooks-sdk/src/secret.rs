//! Secrets: read when they are needed, and shown nowhere.

use std::fmt;

use crate::{Error, Result, host};

/// A secret, as a constant of the hook.
#[derive(Debug)]
pub struct Secret(&'static str);

/// The text of a secret. It is not in its `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl Secret {
    /// The secret of this name.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.0
    }

    /// Its value, read anew: a secret changes when it is rotated. An error of kind `configuration` when it is not granted
    /// or cannot be read; the log of the runtime says which.
    pub fn read(&self) -> Result<SecretText> {
        host::secret(self.0).map(SecretText).ok_or_else(|| {
            Error::configuration(format!("the secret `{}` is not granted, or cannot be read", self.0))
        })
    }
}

impl SecretText {
    /// The text, for who sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Host;

    const PASSWORD: Secret = Secret::new("password");

    #[test]
    fn is_read_but_not_shown() {
        let secret = Host::new().secret("password", "hunter2").run(|| PASSWORD.read().unwrap());
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?}"), "SecretText(…)");
    }

    #[test]
    fn one_that_is_not_granted_is_told_by_name() {
        assert!(PASSWORD.read().unwrap_err().message.contains("`password` is not granted"));
    }
}
