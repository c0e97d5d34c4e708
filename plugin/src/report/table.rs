//! Tables in kubectl's plain style: upper-case headers, three spaces between columns, no borders.
//!
//! Every cell is freed of terminal escapes and line breaks here, so that a row is always one line.

use tabled::{
    builder::Builder,
    settings::{Modify, Padding, Style, Width, object::Cell},
};

use super::terminal;

/// Rows that are laid out together when a table is written as it grows; kubectl's chunk of a list.
const BLOCK: usize = 500;

/// What an empty cell shows, as in kubectl.
pub const NONE: &str = "<none>";

/// A table that is complete before it is shown.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns, named in upper case.
    pub fn new<Name: Into<String>>(columns: impl IntoIterator<Item = Name>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row; cells beyond the columns are dropped, missing ones are shown as `<none>`.
    pub fn push<Text: Into<String>>(&mut self, cells: impl IntoIterator<Item = Text>) {
        self.rows.push(row(cells, self.columns.len()));
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, one line a row, with the header line or without.
    pub fn render(&self, headers: bool) -> String {
        let mut widths = vec![0; self.columns.len()];
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        if headers {
            lines.push(row(self.columns.iter().map(String::as_str), self.columns.len()));
        }
        lines.extend(self.rows.iter().cloned());
        lay_out(lines, &mut widths)
    }
}

/// A table that is written while its rows arrive: memory holds one block of rows, and a column never gets narrower.
#[derive(Clone, Debug)]
pub struct GrowingTable {
    columns: usize,
    pending: Vec<Vec<String>>,
    widths: Vec<usize>,
}

impl GrowingTable {
    /// An empty table; its first block begins with the header line unless `headers` is false.
    pub fn new(columns: &[&str], headers: bool) -> Self {
        let pending = if headers { vec![row(columns.iter().copied(), columns.len())] } else { Vec::new() };
        Self { columns: columns.len(), pending, widths: vec![0; columns.len()] }
    }

    /// Adds a row and returns the text of a block when one is full.
    pub fn push<Text: Into<String>>(&mut self, cells: impl IntoIterator<Item = Text>) -> Option<String> {
        self.pending.push(row(cells, self.columns));
        (self.pending.len() >= BLOCK).then(|| self.finish())
    }

    /// The text of what is left; empty if nothing is.
    pub fn finish(&mut self) -> String {
        lay_out(std::mem::take(&mut self.pending), &mut self.widths)
    }
}

fn row<Text: Into<String>>(cells: impl IntoIterator<Item = Text>, columns: usize) -> Vec<String> {
    let mut row: Vec<String> = cells.into_iter().take(columns).map(|cell| shown(&cell.into())).collect();
    row.resize(columns, NONE.to_owned());
    row
}

fn shown(cell: &str) -> String {
    if cell.is_empty() { NONE.to_owned() } else { terminal::clean_line(cell).into_owned() }
}

/// Lays rows out in columns at least as wide as `widths`, which are raised to what this took.
fn lay_out(rows: Vec<Vec<String>>, widths: &mut [usize]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(tabled::grid::util::string::get_line_width(cell));
        }
    }
    let mut table = Builder::from_iter(rows).build();
    table.with(Style::empty()).with(Padding::new(0, 3, 0, 0));
    for (column, width) in widths.iter().enumerate() {
        table.with(Modify::new(Cell::new(0, column)).with(Width::increase(*width)));
    }
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_like_kubectl() {
        let mut table = Table::new(["NAME", "AGE", "SCOPE"]);
        table.push(["web-long-name", "5m", "shop"]);
        table.push(["db", "", "a\tb\x1b[2J"]);
        insta::assert_snapshot!(table.render(true), @r"
        NAME            AGE      SCOPE
        web-long-name   5m       shop
        db              <none>   a b␛[2J
        ");
        insta::assert_snapshot!(table.render(false), @r"
        web-long-name   5m       shop
        db              <none>   a b␛[2J
        ");
    }

    #[test]
    fn wide_characters_keep_columns_straight() {
        let mut table = Table::new(["NAME", "AGE"]);
        table.push(["日本", "1d"]);
        table.push(["plain", "2d"]);
        insta::assert_snapshot!(table.render(true), @r"
        NAME    AGE
        日本    1d
        plain   2d
        ");
    }

    #[test]
    fn growing_table_never_narrows_a_column() {
        let mut table = GrowingTable::new(&["NAME", "AGE"], true);
        let mut text = String::new();
        for index in 0..BLOCK {
            let name = if index == 0 { "a-rather-long-name".to_owned() } else { format!("n{index}") };
            text.extend(table.push([name, "1d".to_owned()]));
        }
        text.push_str(&table.finish());
        assert!(text.lines().all(|line| line.ends_with("  1d") || line == "NAME                 AGE"));
        let positions: std::collections::BTreeSet<_> =
            text.lines().skip(1).map(|line| line.rfind("1d")).collect();
        assert_eq!(positions.len(), 1, "every block starts its last column at the same place");
        assert_eq!(text.lines().count(), BLOCK + 1);
    }
}
