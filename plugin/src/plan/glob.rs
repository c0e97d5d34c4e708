//! Globs over names: `*` stands for any run of characters, `?` for one. Everything else stands for itself.

/// Whether `pattern` fits all of `text`. Linear in practice: a star is only ever tried again from the last one.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the last star stood, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                seen = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case::same("web", "web", true)]
    #[case::other("web", "webs", false)]
    #[case::star_at_the_end("web-*", "web-1", true)]
    #[case::star_takes_nothing("web*", "web", true)]
    #[case::star_in_the_middle("a*c", "abbc", true)]
    #[case::star_goes_back("*ab", "aab", true)]
    #[case::two_stars("*-db-*", "x-db-db-1", true)]
    #[case::one_character("web-?", "web-1", true)]
    #[case::one_character_is_needed("web-?", "web-", false)]
    #[case::everything("*", "", true)]
    #[case::nothing("", "", true)]
    #[case::nothing_fits_only_nothing("", "a", false)]
    #[case::dots_are_plain("a.b", "axb", false)]
    fn fits(#[case] pattern: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(super::matches(pattern, text), expected);
    }
}
