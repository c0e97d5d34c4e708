//! Ages as kubectl prints them: two units while the second one matters, one after that.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// How long before `now` it was `then`: `45s`, `3m10s`, `7h5m`, `12d`.
///
/// The rules are those of `HumanDuration` in k8s.io/apimachinery/pkg/util/duration, clock skew included:
/// up to one second in the future is `0s`, more is `<invalid>`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    duration(now.as_second() - then.as_second())
}

fn duration(seconds: i64) -> String {
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => two(seconds / MINUTE, 'm', seconds % MINUTE, 's'),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => two(seconds / HOUR, 'h', seconds % HOUR / MINUTE, 'm'),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => two(seconds / DAY, 'd', seconds % DAY / HOUR, 'h'),
        _ if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        _ if seconds < 8 * YEAR => two(seconds / YEAR, 'y', seconds % YEAR / DAY, 'd'),
        _ => format!("{}y", seconds / YEAR),
    }
}

fn two(large: i64, large_unit: char, small: i64, small_unit: char) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::skewed_clock(-2, "<invalid>")]
    #[case::tolerated_skew(-1, "0s")]
    #[case::now(0, "0s")]
    #[case::seconds(119, "119s")]
    #[case::whole_minutes(120, "2m")]
    #[case::minutes_and_seconds(599, "9m59s")]
    #[case::minutes(600, "10m")]
    #[case::many_minutes(3 * HOUR - 1, "179m")]
    #[case::hours(3 * HOUR, "3h")]
    #[case::hours_and_minutes(7 * HOUR + 5 * MINUTE + 59, "7h5m")]
    #[case::many_hours(47 * HOUR, "47h")]
    #[case::days(2 * DAY, "2d")]
    #[case::days_and_hours(7 * DAY + 23 * HOUR, "7d23h")]
    #[case::many_days(729 * DAY, "729d")]
    #[case::years(2 * YEAR, "2y")]
    #[case::years_and_days(3 * YEAR + 4 * DAY, "3y4d")]
    #[case::many_years(9 * YEAR + 4 * DAY, "9y")]
    fn rounds_as_kubectl(#[case] seconds: i64, #[case] expected: &str) {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let then = Timestamp::from_second(1_800_000_000 - seconds).unwrap();
        assert_eq!(age(now, then), expected);
    }
}
