//! `ask`: what a person's answers mean, for one object, for all of its kind, or for all the rest.
//!
//! How the question is put is the command's matter.

use std::collections::HashMap;

use serde_json::Value;

use crate::model::resource::GroupResource;

use super::conflict::ConflictPolicy;

/// What a person may choose for a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One of the policies.
    Policy(ConflictPolicy),
    /// Change the saved object first, then patch.
    Edit,
    /// Show the difference again.
    Diff,
    /// Say what the words mean.
    Help,
    /// End the run; nothing is changed.
    Quit,
}

/// For which conflicts an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// This one.
    This,
    /// This one and all others of its kind.
    Kind,
    /// This one and all that follow.
    All,
}

/// Every choice, with its letter.
const CHOICES: [(&str, &str, Choice); 8] = [
    ("s", "skip", Choice::Policy(ConflictPolicy::Skip)),
    ("p", "patch", Choice::Policy(ConflictPolicy::Patch)),
    ("r", "replace", Choice::Policy(ConflictPolicy::Replace)),
    ("n", "rename", Choice::Policy(ConflictPolicy::Rename)),
    ("e", "edit", Choice::Edit),
    ("d", "diff", Choice::Diff),
    ("h", "help", Choice::Help),
    ("q", "quit", Choice::Quit),
];

/// What the question offers.
pub const OFFERED: &str = "skip, patch, replace, rename, edit, diff, help or quit; add `kind` or `all`";

/// What the words mean.
pub const HELP: &str = "\
s, skip      leave the live object as it is
p, patch     set what the saved object states, leave what only the live one has
r, replace   delete the live object and make the saved one
n, rename    make the saved object beside the live one, under another name
e, edit      change the saved object in your editor, then patch with it
d, diff      show the difference again
q, quit      end here; nothing is changed
`patch kind` answers for all conflicts of this kind, `patch all` for all that follow";

/// An answer as a person types it: `p`, `patch`, `patch kind`, `s all`. The reason, if it is none.
pub fn parse(text: &str) -> Result<(Choice, Reach), String> {
    let mut words = text.split_whitespace().map(str::to_lowercase);
    let Some(word) = words.next() else { return Err(format!("answer {OFFERED}")) };
    let known = CHOICES.iter().find(|(letter, name, _)| word == *letter || word == *name);
    let Some((_, name, choice)) = known else {
        return Err(format!("`{word}` is no answer: {OFFERED}"));
    };
    let reach = match (words.next().as_deref(), words.next()) {
        (None, _) => Reach::This,
        (Some("kind"), None) => Reach::Kind,
        (Some("all"), None) => Reach::All,
        _ => return Err(format!("behind `{name}` only `kind` or `all` may stand")),
    };
    if reach != Reach::This && !matches!(choice, Choice::Policy(_)) {
        return Err(format!("`{name}` is for one object"));
    }
    Ok((*choice, reach))
}

/// The answers that hold for more than one object.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    kinds: HashMap<GroupResource, ConflictPolicy>,
    rest: Option<ConflictPolicy>,
}

impl Standing {
    /// What was answered before for an object of this kind.
    pub fn of(&self, kind: &GroupResource) -> Option<ConflictPolicy> {
        self.kinds.get(kind).copied().or(self.rest)
    }

    /// Remembers an answer.
    pub fn note(&mut self, kind: &GroupResource, policy: ConflictPolicy, reach: Reach) {
        match reach {
            Reach::This => {}
            Reach::Kind => drop(self.kinds.insert(kind.clone(), policy)),
            Reach::All => self.rest = Some(policy),
        }
    }
}

/// What came back from an editor.
#[derive(Clone, Debug, PartialEq)]
pub enum Edited {
    /// Nothing, or the same: the question is asked again.
    Cancelled,
    /// The object to be restored instead.
    Changed(Value),
    /// No object, or another one, and why.
    Wrong(String),
}

/// Fields by which an object is known.
const IDENTITY: [&str; 4] = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];

