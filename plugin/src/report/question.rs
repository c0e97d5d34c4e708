//! A question on the terminal, answered with a line: yes or no.
//!
//! dialoguer's `Confirm` hides the cursor and does not give it back when the process is interrupted; its `Input` reads a
//! plain line.

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
