//! Reading paths from text. One grammar for paths and for patterns; only these may have stars.

use serde_json::{Number, Value};

use super::{MAX_STEPS, MAX_TEXT, Step};

/// Text that is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldPathError {
    /// More than [`MAX_TEXT`].
    #[error("a field path has at most {MAX_TEXT} bytes, not {0}")]
    TooLong(usize),
    /// More than [`MAX_STEPS`].
    #[error("a field path has at most {MAX_STEPS} steps")]
    TooDeep,
    /// It breaks the grammar.
    #[error("`{text}` is not a field path: {reason} at character {column}")]
    Malformed {
        /// All of it.
        text: String,
        /// What was expected, and what is there.
        reason: String,
        /// Where, counted from 1.
        column: usize,
    },
}

/// What a star without quotes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stars {
    /// Part of a pattern.
    Match,
    /// A mistake: a path means one field.
    AreErrors,
}

pub(super) fn steps(text: &str, stars: Stars) -> Result<Vec<Step>, FieldPathError> {
    if text.len() > MAX_TEXT {
        return Err(FieldPathError::TooLong(text.len()));
    }
    let mut reader = Reader { characters: text.chars().collect(), at: 0, stars };
    let steps = reader.path().map_err(|reason| FieldPathError::Malformed {
        text: text.to_owned(),
        reason,
        column: reader.at + 1,
    })?;
    if steps.len() > MAX_STEPS { Err(FieldPathError::TooDeep) } else { Ok(steps) }
}

/// What a word without quotes means as a value. Only what is written back the same is a number: `007` is text.
pub(super) fn bare_value(word: &str) -> Value {
    match word {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        "null" => return Value::Null,
        _ => {}
    }
    let numeric = word.strip_prefix('-').unwrap_or(word).starts_with(|first: char| first.is_ascii_digit());
    let number = word
        .parse::<i64>()
        .map(Number::from)
        .or_else(|_| word.parse::<u64>().map(Number::from))
        .ok()
        .or_else(|| word.parse::<f64>().ok().and_then(Number::from_f64));
    match number {
        Some(number) if numeric && number.to_string() == word => Value::Number(number),
        _ => Value::from(word),
    }
}

struct Reader {
    characters: Vec<char>,
    at: usize,
    stars: Stars,
}

impl Reader {
    fn path(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        if self.peek() != Some('[') {
            self.take('.');
            // `.['a.b']`, as a leading dot is allowed.
            if self.at == 0 || self.peek() != Some('[') {
                steps.push(self.field()?);
            }
        }
        while let Some(next) = self.peek() {
            steps.push(match next {
                '.' => {
                    self.at += 1;
                    self.field()?
                }
                '[' => {
                    self.at += 1;
                    self.bracket()?
                }
                _ => return Err(self.expected("`.` or `[`")),
            });
        }
        Ok(steps)
    }

    fn field(&mut self) -> Result<Step, String> {
        let name = self.word(".[", "a field name")?;
        Ok(Step::Field(name))
    }

    /// What follows `[`, to the `]`.
    fn bracket(&mut self) -> Result<Step, String> {
        if self.take('=') {
            let value = self.value()?;
            self.close("`]`")?;
            return Ok(Step::Element(value));
        }
        let was_quoted = self.is_quote();
        let name = self.text("a place, a field or KEY=VALUE")?;
        if self.take(']') {
            return Ok(match name.parse() {
                Ok(index) if !was_quoted && name.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Step::Index(index)
                }
                _ => Step::Field(name),
            });
        }
        let mut keys = vec![self.rest_of_key(name)?];
        while self.take(',') {
            let name = self.text("a key")?;
            keys.push(self.rest_of_key(name)?);
        }
        self.close("`,` or `]`")?;
        Ok(Step::Item(keys))
    }

    fn rest_of_key(&mut self, name: String) -> Result<(String, Value), String> {
        if !self.take('=') {
            return Err(self.expected("`=` or `]`"));
        }
        Ok((name, self.value()?))
    }

    fn value(&mut self) -> Result<Value, String> {
        let was_quoted = self.is_quote();
        let text = self.text("a value")?;
        Ok(if was_quoted { Value::from(text) } else { bare_value(&text) })
    }

    /// A word in brackets, with quotes or without.
    fn text(&mut self, what: &str) -> Result<String, String> {
        if self.is_quote() { self.quoted() } else { self.word("]=,", what) }
    }

    fn quoted(&mut self) -> Result<String, String> {
        let quote = self.characters[self.at];
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                Some('\\') => text.extend(self.next()),
                Some(character) if character == quote => return Ok(text),
                Some(character) => text.push(character),
                None => return Err(format!("expected a closing {quote}, found the end")),
            }
        }
    }

    /// Characters up to one of `ends`; a backslash takes the next one as it is.
    fn word(&mut self, ends: &str, what: &str) -> Result<String, String> {
        let mut text = String::new();
        while let Some(character) = self.peek() {
            match character {
                _ if ends.contains(character) => break,
                '\\' if self.characters.get(self.at + 1).is_some() => {
                    text.push(self.characters[self.at + 1]);
                    self.at += 1;
                }
                '*' if self.stars == Stars::AreErrors => {
                    return Err("expected one field: put a name that has a `*` into quotes,".to_owned());
                }
                '[' | ']' | '\'' | '"' | '=' | ',' | '\\' => return Err(self.expected(what)),
                _ if character.is_whitespace() || character.is_control() => return Err(self.expected(what)),
                _ => text.push(character),
            }
            self.at += 1;
        }
        if text.is_empty() { Err(self.expected(what)) } else { Ok(text) }
    }

    fn close(&mut self, what: &str) -> Result<(), String> {
        if self.take(']') { Ok(()) } else { Err(self.expected(what)) }
    }

    fn is_quote(&self) -> bool {
        matches!(self.peek(), Some('\'' | '"'))
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn expected(&self, what: &str) -> String {
        match self.peek() {
            Some(found) => format!("expected {what}, found `{found}`"),
            None => format!("expected {what}, found the end"),
        }
    }
}
