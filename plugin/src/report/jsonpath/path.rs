//! One path of kubectl's dialect, translated into queries of RFC 9535.

use serde_json::Value;
use serde_json_path::JsonPath;

use super::{TemplateError, quoted};

/// Unions inside unions beyond this are refused; the parser recurses once for each.
const MOST_NESTED: usize = 8;

/// A path: each step is applied to everything the one before selected.
#[derive(Clone, Debug)]
pub(super) struct Path {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Query(JsonPath),
    /// `['metadata.name', 'status.phase']`: unlike in the RFC, its members may be paths.
    Union(Vec<Path>),
}

impl Path {
    /// Reads `text`, all of it.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        match Self::parse_prefix(text.trim())? {
            (path, "") => Ok(path),
            (_, rest) => Err(TemplateError::new(rest, "a path ends here; put each into its own braces")),
        }
    }

    /// Reads a path at the beginning of `text`, up to a blank, and returns what follows.
    pub(super) fn parse_prefix(text: &str) -> Result<(Self, &str), TemplateError> {
        Self::parse_nested(text, 0)
    }

    /// Everything the path selects in `current`.
    pub(super) fn select<'value>(&self, current: &'value Value) -> Vec<&'value Value> {
        let mut selected = vec![current];
        for step in &self.steps {
            selected = match step {
                Step::Query(query) => {
                    selected.into_iter().flat_map(|value| query.query(value).all()).collect()
                }
                Step::Union(paths) => selected
                    .into_iter()
                    .flat_map(|value| paths.iter().flat_map(|path| path.select(value)))
                    .collect(),
            };
        }
        selected
    }

    fn parse_nested(text: &str, depth: usize) -> Result<(Self, &str), TemplateError> {
        if depth > MOST_NESTED {
            return Err(TemplateError::new(text, "too many brackets inside each other"));
        }
        let mut steps = Vec::new();
        let mut query = String::from("$");
        let mut rest = text.strip_prefix(['$', '@']).unwrap_or(text);
        if rest.starts_with(is_name_character) {
            // `{range items[*]}` and a relaxed `metadata.name`, without the leading dot.
            rest = name(rest, &mut query);
        }
        while !rest.is_empty() && !rest.starts_with([' ', '\t']) {
            if let Some(after) = rest.strip_prefix("..") {
                query.push_str("..");
                rest = if let Some(after) = after.strip_prefix('*') {
                    query.push_str("[*]");
                    after
                } else {
                    descendant(after, &mut query)?
                };
            } else if let Some(after) = rest.strip_prefix(".*") {
                query.push_str("[*]");
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.') {
                // `.` alone is the current object; `.['a']` is `['a']`.
                rest = if after.starts_with(is_name_character) { name(after, &mut query) } else { after };
                if after.starts_with('.') {
                    return Err(TemplateError::new(text, "three dots in a row"));
                }
            } else if rest.starts_with('[') {
                let (inside, after) = bracket(rest)?;
                match members(inside, depth)? {
                    Members::Selector(selector) => query.push_str(&selector),
                    Members::Paths(paths) => {
                        flush(&mut query, &mut steps, text)?;
                        steps.push(Step::Union(paths));
                    }
                }
                rest = after;
            } else {
                return Err(TemplateError::new(rest, "expected `.` or `[`"));
            }
        }
        flush(&mut query, &mut steps, text)?;
        Ok((Self { steps }, rest))
    }
}

enum Members {
    Selector(String),
    Paths(Vec<Path>),
}

fn flush(query: &mut String, steps: &mut Vec<Step>, text: &str) -> Result<(), TemplateError> {
    if query != "$" {
        let parsed =
            JsonPath::parse(query).map_err(|error| TemplateError::new(text, error.message().to_owned()))?;
        steps.push(Step::Query(parsed));
        "$".clone_into(query);
    }
    Ok(())
}

fn is_name_character(character: char) -> bool {
    !matches!(character, ' ' | '\t' | '\n' | '\r' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}' | '(' | ')')
        && !matches!(character, '\'' | '"' | '=' | '!' | '<' | '>')
        || character == '\\'
}

