//! `imageRegistry: {FROM: TO}`: where container images are pulled from.
//!
//! Names are compared as container runtimes complete them: `nginx` is `docker.io/library/nginx`. FROM is a registry or a
//! registry with the first components of a repository; a part of a component never matches.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rewrite::{items, text};
use crate::plan::pod_spec;

const DOCKER: &str = "docker.io";

/// Other names under which Docker Hub is known.
const DOCKER_NAMES: [&str; 3] = [DOCKER, "index.docker.io", "registry-1.docker.io"];

/// Which registry becomes which.
#[derive(Clone, Debug)]
pub(super) struct ImageRegistry(Vec<(Vec<String>, String)>);

impl ImageRegistry {
    pub(super) fn new(registries: BTreeMap<String, String>) -> Result<Self, String> {
        let mut pairs = Vec::new();
        for (from, to) in registries {
            for side in [&from, &to] {
                if side.is_empty() || side.split('/').any(str::is_empty) || side.contains(['@', ' ']) {
                    return Err(format!("`{side}` is no registry: expected HOST, HOST:PORT or HOST/PATH"));
                }
            }
            pairs.push((components(&from), to));
        }
        // The most particular first.
        pairs.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        Ok(Self(pairs))
    }

    pub(super) fn apply(&self, object: &mut Value) {
        let Some(spec) = pod_spec::of(object) else { return };
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            for container in items(spec.get_mut(list)) {
                text(container.get_mut("image"), |image| self.renamed(image));
            }
        }
        // An image that is mounted as a volume.
        for volume in items(spec.get_mut("volumes")) {
            text(volume.pointer_mut("/image/reference"), |image| self.renamed(image));
        }
    }

    fn renamed(&self, image: &str) -> Option<String> {
        let (repository, version) = image.split_at(end_of_repository(image));
        if repository.is_empty() {
            return None;
        }
        let mut repository = components(repository);
        if repository.len() == 2 && repository[0] == DOCKER {
            repository.insert(1, "library".to_owned());
        }
        let (from, to) = self.0.iter().find(|(from, _)| repository.starts_with(from))?;
        let path = [to.as_str()].into_iter().chain(repository[from.len()..].iter().map(String::as_str));
        Some(path.collect::<Vec<_>>().join("/") + version)
    }
}

/// Where tag and digest begin. A colon before the last slash is that of a port.
fn end_of_repository(image: &str) -> usize {
    let end = image.find('@').unwrap_or(image.len());
    let name = image[..end].rfind('/').map_or(0, |slash| slash + 1);
    image[name..end].find(':').map_or(end, |colon| name + colon)
}

/// The registry, then the components of the repository.
fn components(name: &str) -> Vec<String> {
    let mut components: Vec<String> = name.split('/').map(str::to_owned).collect();
    let first = components[0].as_str();
    let is_registry = first.contains(['.', ':']) || first == "localhost";
    // `docker.io` alone is a registry, `nginx` alone a repository.
    if !is_registry {
        components.insert(0, DOCKER.to_owned());
    } else if DOCKER_NAMES.contains(&first) {
        DOCKER.clone_into(&mut components[0]);
    }
    components
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn registry(pairs: &[(&str, &str)]) -> Result<ImageRegistry, String> {
        ImageRegistry::new(pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect())
    }

    #[rstest]
    #[case::registry("quay.io", "mirror.example", "quay.io/a/b:1", Some("mirror.example/a/b:1"))]
    #[case::path("quay.io/a", "mirror.example/x/y", "quay.io/a/b", Some("mirror.example/x/y/b"))]
    #[case::part_of_a_component("quay.io/a", "m.example", "quay.io/ab/c", None)]
    #[case::part_of_a_registry("quay.io", "m.example", "quay.io.example/a", None)]
    #[case::digest("quay.io", "m.example", "quay.io/a@sha256:00", Some("m.example/a@sha256:00"))]
    #[case::tag_and_digest("quay.io", "m.example", "quay.io/a:1@sha256:00", Some("m.example/a:1@sha256:00"))]
    #[case::port("reg:5000", "m.example:6000", "reg:5000/a", Some("m.example:6000/a"))]
    #[case::another_port("reg:5000", "m.example", "reg:5001/a:1", None)]
    #[case::official_image("docker.io", "m.example", "nginx:1", Some("m.example/library/nginx:1"))]
    #[case::official_image_in_full(
        "docker.io",
        "m.example",
        "docker.io/nginx",
        Some("m.example/library/nginx")
    )]
    #[case::user_of_docker_hub("docker.io", "m.example", "bitnami/redis", Some("m.example/bitnami/redis"))]
    #[case::from_without_registry("bitnami", "m.example/b", "bitnami/redis:7", Some("m.example/b/redis:7"))]
    #[case::other_name_of_docker_hub("index.docker.io", "m.example", "a/b", Some("m.example/a/b"))]
    #[case::whole_repository("quay.io/a/b", "m.example/c", "quay.io/a/b:1", Some("m.example/c:1"))]
    #[case::localhost("localhost", "m.example", "localhost/a", Some("m.example/a"))]
    #[case::empty("docker.io", "m.example", "", None)]
    fn image_becomes(
        #[case] from: &str,
        #[case] to: &str,
        #[case] image: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(registry(&[(from, to)]).unwrap().renamed(image).as_deref(), expected);
    }

    #[test]
    fn the_longest_prefix_wins() {
        let registry = registry(&[("quay.io", "a.example"), ("quay.io/x", "b.example")]).unwrap();
        assert_eq!(registry.renamed("quay.io/x/y").as_deref(), Some("b.example/y"));
        assert_eq!(registry.renamed("quay.io/z/y").as_deref(), Some("a.example/z/y"));
    }

    #[test]
    fn all_containers_of_all_workloads() {
        let spec = |host: &str| {
            let list = json!([{"name": "a", "image": format!("{host}/a")}]);
            json!({"containers": list, "initContainers": list, "ephemeralContainers": list,
                   "volumes": [{"image": {"reference": format!("{host}/v")}}]})
        };
        let expected = pod_spec::tests::of_every_kind(&spec("new.example"));
        for (mut object, expected) in
            pod_spec::tests::of_every_kind(&spec("old.example")).into_iter().zip(expected)
        {
            registry(&[("old.example", "new.example")]).unwrap().apply(&mut object);
            assert_eq!(object, expected);
        }
    }

    #[rstest]
    #[case::empty("", "``")]
    #[case::slash("quay.io/", "`quay.io/`")]
    #[case::scheme("https://quay.io", "`https://quay.io`")]
    fn no_registry(#[case] from: &str, #[case] shown: &str) {
        let error = registry(&[(from, "m.example")]).unwrap_err();
        assert_eq!(error, format!("{shown} is no registry: expected HOST, HOST:PORT or HOST/PATH"));
    }
}
