use proptest::prelude::*;
use rstest::rstest;

use super::{Arrangement, Position, Wave, arrange, wave};
use crate::model::resource::GroupResource;

#[rstest]
#[case("customresourcedefinitions.apiextensions.k8s.io", Wave::Definitions)]
#[case("namespaces", Wave::Namespaces)]
#[case("persistentvolumes", Wave::Classes)]
#[case("ingressclasses.networking.k8s.io", Wave::Classes)]
#[case("clusterroles.rbac.authorization.k8s.io", Wave::Access)]
#[case("roles.rbac.authorization.k8s.io", Wave::Access)]
#[case("rolebindings.rbac.authorization.k8s.io", Wave::Bindings)]
#[case("secrets", Wave::Configuration)]
#[case("persistentvolumeclaims", Wave::Claims)]
#[case("networkpolicies.networking.k8s.io", Wave::Network)]
#[case("cronjobs.batch", Wave::Workloads)]
#[case("ingresses.networking.k8s.io", Wave::Policies)]
#[case("horizontalpodautoscalers.autoscaling", Wave::Policies)]
#[case("certificates.cert-manager.io", Wave::CustomResources)]
#[case("volumesnapshots.snapshot.storage.k8s.io", Wave::CustomResources)]
#[case("validatingadmissionpolicybindings.admissionregistration.k8s.io", Wave::Gates)]
#[case("validatingwebhookconfigurations.admissionregistration.k8s.io", Wave::Webhooks)]
#[case("mutatingwebhookconfigurations.admissionregistration.k8s.io", Wave::Webhooks)]
#[case("apiservices.apiregistration.k8s.io", Wave::Apis)]
fn kinds_have_their_wave(#[case] resource: &str, #[case] wanted: Wave) {
    assert_eq!(wave(&GroupResource::from(resource.to_owned())), wanted);
}

/// Positions without an order of the user's.
fn positions(waves: &[Wave], needs: &[Vec<usize>]) -> Vec<Position> {
    arrange(waves, needs, &vec![None; waves.len()]).positions
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

/// The positions of objects of one wave, in the order of the objects: how deep each is.
fn depths(needs: &[Vec<usize>], ranks: &[Option<usize>]) -> (Vec<u16>, Vec<usize>) {
    let Arrangement { positions, moved } = arrange(&vec![Wave::Workloads; needs.len()], needs, ranks);
    (positions.iter().map(|position| position.depth).collect(), moved)
}

#[rstest]
#[case::none(&[None, None], &[0, 0])]
#[case::as_said(&[Some(1), Some(0)], &[2, 0])]
#[case::side_by_side(&[Some(0), Some(0), Some(1)], &[0, 0, 2])]
#[case::a_word_that_matches_nothing_is_passed_over(&[Some(0), Some(2)], &[0, 3])]
#[case::what_is_not_named_waits_for_nobody(&[Some(0), Some(1), None], &[0, 2, 0])]
fn the_users_order_is_followed(#[case] ranks: &[Option<usize>], #[case] wanted: &[u16]) {
    let (depths, moved) = depths(&vec![vec![]; ranks.len()], ranks);
    assert_eq!((depths.as_slice(), moved.as_slice()), (wanted, [].as_slice()));
}

#[rstest]
// The object at 0 needs the one at 1.
#[case::owner_named_later(&[vec![1], vec![]], &[Some(0), Some(1)], &[0])]
#[case::owners_owner_named_later(&[vec![1], vec![2], vec![]], &[Some(0), None, Some(1)], &[0])]
#[case::owner_named_earlier(&[vec![1], vec![]], &[Some(1), Some(0)], &[])]
#[case::owner_not_named(&[vec![1], vec![]], &[Some(0), None], &[])]
#[case::entered_from_the_owner(&[vec![], vec![0]], &[Some(1), Some(0)], &[1])]
fn what_an_object_needs_comes_first_whatever_the_user_says(
    #[case] needs: &[Vec<usize>],
    #[case] ranks: &[Option<usize>],
    #[case] wanted: &[usize],
) {
    let (depths, moved) = depths(needs, ranks);
    for (index, needs) in needs.iter().enumerate() {
        assert!(needs.iter().all(|&need| depths[need] < depths[index]), "{depths:?}");
    }
    assert_eq!(moved, wanted);
}

#[test]
fn a_kind_named_first_draws_what_is_named_after_it_into_its_wave() {
    let found = arrange(&[Wave::Configuration, Wave::Workloads], &[vec![], vec![]], &[Some(1), Some(0)]);
    assert_eq!(found.positions[1], Position::first_of(Wave::Workloads));
    assert_eq!(found.positions[0], Position { wave: Wave::Workloads, depth: 2 });
}

#[test]
fn many_objects_of_two_ranks_cost_an_edge_each() {
    // With an edge from each to each there would be ten thousand million.
    let ranks: Vec<_> = (0..200_000).map(|index| Some(index % 2)).collect();
    let (depths, moved) = depths(&vec![vec![]; ranks.len()], &ranks);
    assert!(depths.iter().zip(&ranks).all(|(depth, rank)| (*depth == 0) == (*rank == Some(0))));
    assert!(moved.is_empty());
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
    fn an_owner_precedes_its_dependants(
        (waves, owners) in graph(), reversed in any::<bool>(),
        wishes in prop::collection::vec(prop::option::of(0_usize..4), 40)
    ) {
        // The archive gives objects by kind, so owners come before as well as after their dependants.
        let count = waves.len();
        let (waves, owners) = if reversed {
            let flip = |index: usize| count - 1 - index;
            let owners = owners.iter().rev().map(|list| list.iter().map(|&owner| flip(owner)).collect()).collect();
            (waves.into_iter().rev().collect(), owners)
        } else {
            (waves, owners)
        };
        let ranks = &wishes[..count];
        let Arrangement { positions: found, moved } = arrange(&waves, &owners, ranks);
        let kept: Vec<_> = (0..count).filter(|index| !moved.contains(index)).collect();
        for &earlier in &kept {
            for &later in kept.iter().filter(|&&later| ranks[earlier].is_some() && ranks[earlier] < ranks[later]) {
                prop_assert!(found[earlier] < found[later]);
            }
        }
        for (index, list) in owners.iter().enumerate() {
            prop_assert!(found[index].wave >= waves[index]);
            for &owner in list {
                prop_assert!(found[owner] < found[index]);
            }
        }
    }
}
