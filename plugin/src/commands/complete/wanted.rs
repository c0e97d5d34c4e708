//! What the word under the cursor can be: decided from the line alone, before anything is looked up.

use clap::{Arg, Command, ValueHint};

use super::{
    candidate::{Answer, Candidate, Directive},
    line::{Current, Line, takes_value},
};

/// Where names come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The live cluster.
    Cluster,
    /// All restore points of the repository.
    Repository,
    /// One restore point, as the user named it.
    RestorePoint(String),
}

/// An entry of the kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KubeconfigEntry {
    /// `contexts`.
    Context,
    /// `clusters`.
    Cluster,
    /// `users`.
    User,
}

/// What can stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The definition of the command line has the answer.
    Known(Answer),
    /// A restore point that was not named before.
    RestorePoint { typed: String, given: Vec<String> },
    /// Namespaces, separated by commas.
    Namespaces { typed: String, origin: Origin },
    /// `FROM=TO`.
    NamespaceMapping { typed: String, restore_point: String },
    /// Kinds, separated by commas.
    Kinds { typed: String, origin: Origin },
    /// `TYPE/NAME`; in some places also `TYPE`, or a second restore point.
    Object { typed: String, origin: Origin, namespaces: Vec<String>, alone: Alone },
    /// The name of an object of a kind: `get latest cm NAME`.
    Name { typed: String, origin: Origin, namespaces: Vec<String>, kind: String },
    /// A name from the kubeconfig.
    Kubeconfig { typed: String, entry: KubeconfigEntry },
}

/// What may stand in place of `TYPE/NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alone {
    /// Nothing.
    Never,
    /// A kind without a name.
    Kind,
    /// A restore point.
    RestorePoint,
}

impl Wanted {
    /// Decides from the line.
    pub(crate) fn of(root: &Command, line: &Line<'_>) -> Self {
        match &line.current {
            Current::Verb(typed) => Self::Known(Answer::matching(typed, verbs(root))),
            Current::Flag(typed) => Self::Known(Answer::matching(typed, flags(root, line, typed))),
            Current::Value(flag, typed) => value(line, flag, typed),
            Current::Positional(Some(argument), typed) => positional(line, argument, typed),
            Current::Positional(None, _) | Current::Unknown => Self::Known(Answer::NONE),
        }
    }
}

fn verbs(root: &Command) -> impl Iterator<Item = Candidate> {
    root.get_subcommands().filter(|verb| !verb.is_hide_set()).map(|verb| {
        Candidate::new(verb.get_name(), verb.get_about().map(ToString::to_string).unwrap_or_default())
    })
}

/// The flags that can still be given; their short forms only while nothing but `-` is typed.
fn flags(root: &Command, line: &Line<'_>, typed: &str) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for flag in line.known_flags(root).filter(|flag| !flag.is_hide_set()) {
        let repeats = matches!(flag.get_action(), clap::ArgAction::Append | clap::ArgAction::Count);
        if line.has(flag.get_id().as_str()) && !repeats {
            continue;
        }
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        if let Some(long) = flag.get_long() {
            candidates.push(Candidate::new(format!("--{long}"), &help));
        }
        if let Some(short) = flag.get_short().filter(|_| typed == "-") {
            candidates.push(Candidate::new(format!("-{short}"), &help));
        }
    }
    candidates.sort();
    candidates
}

fn value(line: &Line<'_>, flag: &Arg, typed: &str) -> Wanted {
    let typed = typed.to_owned();
    match flag.get_id().as_str() {
        "namespaces" | "namespace" => Wanted::Namespaces { typed, origin: origin(line) },
        "include_kinds" | "exclude_kinds" | "order" => Wanted::Kinds { typed, origin: origin(line) },
        "map_namespace" => Wanted::NamespaceMapping { typed, restore_point: first_restore_point(line) },
        "context" => Wanted::Kubeconfig { typed, entry: KubeconfigEntry::Context },
        "cluster" => Wanted::Kubeconfig { typed, entry: KubeconfigEntry::Cluster },
        "user" => Wanted::Kubeconfig { typed, entry: KubeconfigEntry::User },
        "repo" => Wanted::Known(Answer::NONE.with(Directive::FOLDERS)),
        // Free text because of `jsonpath=TEMPLATE`, so clap does not know the rest.
        "output" if line.verb_name() == "get" => Wanted::Known(object_formats(&typed)),
        _ => Wanted::Known(values_of(flag, &typed)),
    }
}

