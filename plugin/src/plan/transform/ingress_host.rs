//! `ingressHost: {FROM: TO}`: the hosts of Ingresses, in their rules and their TLS entries.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    matching::is_kind,
    rewrite::{items, text},
};

/// Which host becomes which. `*.old.example` stands for every host that ends in `.old.example`.
#[derive(Clone, Debug)]
pub(super) struct IngressHost(BTreeMap<String, String>);

impl IngressHost {
    /// Checks that both sides of a pair speak of one host, or of all below a suffix.
    pub(super) fn new(hosts: BTreeMap<String, String>) -> Result<Self, String> {
        let uneven = hosts.iter().find(|(from, to)| from.starts_with("*.") != to.starts_with("*."));
        match uneven {
            Some((from, to)) => Err(format!("`{from}: {to}`: either both begin with `*.` or neither")),
            None => Ok(Self(hosts)),
        }
    }

    pub(super) fn concerns(object: &Value) -> bool {
        is_kind(object, "networking.k8s.io", "Ingress") || is_kind(object, "extensions", "Ingress")
    }

    pub(super) fn apply(&self, object: &mut Value) {
        for rule in items(object.pointer_mut("/spec/rules")) {
            text(rule.get_mut("host"), |host| self.renamed(host));
        }
        for entry in items(object.pointer_mut("/spec/tls")) {
            for host in items(entry.get_mut("hosts")) {
                text(Some(host), |host| self.renamed(host));
            }
        }
    }

    /// The exact name first, then the longest suffix.
    fn renamed(&self, host: &str) -> Option<String> {
        if let Some(to) = self.0.get(host) {
            return Some(to.clone());
        }
        let by_suffix = self.0.iter().filter_map(|(from, to)| {
            let rest = host.strip_suffix(from.strip_prefix('*')?)?;
            Some((from.len(), format!("{rest}{}", to.strip_prefix('*')?)))
        });
        by_suffix.max_by_key(|(length, _)| *length).map(|(_, to)| to)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn hosts(pairs: &[(&str, &str)]) -> Result<IngressHost, String> {
        IngressHost::new(pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect())
    }

    #[rstest]
    #[case::exact("www.old.example", Some("shop.example"))]
    #[case::below_the_suffix("api.old.example", Some("api.new.example"))]
    #[case::far_below_the_suffix("a.b.old.example", Some("a.b.new.example"))]
    #[case::wildcard_host("*.old.example", Some("*.new.example"))]
    #[case::longer_suffix_wins("x.eu.old.example", Some("x.europe.example"))]
    #[case::suffix_alone_is_not_below_it("old.example", None)]
    #[case::end_of_a_label_is_no_suffix("cold.example", None)]
    fn host_becomes(#[case] host: &str, #[case] expected: Option<&str>) {
        let hosts = hosts(&[
            ("www.old.example", "shop.example"),
            ("*.old.example", "*.new.example"),
            ("*.eu.old.example", "*.europe.example"),
        ]);
        assert_eq!(hosts.unwrap().renamed(host).as_deref(), expected);
    }

    #[test]
    fn rules_and_tls_are_renamed() {
        let mut ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {
            "rules": [{"host": "a.old"}, {"http": {}}], "tls": [{"hosts": ["a.old", "b"], "secretName": "a.old"}]}});
        assert!(IngressHost::concerns(&ingress));
        hosts(&[("a.old", "a.new")]).unwrap().apply(&mut ingress);
        assert_eq!(
            ingress["spec"],
            json!({"rules": [{"host": "a.new"}, {"http": {}}], "tls": [{"hosts": ["a.new", "b"], "secretName": "a.old"}]})
        );
    }

    #[test]
    fn a_suffix_cannot_become_one_host() {
        let error = hosts(&[("*.old", "new")]).unwrap_err();
        assert_eq!(error, "`*.old: new`: either both begin with `*.` or neither");
    }
}
