//! The kubeconfig as kubectl finds and merges it, with the connection flags laid over it.
//!
//! kube's own loader is not used for finding: it takes a missing file in `$KUBECONFIG` for an error, which
//! kubectl does not, and `Config::infer` turns a broken file into a silent use of the pod's service account.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use kube::config::{Cluster, Context, Kubeconfig, KubeconfigError, NamedCluster, NamedContext};

use crate::cli::connection::ConnectionArgs;

use super::ClusterError;

/// The name of the context that stands for flags alone (`--server` without a kubeconfig).
const FLAGS: &str = "command-line";

/// A kubeconfig and which context of it to use.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) kubeconfig: Kubeconfig,
    pub(super) context: String,
}

/// Reads the kubeconfig and chooses a context.
///
/// None means that there is none at all, which is the case for a pod's own service account.
pub(super) fn choose(args: &ConnectionArgs) -> Result<Option<Chosen>, ClusterError> {
    let paths = match &args.kubeconfig {
        Some(path) => vec![path.clone()],
        None => default_paths(),
    };
    let mut kubeconfig = read_merged(&paths, args.kubeconfig.is_some())?;
    let is_empty = kubeconfig.contexts.is_empty() && kubeconfig.clusters.is_empty();
    if is_empty && args.server.is_none() {
        if args.context.is_none() && args.kubeconfig.is_none() {
            return Ok(None);
        }
        return Err(unknown_context(args, &kubeconfig));
    }
    let context = choose_context(args, &mut kubeconfig)?;
    expect_names(args, &kubeconfig, &context)?;
    override_cluster(args, &mut kubeconfig, &context);
    complete_addresses(&mut kubeconfig, &context);
    Ok(Some(Chosen { kubeconfig, context }))
}

/// The names that a kubeconfig defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubeconfigNames {
    /// For `--context`.
    pub contexts: Vec<String>,
    /// For `--cluster`.
    pub clusters: Vec<String>,
    /// For `--user`.
    pub users: Vec<String>,
}

/// The names in the kubeconfig that `args` and the environment point at.
pub fn kubeconfig_names(args: &ConnectionArgs) -> Result<KubeconfigNames, ClusterError> {
    let paths = args.kubeconfig.as_ref().map_or_else(default_paths, |path| vec![path.clone()]);
    let kubeconfig = read_merged(&paths, false)?;
    Ok(KubeconfigNames {
        contexts: context_names(&kubeconfig),
        clusters: kubeconfig.clusters.into_iter().map(|named| named.name).collect(),
        users: kubeconfig.auth_infos.into_iter().map(|named| named.name).collect(),
    })
}

/// The places of `$KUBECONFIG`, or the one in the home folder.
pub(super) fn default_paths() -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = env::var_os("KUBECONFIG")
        .map(|value| env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if !listed.is_empty() {
        return listed;
    }
    env::home_dir().map(|home| vec![home.join(".kube").join("config")]).unwrap_or_default()
}

fn read_merged(paths: &[PathBuf], must_exist: bool) -> Result<Kubeconfig, ClusterError> {
    let mut merged = Kubeconfig::default();
    for path in paths {
        let failed = |source| ClusterError::ReadKubeconfig { path: path.clone(), source: Box::new(source) };
        match Kubeconfig::read_from(path) {
            Ok(next) => merged = merged.merge(next).map_err(failed)?,
            Err(KubeconfigError::ReadConfig(source, _))
                if source.kind() == io::ErrorKind::NotFound && !must_exist => {}
            Err(source) => return Err(failed(source)),
        }
    }
    Ok(merged)
}

fn choose_context(args: &ConnectionArgs, kubeconfig: &mut Kubeconfig) -> Result<String, ClusterError> {
    let wanted =
        args.context.clone().or_else(|| kubeconfig.current_context.clone().filter(|it| !it.is_empty()));
    match wanted {
        Some(name) if kubeconfig.contexts.iter().any(|named| named.name == name) => Ok(name),
        Some(_) => Err(unknown_context(args, kubeconfig)),
        None if args.server.is_some() || args.cluster.is_some() => {
            let cluster = args.cluster.clone().unwrap_or_else(|| FLAGS.to_owned());
            let context = Context { cluster, user: args.user.clone(), ..Context::default() };
            let named =
                NamedContext { name: FLAGS.to_owned(), context: Some(context), ..NamedContext::default() };
            kubeconfig.contexts.push(named);
            Ok(FLAGS.to_owned())
        }
        None => Err(ClusterError::NoContext { contexts: context_names(kubeconfig) }),
    }
}