/// Reads a name, in which a backslash takes any character as it is, and writes it as a selector.
fn name<'text>(text: &'text str, query: &mut String) -> &'text str {
    let mut characters = text.char_indices();
    let mut value = String::new();
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            value.extend(characters.next().map(|(_, escaped)| escaped));
        } else if is_name_character(character) {
            value.push(character);
        } else {
            end = at;
            break;
        }
    }
    push_name(&value, query);
    &text[end..]
}

fn push_name(name: &str, query: &mut String) {
    // A JSON string is a valid RFC 9535 string literal.
    query.extend(["[", &Value::from(name).to_string(), "]"]);
}

fn descendant<'text>(text: &'text str, query: &mut String) -> Result<&'text str, TemplateError> {
    if text.starts_with(is_name_character) {
        return Ok(name(text, query));
    }
    if text.starts_with('[') {
        return Ok(text);
    }
    Err(TemplateError::new(format!("..{text}"), "expected a name after `..`"))
}

/// What stands in the bracket at the beginning of `text`, and what follows it.
fn bracket(text: &str) -> Result<(&str, &str), TemplateError> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (character, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            ('[', None) => depth += 1,
            (']', None) if depth == 1 => return Ok((text[1..at].trim(), &text[at + 1..])),
            (']', None) => depth -= 1,
            _ => {}
        }
    }
    Err(TemplateError::new(text, "the bracket is not closed"))
}

fn members(inside: &str, depth: usize) -> Result<Members, TemplateError> {
    if let Some(condition) = inside.strip_prefix('?') {
        return Ok(Members::Selector(format!("[?{}]", filter(condition)?)));
    }
    if inside.starts_with('\'') {
        let paths = split_members(inside)
            .into_iter()
            .map(|member| {
                let name = member
                    .strip_prefix('\'')
                    .and_then(|member| member.strip_suffix('\''))
                    .filter(|name| !name.is_empty())
                    .ok_or_else(|| TemplateError::new(member, "expected a name in single quotes"))?;
                match Path::parse_nested(&format!(".{name}"), depth + 1)? {
                    (path, "") => Ok(path),
                    (_, rest) => Err(TemplateError::new(rest, "a blank in a name is written `\\ `")),
                }
            })
            .collect::<Result<_, _>>()?;
        return Ok(Members::Paths(paths));
    }
    let selects_by_place =
        inside.chars().all(|character| matches!(character, '0'..='9' | '-' | ':' | ',' | ' ' | '*'));
    if inside.starts_with('"') || (selects_by_place && !inside.is_empty()) {
        return Ok(Members::Selector(format!("[{inside}]")));
    }
    Err(TemplateError::new(
        format!("[{inside}]"),
        "expected a number, a range, `*`, a name in quotes or a filter",
    ))
}

/// Parts a union at the commas outside quotes.
fn split_members(inside: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let (mut start, mut in_quotes, mut escaped) = (0, false, false);
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => in_quotes = !in_quotes,
            ',' if !in_quotes => {
                members.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(inside[start..].trim());
    members
}

/// A filter: its `@` paths and its texts in quotes are translated, operators and numbers are the RFC's own.
fn filter(condition: &str) -> Result<String, TemplateError> {
    let mut translated = String::new();
    let mut rest = condition;
    while let Some(character) = rest.chars().next() {
        if matches!(character, '\'' | '"') {
            let (text, after) = quoted(rest)?;
            translated.push_str(&Value::from(text).to_string());
            rest = after;
        } else if matches!(character, '@' | '$') {
            // In kubectl's dialect both mean the item that is looked at.
            translated.push('@');
            rest = filter_path(&rest[1..], &mut translated)?;
        } else {
            translated.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    Ok(translated)
}

fn filter_path<'text>(text: &'text str, translated: &mut String) -> Result<&'text str, TemplateError> {
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix('.').filter(|after| after.starts_with(is_name_character)) {
            rest = name(after, translated);
        } else if rest.starts_with('[') {
            let (inside, after) = bracket(rest)?;
            match inside.strip_prefix('\'').and_then(|inside| inside.strip_suffix('\'')) {
                Some(quoted_name) => push_name(&quoted_name.replace("\\.", "."), translated),
                None => translated.extend(["[", inside, "]"]),
            }
            rest = after;
        } else {
            return Ok(rest);
        }
    }
}
