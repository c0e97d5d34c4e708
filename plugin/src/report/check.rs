//! What a check found, for people.

use std::fmt::Write;

use crate::model::check::{CheckDepth, CheckReport, Finding, Severity};

use super::terminal::clean_line;

/// How many affected objects are named unless all are asked for.
const FEW: usize = 5;

/// Findings, the damage first, and a last line that sums up. With `all`, nothing is shortened.
pub fn text(report: &CheckReport, all: bool) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        describe(&mut text, finding, all);
    }
    text.push_str(&summary(report));
    text
}

fn describe(text: &mut String, finding: &Finding, all: bool) {
    let word = match finding.severity {
        Severity::Damage => "damage",
        Severity::Note => "note",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{word}: {}", clean_line(&finding.message));
    if !finding.restore_points.is_empty() {
        let ids: Vec<String> = finding.restore_points.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  in restore point {}", ids.join(", "));
    }
    let shown = if all { finding.affected.len() } else { FEW };
    for affected in finding.affected.iter().take(shown) {
        let _ = writeln!(text, "  {}", clean_line(affected));
    }
    if finding.affected.len() > shown {
        let _ = writeln!(text, "  and {} more; see them with -o wide", finding.affected.len() - shown);
    }
}

fn summary(report: &CheckReport) -> String {
    let damages = report.findings.iter().filter(|finding| finding.severity == Severity::Damage).count();
    let looked = match (report.depth, report.restore_points) {
        (CheckDepth::Data, 1) => format!("read 1 restore point with {} objects", report.objects),
        (CheckDepth::Data, points) => format!("read {points} restore points with {} objects", report.objects),
        (CheckDepth::Structure, 1) => "checked the structure of 1 restore point".to_owned(),
        (CheckDepth::Structure, points) => format!("checked the structure of {points} restore points"),
    };
    match damages {
        0 => format!("{looked}: no damage"),
        1 => format!("{looked}: 1 damage found"),
        _ => format!("{looked}: {damages} damages found"),
    }
}

#[cfg(test)]
mod tests {
    use crate::model::restore_point::RestorePointId;

    use super::*;

    #[test]
    fn damage_is_named_with_what_it_affects() {
        let report = CheckReport {
            depth: CheckDepth::Data,
            restore_points: 2,
            objects: 480,
            findings: vec![
                Finding {
                    severity: Severity::Damage,
                    message: "its checksum does not match".to_owned(),
                    restore_points: vec![RestorePointId("3f2a9c01".repeat(8))],
                    affected: (0..7)
                        .map(|number| format!("shop/configmaps from map-{number} to before map-{number}9"))
                        .collect(),
                },
                Finding {
                    severity: Severity::Note,
                    message: "pack 1f2e is not referenced\u{1b}[2J".to_owned(),
                    restore_points: Vec::new(),
                    affected: Vec::new(),
                },
            ],
        };
        insta::assert_snapshot!(text(&report, false), @r"
        damage: its checksum does not match
          in restore point 3f2a9c01
          shop/configmaps from map-0 to before map-09
          shop/configmaps from map-1 to before map-19
          shop/configmaps from map-2 to before map-29
          shop/configmaps from map-3 to before map-39
          shop/configmaps from map-4 to before map-49
          and 2 more; see them with -o wide
        note: pack 1f2e is not referenced␛[2J
        read 2 restore points with 480 objects: 1 damage found
        ");
    }
}
