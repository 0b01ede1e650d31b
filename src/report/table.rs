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

/// As long as a column is wider than this, its cells are shortened first.
const WIDE: usize = 12;
/// Cells are not shortened further than to this.
const NARROW: usize = 6;

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

    /// A line each, without spaces at its end. Where there are so many columns on the terminal, the widest cells are shortened
    /// until a line fits.
    pub fn text(&self, columns: Option<usize>) -> String {
        let Some(columns) = columns else { return self.drawn(2) };
        let mut table = self.clone();
        let mut gap = 2;
        while table.width(gap) > columns {
            match table.widest(WIDE) {
                Some(column) => table.shorten(column),
                None if gap == 2 => gap = 1,
                None => match table.widest(NARROW) {
                    Some(column) => table.shorten(column),
                    None => break,
                },
            }
        }
        table.drawn(gap)
    }

    fn all(&self) -> impl Iterator<Item = &Vec<Cell>> {
        std::iter::once(&self.head).chain(&self.rows).filter(|row| !row.is_empty())
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.all().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.all().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max().unwrap_or(0);
        (0..columns).map(width).collect()
    }

    /// How wide the widest line is.
    fn width(&self, gap: usize) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1)
    }

    /// The widest column of texts that is wider than so many characters; numbers are not shortened.
    fn widest(&self, least: usize) -> Option<usize> {
        let text = |column: &usize| self.all().filter_map(|row| row.get(*column)).all(|cell| !cell.right);
        let widths = self.widths();
        let columns = (0..widths.len()).filter(|column| widths[*column] > least).filter(text);
        columns.max_by_key(|column| (widths[*column], usize::MAX - column))
    }

    /// Takes a character from the widest cells of a column.
    fn shorten(&mut self, column: usize) {
        let most = self.widths()[column] - 1;
        for cell in self.rows.iter_mut().chain([&mut self.head]).filter_map(|row| row.get_mut(column)) {
            if cell.text.width() > most {
                let mut text = cell.text.strip_suffix("...").unwrap_or(&cell.text).to_string();
                while text.width() + 3 > most {
                    text.pop();
                }
                cell.text = text + "...";
            }
        }
    }

    fn drawn(&self, between: usize) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in self.all() {
            let mut gap = 0;
            for (cell, width) in row.iter().zip(&widths) {
                let spare = width - cell.text.width();
                let (before, after) = if cell.right { (spare, 0) } else { (0, spare) };
                if cell.text.is_empty() {
                    gap += width + between;
                    continue;
                }
                text += &" ".repeat(gap + before);
                text += &if cell.style.is_plain() { cell.text.clone() } else { paint(cell.style, &cell.text) };
                gap = after + between;
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
        let text = anstream::adapter::strip_str(&table.text(None)).to_string();
        assert_eq!(text, "host       ok  result\n日本        7\nweb-10    123  failed\na\\x1b[2J\n");
        assert!(table.text(None).contains("\x1b[31mfailed\x1b[0m\n"), "{:?}", table.text(None));
    }

    #[test]
    fn a_row_fits_the_terminal() {
        let mut table = Table::new([Cell::new("HOST"), Cell::right("OK"), Cell::right("CHANGED"), Cell::new("RESULT")]);
        table.row([Cell::new("w".repeat(50)), Cell::right(1), Cell::right(12), Cell::new("unreachable")]);
        table.row([Cell::new("日本".repeat(10)), Cell::right(1), Cell::right(12), Cell::new("done")]);
        table.row([Cell::new("web1"), Cell::right(1), Cell::right(12), Cell::new("done")]);
        let text = |columns| anstream::adapter::strip_str(&table.text(columns)).to_string();
        let width = |text: String| text.lines().map(UnicodeWidthStr::width).max();
        assert_eq!(width(text(None)), Some(76));
        assert_eq!(text(Some(80)), text(None));
        assert_eq!(
            text(Some(40)),
            "\
HOST            OK  CHANGED  RESULT
wwwwwwwwwww...   1       12  unreachable
日本日本日...    1       12  done
web1             1       12  done
"
        );
        assert_eq!(width(text(Some(30))), Some(30));
        assert_eq!(width(text(Some(5))), Some(24), "numbers stay, and a word of each text");
    }

    #[test]
    fn without_head_and_rows_there_is_nothing() {
        assert_eq!(Table::default().text(None), "");
    }
}
