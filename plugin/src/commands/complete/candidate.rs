//! What is offered for a word, and kubectl's protocol for handing it over.

/// One possible word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    /// The whole word as it would stand on the command line.
    pub(crate) word: String,
    /// What the shell shows beside it; may be empty.
    pub(crate) description: String,
}

impl Candidate {
    /// A word and what it means.
    pub(crate) fn new(word: impl Into<String>, description: impl Into<String>) -> Self {
        Self { word: word.into(), description: description.into() }
    }

    /// A word that says enough by itself.
    pub(crate) fn plain(word: impl Into<String>) -> Self {
        Self::new(word, "")
    }
}

/// What the shell does besides offering the candidates: a sum of Cobra's `ShellCompDirective` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Directive(u8);

impl Directive {
    /// Offer files when there is no candidate.
    pub(crate) const FILES: Self = Self(0);
    /// Set no space after the word: more of it follows.
    pub(crate) const NO_SPACE: Self = Self(2 | 4);
    /// Offer no files.
    pub(crate) const NO_FILES: Self = Self(4);
    /// Offer folders only.
    pub(crate) const FOLDERS: Self = Self(16);
    /// Keep our order instead of sorting, and offer no files.
    pub(crate) const KEEP_ORDER: Self = Self(32 | 4);
}

/// The answer to one press of the tabulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The words.
    pub(crate) candidates: Vec<Candidate>,
    /// What else the shell does.
    pub(crate) directive: Directive,
}

impl Answer {
    /// No word and no file.
    pub(crate) const NONE: Self = Self { candidates: Vec::new(), directive: Directive::NO_FILES };

    /// Those of `candidates` that begin with `typed`.
    pub(crate) fn matching(typed: &str, candidates: impl IntoIterator<Item = Candidate>) -> Self {
        let candidates =
            candidates.into_iter().filter(|candidate| candidate.word.starts_with(typed)).collect();
        Self { candidates, directive: Directive::NO_FILES }
    }

    /// With another directive.
    pub(crate) fn with(self, directive: Directive) -> Self {
        Self { directive, ..self }
    }

    /// One candidate a line, its description after a tabulator as Cobra's scripts split it, the directive last.
    pub(crate) fn protocol(&self) -> String {
        let mut text = String::new();
        for Candidate { word, description } in &self.candidates {
            // A word with a line break would become two candidates.
            if word.contains(char::is_control) {
                continue;
            }
            text.push_str(word);
            if let Some(line) = description.lines().next().filter(|line| !line.is_empty()) {
                text.push('\t');
                text.push_str(&line.replace('\t', " "));
            }
            text.push('\n');
        }
        format!("{text}:{}\n", self.directive.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_is_one_candidate_a_line_and_the_directive_last() {
        let answer = Answer::matching(
            "",
            [
                Candidate::new("create", "Save\ta namespace\nand more"),
                Candidate::plain("list"),
                Candidate::plain("two\nlines"),
            ],
        );
        assert_eq!(answer.protocol(), "create\tSave a namespace\nlist\n:4\n");
    }
}
