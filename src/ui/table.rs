//! Aligned columns.

use super::Style;
use super::escape::escape_line;

/// Rows of cells under headings. Columns are aligned by spaces alone, so that a table can be read, searched and cut
/// without a terminal.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
}

/// A piece of text in a style.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Text in a style.
    pub fn new(text: &str, style: Style) -> Self {
        Self { text: escape_line(text), style }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Style::Plain)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(&text, Style::Plain)
    }
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| Cell::new(heading, Style::Heading)).collect()] }
    }

    /// A table that explains itself.
    pub fn without_headings() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn render(&self, colour: bool) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| self.rows.iter().filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        self.rows.iter().map(|row| line(row, &widths, colour)).collect()
    }
}

fn line(row: &[Cell], widths: &[usize], colour: bool) -> String {
    let mut line = String::new();
    let mut owed = 0;
    for (cell, width) in row.iter().zip(widths) {
        if !cell.text.is_empty() {
            line.extend(std::iter::repeat_n(' ', owed));
            line += &cell.style.paint(&cell.text, colour);
            owed = 0;
        }
        owed += width - cell.width() + 2;
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let mut table = Table::new(&["NAME", "STATE", "IMAGE"]);
        table.row(["größe".into(), "".into(), "x\ty\n".into()]);
        table.row(["a".into(), Cell::new("running", Style::Good), "".into()]);
        assert_eq!(table.render(false), "NAME   STATE    IMAGE\ngröße           x\\ty\\n\na      running\n");
        assert_eq!(table.render(true).lines().last(), Some("a      \u{1b}[32mrunning\u{1b}[0m"));
    }
}