fn positional(line: &Line<'_>, argument: &Arg, typed: &str) -> Wanted {
    let typed = typed.to_owned();
    let before = line.positionals.len();
    let object = |alone| Wanted::Object {
        typed: typed.clone(),
        origin: origin(line),
        namespaces: namespaces(line),
        alone,
    };
    match line.verb_name() {
        "describe" | "delete" => Wanted::RestorePoint { typed, given: line.positionals.clone() },
        "restore" | "ls" | "get" | "diff" | "transform" if before == 0 => {
            Wanted::RestorePoint { typed, given: Vec::new() }
        }
        "ls" => Wanted::Kinds { typed, origin: origin(line) },
        // `TYPE NAME`: the word before says of which kind.
        "create" | "history" if line.positionals.first().is_some_and(|word| !word.contains('/')) => {
            Wanted::Name {
                typed,
                origin: origin(line),
                namespaces: namespaces(line),
                kind: line.positionals[0].clone(),
            }
        }
        "restore" | "transform" if line.positionals.get(1).is_some_and(|word| !word.contains('/')) => {
            Wanted::Name {
                typed,
                origin: origin(line),
                namespaces: namespaces(line),
                kind: line.positionals[1].clone(),
            }
        }
        "diff" if before == 1 => object(Alone::RestorePoint),
        "create" | "history" | "restore" | "diff" | "transform" => object(Alone::Never),
        "get" if before == 1 => object(Alone::Kind),
        "get" => match &line.positionals[1] {
            kind if kind.contains('/') => object(Alone::Never),
            kind => {
                Wanted::Name { typed, origin: origin(line), namespaces: namespaces(line), kind: kind.clone() }
            }
        },
        _ => Wanted::Known(values_of(argument, &typed)),
    }
}

/// Where the verb takes its objects from.
fn origin(line: &Line<'_>) -> Origin {
    match line.verb_name() {
        "create" | "doctor" => Origin::Cluster,
        "list" => Origin::Repository,
        _ => Origin::RestorePoint(first_restore_point(line)),
    }
}

fn first_restore_point(line: &Line<'_>) -> String {
    let named = line.positionals.first().filter(|_| line.verb_name() != "history");
    named.cloned().unwrap_or_else(|| "latest".to_owned())
}

fn namespaces(line: &Line<'_>) -> Vec<String> {
    line.values("namespaces").chain(line.values("namespace")).map(str::to_owned).collect()
}

fn object_formats(typed: &str) -> Answer {
    let answer = Answer::matching(typed, ["json", "name", "wide", "yaml", "jsonpath="].map(Candidate::plain));
    match &answer.candidates[..] {
        [only] if only.word.ends_with('=') => answer.with(Directive::NO_SPACE),
        _ => answer,
    }
}

