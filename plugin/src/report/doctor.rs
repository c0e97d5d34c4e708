//! What `doctor` prints.

use crate::{
    cli::output::RecordFormat,
    model::finding::{Finding, Level},
};

use super::{
    document::{DocumentError, to_json, to_yaml},
    table::Table,
};

/// The findings, as a table with the remedies below, or as a document.
pub fn findings(findings: &[Finding], format: RecordFormat) -> Result<String, DocumentError> {
    Ok(match format {
        RecordFormat::Json => to_json(findings)?,
        RecordFormat::Yaml => to_yaml(&findings)?,
        RecordFormat::Name => {
            let names: Vec<&str> = findings.iter().map(|finding| finding.check).collect();
            names.join("\n")
        }
        RecordFormat::Table | RecordFormat::Wide => {
            let mut table = Table::new(["CHECK", "RESULT", "FINDING"]);
            for finding in findings {
                table.push([finding.check, word(finding.level), &finding.message]);
            }
            // Several findings can have the same way out.
            let mut remedies: Vec<String> = Vec::new();
            for finding in findings.iter().filter(|finding| !finding.remedy.is_empty()) {
                let remedy = format!("\n{}: {}", finding.check, finding.remedy);
                if !remedies.contains(&remedy) {
                    remedies.push(remedy);
                }
            }
            format!("{}{}", table.render(true), remedies.concat())
        }
    })
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Problem => "problem",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_come_once_after_the_table() {
        let found = [
            Finding::ok("cluster", "v1.36.3 at https://example:6443"),
            Finding::new("clock", Level::Warning, "6 minutes ahead", "set the clock"),
            Finding::new("clock", Level::Warning, "and it stands still", "set the clock"),
        ];
        insta::assert_snapshot!(findings(&found, RecordFormat::Table).unwrap(), @r"
        CHECK     RESULT    FINDING
        cluster   ok        v1.36.3 at https://example:6443
        clock     warning   6 minutes ahead
        clock     warning   and it stands still

        clock: set the clock
        ");
    }
}
