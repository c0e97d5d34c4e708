//! Label selectors in the API server's own syntax.
//!
//! The grammar is that of `k8s.io/apimachinery/pkg/labels`: requirements separated by commas, each one of
//! `key`, `!key`, `key=value`, `key==value`, `key!=value`, `key in (…)`, `key notin (…)`, `key>n`, `key<n`.

use std::{collections::BTreeSet, iter::Peekable, str::FromStr};

use serde_json::Value;

use super::SelectError;

/// Longest name part of a label key, and longest label value.
const MAX_NAME: usize = 63;

/// Longest DNS prefix of a label key.
const MAX_PREFIX: usize = 253;

/// A parsed label selector. The empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    condition: Condition,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Exists,
    Absent,
    In(BTreeSet<String>),
    /// Also met by an object without the label.
    NotIn(BTreeSet<String>),
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    /// Reads a selector.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        let mut parser = Parser { tokens: tokens(text).peekable() };
        parser
            .selector()
            .map(|requirements| Self { requirements })
            .map_err(|reason| SelectError::BadLabelSelector { selector: text.to_owned(), reason })
    }

    /// Whether the labels of `object` (the whole of it) meet every requirement.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key).and_then(Value::as_str);
            requirement.condition.is_met_by(value)
        })
    }
}

impl FromStr for LabelSelector {
    type Err = SelectError;

    fn from_str(text: &str) -> Result<Self, SelectError> {
        Self::parse(text)
    }
}

impl Condition {
    fn is_met_by(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Above(bound) => number().is_some_and(|number| number > *bound),
            Self::Below(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
}

/// Symbols, the longer ones first.
const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    let mut rest = text.trim_start();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
        let (token, length) = if let Some(symbol) = symbol {
            (Token::Symbol(symbol), symbol.len())
        } else {
            let end = rest.find(|character: char| character.is_whitespace() || "=!(),<>".contains(character));
            let length = end.unwrap_or(rest.len());
            (Token::Word(rest[..length].to_owned()), length)
        };
        rest = rest[length..].trim_start();
        Some(token)
    })
}

struct Parser<Tokens: Iterator<Item = Token>> {
    tokens: Peekable<Tokens>,
}

impl<Tokens: Iterator<Item = Token>> Parser<Tokens> {
    fn selector(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        while self.tokens.peek().is_some() {
            requirements.push(self.requirement()?);
            match self.tokens.next() {
                None => break,
                Some(Token::Symbol(",")) if self.tokens.peek().is_some() => {}
                Some(Token::Symbol(",")) => return Err("it ends with a comma".to_owned()),
                Some(other) => return Err(format!("expected a comma before {}", shown(&other))),
            }
        }
        Ok(requirements)
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        if self.take("!") {
            return Ok(Requirement { key: self.key()?, condition: Condition::Absent });
        }
        let key = self.key()?;
        let condition = match self.tokens.peek() {
            None | Some(Token::Symbol(",")) => Condition::Exists,
            Some(_) => self.condition()?,
        };
        Ok(Requirement { key, condition })
    }

    fn condition(&mut self) -> Result<Condition, String> {
        match self.tokens.next() {
            Some(Token::Symbol("=" | "==")) => Ok(Condition::In(BTreeSet::from([self.value()?]))),
            Some(Token::Symbol("!=")) => Ok(Condition::NotIn(BTreeSet::from([self.value()?]))),
            Some(Token::Symbol(">")) => self.number().map(Condition::Above),
            Some(Token::Symbol("<")) => self.number().map(Condition::Below),
            Some(Token::Word(word)) if word == "in" => self.values().map(Condition::In),
            Some(Token::Word(word)) if word == "notin" => self.values().map(Condition::NotIn),
            Some(other) => Err(format!("expected =, !=, in or notin, found {}", shown(&other))),
            None => Err("expected =, !=, in or notin at its end".to_owned()),
        }
    }

    fn values(&mut self) -> Result<BTreeSet<String>, String> {
        if !self.take("(") {
            return Err("expected a list in parentheses".to_owned());
        }
        let mut values = BTreeSet::new();
        loop {
            values.insert(self.value()?);
            match self.tokens.next() {
                Some(Token::Symbol(",")) => {}
                Some(Token::Symbol(")")) => return Ok(values),
                _ => return Err("a parenthesis is not closed".to_owned()),
            }
        }
    }

