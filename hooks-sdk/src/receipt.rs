//! Receipts, put together step by step.

use crate::{Consistency, Fact, FactValue, Need, Receipt};

impl Receipt {
    /// A copy made now would be worth this.
    pub fn new(consistency: Consistency) -> Self {
        Self { session: None, facts: Vec::new(), consistency, needs: Vec::new() }
    }

    /// Identity of the session that holds the freeze. The runtime compares it.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Text worth keeping. The name is in kebab case.
    #[must_use]
    pub fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.facts.push(Fact { name: name.to_owned(), value: FactValue::Text(value.into()) });
        self
    }

    /// Bytes that must come back exactly.
    #[must_use]
    pub fn bytes(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.facts.push(Fact { name: name.to_owned(), value: FactValue::Bytes(value.into()) });
        self
    }

    /// A restore must call `recover` before the application starts.
    #[must_use]
    pub fn needs_recover(mut self) -> Self {
        self.needs.push(Need::Recover);
        self
    }

    /// Something that only people can do, in a sentence for them.
    #[must_use]
    pub fn needs_people(mut self, instruction: impl Into<String>) -> Self {
        self.needs.push(Need::Instruction(instruction.into()));
        self
    }
}
