//! The layout and colours of text.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

/// The settings by which a report is shown.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Whether escape sequences for colour may be used.
    pub color: bool,
    /// The terminal's width in columns, 80 if it is not known.
    pub width: usize,
    /// Whether to show everything: logs, serial output, measures, the emulator's command line.
    pub verbose: bool,
}

impl Default for View {
    fn default() -> Self {
        Self { color: false, width: 80, verbose: false }
    }
}

/// For errors and failures.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// For success.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// For text that asks for attention but reports no error.
pub const NOTICE: Style = AnsiColor::Yellow.on_default();
/// For titles.
pub const STRONG: Style = Style::new().bold();
/// For text that a reader can skip.
pub const FAINT: Style = Style::new().dimmed();
/// For commands to type and files to open.
pub const ACTION: Style = AnsiColor::Cyan.on_default();

/// The narrowest layout: a terminal that is narrower has to wrap by itself.
const NARROWEST: usize = 40;

/// The widest text: longer lines are hard to read.
const WIDEST: usize = 110;

impl View {
    /// `text` in the style, if colour may be used.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// The width of text, in columns.
    pub fn columns(&self) -> usize {
        self.width.clamp(NARROWEST, WIDEST)
    }

    /// A label and a text beside it, wrapped, the text's lines below each other:
    ///
    /// ```text
    ///   rule      A frame is handed out once until it
    ///             is freed.
    /// ```
    pub fn field(&self, label: &str, text: &str) -> String {
        let first = format!("  {label:<LABEL_WIDTH$}");
        let other = " ".repeat(first.len());
        let mut out = String::new();
        for (number, line) in wrap(text, self.columns().saturating_sub(first.len())).iter().enumerate() {
            let start = if number == 0 { self.paint(FAINT, &first) } else { other.clone() };
            out.push_str(format!("{start}{line}").trim_end());
            out.push('\n');
        }
        out
    }
}

/// The width of the column of labels in [`View::field`].
const LABEL_WIDTH: usize = 10;

/// Prints to standard output, without colour if that shows none.
///
/// # Errors
/// If standard output is closed.
pub fn say(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// `text` in lines of at most `width` columns. Its own line ends stay.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    // A name with hyphens is not cut at one: it may be copied to the command line.
    let options = textwrap::Options::new(width.max(10))
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(|line| line.into_owned()).collect()
}

/// `1 check`, `2 checks`.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `64M` as `64 MiB`.
pub fn memory(size: &str) -> String {
    match size.split_at_checked(size.len().saturating_sub(1)) {
        Some((number, "K")) => format!("{number} KiB"),
        Some((number, "M")) => format!("{number} MiB"),
        Some((number, "G")) => format!("{number} GiB"),
        _ => size.to_owned(),
    }
}

/// `text` without characters that are [not to be shown](is_printable), so that what a student's
/// kernel printed cannot move the cursor, change colours or turn a line round.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_printable(c) { c } else { '\u{FFFD}' }).collect()
}

/// A compiler's output: as [`printable`], but escape characters stay. rustc replaces the escape
/// characters that come from the code, so those that are left are its own colours.
pub fn printable_with_colour(text: &str) -> String {
    text.chars().map(|c| if c == '\u{1b}' || is_printable(c) { c } else { '\u{FFFD}' }).collect()
}

/// Whether a character may be shown: no control character but the line's end, none that controls
/// the direction of writing (Unicode Standard Annex #9, section 2), and only characters of XML 1.0.
pub fn is_printable(c: char) -> bool {
    match c {
        '\n' => true,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => false,
        // Unlike all others that Unicode reserves, XML leaves these two out.
        '\u{FFFE}' | '\u{FFFF}' => false,
        c => !c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_wrapped_under_its_first_word() {
        let view = View { width: 40, ..View::default() };
        let text = view.field("rule", "A frame is handed out once until it is freed again.");
        assert_eq!(text, "  rule      A frame is handed out once\n            until it is freed again.\n");
    }

    #[test]
    fn colour_is_used_only_where_it_is_allowed() {
        assert_eq!(View::default().paint(BAD, "x"), "x");
        assert!(View { color: true, ..View::default() }.paint(BAD, "x").starts_with('\u{1b}'));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{9b}2J"), "a\u{FFFD}[2Jb\nc\u{FFFD}2J");
        assert_eq!(printable_with_colour("\u{1b}[31mx\u{9b}\u{202E}"), "\u{1b}[31mx\u{FFFD}\u{FFFD}");
        assert_eq!(printable("\u{202E}x\u{2066}y\u{2069}"), "\u{FFFD}x\u{FFFD}y\u{FFFD}");
        assert_eq!(printable("\u{FFFE}\u{FFFF}\u{FFFD}ä…𝄞"), "\u{FFFD}\u{FFFD}\u{FFFD}ä…𝄞");
    }
}