/// Reads what an editor left of `original`, lines that begin with `#` taken out.
pub fn edited(original: &Value, text: &str) -> Edited {
    let body: String = text.lines().filter(|line| !line.starts_with('#')).flat_map(|it| [it, "\n"]).collect();
    if body.trim().is_empty() {
        return Edited::Cancelled;
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let object: Value = match serde_saphyr::from_str_with_options(&body, options) {
        Ok(object) => object,
        Err(error) => return Edited::Wrong(format!("not YAML: {error}")),
    };
    if object == *original {
        return Edited::Cancelled;
    }
    if !object.is_object() {
        return Edited::Wrong("it is no object".to_owned());
    }
    match IDENTITY.iter().find(|field| object.pointer(field) != original.pointer(field)) {
        Some(field) => {
            let field = field.trim_start_matches('/').replace('/', ".");
            Edited::Wrong(format!("`{field}` tells which object it is, and must stay"))
        }
        None => Edited::Changed(object),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::letter("p", Choice::Policy(ConflictPolicy::Patch), Reach::This)]
    #[case::word(" Skip ", Choice::Policy(ConflictPolicy::Skip), Reach::This)]
    #[case::kind("r kind", Choice::Policy(ConflictPolicy::Replace), Reach::Kind)]
    #[case::all("rename all", Choice::Policy(ConflictPolicy::Rename), Reach::All)]
    #[case::edit("e", Choice::Edit, Reach::This)]
    #[case::quit("q", Choice::Quit, Reach::This)]
    fn reads_answers(#[case] text: &str, #[case] choice: Choice, #[case] reach: Reach) {
        assert_eq!(parse(text), Ok((choice, reach)));
    }

    #[rstest]
    #[case::nothing("", "answer skip, patch")]
    #[case::other_word("yes", "`yes` is no answer")]
    #[case::other_reach("p some", "behind `patch` only `kind` or `all` may stand")]
    #[case::three_words("p kind all", "behind `patch` only `kind` or `all` may stand")]
    #[case::edit_all("e all", "`edit` is for one object")]
    fn other_words_are_told(#[case] text: &str, #[case] reason: &str) {
        let told = parse(text).unwrap_err();
        assert!(told.starts_with(reason), "{told}");
    }

    #[test]
    fn an_answer_for_a_kind_counts_before_one_for_all() {
        let (maps, secrets) = (GroupResource::new("configmaps", ""), GroupResource::new("secrets", ""));
        let mut standing = Standing::default();
        standing.note(&maps, ConflictPolicy::Patch, Reach::This);
        assert_eq!(standing.of(&maps), None);
        standing.note(&maps, ConflictPolicy::Patch, Reach::Kind);
        assert_eq!((standing.of(&maps), standing.of(&secrets)), (Some(ConflictPolicy::Patch), None));
        standing.note(&secrets, ConflictPolicy::Skip, Reach::All);
        assert_eq!(standing.of(&maps), Some(ConflictPolicy::Patch));
        assert_eq!(standing.of(&secrets), Some(ConflictPolicy::Skip));
    }

    #[rstest]
    #[case::empty("", Edited::Cancelled)]
    #[case::only_comments("# a\n# b\n", Edited::Cancelled)]
    #[case::the_same(
        "# a\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n",
        Edited::Cancelled
    )]
    #[case::another_value(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: w}\n",
        Edited::Changed(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "w"}}))
    )]
    #[case::another_object(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
        Edited::Wrong("`metadata.name` tells which object it is, and must stay".to_owned())
    )]
    #[case::text("word", Edited::Wrong("it is no object".to_owned()))]
    fn reads_what_the_editor_left(#[case] text: &str, #[case] expected: Edited) {
        let original =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}});
        assert_eq!(edited(&original, text), expected);
    }

    #[test]
    fn what_is_no_yaml_is_told() {
        assert!(
            matches!(edited(&Value::Null, "a: [1"), Edited::Wrong(reason) if reason.starts_with("not YAML"))
        );
    }
}
