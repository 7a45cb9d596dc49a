//! A line of a source file, underlined, with the lines around it.

use std::fs;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::host::style::View;

/// Wide enough for any line of formatted code with its label: the terminal wraps what it must.
const SNIPPET_WIDTH: usize = 160;

/// How many lines are shown before the underlined line.
const LINES_BEFORE: u32 = 2;

/// The largest source file that is read, in bytes: no person writes a larger one.
const LARGEST_SOURCE: u64 = 4 << 20;

/// The line `line` (from 1) of `file`, which is named relative to `root`,
/// underlined from `column` (from 1) to its end and labelled.
///
/// `None` if there is no such file in `root`, or no such line.
pub fn excerpt(root: &Path, file: &str, line: u32, column: u32, label: &str, view: &View) -> Option<String> {
    let text = read(root, file)?;
    let first = line.saturating_sub(LINES_BEFORE).max(1);
    let (shown, span) = cut(&text, first, line, column)?;
    let renderer = if view.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Unicode).term_width(SNIPPET_WIDTH);
    let snippet = Snippet::source(shown)
        .path(file)
        .line_start(usize::try_from(first).ok()?)
        .fold(false)
        .annotation(AnnotationKind::Primary.span(span).label(label));
    let mut out = renderer.render(&[Group::with_level(Level::ERROR).element(snippet)]);
    out.push('\n');
    Some(out)
}

/// The name of the function that a line (from 1) of a file of the course is in, if one is found.
pub fn function_at(root: &Path, file: &str, line: u32) -> Option<String> {
    let text = read(root, file)?;
    enclosing(&text, line).map(|(_, name)| name.to_owned())
}

/// The line (from 1) in which the function around a line begins.
pub fn beginning_of_function(root: &Path, file: &str, line: u32) -> Option<u32> {
    let text = read(root, file)?;
    enclosing(&text, line).map(|(begin, _)| begin)
}

/// The line and the name of the last `fn` before the end of a line. In code that cargo has built, one
/// function follows the other, so that is the function around the line.
fn enclosing(text: &str, line: u32) -> Option<(u32, &str)> {
    let lines = (1..=line).zip(text.lines());
    let code = lines.map(|(number, line)| (number, line.split("//").next().unwrap_or_default()));
    code.filter_map(|(number, line)| {
        let (before, after) = line.split_once("fn ")?;
        let is_word = before.is_empty() || before.ends_with([' ', '\t', '(', '{', '}']);
        let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        (is_word && !name.is_empty()).then_some((number, name))
    })
    .last()
}

/// The text of a file of the course; `None` if there is no such file, or it is not in `root`: the output of a
/// machine must not make other files of the host readable.
pub fn read(root: &Path, file: &str) -> Option<String> {
    let path = root.join(file).canonicalize().ok()?;
    if !path.starts_with(root.canonicalize().ok()?) || fs::metadata(&path).ok()?.len() > LARGEST_SOURCE {
        return None;
    }
    fs::read_to_string(&path).ok()
}

/// The lines `first..=line` of `text`, and the part to underline: from `column`
/// to the end of `line`, without blanks and comments.
fn cut(text: &str, first: u32, line: u32, column: u32) -> Option<(&str, Range<usize>)> {
    let (first, line) = (usize::try_from(first).ok()?, usize::try_from(line).ok()?);
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let start = *starts.get(first.checked_sub(1)?)?;
    let line_start = *starts.get(line.checked_sub(1)?)?;
    let line_end = starts.get(line).map_or(text.len(), |next| next - 1);
    let shown = &text[start..line_end];
    let code = &text[line_start..line_end];
    // rustc counts columns in characters, from 1.
    let skip = usize::try_from(column).ok()?.saturating_sub(1);
    let from = code.char_indices().nth(skip).map_or(0, |(at, _)| at);
    let from = from + (code[from..].len() - code[from..].trim_start().len());
    let meant = code[from..].split(" //").next().unwrap_or_default().trim_end();
    let begin = line_start - start + from;
    Some((shown, begin..begin + meant.len().max(1).min(shown.len() - begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fn f() {\n    let a = 1;\n    todo!() // later\n}\n";

    #[test]
    fn a_line_s_function_is_the_last_one_that_began() {
        let text = "fn one() {}\n\n/// fn none\nimpl X {\n    pub const fn two(&self) {\n        todo!() // fn three\n    }\n}\n";
        assert_eq!(enclosing(text, 1), Some((1, "one")));
        assert_eq!(enclosing(text, 4), Some((1, "one")));
        assert_eq!(enclosing(text, 6), Some((5, "two")));
        assert_eq!(enclosing("let a_fn = 1;\n", 1), None);
    }

    #[test]
    fn the_line_is_underlined_from_the_column_to_its_last_word() {
        let (shown, span) = cut(TEXT, 1, 3, 5).unwrap();
        assert_eq!(&shown[span], "todo!()");
        assert!(shown.starts_with("fn f()"));
        let (shown, span) = cut(TEXT, 2, 2, 1).unwrap();
        assert_eq!(&shown[span], "let a = 1;");
    }

    #[test]
    fn a_line_or_column_that_does_not_exist_does_no_harm() {
        assert!(cut(TEXT, 8, 9, 1).is_none());
        assert!(cut(TEXT, 0, 0, 0).is_none());
        let (shown, span) = cut(TEXT, 3, 3, 500).unwrap();
        assert_eq!(&shown[span], "todo!()");
        let (shown, span) = cut("", 1, 1, 1).unwrap();
        assert_eq!(&shown[span], "");
    }

    #[test]
    fn the_excerpt_names_the_file_and_the_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.rs"), TEXT).unwrap();
        let text = excerpt(folder.path(), "a.rs", 3, 5, "reached here", &View::default()).unwrap();
        assert!(text.contains("a.rs:3:5"), "{text}");
        assert!(text.contains("━━━━━━━ reached here"), "{text}");
        assert!(excerpt(folder.path(), "b.rs", 1, 1, "", &View::default()).is_none());
    }

    #[test]
    fn nothing_outside_of_the_course_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("course");
        fs::create_dir(&inner).unwrap();
        fs::write(folder.path().join("secret"), "secret\n").unwrap();
        std::os::unix::fs::symlink("../secret", inner.join("link.rs")).unwrap();
        let absolute = folder.path().join("secret");
        for file in ["../secret", "link.rs", absolute.to_str().unwrap()] {
            assert!(excerpt(&inner, file, 1, 1, "", &View::default()).is_none(), "{file}");
        }
    }
}
