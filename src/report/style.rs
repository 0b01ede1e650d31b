//! The colours. Whoever renders writes them into the text; the printer takes them out again where they do not belong.

use anstyle::{AnsiColor, Style};

/// Comes into being; went well.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// Changes.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Goes.
pub const RED: Style = AnsiColor::Red.on_default();
/// Is done, without a state to compare; places in diffs.
pub const CYAN: Style = AnsiColor::Cyan.on_default();
/// Is not settled yet.
pub const BLUE: Style = AnsiColor::BrightBlue.on_default();
/// Went wrong.
pub const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
/// Heads.
pub const BOLD: Style = Style::new().bold();
/// What may be overlooked.
pub const DIM: Style = Style::new().dimmed();

/// `text` in `style`.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
