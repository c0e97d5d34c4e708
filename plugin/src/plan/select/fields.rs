//! Whether a text is a field selector at all, by the rules of the API server
//! (`k8s.io/apimachinery/pkg/fields`, `ParseSelector`).

use super::SelectError;

/// Refuses what the server would refuse for every kind: a term without an operator or without a field.
pub fn check_field_selector(text: &str) -> Result<(), SelectError> {
    let refuse = |reason: String| Err(SelectError::BadFieldSelector { selector: text.to_owned(), reason });
    for term in terms(text) {
        match term.find('=') {
            None => return refuse(format!("`{term}` has no `=`, `==` or `!=`")),
            Some(end) if term[..end].trim_end_matches('!').trim().is_empty() => {
                return refuse(format!("`{term}` names no field"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The terms between commas; a comma behind a backslash is part of a value. The server passes over empty ones.
fn terms(text: &str) -> Vec<String> {
    let (mut terms, mut term, mut is_escaped) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        if letter == ',' && !is_escaped {
            terms.push(std::mem::take(&mut term));
            continue;
        }
        term.push(letter);
        is_escaped = letter == '\\' && !is_escaped;
    }
    terms.push(term);
    terms.retain(|term| !term.is_empty());
    terms
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one("metadata.name=web", None)]
    #[case::several("metadata.name=web,status.phase!=Failed,spec.nodeName==a", None)]
    #[case::empty("", None)]
    #[case::empty_term("a=b,,c=d", None)]
    #[case::escaped_comma(r"a=b\,c", None)]
    #[case::empty_value("spec.nodeName=", None)]
    #[case::no_operator("a=b,,c", Some("`c` has no `=`, `==` or `!=`"))]
    #[case::escaped_backslash(r"a=b\\,c", Some("`c` has no `=`, `==` or `!=`"))]
    #[case::no_field("a=b,!=c", Some("`!=c` names no field"))]
    fn takes_what_the_server_takes(#[case] text: &str, #[case] expected: Option<&str>) {
        let reason = check_field_selector(text).err().map(|error| match error {
            SelectError::BadFieldSelector { reason, .. } => reason,
            other => panic!("{other}"),
        });
        assert_eq!(reason.as_deref(), expected);
    }
}
