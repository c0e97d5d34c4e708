use proptest::prelude::*;
use rstest::rstest;

use super::{Position, Wave, positions, wave};
use crate::model::resource::GroupResource;

#[rstest]
#[case("customresourcedefinitions.apiextensions.k8s.io", Wave::Definitions)]
#[case("namespaces", Wave::Namespaces)]
#[case("persistentvolumes", Wave::Classes)]
#[case("ingressclasses.networking.k8s.io", Wave::Classes)]
#[case("clusterroles.rbac.authorization.k8s.io", Wave::Access)]
#[case("secrets", Wave::Configuration)]
#[case("persistentvolumeclaims", Wave::Claims)]
#[case("networkpolicies.networking.k8s.io", Wave::Network)]
#[case("cronjobs.batch", Wave::Workloads)]
#[case("ingresses.networking.k8s.io", Wave::Policies)]
#[case("horizontalpodautoscalers.autoscaling", Wave::Policies)]
#[case("certificates.cert-manager.io", Wave::CustomResources)]
#[case("volumesnapshots.snapshot.storage.k8s.io", Wave::CustomResources)]
#[case("validatingwebhookconfigurations.admissionregistration.k8s.io", Wave::Gates)]
#[case("apiservices.apiregistration.k8s.io", Wave::Gates)]
fn kinds_have_their_wave(#[case] resource: &str, #[case] wanted: Wave) {
    assert_eq!(wave(&GroupResource::from(resource.to_owned())), wanted);
}

#[test]
fn a_dependant_waits_for_an_owner_of_a_later_wave() {
    let found = positions(&[Wave::Configuration, Wave::CustomResources], &[vec![1], vec![]]);
    assert_eq!(found[0], Position { wave: Wave::CustomResources, depth: 1 });
    assert_eq!(found[1], Position { wave: Wave::CustomResources, depth: 0 });
}

#[test]
fn a_circle_of_owners_ends() {
    let found = positions(&[Wave::Access, Wave::Access, Wave::Access], &[vec![1], vec![2], vec![0]]);
    assert_eq!(found.len(), 3);
}

fn graph() -> impl Strategy<Value = (Vec<Wave>, Vec<Vec<usize>>)> {
    const WAVES: [Wave; 4] = [Wave::Access, Wave::Configuration, Wave::Workloads, Wave::CustomResources];
    (1_usize..40).prop_flat_map(|count| {
        let owners: Vec<_> = (0..count)
            .map(|index| prop::collection::vec(0..index.max(1), 0..usize::min(index, 3) + 1))
            .collect();
        let owners = owners.prop_map(move |mut lists| {
            // Only earlier objects own later ones: no circles.
            lists.iter_mut().enumerate().for_each(|(index, list)| list.retain(|&owner| owner < index));
            lists
        });
        (prop::collection::vec(prop::sample::select(WAVES.to_vec()), count), owners)
    })
}

proptest! {
    #[test]
    fn an_owner_precedes_its_dependants((waves, owners) in graph(), reversed in any::<bool>()) {
        // The archive gives objects by kind, so owners come before as well as after their dependants.
        let count = waves.len();
        let (waves, owners) = if reversed {
            let flip = |index: usize| count - 1 - index;
            let owners = owners.iter().rev().map(|list| list.iter().map(|&owner| flip(owner)).collect()).collect();
            (waves.into_iter().rev().collect(), owners)
        } else {
            (waves, owners)
        };
        let found = positions(&waves, &owners);
        for (index, list) in owners.iter().enumerate() {
            prop_assert!(found[index].wave >= waves[index]);
            for &owner in list {
                prop_assert!(found[owner] < found[index]);
            }
        }
    }
}
