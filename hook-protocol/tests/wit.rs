//! The WIT package: it resolves, every item says what it is, and the protocol carries the same words.

use std::path::Path;

use hook_protocol::{
    message::FailureKind,
    path::{AfterRestore, Step},
    receipt::Consistency,
};
use wit_parser::{Docs, PackageId, Resolve, TypeDefKind};

fn package() -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_path(folder).expect("the WIT package resolves");
    (resolve, package)
}

/// Every item of the package, by its path.
fn items(resolve: &Resolve, package: PackageId) -> Vec<(String, &Docs)> {
    let package = &resolve.packages[package];
    let mut items = vec![("package".to_owned(), &package.docs)];
    items.extend(package.worlds.iter().map(|(name, world)| (name.clone(), &resolve.worlds[*world].docs)));
    for (name, interface) in &package.interfaces {
        let interface = &resolve.interfaces[*interface];
        items.push((name.clone(), &interface.docs));
        items.extend(
            interface
                .functions
                .iter()
                .map(|(function, definition)| (format!("{name}.{function}"), &definition.docs)),
        );
        for (kind, id) in &interface.types {
            let definition = &resolve.types[*id];
            let inner: Vec<(&str, &Docs)> = match &definition.kind {
                // Documented where it is defined.
                TypeDefKind::Type(_) => continue,
                TypeDefKind::Record(record) => {
                    record.fields.iter().map(|field| (&*field.name, &field.docs)).collect()
                }
                TypeDefKind::Enum(cases) => {
                    cases.cases.iter().map(|case| (&*case.name, &case.docs)).collect()
                }
                TypeDefKind::Variant(cases) => {
                    cases.cases.iter().map(|case| (&*case.name, &case.docs)).collect()
                }
                other => panic!("{name}.{kind}: a {} is not looked at", other.as_str()),
            };
            items.push((format!("{name}.{kind}"), &definition.docs));
            items.extend(inner.into_iter().map(|(part, docs)| (format!("{name}.{kind}.{part}"), docs)));
        }
    }
    items
}

#[test]
fn every_item_says_what_it_is() {
    let (resolve, package) = package();
    let items = items(&resolve, package);
    let bare: Vec<&String> =
        items.iter().filter(|(_, docs)| docs.contents.is_none()).map(|(name, _)| name).collect();
    assert_eq!(bare, Vec::<&String>::new());
    assert!(items.iter().any(|(name, _)| name == "types.error-kind.not-held"), "the parts are looked at");
}

#[test]
fn has_a_version() {
    let (resolve, package) = package();
    let name = &resolve.packages[package].name;
    assert_eq!(format!("{}:{}", name.namespace, name.name), "kubectl-backup:hook");
    assert!(name.version.is_some());
}

fn enumerated(interface: &str, name: &str) -> Vec<String> {
    let (resolve, package) = package();
    let interface = &resolve.interfaces[resolve.packages[package].interfaces[interface]];
    let TypeDefKind::Enum(cases) = &resolve.types[interface.types[name]].kind else {
        panic!("{name} is no enum")
    };
    cases.cases.iter().map(|case| case.name.clone()).collect()
}

#[test]
fn the_protocol_knows_every_kind_of_failure_and_consistency() {
    for kind in enumerated("types", "error-kind") {
        assert!(serde_json::from_value::<FailureKind>(kind.clone().into()).is_ok(), "{kind}");
    }
    for consistency in enumerated("types", "consistency") {
        assert!(serde_json::from_value::<Consistency>(consistency.clone().into()).is_ok(), "{consistency}");
    }
}

#[test]
fn every_step_of_the_protocol_is_one_of_a_hook() {
    let (resolve, package) = package();
    let hook = &resolve.interfaces[resolve.packages[package].interfaces["hook"]];
    let names = Step::ALL.map(Step::name).into_iter().chain(AfterRestore::ALL.map(AfterRestore::name));
    for name in names {
        assert!(hook.functions.contains_key(name), "{name}");
    }
}
