//! What to do about an object that exists and differs: the one list of policies that options, rules, questions and records
//! share.

use clap::ValueEnum;
use serde::Deserialize;

/// What to do with an object that is already in the cluster and differs: the words of `--on-conflict` and of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum ConflictPolicy {
    /// Leave the live object as it is; the default.
    #[default]
    Skip,
    /// Set what the saved object states; leave what only the live one has.
    Patch,
    /// Delete the live object and make the saved one; asked of the server first.
    Replace,
    /// Make the saved object beside the live one, under its name and a suffix.
    Rename,
    /// Show each conflict and ask what to do with it.
    Ask,
    /// Change nothing at all if any object exists and differs.
    Fail,
}

impl ConflictPolicy {
    /// `skip`, as on the command line and in rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Patch => "patch",
            Self::Replace => "replace",
            Self::Rename => "rename",
            Self::Ask => "ask",
            Self::Fail => "fail",
        }
    }

    /// The policy of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|policy| policy.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_command_line() {
        for policy in ConflictPolicy::value_variants() {
            assert_eq!(ConflictPolicy::of_word(policy.word()), Some(*policy));
            assert_eq!(ConflictPolicy::from_str(policy.word(), false), Ok(*policy));
        }
    }
}
