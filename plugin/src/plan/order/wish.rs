//! The user's own order: what is named earlier is restored before what is named later.

use std::collections::BTreeSet;

use crate::{
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType},
    },
    plan::select::{SelectError, parse_named_object, resolve_kind, resolve_one_kind},
};

/// The words of `--order`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes(Vec<Wish>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    word: String,
    kinds: BTreeSet<GroupResource>,
    /// Only the objects of this name.
    name: Option<String>,
}

impl Wish {
    fn parse(word: &str, kinds: &[ResourceType]) -> Result<Self, SelectError> {
        let word = word.trim();
        let (kinds, name) = if word.contains('/') {
            let object = parse_named_object(word)?;
            (vec![resolve_one_kind(&object.kind, kinds)?], Some(object.name))
        } else {
            (resolve_kind(word, kinds)?, None)
        };
        Ok(Self { word: word.to_owned(), kinds: kinds.into_iter().collect(), name })
    }

    fn speaks_of(&self, key: &ObjectKey) -> bool {
        self.kinds.contains(&key.resource) && self.name.as_ref().is_none_or(|name| *name == key.name)
    }
}

impl Wishes {
    /// Reads `TYPE` and `TYPE/NAME`, with the types resolved among `kinds`.
    pub fn parse(words: &[String], kinds: &[ResourceType]) -> Result<Self, SelectError> {
        words.iter().map(|word| Wish::parse(word, kinds)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing is wished.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where an object stands among the words. One that is named stands where its name is, not where its type is.
    pub fn rank(&self, key: &ObjectKey) -> Option<usize> {
        let first =
            |named: bool| self.0.iter().position(|wish| wish.name.is_some() == named && wish.speaks_of(key));
        first(true).or_else(|| first(false))
    }

    /// Words that speak of none of `keys`.
    pub fn idle<'a>(&self, keys: impl Iterator<Item = &'a ObjectKey>) -> Vec<&str> {
        let mut idle: Vec<&Wish> = self.0.iter().collect();
        for key in keys {
            if idle.is_empty() {
                break;
            }
            idle.retain(|wish| !wish.speaks_of(key));
        }
        idle.into_iter().map(|wish| wish.word.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::resource::Scope;

    fn kinds() -> Vec<ResourceType> {
        let kind = |resource: &str, kind: &str, short: &str| ResourceType {
            resource: GroupResource::from(resource.to_owned()),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            singular: kind.to_lowercase(),
            short_names: vec![short.to_owned()],
            categories: vec!["all".to_owned()],
            scope: Scope::Namespaced,
            verbs: vec![],
            served_versions: vec![],
        };
        vec![
            kind("configmaps", "ConfigMap", "cm"),
            kind("deployments.apps", "Deployment", "deploy"),
            kind("widgets.example.com", "Widget", "wd"),
        ]
    }

    fn wishes(words: &str) -> Result<Wishes, SelectError> {
        Wishes::parse(&words.split(',').map(str::to_owned).collect::<Vec<_>>(), &kinds())
    }

    fn key(resource: &str, name: &str) -> ObjectKey {
        ObjectKey::new(GroupResource::from(resource.to_owned()), Some("shop"), name)
    }

    #[rstest]
    #[case::of_its_type("cm,deploy", "deployments.apps", Some(1))]
    #[case::not_spoken_of("cm,widgets", "deployments.apps", None)]
    #[case::by_name("deploy/web,cm", "deployments.apps", Some(0))]
    #[case::of_another_name("deploy/db,cm", "deployments.apps", None)]
    #[case::name_before_type("deploy,cm,deploy/web", "deployments.apps", Some(2))]
    #[case::twice("deploy,cm,deploy", "deployments.apps", Some(0))]
    #[case::by_category("widgets,all", "deployments.apps", Some(1))]
    fn an_object_has_a_rank(#[case] words: &str, #[case] resource: &str, #[case] rank: Option<usize>) {
        assert_eq!(wishes(words).unwrap().rank(&key(resource, "web")), rank);
    }

    #[rstest]
    #[case::unknown("deploi")]
    #[case::nothing("")]
    #[case::no_name("cm/")]
    #[case::several_kinds("all/web")]
    fn a_word_that_means_nothing_is_an_error(#[case] words: &str) {
        wishes(words).unwrap_err();
    }

    #[test]
    fn words_that_speak_of_nothing_are_told() {
        let wishes = wishes("cm,deploy/db,deploy,widgets").unwrap();
        let keys = [key("configmaps", "a"), key("deployments.apps", "web")];
        assert_eq!(wishes.idle(keys.iter()), ["deploy/db", "widgets"]);
    }
}