    /// A value; an empty one when none is there, as in `key=`.
    fn value(&mut self) -> Result<String, String> {
        let value = match self.tokens.next_if(|token| matches!(token, Token::Word(_))) {
            Some(Token::Word(word)) => word,
            _ => String::new(),
        };
        if value.is_empty() || is_name(&value) {
            Ok(value)
        } else {
            Err(format!("`{value}` cannot be the value of a label"))
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        let value = self.value()?;
        value.parse().map_err(|_| format!("`{value}` is not a whole number"))
    }

    fn key(&mut self) -> Result<String, String> {
        let key = match self.tokens.next() {
            Some(Token::Word(word)) => word,
            Some(other) => return Err(format!("expected a label key, found {}", shown(&other))),
            None => return Err("expected a label key at its end".to_owned()),
        };
        let (prefix, name) =
            key.split_once('/').map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
        if is_name(name) && prefix.is_none_or(is_prefix) {
            Ok(key)
        } else {
            Err(format!("`{key}` cannot be the key of a label"))
        }
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        self.tokens.next_if(|token| *token == Token::Symbol(symbol)).is_some()
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("`{word}`"),
        Token::Symbol(symbol) => format!("`{symbol}`"),
    }
}

fn is_name(text: &str) -> bool {
    let alphanumeric_ends = text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric());
    text.len() <= MAX_NAME
        && alphanumeric_ends
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_prefix(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_PREFIX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::empty("", true)]
    #[case::equal("app=web", true)]
    #[case::double_equal("app == web", true)]
    #[case::equal_to_another("app=db", false)]
    #[case::not_equal("app!=db", true)]
    #[case::not_equal_holds_without_the_label("tier!=db", true)]
    #[case::one_of("app in (db, web)", true)]
    #[case::none_of("app notin (db,web)", false)]
    #[case::none_of_holds_without_the_label("tier notin (a,b)", true)]
    #[case::exists("app", true)]
    #[case::exists_not("tier", false)]
    #[case::absent("!tier", true)]
    #[case::absent_not("! app", false)]
    #[case::all_must_hold("app=web,!app", false)]
    #[case::spaces_do_not_matter("  app = web , size > 3 ", true)]
    #[case::empty_value("blank=", true)]
    #[case::empty_value_in_a_list("blank in (,x)", true)]
    #[case::above("size>4", true)]
    #[case::below("size<4", false)]
    #[case::above_text("app>4", false)]
    #[case::prefixed_key("app.kubernetes.io/name in (web)", true)]
    #[case::key_called_in("in=x", false)]
    fn matches_as_the_api_server(#[case] selector: &str, #[case] expected: bool) {
        let labels = json!({"app": "web", "size": "5", "blank": "", "app.kubernetes.io/name": "web"});
        let object = json!({"metadata": {"labels": labels}});
        assert_eq!(LabelSelector::parse(selector).unwrap().matches(&object), expected);
    }

    #[rstest]
    #[case::comma_at_the_end("app=web,", "it ends with a comma")]
    #[case::no_key("=web", "expected a label key, found `=`")]
    #[case::no_operator("app web", "expected =, !=, in or notin, found `web`")]
    #[case::open_parenthesis("app in (web", "a parenthesis is not closed")]
    #[case::no_list("app in web", "expected a list in parentheses")]
    #[case::bad_value("app=a:b", "`a:b` cannot be the value of a label")]
    #[case::bad_key("a/b/c=d", "`a/b/c` cannot be the key of a label")]
    #[case::two_values("app=web db", "expected a comma before `db`")]
    #[case::no_number("size>many", "`many` is not a whole number")]
    fn says_what_is_wrong(#[case] selector: &str, #[case] expected: &str) {
        let error = LabelSelector::parse(selector).unwrap_err();
        assert_eq!(error.to_string(), format!("`{selector}` is not a label selector: {expected}"));
    }

    #[test]
    fn an_object_without_labels_has_none() {
        assert!(!LabelSelector::parse("app").unwrap().matches(&json!({"metadata": {}})));
        assert!(LabelSelector::parse("!app").unwrap().matches(&json!({})));
    }
}
