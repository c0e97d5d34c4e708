//! The words typed so far, read against clap's own definition: which verb, which flags, and what the last word is.
//!
//! clap itself cannot be asked: it refuses a line that is not finished. Nothing here does I/O.

use clap::{Arg, Command};

/// A command line under way.
#[derive(Debug)]
pub(crate) struct Line<'definition> {
    /// The verb, once it is typed.
    pub(crate) verb: Option<&'definition Command>,
    /// Flags before the last word, with their values; empty for a flag that takes none.
    pub(crate) flags: Vec<(&'definition Arg, String)>,
    /// The verb's other words before the last one.
    pub(crate) positionals: Vec<String>,
    /// What the last word is going to be.
    pub(crate) current: Current<'definition>,
}

/// What the word under the cursor is going to be, with the letters already typed.
#[derive(Debug)]
pub(crate) enum Current<'definition> {
    /// The verb.
    Verb(String),
    /// A flag; the letters include its dashes.
    Flag(String),
    /// The value of a flag, without the `--flag=` that may stand before it.
    Value(&'definition Arg, String),
    /// A word of the verb; None when the verb takes no more words.
    Positional(Option<&'definition Arg>, String),
    /// Anything after an unknown verb.
    Unknown,
}

impl<'definition> Line<'definition> {
    /// Reads `words`, the last of which is under the cursor and may be empty. `root` must have been built.
    pub(crate) fn read(root: &'definition Command, words: &[String]) -> Self {
        let mut line =
            Self { verb: None, flags: Vec::new(), positionals: Vec::new(), current: Current::Unknown };
        let Some((typed, before)) = words.split_last() else {
            line.current = Current::Verb(String::new());
            return line;
        };
        let mut waiting = None;
        let mut only_positionals = false;
        for word in before {
            if let Some(flag) = waiting.take() {
                line.flags.push((flag, word.clone()));
            } else if word == "--" && !only_positionals {
                only_positionals = true;
            } else if !only_positionals && is_flag(word) {
                waiting = line.take_flag(root, word);
            } else if line.verb.is_some() {
                line.positionals.push(word.clone());
            } else {
                line.verb = root.find_subcommand(word);
                if line.verb.is_none() {
                    return line;
                }
            }
        }
        line.current = match waiting {
            Some(flag) => Current::Value(flag, typed.clone()),
            None if !only_positionals && is_flag(typed) => line.current_flag(root, typed),
            None if line.verb.is_none() => Current::Verb(typed.clone()),
            None => Current::Positional(line.positional(), typed.clone()),
        };
        line
    }

    /// All values given for the flag with the field name `id`, split at commas where the flag is.
    pub(crate) fn values<'line>(&'line self, id: &'line str) -> impl Iterator<Item = &'line str> {
        self.flags.iter().filter(move |(flag, _)| flag.get_id() == id).flat_map(|(flag, value)| {
            let delimiter = flag.get_value_delimiter().unwrap_or('\0');
            value.split(delimiter)
        })
    }

    /// Whether the flag with the field name `id` was given.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.flags.iter().any(|(flag, _)| flag.get_id() == id)
    }

    /// The name of the verb; empty before it is typed.
    pub(crate) fn verb_name(&self) -> &str {
        self.verb.map_or("", Command::get_name)
    }

    /// Every flag that may be given here.
    pub(crate) fn known_flags(&self, root: &'definition Command) -> impl Iterator<Item = &'definition Arg> {
        self.verb.unwrap_or(root).get_arguments().filter(|argument| !argument.is_positional())
    }

    /// Records the flag or flags in `word`; returns the flag whose value is the next word, if there is one.
    fn take_flag(&mut self, root: &'definition Command, word: &str) -> Option<&'definition Arg> {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let flag = self.known_flags(root).find(|flag| flag.get_long() == Some(name))?;
            return self.record(flag, value);
        }
        // `-yo json`: flags without a value may stand before one that takes the rest, or the next word.
        let letters = word.strip_prefix('-').unwrap_or(word);
        for (position, letter) in letters.char_indices() {
            let flag = self.known_flags(root).find(|flag| flag.get_short() == Some(letter))?;
            let rest = &letters[position + letter.len_utf8()..];
            if takes_value(flag) && (rest.starts_with('=') || !flag.is_require_equals_set()) {
                return self.record(flag, (!rest.is_empty()).then(|| rest.strip_prefix('=').unwrap_or(rest)));
            }
            self.record(flag, Some(""));
        }
        None
    }

    fn record(&mut self, flag: &'definition Arg, value: Option<&str>) -> Option<&'definition Arg> {
        if value.is_none() && takes_value(flag) && !flag.is_require_equals_set() {
            return Some(flag);
        }
        self.flags.push((flag, value.unwrap_or_default().to_owned()));
        None
    }

    /// `--output=js` is a value under way, `--out` a flag.
    fn current_flag(&self, root: &'definition Command, typed: &str) -> Current<'definition> {
        let Some((name, value)) = typed.split_once('=') else {
            return Current::Flag(typed.to_owned());
        };
        let named = |flag: &&Arg| match name.strip_prefix("--") {
            Some(long) => flag.get_long() == Some(long),
            None => flag.get_short().is_some_and(|short| name == format!("-{short}")),
        };
        match self.known_flags(root).find(named) {
            Some(flag) if takes_value(flag) => Current::Value(flag, value.to_owned()),
            _ => Current::Unknown,
        }
    }

    /// The definition of the next word: the last one repeats if it may.
    fn positional(&self) -> Option<&'definition Arg> {
        let all: Vec<_> = self.verb?.get_positionals().collect();
        let repeats = |argument: &&Arg| matches!(argument.get_action(), clap::ArgAction::Append);
        all.get(self.positionals.len()).copied().or_else(|| all.last().copied().filter(repeats))
    }
}

fn is_flag(word: &str) -> bool {
    word.starts_with('-')
}

/// Whether a value belongs to the flag.
pub(crate) fn takes_value(flag: &Arg) -> bool {
    flag.get_action().takes_values()
}