/// What clap knows: the values of an enumeration, or that it is a path.
fn values_of(argument: &Arg, typed: &str) -> Answer {
    let values = argument.get_possible_values();
    let path = matches!(argument.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath);
    if values.is_empty() && path && takes_value(argument) {
        return Answer::NONE.with(Directive::FILES);
    }
    Answer::matching(
        typed,
        values.iter().filter(|value| !value.is_hide_set()).map(|value| {
            Candidate::new(value.get_name(), value.get_help().map(ToString::to_string).unwrap_or_default())
        }),
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use rstest::rstest;

    use super::*;
    use crate::cli::Cli;

    /// The words after `kubectl backup`, the last one under the cursor, written with `|` between them.
    fn wanted(words: &str) -> Wanted {
        let words: Vec<String> = words.split('|').map(str::to_owned).collect();
        let mut root = Cli::command();
        root.build();
        Wanted::of(&root, &Line::read(&root, &words))
    }

    fn known(words: &str) -> Vec<String> {
        match wanted(words) {
            Wanted::Known(answer) => answer.candidates.into_iter().map(|candidate| candidate.word).collect(),
            other => panic!("not known from the definition: {other:?}"),
        }
    }

    #[rstest]
    #[case::verb("cre", &["create"])]
    #[case::verb_after_a_global_flag("--context|x|cre", &["create"])]
    #[case::hidden_verbs_stay_hidden("__", &[])]
    #[case::unknown_verb("nonsense|", &[])]
    #[case::flag_of_the_verb("restore|--on", &["--on-conflict"])]
    #[case::flag_of_another_verb("list|--on", &[])]
    #[case::global_flag("list|--kubec", &["--kubeconfig"])]
    #[case::given_flag_is_not_offered_again("create|--dry-run|--dry", &[])]
    #[case::repeatable_flag_is("create|--as-group|a|--as-g", &["--as-group"])]
    #[case::enumeration("create|-o|", &["table", "wide", "json", "yaml", "name"])]
    #[case::enumeration_behind_an_equals_sign("create|--output=js", &["json"])]
    #[case::short_flag_with_an_equals_sign("create|-o=ya", &["yaml"])]
    #[case::value_behind_bundled_short_flags("restore|x|-yo|js", &["json"])]
    #[case::optional_value_only_behind_an_equals_sign("restore|x|--dry-run=s", &["server"])]
    #[case::formats_of_get("get|latest|cm|-o|j", &["json", "jsonpath="])]
    #[case::shells("completion|z", &["zsh"])]
    #[case::no_word_left("list|x", &[])]
    #[case::flags_end_at_two_dashes("completion|--|z", &["zsh"])]
    fn definition_answers(#[case] words: &str, #[case] expected: &[&str]) {
        assert_eq!(known(words), expected);
    }

    #[test]
    fn short_flags_appear_while_only_a_dash_is_typed() {
        let words = known("create|-");
        assert!(words.contains(&"-n".to_owned()) && words.contains(&"--namespace".to_owned()), "{words:?}");
        assert!(!known("create|--").contains(&"-n".to_owned()));
    }

    #[rstest]
    #[case::file("list|--kubeconfig|", Directive::FILES)]
    #[case::file_of_transforms("restore|latest|--transform|", Directive::FILES)]
    #[case::folder("list|--repo|", Directive::FOLDERS)]
    #[case::neither("list|--as|", Directive::NO_FILES)]
    #[case::template_follows("get|latest|cm|-o|jsonp", Directive::NO_SPACE)]
    fn shell_is_told_what_else_to_offer(#[case] words: &str, #[case] directive: Directive) {
        let Wanted::Known(answer) = wanted(words) else { panic!("{words}") };
        assert_eq!(answer.directive, directive);
    }

    fn in_point(name: &str) -> Origin {
        Origin::RestorePoint(name.to_owned())
    }

    #[rstest]
    #[case::create_asks_the_cluster("create|-n|sh", "sh", Origin::Cluster)]
    #[case::list_asks_all_restore_points("list|-n|a,sh", "a,sh", Origin::Repository)]
    #[case::restore_asks_its_restore_point("restore|3f2a|-n|", "", in_point("3f2a"))]
    #[case::ls_falls_back_to_latest("ls|-n|", "", in_point("latest"))]
    #[case::history_has_an_object_there("history|cm/a|-n|", "", in_point("latest"))]
    fn namespaces_come_from_where_the_verb_reads(
        #[case] words: &str,
        #[case] typed: &str,
        #[case] origin: Origin,
    ) {
        assert_eq!(wanted(words), Wanted::Namespaces { typed: typed.to_owned(), origin });
    }

    #[rstest]
    #[case::create("create|-n|shop,web|dep", "dep", Origin::Cluster, &["shop", "web"], Alone::Never)]
    #[case::restore("restore|latest|deploy/w", "deploy/w", in_point("latest"), &[], Alone::Never)]
    #[case::transform("transform|-f|a.yaml|latest|d", "d", in_point("latest"), &[], Alone::Never)]
    #[case::get("get|3f|-nshop|", "", in_point("3f"), &["shop"], Alone::Kind)]
    #[case::get_after_an_object("get|3f|cm/a|", "", in_point("3f"), &[], Alone::Never)]
    #[case::diff_second_word("diff|3f|", "", in_point("3f"), &[], Alone::RestorePoint)]
    #[case::diff_third_word("diff|3f|4a|d", "d", in_point("3f"), &[], Alone::Never)]
    #[case::second_word_of_history("history|cm/a|", "", in_point("latest"), &[], Alone::Never)]
    #[case::history("history|--namespace=shop|d", "d", in_point("latest"), &["shop"], Alone::Never)]
    fn objects(
        #[case] words: &str,
        #[case] typed: &str,
        #[case] origin: Origin,
        #[case] namespaces: &[&str],
        #[case] alone: Alone,
    ) {
        let namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(wanted(words), Wanted::Object { typed: typed.to_owned(), origin, namespaces, alone });
    }

    #[test]
    fn everything_else_that_must_be_looked_up() {
        let text = str::to_owned;
        let point = |typed: &str, given: &[&str]| Wanted::RestorePoint {
            typed: text(typed),
            given: given.iter().map(|word| text(word)).collect(),
        };
        assert_eq!(wanted("describe|la"), point("la", &[]));
        assert_eq!(wanted("delete|3f|"), point("", &["3f"]));
        let kinds = |typed: &str, origin| Wanted::Kinds { typed: text(typed), origin };
        assert_eq!(wanted("ls|latest|cm,dep"), kinds("cm,dep", in_point("latest")));
        assert_eq!(wanted("create|--exclude|sec"), kinds("sec", Origin::Cluster));
        assert_eq!(
            wanted("get|latest|cm|web"),
            Wanted::Name {
                typed: text("web"),
                origin: in_point("latest"),
                namespaces: Vec::new(),
                kind: text("cm"),
            }
        );
        let mapping = Wanted::NamespaceMapping { typed: text("shop="), restore_point: text("latest") };
        assert_eq!(wanted("restore|latest|--map-namespace|shop="), mapping);
        let context = Wanted::Kubeconfig { typed: String::new(), entry: KubeconfigEntry::Context };
        assert_eq!(wanted("--context|"), context);
    }
}
