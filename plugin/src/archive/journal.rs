//! The journal in the record of a restore: one JSON document a line, read a part at a time so that a long one takes
//! no more memory than a short one.

use rustic_core::{BlobId, repofile::BlobType};

use super::{
    error::{ArchiveError, Cause},
    layout::JOURNAL,
    read::{EntryContent, Reader, find_entry},
};

/// The longest line: a key of three names of a thousand bytes at most, and a sentence of the server.
const LONGEST_LINE: usize = 64 << 10;

/// The most lines; a cluster's etcd does not hold as many objects.
const MOST_LINES: usize = 20_000_000;

/// A part as it is written has a mebibyte.
const LARGEST_PART: usize = 8 << 20;

/// Takes a line.
type Visit<'a> = dyn FnMut(&[u8]) -> Result<(), serde_json::Error> + 'a;

impl Reader {
    /// Calls `visit` with every line of the journal, if there is one.
    pub(super) fn journal(&self, visit: &mut Visit<'_>) -> Result<(), ArchiveError> {
        let what = || format!("`/{JOURNAL}` of restore point {}", self.id());
        let root = self.root_folder()?;
        let Some(EntryContent::File(parts)) = find_entry(&root, JOURNAL) else { return Ok(()) };
        let mut lines = Lines { begun: Vec::new(), count: 0 };
        let taken = |problem: Problem| match problem {
            Problem::TooLong => {
                ArchiveError::damage(format!("{} has more or longer lines than any can", what()))
            }
            Problem::Content(error) => {
                ArchiveError::Damaged { what: what(), source: Some(Cause(error.to_string())) }
            }
        };
        for part in parts {
            let content = self.blob(BlobType::Data, BlobId::from(**part), LARGEST_PART, &what)?;
            lines.take(&content, visit).map_err(taken)?;
        }
        lines.end(visit).map_err(taken)
    }
}

/// Cuts parts into lines.
struct Lines {
    /// The beginning of a line whose end is in a later part.
    begun: Vec<u8>,
    count: usize,
}

#[derive(Debug)]
enum Problem {
    TooLong,
    Content(serde_json::Error),
}

impl Lines {
    fn take(&mut self, mut part: &[u8], visit: &mut Visit<'_>) -> Result<(), Problem> {
        while let Some(end) = part.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = part.split_at(end);
            if self.begun.is_empty() {
                self.line(line, visit)?;
            } else {
                self.begin(line)?;
                let whole = std::mem::take(&mut self.begun);
                self.line(&whole, visit)?;
            }
            part = &rest[1..];
        }
        self.begin(part)
    }

    fn begin(&mut self, piece: &[u8]) -> Result<(), Problem> {
        if self.begun.len() + piece.len() > LONGEST_LINE {
            return Err(Problem::TooLong);
        }
        self.begun.extend_from_slice(piece);
        Ok(())
    }

    fn line(&mut self, line: &[u8], visit: &mut Visit<'_>) -> Result<(), Problem> {
        self.count += 1;
        if line.len() > LONGEST_LINE || self.count > MOST_LINES {
            return Err(Problem::TooLong);
        }
        visit(line).map_err(Problem::Content)
    }

    fn end(mut self, visit: &mut Visit<'_>) -> Result<(), Problem> {
        let last = std::mem::take(&mut self.begun);
        if last.is_empty() { Ok(()) } else { self.line(&last, visit) }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(parts: &[&[u8]]) -> Result<Vec<String>, Problem> {
        let mut found = Vec::new();
        let mut visit = |line: &[u8]| {
            found.push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        };
        let mut lines = Lines { begun: Vec::new(), count: 0 };
        for part in parts {
            lines.take(part, &mut visit)?;
        }
        lines.end(&mut visit)?;
        Ok(found)
    }

    #[rstest]
    #[case::none(&[], &[])]
    #[case::one_part(&[b"a\nb\n".as_slice()], &["a", "b"])]
    #[case::cut_inside_a_line(&[b"a\nb".as_slice(), b"c", b"d\ne\n"], &["a", "bcd", "e"])]
    #[case::cut_at_its_end(&[b"a".as_slice(), b"\nb\n"], &["a", "b"])]
    #[case::without_an_end(&[b"a\nb".as_slice()], &["a", "b"])]
    fn lines_are_whole_however_the_parts_are_cut(#[case] parts: &[&[u8]], #[case] lines: &[&str]) {
        assert_eq!(read(parts).unwrap(), lines);
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let part = vec![b'x'; LONGEST_LINE];
        assert!(read(&[&part]).is_ok());
        assert!(matches!(read(&[&part, b"x"]), Err(Problem::TooLong)));
    }
}
