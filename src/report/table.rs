//! A small table: columns as wide as their widest cell, two spaces between them.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::style::{DIM, paint};
use super::terminal::escape;

/// One cell: a text and how it looks.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    /// Plain text.
    pub fn new(text: impl AsRef<[u8]>) -> Self {
        Self { text: escape(text), style: Style::new(), right: false }
    }

    /// Plain text, aligned right: numbers.
    pub fn right(text: impl ToString) -> Self {
        Self { right: true, ..Self::new(text.to_string()) }
    }

    /// In this style.
    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

/// Rows under a head.
#[derive(Debug, Clone, Default)]
pub struct Table {
    head: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// With these names above the columns; none for no head.
    pub fn new(head: impl IntoIterator<Item = Cell>) -> Self {
        Self { head: head.into_iter().map(|cell| cell.style(DIM)).collect(), rows: Vec::new() }
    }

    /// Adds a row; cells that it lacks are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// A line each, without spaces at its end.
    pub fn text(&self) -> String {
        let all = || std::iter::once(&self.head).chain(&self.rows).filter(|row| !row.is_empty());
        let columns = all().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in all() {
            let mut gap = 0;
            for (cell, width) in row.iter().zip(&widths) {
                let spare = width - cell.text.width();
                let (before, after) = if cell.right { (spare, 0) } else { (0, spare) };
                if cell.text.is_empty() {
                    gap += width + 2;
                    continue;
                }
                text += &" ".repeat(gap + before);
                text += &if cell.style.is_plain() { cell.text.clone() } else { paint(cell.style, &cell.text) };
                gap = after + 2;
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::style::RED;

    #[test]
    fn columns_are_as_wide_as_they_look() {
        let mut table = Table::new([Cell::new("host"), Cell::right("ok"), Cell::new("result")]);
        table.row([Cell::new("日本"), Cell::right(7), Cell::new("")]);
        table.row([Cell::new("web-10"), Cell::right(123), Cell::new("failed").style(RED)]);
        table.row([Cell::new("a\x1b[2J")]);
        let text = anstream::adapter::strip_str(&table.text()).to_string();
        assert_eq!(text, "host       ok  result\n日本        7\nweb-10    123  failed\na\\x1b[2J\n");
        assert!(table.text().contains("\x1b[31mfailed\x1b[0m\n"), "{:?}", table.text());
    }

    #[test]
    fn without_head_and_rows_there_is_nothing() {
        assert_eq!(Table::default().text(), "");
    }
}
