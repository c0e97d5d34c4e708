//! Sizes for people, in binary units.

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// `812B`, `1.2KiB`, `34MiB`: one decimal below ten, none above, no space so that a table stays easy to cut.
pub fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    // Tenths of a unit in whole numbers, so that rounding never shows `1024KiB`.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths < 100 {
        format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{}{}", tenths / 10, UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0B")]
    #[case(1023, "1023B")]
    #[case(1024, "1.0KiB")]
    #[case(10 * 1024, "10KiB")]
    #[case(1024 * 1024 - 1, "1023KiB")]
    #[case(1024 * 1024, "1.0MiB")]
    #[case(u64::MAX, "15EiB")]
    fn is_short_and_never_rounds_up_a_unit(#[case] bytes: u64, #[case] expected: &str) {
        assert_eq!(size(bytes), expected);
    }
}
