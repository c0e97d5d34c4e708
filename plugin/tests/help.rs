//! The help of every verb, as its reader sees it.
//!
//! The flags that reach cluster and repository are the same everywhere and shown once.

use std::process::Command;

const VERBS: [&str; 13] = [
    "create",
    "restore",
    "list",
    "describe",
    "ls",
    "get",
    "diff",
    "history",
    "delete",
    "check",
    "doctor",
    "completion",
    "version",
];

/// `kubectl backup ARGUMENTS -h` without the parts named `Connection` and `Repository`.
fn own_help(arguments: &[&str]) -> String {
    parts(arguments, |heading| !is_shared(heading))
}

fn is_shared(heading: &str) -> bool {
    matches!(heading, "Connection:" | "Repository:")
}

/// The parts of the help whose headings are `wanted`, without spaces at the ends of lines.
fn parts(arguments: &[&str], wanted: impl Fn(&str) -> bool) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
        .args(arguments)
        .arg("-h")
        .env_clear()
        .env("COLUMNS", "100")
        .output()
        .expect("the plugin starts");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    let text = String::from_utf8(output.stdout).expect("help is text");
    let mut kept = Vec::new();
    let mut keeps = true;
    for line in text.lines() {
        if !line.is_empty() && !line.starts_with(' ') {
            keeps = wanted(line);
        }
        if keeps {
            kept.push(line.trim_end());
        }
    }
    kept.join("\n").trim_end().to_owned()
}

