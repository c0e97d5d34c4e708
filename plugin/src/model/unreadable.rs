//! Part of a restore point that cannot be read, because its place in the repository is damaged.

use std::fmt;

use super::{object::ObjectKey, resource::GroupResource};

/// Neighbouring objects of one kind that cannot be read. How many they are is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Their kind.
    pub resource: GroupResource,
    /// Their namespace; None for kinds outside of any, and when nothing of the kind can be read anywhere.
    pub namespace: Option<String>,
    /// The name of the first of them; None for all of the kind in that place.
    pub first: Option<String>,
    /// The name behind the last of them, which can be read again; None for all from `first` on.
    pub next: Option<String>,
    /// Why.
    pub reason: String,
}

impl Unreadable {
    /// Whether the object is among them if it was saved.
    pub fn may_hold(&self, key: &ObjectKey) -> bool {
        let in_place = self.namespace.is_none() || self.namespace == key.namespace;
        self.resource == key.resource && in_place && self.may_hold_name(&key.name)
    }

    /// Whether an object of this name can be among them.
    pub fn may_hold_name(&self, name: &str) -> bool {
        self.first.as_deref().is_none_or(|first| first <= name)
            && self.next.as_deref().is_none_or(|next| name < next)
    }

    /// `from map-1 to before map-9`.
    pub fn range(&self) -> String {
        match (&self.first, &self.next) {
            (None, _) => "all".to_owned(),
            (Some(first), Some(next)) => format!("from {first} to before {next}"),
            (Some(first), None) => format!("from {first} on"),
        }
    }

    /// Adds an entry; one that goes on where the last one ends becomes part of that.
    pub fn add(entries: &mut Vec<Self>, new: Self) {
        match entries.last_mut() {
            Some(last)
                if last.next.is_some()
                    && last.next == new.first
                    && (&last.resource, &last.namespace, &last.reason)
                        == (&new.resource, &new.namespace, &new.reason) =>
            {
                last.next = new.next;
            }
            _ => entries.push(new),
        }
    }
}

/// `shop/configmaps from map-1 to before map-9`.
impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(formatter, "{namespace}/")?;
        }
        write!(formatter, "{} {}", self.resource, self.range())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn maps(namespace: Option<&str>, first: Option<&str>, next: Option<&str>) -> Unreadable {
        Unreadable {
            resource: GroupResource::new("configmaps", ""),
            namespace: namespace.map(str::to_owned),
            first: first.map(str::to_owned),
            next: next.map(str::to_owned),
            reason: "it is damaged".to_owned(),
        }
    }

    #[rstest]
    #[case::first(maps(Some("shop"), Some("b"), Some("d")), "shop", "b", true)]
    #[case::last(maps(Some("shop"), Some("b"), Some("d")), "shop", "cz", true)]
    #[case::before(maps(Some("shop"), Some("b"), Some("d")), "shop", "a", false)]
    #[case::next(maps(Some("shop"), Some("b"), Some("d")), "shop", "d", false)]
    #[case::open_end(maps(Some("shop"), Some("b"), None), "shop", "z", true)]
    #[case::other_namespace(maps(Some("shop"), None, None), "web", "b", false)]
    #[case::every_namespace(maps(None, None, None), "web", "b", true)]
    fn range_holds_what_lies_in_it(
        #[case] range: Unreadable,
        #[case] namespace: &str,
        #[case] name: &str,
        #[case] expected: bool,
    ) {
        let key = ObjectKey::new(GroupResource::new("configmaps", ""), Some(namespace), name);
        assert_eq!(range.may_hold(&key), expected);
    }

    #[test]
    fn neighbours_are_told_as_one() {
        let mut entries = Vec::new();
        let added = [(Some("a"), Some("b")), (Some("b"), Some("c")), (Some("d"), None)];
        for (first, next) in added {
            Unreadable::add(&mut entries, maps(Some("shop"), first, next));
        }
        Unreadable::add(&mut entries, maps(Some("web"), None, None));
        let told: Vec<_> = entries.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["shop/configmaps from a to before c", "shop/configmaps from d on", "web/configmaps all"]
        );
    }
}
