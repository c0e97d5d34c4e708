//! Where the log is: positions, the names of segments, and whether a segment's file holds what its name says.

use std::{
    fmt,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use hooks_sdk::{Error, Result};

/// Bytes of a page of the log, as PostgreSQL is built.
const PAGE: u64 = 8192;
/// Where a page's header has the timeline and the position of the page: after a magic number and flags of two bytes each.
const TIMELINE_AT: usize = 4;
const POSITION_AT: usize = 8;
/// Segments that are looked at: a copy that took a terabyte of log is not recovered by this hook.
const MOST_SEGMENTS: u64 = 65_536;

/// A position in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lsn(pub(crate) u64);

impl Lsn {
    /// Reads `16/B374D848`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.split_once('/')?;
        let half = |half: &str| {
            let plain = (1..=8).contains(&half.len()) && half.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain.then(|| u64::from_str_radix(half, 16).ok()).flatten()
        };
        Some(Self(half(high)? << 32 | half(low)?))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// The log from one position to another, on one timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) timeline: u32,
    pub(crate) start: Lsn,
    /// Exclusive.
    pub(crate) stop: Lsn,
    segment: u64,
}

impl Range {
    /// With segments of this many bytes: a power of two from 1 MiB to 1 GiB.
    pub(crate) fn new(timeline: u32, start: Lsn, stop: Lsn, segment: u64) -> Result<Self> {
        let fits = segment.is_power_of_two() && (1 << 20..=1 << 30).contains(&segment);
        let range = Self { timeline, start, stop, segment };
        if !fits || stop <= start || range.last() - range.first() >= MOST_SEGMENTS {
            let message = format!("the log from {start} to {stop} in segments of {segment} bytes cannot be");
            return Err(Error::failed(message));
        }
        Ok(range)
    }

    /// The names of its segments, in their order.
    pub(crate) fn segments(self) -> impl Iterator<Item = String> {
        (self.first()..=self.last()).map(move |number| {
            let each = (1_u64 << 32) / self.segment;
            format!("{:08X}{:08X}{:08X}", self.timeline, number / each, number % each)
        })
    }

    /// The segments that are not in this folder, or whose files there are not what their names say: files are kept for
    /// reuse under the names of later segments, with their old content.
    pub(crate) fn missing(self, folder: &Path) -> Vec<String> {
        let numbers = self.first()..=self.last();
        let holds = |number: u64, name: &str| {
            // Written in order, so the last page that is needed vouches for those before it; but the end of a segment
            // that was left early has pages without a header.
            let page =
                if number == self.last() { (self.stop.0 - 1) / PAGE * PAGE } else { number * self.segment };
            self.has_page(&folder.join(name), page).unwrap_or(false)
        };
        numbers
            .zip(self.segments())
            .filter(|(number, name)| !holds(*number, name))
            .map(|(_, name)| name)
            .collect()
    }

    fn has_page(self, file: &Path, position: u64) -> std::io::Result<bool> {
        let mut file = std::fs::File::open(file)?;
        file.seek(SeekFrom::Start(position % self.segment))?;
        let mut header = [0; 16];
        file.read_exact(&mut header)?;
        let (mut timeline, mut address) = ([0; 4], [0; 8]);
        timeline.copy_from_slice(&header[TIMELINE_AT..POSITION_AT]);
        address.copy_from_slice(&header[POSITION_AT..]);
        // In the order of the machine that wrote it, which is that of every machine PostgreSQL is packaged for.
        // The first segment of a timeline begins with pages of the one before.
        Ok(u64::from_le_bytes(address) == position && u32::from_le_bytes(timeline) <= self.timeline)
    }

    fn first(self) -> u64 {
        self.start.0 / self.segment
    }

    fn last(self) -> u64 {
        self.stop.0.saturating_sub(1) / self.segment
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SEGMENT: u64 = 16 << 20;

    fn lsn(text: &str) -> Lsn {
        Lsn::parse(text).unwrap()
    }

    #[rstest]
    #[case("0/2000028", 0x200_0028)]
    #[case("16/B374D848", 0x16_B374_D848)]
    fn a_position_is_read_and_written(#[case] text: &str, #[case] position: u64) {
        assert_eq!((lsn(text), lsn(text).to_string().as_str()), (Lsn(position), text));
    }

    #[rstest]
    #[case::empty("")]
    #[case::one_half("2000028")]
    #[case::signed("0/+2000028")]
    #[case::too_long("0/100000000")]
    #[case::not_hex("0/../etc")]
    fn nothing_else_is_a_position(#[case] text: &str) {
        assert_eq!(Lsn::parse(text), None);
    }

    #[rstest]
    #[case::within_one("0/2000028", "0/2000100", &["000000010000000000000002"])]
    #[case::to_its_last_byte("0/2000028", "0/3000000", &["000000010000000000000002"])]
    #[case::into_the_next("0/2000028", "0/3000001", &["000000010000000000000002", "000000010000000000000003"])]
    #[case::over_a_file("0/FF000028", "1/28", &["0000000100000000000000FF", "000000010000000100000000"])]
    fn names_its_segments(#[case] start: &str, #[case] stop: &str, #[case] expected: &[&str]) {
        let range = Range::new(1, lsn(start), lsn(stop), SEGMENT).unwrap();
        assert_eq!(range.segments().collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case::backwards("0/3000000", "0/2000000", SEGMENT)]
    #[case::nothing("0/2000000", "0/2000000", SEGMENT)]
    #[case::odd_segments("0/2000000", "0/3000000", SEGMENT + 1)]
    #[case::no_segments("0/2000000", "0/3000000", 0)]
    #[case::without_end("0/2000000", "FFFFFFFF/0", SEGMENT)]
    fn refuses_what_cannot_be(#[case] start: &str, #[case] stop: &str, #[case] segment: u64) {
        assert!(Range::new(1, lsn(start), lsn(stop), segment).is_err());
    }

    #[test]
    fn a_file_kept_for_reuse_is_not_its_segment() {
        let folder = tempfile::tempdir().unwrap();
        let range = Range::new(1, lsn("0/2000028"), lsn("0/3000100"), SEGMENT).unwrap();
        let names: Vec<String> = range.segments().collect();
        let write = |name: &str, position: u64, timeline: u32| {
            let mut bytes = vec![0; usize::try_from(SEGMENT).unwrap()];
            let at = usize::try_from(position % SEGMENT).unwrap();
            bytes[at + TIMELINE_AT..at + POSITION_AT].copy_from_slice(&timeline.to_le_bytes());
            bytes[at + POSITION_AT..at + 16].copy_from_slice(&position.to_le_bytes());
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        assert_eq!(range.missing(folder.path()), names);
        write(&names[0], 0x200_0000, 1);
        write(&names[1], 0x300_0000, 1);
        assert_eq!(range.missing(folder.path()), Vec::<String>::new());
        // Reused: its pages are those of an older segment, or of another history.
        write(&names[1], 0x100_0000, 1);
        assert_eq!(range.missing(folder.path()), names[1..]);
        write(&names[1], 0x300_0000, 2);
        assert_eq!(range.missing(folder.path()), names[1..]);
    }
}