#[test]
fn flags_of_cluster_and_repository_are_the_same_for_every_verb() {
    let shared = parts(&[], is_shared);
    for verb in VERBS {
        assert_eq!(parts(&[verb], is_shared), shared, "{verb}");
    }
    insta::assert_snapshot!(shared, @r#"
    Connection:
          --kubeconfig <FILE>             Path to the kubeconfig file
          --context <CONTEXT>             The kubeconfig context to use
          --cluster <CLUSTER>             The kubeconfig cluster to use
          --user <USER>                   The kubeconfig user to use
      -s, --server <URL>                  Address and port of the API server
          --as <USER>                     Username to impersonate
          --as-group <GROUP>              Group to impersonate; repeat for several
          --request-timeout <DURATION>    Give up on a single request after this time: `30s`, `2m`; 0
                                          waits for ever
          --certificate-authority <FILE>  File with a certificate authority for the API server
          --insecure-skip-tls-verify      Do not check the API server's certificate
          --tls-server-name <NAME>        Server name to expect in the API server's certificate

    Repository:
          --repo <FOLDER>               The repository: a folder [env: `KUBECTL_BACKUP_REPO`; default: a
                                        folder of your own user]
          --password-file <FILE>        File whose first line is the password [env:
                                        `KUBECTL_BACKUP_PASSWORD_FILE`]
          --password-command <COMMAND>  Command that prints the password [env:
                                        `KUBECTL_BACKUP_PASSWORD_COMMAND`]
          --config <FILE>               Configuration file [env: `KUBECTL_BACKUP_CONFIG`; default:
                                        config.yaml in your user's configuration folder]
    "#);
}

#[test]
fn overview() {
    insta::assert_snapshot!(own_help(&[]), @r#"
    Back up Kubernetes applications and restore any part of them

    Usage: kubectl backup [OPTIONS] <COMMAND>

    Commands:
      create      Save a namespace, or any selection of objects, as a restore point
      restore     Bring objects of a restore point back into a cluster
      list        List restore points, newest first
      describe    Show all there is to know about a restore point
      ls          List the objects in a restore point
      get         Print objects of a restore point as kubectl would
      diff        Compare a restore point with the cluster or with another one
      history     Show in which restore points an object changed
      delete      Delete restore points
      check       Check that the repository is whole
      doctor      Look for what would keep a backup or restore from working, and name the remedy
      completion  Print or install shell completion
      version     Print the version of this program
      help        Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Output:
      -v, --v[=<LEVEL>]  Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                         everything [alias: --verbose]
      -q, --quiet        Say nothing but results and errors

    Examples:
      kubectl backup create -n shop
      kubectl backup list
      kubectl backup restore latest deploy/web -n shop
    "#);
}

#[test]
fn create() {
    insta::assert_snapshot!(own_help(&["create"]), @r#"
    Save a namespace, or any selection of objects, as a restore point

    Usage: kubectl backup create [OPTIONS] [TYPE/NAME]...

    Arguments:
      [TYPE/NAME]...  Only these objects: `TYPE/NAME …` or `TYPE NAME …`

    Options:
          --name <NAME>       Name of the restore point [default: made from scope and time]
          --require-complete  Save nothing if anything asked for cannot be read, instead of saving an
                              incomplete restore point
          --dry-run           Show what would be saved and what would not, and save nothing
      -h, --help              Print help (see more with '--help')
      -V, --version           Print version

    Selection:
      -n, --namespace <NAMESPACE>
              Namespace; repeat or separate by commas for several
      -A, --all-namespaces
              All namespaces
      -l, --selector <SELECTOR>
              Only objects with these labels, in kubectl's syntax: `app=web,tier!=cache`
          --include <KINDS>
              Only these kinds: `deployments`, `deploy`, `*.apps`, `certificates.cert-manager.io`;
              repeat or use commas
          --exclude <KINDS>
              All kinds but these
          --cluster-scoped <CLUSTER_SCOPED>
              Which objects outside namespaces go along [default: referenced] [possible values: none,
              referenced, all]
          --field-selector <SELECTOR>
              Only objects with these fields, for the kinds that support it: `metadata.name=web`

    Output:
      -o, --output <OUTPUT>  Output format [possible values: table, wide, json, yaml, name]
      -v, --v[=<LEVEL>]      Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                             everything [alias: --verbose]
      -q, --quiet            Say nothing but results and errors

    Tuning:
          --chunk-size <N>  Objects per page of a list
          --parallel <N>    Lists under way at the same time

    Examples:
      # Save the namespace shop
      kubectl backup create -n shop

      # Save everything but Secrets, and see first what that would be
      kubectl backup create -A --exclude secrets --dry-run

      # Save two objects
      kubectl backup create -n shop deploy/web configmap/web-config
    "#);
}

#[test]
fn restore() {
    insta::assert_snapshot!(own_help(&["restore"]), @r#"
    Bring objects of a restore point back into a cluster

    Usage: kubectl backup restore [OPTIONS] <RESTORE-POINT> [TYPE/NAME]...

    Arguments:
      <RESTORE-POINT>  The restore point: id, name, `latest`, `latest:NAMESPACE`, age (`2h`) or date
                       (`2026-11-20`)
      [TYPE/NAME]...   Only these objects: `TYPE/NAME …` or `TYPE NAME …`

    Options:
          --map-namespace <FROM=TO>    Restore the objects of one namespace into another:
                                       `shop=shop-test`; repeat for several
          --on-conflict <ON_CONFLICT>  What to do with an object that exists and differs [possible
                                       values: skip, patch, fail]
          --dry-run[=<DRY_RUN>]        Show what would happen and change nothing [possible values:
                                       client, server]
      -y, --yes                        Do not ask before changing the cluster
          --allow-incomplete           Restore from an incomplete restore point, knowing that something
                                       is missing in it
      -h, --help                       Print help (see more with '--help')
      -V, --version                    Print version

    Selection:
      -n, --namespace <NAMESPACE>
              Namespace; repeat or separate by commas for several
      -A, --all-namespaces
              All namespaces
      -l, --selector <SELECTOR>
              Only objects with these labels, in kubectl's syntax: `app=web,tier!=cache`
          --include <KINDS>
              Only these kinds: `deployments`, `deploy`, `*.apps`, `certificates.cert-manager.io`;
              repeat or use commas
          --exclude <KINDS>
              All kinds but these
          --cluster-scoped <CLUSTER_SCOPED>
              Which objects outside namespaces go along [default: referenced] [possible values: none,
              referenced, all]

    Output:
      -o, --output <OUTPUT>  Output format [possible values: table, wide, json, yaml, name]
      -v, --v[=<LEVEL>]      Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                             everything [alias: --verbose]
      -q, --quiet            Say nothing but results and errors

    Tuning:
          --parallel <N>  Writes under way at the same time

    Examples:
      # Bring a namespace back, after a look at the plan
      kubectl backup restore latest:shop

      # One object
      kubectl backup restore latest deploy/web -n shop

      # A copy of the namespace beside the original
      kubectl backup restore latest:shop --map-namespace shop=shop-test
    "#);
}

#[test]
fn list() {
    insta::assert_snapshot!(own_help(&["list"]), @r#"
    List restore points, newest first

    Usage: kubectl backup list [OPTIONS]

    Options:
      -n, --namespace <NAMESPACE>  Only restore points that hold one of these namespaces
      -h, --help                   Print help (see more with '--help')
      -V, --version                Print version

    Output:
      -o, --output <OUTPUT>  Output format [possible values: table, wide, json, yaml, name]
          --no-headers       Leave the header line out
      -v, --v[=<LEVEL>]      Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                             everything [alias: --verbose]
      -q, --quiet            Say nothing but results and errors
    "#);
}

#[test]
fn describe() {
    insta::assert_snapshot!(own_help(&["describe"]), @r#"
    Show all there is to know about a restore point

    Usage: kubectl backup describe [OPTIONS] [RESTORE-POINT]

    Arguments:
      [RESTORE-POINT]  The restore point: id, name, `latest`, `latest:NAMESPACE`, age (`2h`) or date
                       (`2026-11-20`) [default: latest]

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Output:
      -o, --output <OUTPUT>  Output format [possible values: table, wide, json, yaml, name]
      -v, --v[=<LEVEL>]      Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                             everything [alias: --verbose]
      -q, --quiet            Say nothing but results and errors
    "#);
}

#[test]
fn ls() {
    insta::assert_snapshot!(own_help(&["ls"]), @r#"
    List the objects in a restore point

    Usage: kubectl backup ls [OPTIONS] [RESTORE-POINT] [KIND]...

    Arguments:
      [RESTORE-POINT]  The restore point: id, name, `latest`, `latest:NAMESPACE`, age (`2h`) or date
                       (`2026-11-20`) [default: latest]
      [KIND]...        Only these kinds

    Options:
          --tree     Group by namespace and kind
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Selection:
      -n, --namespace <NAMESPACE>  Namespace; repeat or separate by commas for several
      -A, --all-namespaces         All namespaces
      -l, --selector <SELECTOR>    Only objects with these labels

    Output:
      -o, --output <OUTPUT>  Output format [possible values: table, wide, json, yaml, name]
          --no-headers       Leave the header line out
      -v, --v[=<LEVEL>]      Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                             everything [alias: --verbose]
      -q, --quiet            Say nothing but results and errors
    "#);
}

#[test]
fn get() {
    insta::assert_snapshot!(own_help(&["get"]), @r#"
    Print objects of a restore point as kubectl would

    Usage: kubectl backup get [OPTIONS] <RESTORE-POINT> <TYPE[/NAME]>...

    Arguments:
      <RESTORE-POINT>   The restore point: id, name, `latest`, `latest:NAMESPACE`, age (`2h`) or date
                        (`2026-11-20`)
      <TYPE[/NAME]>...  `TYPE`, `TYPE/NAME`, or `TYPE NAME …`

    Options:
          --ignore-not-found  Succeed with no output when an object is not there
      -h, --help              Print help (see more with '--help')
      -V, --version           Print version

    Selection:
      -n, --namespace <NAMESPACE>  Namespace; repeat or separate by commas for several
      -A, --all-namespaces         All namespaces
      -l, --selector <SELECTOR>    Only objects with these labels

    Output:
      -o, --output <FORMAT>      Output format: yaml, json, name, wide, jsonpath=TEMPLATE
          --no-headers           Leave the header line out
          --show-managed-fields  Keep `metadata.managedFields` in yaml and json
      -v, --v[=<LEVEL>]          Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                                 everything [alias: --verbose]
      -q, --quiet                Say nothing but results and errors

    Examples:
      kubectl backup get latest deploy/web -n shop -o yaml
      kubectl backup get 3f2a9c01 secrets -n shop
      kubectl backup get latest cm web-config -n shop -o jsonpath='{.data.app\.conf}'
    "#);
}

#[test]
fn diff() {
    insta::assert_snapshot!(own_help(&["diff"]), @r#"
    Compare a restore point with the cluster or with another one

    Usage: kubectl backup diff [OPTIONS] <RESTORE-POINT> [RESTORE-POINT | TYPE/NAME]...

    Arguments:
      <RESTORE-POINT>                 The restore point to compare from
      [RESTORE-POINT | TYPE/NAME]...  A second restore point (default: the live cluster), and
                                      `TYPE/NAME` to compare only these

    Options:
          --with-status   Compare status too
          --show-secrets  Show the values of Secrets instead of masks
          --brief         Name the objects that differ, without their lines
      -h, --help          Print help (see more with '--help')
      -V, --version       Print version

    Selection:
      -n, --namespace <NAMESPACE>  Namespace; repeat or separate by commas for several
      -A, --all-namespaces         All namespaces
      -l, --selector <SELECTOR>    Only objects with these labels
          --include <KINDS>        Only these kinds
          --exclude <KINDS>        All kinds but these

    Output:
          --color <COLOR>  When to use colour [default: auto] [possible values: auto, always, never]
      -v, --v[=<LEVEL>]    Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                           everything [alias: --verbose]
      -q, --quiet          Say nothing but results and errors

    Examples:
      # What changed in the cluster since the latest backup of shop
      kubectl backup diff latest:shop

      # What changed between two restore points, for one object
      kubectl backup diff 3f2a9c01 8b1d77e0 deploy/web -n shop
    "#);
}

#[test]
fn history() {
    insta::assert_snapshot!(own_help(&["history"]), @r#"
    Show in which restore points an object changed

    Usage: kubectl backup history [OPTIONS] <TYPE/NAME>...

    Arguments:
      <TYPE/NAME>...  `TYPE/NAME` or `TYPE NAME`

    Options:
          --all      Show every restore point, not only those in which the object changed
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Selection:
      -n, --namespace <NAMESPACE>  Namespace of the object [default: the context's namespace]

    Output:
      -o, --output <OUTPUT>  Output format [possible values: table, wide, json, yaml, name]
          --no-headers       Leave the header line out
      -v, --v[=<LEVEL>]      Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                             everything [alias: --verbose]
      -q, --quiet            Say nothing but results and errors
    "#);
}

#[test]
fn delete() {
    insta::assert_snapshot!(own_help(&["delete"]), @r#"
    Delete restore points

    Usage: kubectl backup delete [OPTIONS] <RESTORE-POINT>...

    Arguments:
      <RESTORE-POINT>...  The restore points: ids or names

    Options:
      -y, --yes      Do not ask
          --dry-run  Name what would be deleted and delete nothing
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Output:
      -v, --v[=<LEVEL>]  Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                         everything [alias: --verbose]
      -q, --quiet        Say nothing but results and errors
    "#);
}

#[test]
fn check() {
    insta::assert_snapshot!(own_help(&["check"]), @r#"
    Check that the repository is whole

    Usage: kubectl backup check [OPTIONS]

    Options:
          --read-data  Read and verify every byte of data too
      -h, --help       Print help (see more with '--help')
      -V, --version    Print version

    Output:
      -o, --output <OUTPUT>  Output format [possible values: table, wide, json, yaml, name]
      -v, --v[=<LEVEL>]      Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                             everything [alias: --verbose]
      -q, --quiet            Say nothing but results and errors
    "#);
}

#[test]
fn doctor() {
    insta::assert_snapshot!(own_help(&["doctor"]), @r#"
    Look for what would keep a backup or restore from working, and name the remedy

    Usage: kubectl backup doctor [OPTIONS]

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Selection:
      -n, --namespace <NAMESPACE>
              Namespace; repeat or separate by commas for several
      -A, --all-namespaces
              All namespaces
      -l, --selector <SELECTOR>
              Only objects with these labels, in kubectl's syntax: `app=web,tier!=cache`
          --include <KINDS>
              Only these kinds: `deployments`, `deploy`, `*.apps`, `certificates.cert-manager.io`;
              repeat or use commas
          --exclude <KINDS>
              All kinds but these
          --cluster-scoped <CLUSTER_SCOPED>
              Which objects outside namespaces go along [default: referenced] [possible values: none,
              referenced, all]

    Output:
      -o, --output <OUTPUT>  Output format [possible values: table, wide, json, yaml, name]
      -v, --v[=<LEVEL>]      Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                             everything [alias: --verbose]
      -q, --quiet            Say nothing but results and errors
    "#);
}

#[test]
fn completion() {
    insta::assert_snapshot!(own_help(&["completion"]), @r#"
    Print or install shell completion

    Usage: kubectl backup completion [OPTIONS] [SHELL]

    Arguments:
      [SHELL]  Print the script for this shell, for calling `kubectl-backup` directly [possible values:
               bash, zsh, fish, powershell]

    Options:
          --install  Put `kubectl_complete-backup` beside `kubectl-backup`, so that kubectl completes
                     `kubectl backup …`
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Output:
      -v, --v[=<LEVEL>]  Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                         everything [alias: --verbose]
      -q, --quiet        Say nothing but results and errors
    "#);
}

#[test]
fn version() {
    insta::assert_snapshot!(own_help(&["version"]), @r"
    Print the version of this program

    Usage: kubectl backup version [OPTIONS]

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Output:
      -o, --output <OUTPUT>  Output format [possible values: json, yaml]
      -v, --v[=<LEVEL>]      Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for
                             everything [alias: --verbose]
      -q, --quiet            Say nothing but results and errors
    ");
}
