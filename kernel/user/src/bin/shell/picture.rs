//! Bars of characters that show the parts of a whole.

use alloc::string::String;

use user::println;

/// Characters in a row of a bar.
const WIDTH: u32 = 64;

/// A part of a whole.
#[derive(Clone, Copy)]
pub struct Part {
    /// The character that stands for the part.
    pub sign: char,
    /// The size of the part.
    pub size: u32,
}

/// Prints the parts as rows of characters, each of which stands for the same amount. A part that is
/// not empty gets at least one character, as long as there are enough.
pub fn bar(parts: &[Part], rows: u32) {
    let cells = rows * WIDTH;
    let whole = parts.iter().map(|part| part.size).sum();
    let mut signs = signs(parts, whole, cells);
    for _ in 0..rows {
        let row: String = signs.by_ref().chain(core::iter::repeat(' ')).take(WIDTH as usize).collect();
        println!("  |{row}|");
    }
}

/// The character for each cell. A cell that several parts share shows the last of them that has no
/// cell of its own.
fn signs(parts: &[Part], whole: u32, cells: u32) -> impl Iterator<Item = char> {
    let mut size_before = 0_u32;
    let mut cells_before = 0_u32;
    parts.iter().filter(|part| part.size > 0).flat_map(move |part| {
        size_before += part.size;
        let end = (u64::from(size_before) * u64::from(cells) / u64::from(whole.max(1))) as u32;
        let end = end.max(cells_before + 1);
        let count = end - cells_before;
        cells_before = end;
        core::iter::repeat_n(part.sign, count as usize)
    })
}
