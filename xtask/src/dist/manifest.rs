//! The Krew manifest: the template of the workspace with versions and checksums in it.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::file_name;

/// Fills the template. `checksum` knows the archives by file name; platforms without one are left out.
pub(super) fn fill(
    template: &str,
    version: &str,
    checksum: &dyn Fn(&str) -> Result<Option<String>>,
) -> Result<String> {
    let template = template.replace("{version}", version);
    let mut manifest: Value =
        serde_saphyr::from_str(&template).context("`krew-manifest.yaml` is not valid YAML")?;
    let platforms =
        manifest["spec"]["platforms"].as_array_mut().context("the manifest has no `spec.platforms`")?;
    let mut built = Vec::new();
    for mut platform in platforms.drain(..) {
        let uri = platform["uri"].as_str().context("a platform of the manifest has no `uri`")?;
        if let Some(checksum) = checksum(file_name(uri))? {
            platform["sha256"] = json!(checksum);
            built.push(platform);
        }
    }
    if built.is_empty() {
        bail!("no archive of version {version} belongs to a platform of the manifest");
    }
    *platforms = built;
    serde_saphyr::to_string(&manifest).context("could not write the manifest as YAML")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../../krew-manifest.yaml");

    fn filled(archives: &[&str]) -> Result<Value> {
        let text = fill(TEMPLATE, "1.2.3", &|name| Ok(archives.contains(&name).then(|| "ab".repeat(32))))?;
        Ok(serde_saphyr::from_str(&text).unwrap())
    }

    #[test]
    fn keeps_the_platforms_whose_archives_exist() {
        let manifest = filled(&[
            "kubectl-backup_v1.2.3_darwin_arm64.tar.gz",
            "kubectl-backup_v1.2.2_linux_amd64.tar.gz",
        ]);
        let manifest = manifest.unwrap();
        assert_eq!(manifest["spec"]["version"], "v1.2.3");
        let platforms = manifest["spec"]["platforms"].as_array().unwrap();
        assert_eq!(platforms.len(), 1, "an archive of another version counts");
        assert_eq!(platforms[0]["selector"]["matchLabels"], json!({"os": "darwin", "arch": "arm64"}));
        assert_eq!(platforms[0]["sha256"], "ab".repeat(32));
        assert!(platforms[0]["uri"].as_str().unwrap().contains("/v1.2.3/kubectl-backup_v1.2.3_"));
    }

    #[test]
    fn nothing_built_is_an_error() {
        assert!(filled(&[]).unwrap_err().to_string().contains("no archive of version 1.2.3"));
    }

    /// What the reviewers of krew-index ask for beyond what its validator checks.
    #[test]
    fn the_short_description_is_short_and_lines_are_not_long() {
        let manifest: Value = serde_saphyr::from_str(TEMPLATE).unwrap();
        let spec = &manifest["spec"];
        assert!(spec["shortDescription"].as_str().unwrap().chars().count() <= 50);
        for text in ["description", "caveats"] {
            assert!(spec[text].as_str().unwrap().lines().all(|line| line.len() <= 80), "{text}");
        }
    }
}