/// Refuses a user, or a `--cluster`, that the kubeconfig does not have: kube would go on as nobody.
fn expect_names(args: &ConnectionArgs, kubeconfig: &Kubeconfig, context: &str) -> Result<(), ClusterError> {
    let users: Vec<String> = kubeconfig.auth_infos.iter().map(|named| named.name.clone()).collect();
    let clusters: Vec<String> = kubeconfig.clusters.iter().map(|named| named.name.clone()).collect();
    let of_context = || {
        let named = kubeconfig.contexts.iter().find(|named| named.name == context)?;
        named.context.as_ref()?.user.clone().filter(|name| !name.is_empty())
    };
    let user = args.user.clone().or_else(of_context);
    for (what, wanted, known) in [("user", user, users), ("cluster", args.cluster.clone(), clusters)] {
        if let Some(name) = wanted.filter(|name| !known.contains(name)) {
            return Err(ClusterError::UnknownName { what, name, known });
        }
    }
    Ok(())
}

fn unknown_context(args: &ConnectionArgs, kubeconfig: &Kubeconfig) -> ClusterError {
    let contexts = context_names(kubeconfig);
    match args.context.clone().or_else(|| kubeconfig.current_context.clone()) {
        Some(context) => ClusterError::UnknownContext { context, contexts },
        None => ClusterError::NoContext { contexts },
    }
}

fn context_names(kubeconfig: &Kubeconfig) -> Vec<String> {
    kubeconfig.contexts.iter().map(|named| named.name.clone()).collect()
}

/// Lays `--server` and the TLS flags over the cluster that the context (or `--cluster`) names.
fn override_cluster(args: &ConnectionArgs, kubeconfig: &mut Kubeconfig, context: &str) {
    let name = args.cluster.clone().or_else(|| {
        let named = kubeconfig.contexts.iter().find(|named| named.name == context)?;
        named.context.as_ref().map(|context| context.cluster.clone())
    });
    let Some(name) = name else { return };
    if !kubeconfig.clusters.iter().any(|named| named.name == name) && args.server.is_some() {
        kubeconfig.clusters.push(NamedCluster { name: name.clone(), ..NamedCluster::default() });
    }
    let Some(named) = kubeconfig.clusters.iter_mut().find(|named| named.name == name) else { return };
    let cluster = named.cluster.get_or_insert_with(Cluster::default);
    if let Some(server) = &args.server {
        cluster.server = Some(server.clone());
    }
    if let Some(name) = &args.tls_server_name {
        cluster.tls_server_name = Some(name.clone());
    }
    if let Some(path) = &args.certificate_authority {
        cluster.certificate_authority = Some(path.display().to_string());
        cluster.certificate_authority_data = None;
        cluster.insecure_skip_tls_verify = None;
    }
    if args.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = Some(true);
        cluster.certificate_authority = None;
        cluster.certificate_authority_data = None;
    }
}

/// Gives addresses without a scheme the one that client-go takes: https wherever certificates are spoken of.
fn complete_addresses(kubeconfig: &mut Kubeconfig, context: &str) {
    let chosen = kubeconfig.contexts.iter().find(|named| named.name == context);
    let user = chosen.and_then(|named| named.context.as_ref()?.user.clone());
    let identity = kubeconfig.auth_infos.iter().find(|named| Some(&named.name) == user.as_ref());
    let has_certificate = identity.and_then(|named| named.auth_info.as_ref()).is_some_and(|identity| {
        identity.client_certificate.is_some() || identity.client_certificate_data.is_some()
    });
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        let is_secure = has_certificate
            || cluster.certificate_authority.is_some()
            || cluster.certificate_authority_data.is_some()
            || cluster.insecure_skip_tls_verify == Some(true);
        if let Some(server) = cluster.server.as_mut().filter(|server| !server.contains("://")) {
            server.insert_str(0, if is_secure { "https://" } else { "http://" });
        }
    }
}

