//! kubectl's `-o jsonpath=TEMPLATE`: text, `{.path}`, `{range .list[*]}…{end}` and `{"\n"}`.
//!
//! kubectl's dialect is older than RFC 9535. This module reads the template and the dialect's paths, and leaves
//! selecting to `serde_json_path`. The dialect differs from the RFC in these points, all of them supported:
//! names may hold `-` and `/`, a dot in a name is written `\.`, `['a.b']` is a path of two names, `$` and `@`
//! both mean the current object, and a path needs no `$` at its beginning.
//! Rules: k8s.io/client-go/util/jsonpath. A template without any brace is read as one path, as in
//! kubectl's `--sort-by` and `custom-columns`.

mod path;

use serde_json::Value;

use path::Path;

/// Nested ranges beyond this are refused; the parser recurses once for each.
const MOST_NESTED: usize = 32;

/// A template that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the jsonpath template is wrong at `{at}`: {problem}")]
pub struct TemplateError {
    /// The part of the template that is wrong.
    at: String,
    /// What is wrong with it.
    problem: String,
}

impl TemplateError {
    fn new(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { at: at.into(), problem: problem.into() }
    }
}

/// A template, ready to be filled in.
#[derive(Clone, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Path(Path),
    Range(Path, Vec<Part>),
}

/// What a template is made of before ranges are matched with their ends.
enum Token {
    Text(String),
    Path(Path),
    Range(Path),
    End,
}

impl Template {
    /// Reads a template.
    pub fn parse(template: &str) -> Result<Self, TemplateError> {
        if template.trim().is_empty() {
            return Err(TemplateError::new(template, "it is empty"));
        }
        let tokens = if template.contains('{') {
            tokens(template)?
        } else {
            vec![Token::Path(Path::parse(template)?)]
        };
        let mut tokens = tokens.into_iter();
        let parts = parts(&mut tokens, 0)?;
        if tokens.next().is_some() {
            return Err(TemplateError::new("{end}", "there is no `{range …}` that it could end"));
        }
        Ok(Self { parts })
    }

    /// Fills it in for `object`. A path that leads nowhere gives nothing; several values are parted by blanks.
    pub fn render(&self, object: &Value) -> String {
        let mut text = String::new();
        render(&self.parts, object, &mut text);
        text
    }
}

fn render(parts: &[Part], current: &Value, text: &mut String) {
    for part in parts {
        match part {
            Part::Text(literal) => text.push_str(literal),
            Part::Path(path) => {
                let values: Vec<String> = path.select(current).into_iter().map(shown).collect();
                text.push_str(&values.join(" "));
            }
            Part::Range(path, body) => {
                for item in path.select(current) {
                    render(body, item, text);
                }
            }
        }
    }
}

/// Scalars bare, everything else as compact JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => super::document::sorted(other).to_string(),
    }
}

fn parts(tokens: &mut std::vec::IntoIter<Token>, depth: usize) -> Result<Vec<Part>, TemplateError> {
    if depth > MOST_NESTED {
        return Err(TemplateError::new(
            "{range}",
            format!("more than {MOST_NESTED} ranges inside each other"),
        ));
    }
    let mut parts = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) => parts.push(Part::Text(text)),
            Token::Path(path) => parts.push(Part::Path(path)),
            Token::Range(path) => parts.push(Part::Range(path, self::parts(tokens, depth + 1)?)),
            Token::End if depth > 0 => return Ok(parts),
            Token::End => {
                return Err(TemplateError::new("{end}", "there is no `{range …}` that it could end"));
            }
        }
    }
    if depth > 0 {
        return Err(TemplateError::new("{range", "it has no `{end}`"));
    }
    Ok(parts)
}

fn tokens(template: &str) -> Result<Vec<Token>, TemplateError> {
    let mut tokens = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        if open > 0 {
            tokens.push(Token::Text(rest[..open].to_owned()));
        }
        let inside = &rest[open + 1..];
        let close = closing_brace(inside)
            .ok_or_else(|| TemplateError::new(&rest[open..], "the brace is not closed"))?;
        action(&inside[..close], &mut tokens)?;
        rest = &inside[close + 1..];
    }
    if !rest.is_empty() {
        tokens.push(Token::Text(rest.to_owned()));
    }
    Ok(tokens)
}

/// Where the action ends; a brace in quotes does not end it.
fn closing_brace(inside: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match (character, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            ('}', None) => return Some(at),
            _ => {}
        }
    }
    None
}

/// What stands between two braces: texts in quotes, `range PATH`, `end`, paths; several are parted by blanks.
fn action(inside: &str, tokens: &mut Vec<Token>) -> Result<(), TemplateError> {
    let mut rest = inside.trim();
    if rest.is_empty() {
        return Err(TemplateError::new(format!("{{{inside}}}"), "there is nothing between the braces"));
    }
    if rest == "end" {
        tokens.push(Token::End);
        return Ok(());
    }
    if let Some(path) = rest.strip_prefix("range").filter(|path| path.starts_with([' ', '\t', '.', '['])) {
        tokens.push(Token::Range(Path::parse(path.trim())?));
        return Ok(());
    }
    while !rest.is_empty() {
        let after = if rest.starts_with(['"', '\'']) {
            let (text, after) = quoted(rest)?;
            tokens.push(Token::Text(text));
            after
        } else {
            let (path, after) = Path::parse_prefix(rest)?;
            tokens.push(Token::Path(path));
            after
        };
        rest = after.trim_start();
    }
    Ok(())
}

/// A text in quotes at the beginning of `text`, with Go's escapes, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), TemplateError> {
    let mut characters = text.char_indices();
    let open = characters.next().map_or('"', |(_, open)| open);
    let mut value = String::new();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                let escape = characters.next().map(|(_, escape)| escape);
                value.push(match escape {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some(other @ ('\\' | '"' | '\'' | '/')) => other,
                    Some('u') => unicode(&mut characters)
                        .ok_or_else(|| TemplateError::new(text, "`\\u` needs four hexadecimal digits"))?,
                    _ => {
                        return Err(TemplateError::new(
                            text,
                            "unknown escape; known are \\n \\t \\r \\\\ \\\" \\u",
                        ));
                    }
                });
            }
            _ if character == open => return Ok((value, &text[at + open.len_utf8()..])),
            _ => value.push(character),
        }
    }
    Err(TemplateError::new(text, "the quote is not closed"))
}

fn unicode(characters: &mut std::str::CharIndices<'_>) -> Option<char> {
    let mut code = 0;
    for _ in 0..4 {
        code = code * 16 + characters.next()?.1.to_digit(16)?;
    }
    char::from_u32(code)
}

#[cfg(test)]
mod tests;
