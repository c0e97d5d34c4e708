//! A question on the terminal, answered with a line.
//!
//! dialoguer's `Confirm` hides the cursor and does not give it back when the process is interrupted; its `Input` reads a
//! plain line.

use std::io::{self, Write as _};

use super::terminal::clean_line;

/// Asks; anything but `y` or `yes` is a no.
///
/// # Errors
/// The terminal cannot be read.
pub fn agrees(question: &str) -> Result<bool, dialoguer::Error> {
    let answer = dialoguer::Input::<String>::new()
        .with_prompt(format!("{} [y/N]", clean_line(question)))
        .allow_empty(true)
        .interact()?;
    Ok(is_yes(&answer))
}

/// Asks for a line; none at the end of the input.
///
/// Not by dialoguer, to which the end of the input is an empty answer.
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