/// Where a kubeconfig was looked for, for people.
pub(super) fn searched() -> String {
    let paths: Vec<String> =
        default_paths().iter().map(|path| format!("`{}`", Path::display(path))).collect();
    if paths.is_empty() { "`~/.kube/config`".to_owned() } else { paths.join(" or ") }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    const TWO: &str = "apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: c1, cluster: {server: https://one.example:6443, certificate-authority: ca.crt}}
- {name: c2, cluster: {server: https://two.example:6443}}
contexts:
- {name: one, context: {cluster: c1, user: u1, namespace: shop}}
- {name: two, context: {cluster: c2}}
users:
- {name: u1, user: {token: t1}}
";

    fn with_file(
        content: &str,
        adjust: impl FnOnce(&mut ConnectionArgs),
    ) -> Result<Option<Chosen>, ClusterError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, content).unwrap();
        let mut args = ConnectionArgs { kubeconfig: Some(path), ..ConnectionArgs::default() };
        adjust(&mut args);
        choose(&args)
    }

    fn server_of(chosen: &Chosen) -> Option<String> {
        let context = chosen.kubeconfig.contexts.iter().find(|named| named.name == chosen.context)?;
        let cluster = &context.context.as_ref()?.cluster;
        let named = chosen.kubeconfig.clusters.iter().find(|named| &named.name == cluster)?;
        named.cluster.as_ref()?.server.clone()
    }

    #[test]
    fn takes_the_current_context_unless_told_otherwise() {
        let current = with_file(TWO, |_| {}).unwrap().unwrap();
        assert_eq!(current.context, "one");
        let other = with_file(TWO, |args| args.context = Some("two".to_owned())).unwrap().unwrap();
        assert_eq!(server_of(&other).as_deref(), Some("https://two.example:6443"));
    }

    #[test]
    fn names_the_contexts_when_the_wanted_one_is_not_there() {
        let error = with_file(TWO, |args| args.context = Some("three".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "there is no context `three` in the kubeconfig");
        assert_eq!(error.hint().as_deref(), Some("choose one with --context: one, two"));
    }

    #[test]
    fn a_user_or_cluster_that_is_not_there_is_an_error() {
        let error = with_file(TWO, |args| args.user = Some("nope".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "there is no user `nope` in the kubeconfig");
        assert_eq!(error.hint().as_deref(), Some("choose one with --user: u1"));
        let error = with_file(TWO, |args| args.cluster = Some("nope".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "there is no cluster `nope` in the kubeconfig");
        assert_eq!(error.hint().as_deref(), Some("choose one with --cluster: c1, c2"));
        let dangling = TWO.replace("user: u1,", "user: gone,");
        let error = with_file(&dangling, |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "there is no user `gone` in the kubeconfig");
    }

    #[test]
    fn flags_replace_what_the_file_says_of_the_cluster() {
        let chosen = with_file(TWO, |args| {
            args.server = Some("https://elsewhere:1".to_owned());
            args.insecure_skip_tls_verify = true;
        });
        let chosen = chosen.unwrap().unwrap();
        assert_eq!(server_of(&chosen).as_deref(), Some("https://elsewhere:1"));
        let cluster = chosen.kubeconfig.clusters[0].cluster.as_ref().unwrap();
        assert_eq!((cluster.insecure_skip_tls_verify, &cluster.certificate_authority), (Some(true), &None));
    }

    #[test]
    fn a_broken_file_is_an_error_and_so_is_a_missing_one_that_was_named() {
        assert!(matches!(with_file("clusters: [", |_| {}), Err(ClusterError::ReadKubeconfig { .. })));
        let missing = |args: &mut ConnectionArgs| args.kubeconfig = Some("/nowhere/config".into());
        assert!(matches!(with_file("", missing), Err(ClusterError::ReadKubeconfig { .. })));
    }

    #[test]
    fn missing_files_of_a_list_are_skipped_and_the_first_value_wins() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("first");
        let second = folder.path().join("second");
        fs::write(&first, "current-context: two\n").unwrap();
        fs::write(&second, TWO).unwrap();
        let merged = read_merged(&[folder.path().join("gone"), first, second], false).unwrap();
        assert_eq!(merged.current_context.as_deref(), Some("two"));
        assert_eq!(merged.contexts.len(), 2);
    }

    #[rstest]
    #[case::as_it_is("http://one.example:1", "", "http://one.example:1")]
    #[case::authority("one.example:1", "certificate-authority: ca.crt", "https://one.example:1")]
    #[case::unverified("one.example:1", "insecure-skip-tls-verify: true", "https://one.example:1")]
    #[case::neither("one.example:1", "insecure-skip-tls-verify: false", "http://one.example:1")]
    fn an_address_without_a_scheme_gets_that_of_client_go(
        #[case] server: &str,
        #[case] rest: &str,
        #[case] expected: &str,
    ) {
        let cluster = format!("{{server: {server}, {rest}}}");
        let file = TWO.replace("{server: https://one.example:6443, certificate-authority: ca.crt}", &cluster);
        assert_ne!(file, TWO);
        assert_eq!(server_of(&with_file(&file, |_| {}).unwrap().unwrap()).as_deref(), Some(expected));
        let by_flag = with_file(&file, |args| args.server = Some(server.to_owned())).unwrap().unwrap();
        assert_eq!(server_of(&by_flag).as_deref(), Some(expected));
    }

    #[test]
    fn an_empty_file_with_a_server_flag_is_enough() {
        let chosen =
            with_file("", |args| args.server = Some("http://localhost:8080".to_owned())).unwrap().unwrap();
        assert_eq!(server_of(&chosen).as_deref(), Some("http://localhost:8080"));
    }
}
