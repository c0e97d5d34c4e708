//! When to stop asking a server that answers nothing any more.
//!
//! Each kind is waited for for half a minute. Without this, a server that is down would be waited for once for every kind
//! there is, and the run would end with a restore point that misses them all.

use crate::{
    commands::failure::Failure,
    model::{resource::GroupResource, restore_point::Missing},
};

/// So many kinds in a row, waited for in vain, are no trouble of single kinds.
const MOST: usize = 2;

/// The kinds of the server itself that were waited for in vain, since the last one that was read.
#[derive(Debug, Default)]
pub(super) struct Silence {
    kinds: Vec<String>,
}

impl Silence {
    /// Takes note of a kind; `given_up` is what it leaves missing because the server could not be reached. An error when
    /// the whole server counts as gone.
    pub(super) fn note(
        &mut self,
        resource: &GroupResource,
        given_up: Option<&Missing>,
    ) -> Result<(), Failure> {
        // Behind other groups may be other servers, whose trouble is their own.
        if !resource.is_built_in() {
            return Ok(());
        }
        let Some(missing) = given_up else {
            self.kinds.clear();
            return Ok(());
        };
        self.kinds.push(resource.to_string());
        if self.kinds.len() < MOST {
            return Ok(());
        }
        Err(Failure::new(
            format!(
                "nothing was saved: the API server does not answer any more; {} were waited for in vain: {}",
                self.kinds.join(" and "),
                missing.reason
            ),
            "see whether `kubectl get --raw /readyz` works, and run it again then",
        ))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Kinds in their order; `!` for one that was waited for in vain.
    #[rstest]
    #[case::two_in_a_row("pods! secrets!", true)]
    #[case::one("pods secrets! services", false)]
    #[case::two_apart("pods! secrets services!", false)]
    #[case::another_server("a.zoo.example! b.zoo.example! pods", false)]
    #[case::another_server_in_between("pods! a.zoo.example services!", true)]
    fn a_server_that_is_gone_is_not_asked_for_every_kind(#[case] kinds: &str, #[case] expected: bool) {
        let mut silence = Silence::default();
        let missing = Missing {
            what: String::new(),
            namespaces: Vec::new(),
            reason: "service unavailable (HTTP 503)".to_owned(),
            remedy: String::new(),
            forbidden: false,
        };
        let ended = kinds.split(' ').try_for_each(|word| {
            let kind = GroupResource::from(word.trim_end_matches('!').to_owned());
            silence.note(&kind, word.ends_with('!').then_some(&missing))
        });
        assert_eq!(ended.is_err(), expected);
    }
}
