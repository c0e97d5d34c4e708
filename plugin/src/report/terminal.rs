//! The one place where text from clusters, repositories and hooks is freed of terminal escapes.
//!
//! Object data reached terminals raw in kubectl once (CVE-2021-25743); a name or annotation can hold
//! sequences that move the cursor, rename the window or type for the user.

use std::{borrow::Cow, ffi::OsStr};

/// `text` with every control character but newline and tab made visible, and bidirectional overrides too.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|character| if is_unsafe(character) { visible(character) } else { character }).collect()
}

/// Like [`clean`], for text that must stay on one line.
pub fn clean_line(text: &str) -> Cow<'_, str> {
    match clean(text) {
        cleaned if !cleaned.contains(['\n', '\t']) => cleaned,
        cleaned => Cow::Owned(cleaned.replace(['\n', '\t'], " ")),
    }
}

/// `text` with `…` in place of its middle if it has more than `longest` characters: beginning and end tell names apart.
pub fn without_middle(text: &str, longest: usize) -> String {
    let count = text.chars().count();
    if count <= longest {
        return text.to_owned();
    }
    let kept = longest.saturating_sub(1);
    let beginning: String = text.chars().take(kept - kept / 2).collect();
    let end: String = text.chars().skip(count - kept / 2).collect();
    format!("{beginning}…{end}")
}

/// Whether colour is welcome on a stream, by kubectl's rules (cli-runtime, `pkg/printers/terminal.go`): on a terminal
/// that is not `dumb`, and not when `NO_COLOR` is present, even empty.
pub fn allows_color(is_terminal: bool) -> bool {
    color_rule(is_terminal, std::env::var_os("NO_COLOR").as_deref(), std::env::var_os("TERM").as_deref())
}

fn color_rule(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none() && term.is_none_or(|term| term != "dumb")
}

fn is_unsafe(character: char) -> bool {
    (character.is_control() && character != '\n' && character != '\t')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The Unicode control picture for C0 and DEL, the replacement character for the rest.
fn visible(character: char) -> char {
    match u32::from(character) {
        code @ 0..=0x1f => char::from_u32(0x2400 + code).unwrap_or('\u{fffd}'),
        0x7f => '\u{2421}',
        _ => '\u{fffd}',
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn escape_sequences_lose_their_power() {
        assert_eq!(clean("a\x1b[2Jb\rc\u{9b}d\u{202e}e"), "a␛[2Jb␍c\u{fffd}d\u{fffd}e");
        assert_eq!(clean("plain\n\ttext"), "plain\n\ttext");
        assert_eq!(clean_line("two\nlines"), "two lines");
    }

    #[rstest]
    #[case::fits("configmap/web", 13, "configmap/web")]
    #[case::odd("configmap/web-production", 11, "confi…ction")]
    #[case::even("configmap/web-production", 10, "confi…tion")]
    #[case::not_cut_within_a_character("日本日本日本", 3, "日…本")]
    #[case::nothing_left("name", 0, "…")]
    fn long_names_lose_their_middle(#[case] text: &str, #[case] longest: usize, #[case] expected: &str) {
        assert_eq!(without_middle(text, longest), expected);
    }

    #[rstest]
    #[case::terminal(true, None, Some("xterm"), true)]
    #[case::pipe(false, None, Some("xterm"), false)]
    #[case::no_color_set(true, Some("1"), Some("xterm"), false)]
    #[case::no_color_empty(true, Some(""), Some("xterm"), false)]
    #[case::dumb_terminal(true, None, Some("dumb"), false)]
    #[case::no_terminal_type(true, None, None, true)]
    fn colour(
        #[case] is_terminal: bool,
        #[case] no_color: Option<&str>,
        #[case] term: Option<&str>,
        #[case] expected: bool,
    ) {
        assert_eq!(color_rule(is_terminal, no_color.map(OsStr::new), term.map(OsStr::new)), expected);
    }
}
