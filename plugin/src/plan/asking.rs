//! `ask`: what a person's answers mean, for one object, for all of its kind, or for all the rest.
//!
//! How the question is put is the command's matter.

use std::collections::HashMap;

use serde_json::Value;

use crate::model::{
    object::ObjectKey,
    resource::GroupResource,
    restore_record::{AnswerRecord, KindAnswer, ObjectAnswer},
};

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

/// What is to be done about one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// By this policy.
    Policy(ConflictPolicy),
    /// The live object is patched with this one.
    Edited(Value),
}

/// The answers given so far, in this run and in those that it goes on with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    objects: HashMap<ObjectKey, Answer>,
    kinds: HashMap<GroupResource, ConflictPolicy>,
    rest: Option<ConflictPolicy>,
}

impl Answers {
    /// What was answered for this object: itself, its kind, or all.
    pub fn of(&self, target: &ObjectKey) -> Option<Answer> {
        let standing = || self.kinds.get(&target.resource).copied().or(self.rest);
        self.objects.get(target).cloned().or_else(|| standing().map(Answer::Policy))
    }

    /// Remembers an answer.
    pub fn note(&mut self, target: &ObjectKey, policy: ConflictPolicy, reach: Reach) {
        match reach {
            Reach::This => drop(self.objects.insert(target.clone(), Answer::Policy(policy))),
            Reach::Kind => drop(self.kinds.insert(target.resource.clone(), policy)),
            Reach::All => self.rest = Some(policy),
        }
    }

    /// Remembers what a person made of an object.
    pub fn note_edited(&mut self, target: &ObjectKey, body: Value) {
        self.objects.insert(target.clone(), Answer::Edited(body));
    }

    /// For the record of the run, in a settled order.
    pub fn recorded(&self) -> AnswerRecord {
        let object = |(target, answer): (&ObjectKey, &Answer)| match answer {
            Answer::Policy(policy) => {
                ObjectAnswer { target: target.clone(), policy: policy.word().to_owned(), edited: None }
            }
            Answer::Edited(body) => ObjectAnswer {
                target: target.clone(),
                policy: ConflictPolicy::Patch.word().to_owned(),
                edited: Some(body.clone()),
            },
        };
        let mut objects: Vec<ObjectAnswer> = self.objects.iter().map(object).collect();
        objects.sort_unstable_by(|a, b| a.target.cmp(&b.target));
        let kind = |(resource, policy): (&GroupResource, &ConflictPolicy)| KindAnswer {
            resource: resource.clone(),
            policy: policy.word().to_owned(),
        };
        let mut kinds: Vec<KindAnswer> = self.kinds.iter().map(kind).collect();
        kinds.sort_unstable_by_key(|answer| answer.resource.to_string());
        AnswerRecord { objects, kinds, rest: self.rest.map(|policy| policy.word().to_owned()) }
    }

    /// Adds those of a record; what it says counts before what was said so far. None if it has a policy that this version
    /// does not know.
    pub fn add(&mut self, record: &AnswerRecord) -> Option<()> {
        for answer in &record.objects {
            let policy = ConflictPolicy::of_word(&answer.policy)?;
            let known = answer.edited.clone().map_or(Answer::Policy(policy), Answer::Edited);
            self.objects.insert(answer.target.clone(), known);
        }
        for answer in &record.kinds {
            self.kinds.insert(answer.resource.clone(), ConflictPolicy::of_word(&answer.policy)?);
        }
        if let Some(word) = &record.rest {
            self.rest = Some(ConflictPolicy::of_word(word)?);
        }
        Some(())
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
    fn an_answer_for_an_object_counts_before_one_for_its_kind_and_that_before_one_for_all() {
        let key = |kind: &str, name| ObjectKey::new(GroupResource::new(kind, ""), Some("shop"), name);
        let (map, other, secret) = (key("configmaps", "a"), key("configmaps", "b"), key("secrets", "a"));
        let policy = |policy| Some(Answer::Policy(policy));
        let mut answers = Answers::default();
        answers.note(&map, ConflictPolicy::Replace, Reach::This);
        assert_eq!(answers.of(&other), None);
        answers.note(&other, ConflictPolicy::Patch, Reach::Kind);
        assert_eq!((answers.of(&other), answers.of(&secret)), (policy(ConflictPolicy::Patch), None));
        answers.note(&secret, ConflictPolicy::Skip, Reach::All);
        assert_eq!(answers.of(&map), policy(ConflictPolicy::Replace));
        assert_eq!(answers.of(&other), policy(ConflictPolicy::Patch));
        assert_eq!(answers.of(&secret), policy(ConflictPolicy::Skip));
        answers.note_edited(&other, json!({"data": {}}));

        let mut read = Answers::default();
        let recorded = answers.recorded();
        read.add(&serde_json::from_value(serde_json::to_value(&recorded).unwrap()).unwrap()).unwrap();
        assert_eq!(read, answers, "as they were");
        let unknown = AnswerRecord { rest: Some("merge".to_owned()), ..AnswerRecord::default() };
        assert_eq!(read.add(&unknown), None);
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
