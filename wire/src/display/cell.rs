//! Cells of a screen.

use unicode_width::UnicodeWidthChar;

/// Cells that a character takes: the larger of what the two conventions say (UAX 11, ambiguous width), so that no
/// screen's line overflows.
pub fn width(c: char) -> usize {
    c.width().unwrap_or(0).max(c.width_cjk().unwrap_or(0))
}
