//! Differences as text: a unified diff of YAML, with kubectl's headers and the usual colours.

use std::time::Duration;

use similar::TextDiff;

use super::terminal::clean;

/// Beyond this, a diff of two huge texts is cut short: correct, but not the shortest one.
const PATIENCE: Duration = Duration::from_secs(2);

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// The unified diff of two YAML texts; `before_name` and `after_name` become its file names.
pub fn unified(before_name: &str, before: &str, after_name: &str, after: &str, colour: bool) -> String {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(before, after);
    let body = diff.unified_diff().context_radius(3).header(before_name, after_name).to_string();
    let text = format!("diff -u -N {before_name} {after_name}\n{body}");
    let mut shown = String::with_capacity(text.len());
    for line in clean(&text).lines() {
        let style = if colour { style(line) } else { "" };
        shown.push_str(style);
        shown.push_str(line);
        shown.push_str(if style.is_empty() { "" } else { RESET });
        shown.push('\n');
    }
    shown
}

fn style(line: &str) -> &'static str {
    match line.as_bytes() {
        [b'-', b'-', b'-', b' ', ..] | [b'+', b'+', b'+', b' ', ..] => BOLD,
        _ if line.starts_with("diff -u") => BOLD,
        [b'-', ..] => RED,
        [b'+', ..] => GREEN,
        [b'@', ..] => CYAN,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_like_diff() {
        let text = unified("a/x", "one\ntwo\nthree\n", "b/x", "one\n2\nthree\n", false);
        insta::assert_snapshot!(text, @r"
        diff -u -N a/x b/x
        --- a/x
        +++ b/x
        @@ -1,3 +1,3 @@
         one
        -two
        +2
         three
        ");
        assert!(unified("a", "x\n", "b", "y\n", true).contains("\x1b[31m-x\x1b[0m\n\x1b[32m+y\x1b[0m\n"));
        assert!(!unified("a", "x\u{1b}[2J\n", "b", "y\n", false).contains('\u{1b}'));
    }
}
