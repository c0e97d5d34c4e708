//! Pushing to and pulling from a real registry, also one that lies.

use std::{
    fs,
    path::{Path, PathBuf},
};

use hook_artifact::{
    component::digest,
    credentials::Credentials,
    registry::{Image, Pinned, pull, push},
};
use test_cluster::registry::{PASSWORD, Registry, USER};

fn hook() -> Vec<u8> {
    let text = r#"(component
        (import "wasi:io/poll@0.2.6" (instance $poll))
        (export "kubectl-backup:hook/hook@0.1.0" (instance $poll)))"#;
    wat::parse_str(text).expect("a component")
}

fn image(registry: &Registry) -> Image {
    Image::parse(&format!("{}/hooks/postgres:1.2.0", registry.address())).expect("a reference")
}

/// With all causes, as a person would read it.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", told(cause)),
        None => error.to_string(),
    }
}

/// Where the registry keeps this content.
fn blob(registry: &Registry, digest: &str) -> PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    let folder = Path::new("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex);
    registry.data().join(folder).join("data")
}

#[tokio::test]
#[ignore = "needs docker-registry: cargo xtask test"]
async fn what_was_pushed_is_pulled_by_its_digest() {
    let registry = Registry::start().unwrap();
    let pinned = push(&image(&registry), hook(), &Credentials::default()).await.unwrap();
    assert_eq!(pull(&pinned, &Credentials::default()).await.unwrap(), hook());
    // The same hook has the same digest again, so that who builds it can compare.
    let again = push(&image(&registry), hook(), &Credentials::default()).await.unwrap();
    assert_eq!(again, pinned);
    // And it lies there as other tools expect it.
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(blob(&registry, pinned.digest())).unwrap()).unwrap();
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], digest(&hook()));
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    let configuration = fs::read(blob(&registry, manifest["config"]["digest"].as_str().unwrap())).unwrap();
    let configuration: serde_json::Value = serde_json::from_slice(&configuration).unwrap();
    assert_eq!(configuration["component"]["imports"][0], "wasi:io/poll@0.2.6");
    assert_eq!(configuration["layerDigests"][0], digest(&hook()));
}

#[tokio::test]
#[ignore = "needs docker-registry: cargo xtask test"]
async fn a_registry_that_changes_a_hook_is_found_out() {
    let registry = Registry::start().unwrap();
    let pinned = push(&image(&registry), hook(), &Credentials::default()).await.unwrap();
    let path = blob(&registry, &digest(&hook()));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = told(&pull(&pinned, &Credentials::default()).await.unwrap_err());
    assert!(error.contains("could not pull") && error.contains("igest"), "{error}");
}

#[tokio::test]
#[ignore = "needs docker-registry: cargo xtask test"]
async fn a_registry_that_changes_a_manifest_is_found_out() {
    let registry = Registry::start().unwrap();
    let pinned = push(&image(&registry), hook(), &Credentials::default()).await.unwrap();
    let path = blob(&registry, pinned.digest());
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("application/wasm", "application/wasn")).unwrap();
    assert!(pull(&pinned, &Credentials::default()).await.is_err());
}

#[tokio::test]
#[ignore = "needs docker-registry: cargo xtask test"]
async fn a_password_is_taken_from_a_pull_secret() {
    let registry = Registry::start_with_password().unwrap();
    let refused = push(&image(&registry), hook(), &Credentials::default()).await.unwrap_err();
    assert!(told(&refused).contains("could not push"), "{}", told(&refused));
    let file = registry.folder().join("config.json");
    let entry = serde_json::json!({ "username": USER, "password": PASSWORD });
    let known = serde_json::json!({ "auths": { registry.address().to_string(): entry } });
    fs::write(&file, known.to_string()).unwrap();
    let credentials = Credentials::read(&file).unwrap();
    let pinned = push(&image(&registry), hook(), &credentials).await.unwrap();
    assert!(pull(&pinned, &Credentials::default()).await.is_err());
    assert_eq!(pull(&pinned, &credentials).await.unwrap(), hook());
}

#[tokio::test]
#[ignore = "needs docker-registry: cargo xtask test"]
async fn what_is_not_there_is_told_by_its_name() {
    let registry = Registry::start().unwrap();
    let reference = format!("{}/hooks/none@sha256:{}", registry.address(), "0".repeat(64));
    let pinned = Pinned::parse(&reference).unwrap();
    let error = told(&pull(&pinned, &Credentials::default()).await.unwrap_err());
    assert!(error.starts_with(&format!("could not pull `{reference}`: ")), "{error}");
}
