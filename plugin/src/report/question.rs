//! A question on the terminal, answered with a line.
//!
//! dialoguer gives it its form, and no more. Its `Confirm` hides the cursor and does not give it back when the process is
//! interrupted; its `Input` takes Ctrl-D for a letter, and the end of the input for an empty answer.

use std::io::{self, Write as _};

use dialoguer::theme::{SimpleTheme, Theme as _};

use super::terminal::clean_line;

/// Asks; anything but `y` or `yes` is a no, and so is the end of the input.
///
/// # Errors
/// The terminal cannot be read.
pub fn agrees(question: &str) -> io::Result<bool> {
    let mut prompt = String::new();
    // Writing to a string cannot fail.
    let _ = SimpleTheme.format_confirm_prompt(&mut prompt, &clean_line(question), Some(false));
    Ok(answer(prompt.trim_end())?.is_some_and(|answer| is_yes(&answer)))
}

/// Asks for a line; none at the end of the input.
///
/// # Errors
/// The terminal cannot be read.
pub fn answer(prompt: &str) -> io::Result<Option<String>> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "{}: ", clean_line(prompt))?;
    terminal.flush()?;
    drop(terminal);
    let mut line = String::new();
    if io::stdin().read_line(&mut line)? == 0 {
        // The end of the input leaves the cursor behind the question.
        writeln!(io::stderr())?;
        return Ok(None);
    }
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_yes_is_one() {
        for (answer, expected) in
            [("y", true), (" YES ", true), ("", false), ("n", false), ("yesterday", false)]
        {
            assert_eq!(super::is_yes(answer), expected, "{answer}");
        }
    }
}
