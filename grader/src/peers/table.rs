//! The layout of tables of figures.

use comfy_table::{CellAlignment, LineStyle, Table, presets};

/// A table with a line under its header.
pub fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).force_no_tty().set_header(header.to_vec());
    table.style_mut().row_separator = LineStyle::none();
    table
}

/// Right-aligns numbers: all columns after the first.
pub fn align(table: &mut Table, numbers: usize) {
    for column in 1..=numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
