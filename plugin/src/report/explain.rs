//! `--explain`: for each object what will be done, who decided that, and why.

use std::fmt::Write as _;

use crate::model::restoration::{Action, DecidedBy, DifferingField, FieldChange, RestoredObject};

use super::restore::State as _;

/// One paragraph an object.
pub fn explain(objects: &[RestoredObject<Action>]) -> String {
    objects.iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

fn paragraph(object: &RestoredObject<Action>) -> String {
    let place = match &object.target.namespace {
        Some(namespace) => format!(" in namespace {namespace}"),
        None => String::new(),
    };
    let mut text = format!("{}{place}\n", object.object);
    let mut line = |label: &str, said: &str| {
        let _ = writeln!(text, "  {label:<8} {said}");
    };
    line("action", object.state.word());
    if let Some(reason) = &object.reason {
        line("why", reason);
    } else if object.state == Action::Create {
        line("why", "the cluster does not have it");
    } else if object.state == Action::Unchanged {
        line("why", "the live object has the saved content");
    }
    if let Some(decided) = &object.decided_by {
        line("decided", &format!("by {}", decider(decided)));
    }
    for missed in &object.passed_over {
        line("not", &format!("{}: {}", rule(&missed.rule), missed.because));
    }
    for field in &object.differences {
        line("differs", &differing(field));
    }
    if object.more_differences > 0 {
        line("differs", &format!("{} fields more", object.more_differences));
    }
    text
}

fn decider(decided: &DecidedBy) -> String {
    match decided {
        DecidedBy::Default => "default, since no rule and no option speaks of it".to_owned(),
        DecidedBy::CommandLine => "the command line".to_owned(),
        DecidedBy::Answer => decided.to_string(),
        DecidedBy::Rule { reason, .. } => {
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{}{reason}", rule(decided))
        }
    }
}

fn rule(decided: &DecidedBy) -> String {
    match decided {
        DecidedBy::Rule { file, .. } => format!("{decided} of {file}"),
        other => other.to_string(),
    }
}

fn differing(field: &DifferingField) -> String {
    let owner = |manager: &Option<String>| manager.clone().unwrap_or_else(|| "nobody".to_owned());
    let (saved, live) = (owner(&field.saved_manager), owner(&field.manager));
    let owners = match field.change {
        FieldChange::Set => format!("saved value of {saved}, live value of {live}"),
        FieldChange::OnlySaved => format!("only in the saved object, of {saved}"),
        FieldChange::OnlyLive => format!("only in the live object, of {live}"),
    };
    format!("{}: {owners}{}", field.field, if field.stays { "; stays as it is" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{object::ObjectKey, resource::GroupResource, restoration::PassedOver};

    fn by_rule(number: usize, name: Option<&str>, reason: Option<&str>) -> DecidedBy {
        DecidedBy::Rule {
            number,
            name: name.map(str::to_owned),
            file: "rules.yaml".to_owned(),
            reason: reason.map(str::to_owned),
        }
    }

    fn object(name: &str, state: Action) -> RestoredObject<Action> {
        let target = ObjectKey::new(GroupResource::new("deployments", "apps"), Some("shop"), name);
        RestoredObject::new(format!("deployment.apps/{name}"), target, state)
    }

    #[test]
    fn every_object_says_who_decided_and_on_what() {
        let mut patched = object("web", Action::Patch);
        patched.reason = Some("exists and differs".to_owned());
        patched.decided_by = Some(by_rule(2, Some("scaled"), Some("the autoscaler knows better")));
        patched.passed_over = vec![PassedOver {
            rule: by_rule(1, None, None),
            because: "its name `web` is not `db-*`".to_owned(),
        }];
        patched.more_differences = 3;
        let field = |field: &str, change, stays| DifferingField {
            field: field.to_owned(),
            change,
            manager: Some("kube-controller-manager".to_owned()),
            saved_manager: Some("helm".to_owned()),
            stays,
        };
        patched.differences = vec![
            field("spec.replicas", FieldChange::Set, true),
            field("spec.paused", FieldChange::OnlySaved, false),
            field("spec.minReadySeconds", FieldChange::OnlyLive, false),
        ];
        let mut skipped = object("api", Action::Skip);
        skipped.decided_by = Some(DecidedBy::Default);
        let mut replaced = object("db", Action::Replace);
        replaced.decided_by = Some(DecidedBy::CommandLine);
        let text = explain(&[
            patched,
            skipped,
            replaced,
            object("new", Action::Create),
            object("same", Action::Unchanged),
        ]);
        insta::assert_snapshot!(text, @r"
        deployment.apps/web in namespace shop
          action   patch
          why      exists and differs
          decided  by rule 2 `scaled` of rules.yaml: the autoscaler knows better
          not      rule 1 of rules.yaml: its name `web` is not `db-*`
          differs  spec.replicas: saved value of helm, live value of kube-controller-manager; stays as it is
          differs  spec.paused: only in the saved object, of helm
          differs  spec.minReadySeconds: only in the live object, of kube-controller-manager
          differs  3 fields more

        deployment.apps/api in namespace shop
          action   skip
          decided  by default, since no rule and no option speaks of it

        deployment.apps/db in namespace shop
          action   replace
          decided  by the command line

        deployment.apps/new in namespace shop
          action   create
          why      the cluster does not have it

        deployment.apps/same in namespace shop
          action   unchanged
          why      the live object has the saved content
        ");
    }
}
