//! What a hook's step achieved, bounded: it comes from a hook, which nobody trusts.

use serde::{Deserialize, Serialize};

/// Facts in one receipt.
const MOST_FACTS: usize = 64;
/// Bytes of a fact's name.
const LONGEST_NAME: usize = 64;
/// Bytes of a session's identity.
const LONGEST_SESSION: usize = 256;
/// Bytes of all facts together: a backup label has 300, a tablespace map some kilobytes.
const MOST_FACT_BYTES: usize = 256 * 1024;
/// Needs in one receipt.
const MOST_NEEDS: usize = 16;
/// Bytes of an instruction.
const LONGEST_INSTRUCTION: usize = 1024;

/// What a step achieved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Identity of the session that holds the freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What is worth keeping.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// What a copy made at that moment is worth.
    pub consistency: Consistency,
    /// What a restore must do, in this order.
    #[serde(default)]
    pub needs: Vec<Need>,
}

/// One thing worth keeping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Name in kebab case.
    pub name: String,
    /// Its value.
    #[serde(flatten)]
    pub value: FactValue,
}

/// The value of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactValue {
    /// Text for people and programs.
    Text(String),
    /// Bytes that must come back exactly.
    #[serde(with = "base64_text")]
    Base64(Vec<u8>),
}

/// What a copy is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consistency {
    /// As after a power cut.
    Crash,
    /// The file system is at rest.
    Filesystem,
    /// The application vouches for it.
    Application,
}

/// What a restore must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The hook's `recover`, before the application starts.
    Recover,
    /// Something that only people can do.
    Instruction(String),
}

/// A receipt that is larger than what anybody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Oversized {
    /// The identity of the session.
    #[error("the session's identity has more than {LONGEST_SESSION} bytes")]
    Session,
    /// The number of facts.
    #[error("the receipt has more than {MOST_FACTS} facts")]
    Facts,
    /// The name of a fact.
    #[error("a fact's name is empty or has more than {LONGEST_NAME} bytes")]
    Name,
    /// The facts together.
    #[error("the facts have more than {MOST_FACT_BYTES} bytes")]
    Bytes,
    /// The number of needs.
    #[error("the receipt has more than {MOST_NEEDS} needs")]
    Needs,
    /// An instruction.
    #[error("an instruction has more than {LONGEST_INSTRUCTION} bytes")]
    Instruction,
}

impl Receipt {
    /// Refuses what is too large to keep in a restore point.
    pub fn bounded(self) -> Result<Self, Oversized> {
        holds(
            self.session.as_ref().is_none_or(|session| session.len() <= LONGEST_SESSION),
            Oversized::Session,
        )?;
        bounded_facts(&self.facts)?;
        holds(self.needs.len() <= MOST_NEEDS, Oversized::Needs)?;
        let short = |need: &Need| match need {
            Need::Recover => true,
            Need::Instruction(text) => text.len() <= LONGEST_INSTRUCTION,
        };
        holds(self.needs.iter().all(short), Oversized::Instruction)?;
        Ok(self)
    }
}

/// Refuses more than a receipt has.
pub(crate) fn bounded_facts(facts: &[Fact]) -> Result<(), Oversized> {
    holds(facts.len() <= MOST_FACTS, Oversized::Facts)?;
    holds(facts.iter().all(|fact| (1..=LONGEST_NAME).contains(&fact.name.len())), Oversized::Name)?;
    holds(facts.iter().map(|fact| fact.value.len()).sum::<usize>() <= MOST_FACT_BYTES, Oversized::Bytes)
}

fn holds(bound: bool, otherwise: Oversized) -> Result<(), Oversized> {
    if bound { Ok(()) } else { Err(otherwise) }
}

impl FactValue {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Base64(bytes) => bytes.len(),
        }
    }
}

mod base64_text {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn receipt() -> Receipt {
        Receipt { session: None, facts: Vec::new(), consistency: Consistency::Crash, needs: Vec::new() }
    }

    fn fact(name: &str, bytes: usize) -> Fact {
        Fact { name: name.to_owned(), value: FactValue::Base64(vec![0; bytes]) }
    }

    #[rstest]
    #[case::session(Receipt { session: Some("s".repeat(257)), ..receipt() }, Oversized::Session)]
    #[case::many_facts(Receipt { facts: vec![fact("a", 1); 65], ..receipt() }, Oversized::Facts)]
    #[case::nameless(Receipt { facts: vec![fact("", 1)], ..receipt() }, Oversized::Name)]
    #[case::long_name(Receipt { facts: vec![fact(&"n".repeat(65), 1)], ..receipt() }, Oversized::Name)]
    #[case::together(Receipt { facts: vec![fact("a", 100_000); 3], ..receipt() }, Oversized::Bytes)]
    #[case::needs(Receipt { needs: vec![Need::Recover; 17], ..receipt() }, Oversized::Needs)]
    #[case::instruction(
        Receipt { needs: vec![Need::Instruction("i".repeat(1025))], ..receipt() },
        Oversized::Instruction
    )]
    fn refuses_what_nobody_needs(#[case] receipt: Receipt, #[case] expected: Oversized) {
        assert_eq!(receipt.bounded(), Err(expected));
    }

    #[test]
    fn keeps_bytes_exactly() {
        let label =
            Fact { name: "backup-label".to_owned(), value: FactValue::Base64(b"START\0\xff\n".to_vec()) };
        let json = serde_json::to_string(&label).unwrap();
        assert_eq!(json, r#"{"name":"backup-label","base64":"U1RBUlQA/wo="}"#);
        assert_eq!(serde_json::from_str::<Fact>(&json).unwrap(), label);
    }
}
