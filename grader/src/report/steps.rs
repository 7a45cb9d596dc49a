//! The steps that a student still has to write: the `todo!()`s in the lab's files.

use std::path::Path;

use super::source;

/// A step that is still to be written: a `todo!("step 3b: …")`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The words of the `todo!()`.
    pub words: String,
    pub file: String,
    pub line: usize,
}

/// The step with the lowest number that is still to be written in these files. A machine may reach
/// another step first, if a later step calls an earlier one.
pub fn first(files: &[String], root: &Path) -> Option<Step> {
    let steps = files.iter().flat_map(|file| {
        let text = source::read(root, file).unwrap_or_default();
        let steps: Vec<(Order, Step)> =
            text.lines().zip(1..).filter_map(|(text, line)| step(text, file, line)).collect();
        steps
    });
    steps.min_by_key(|(order, _)| *order).map(|(_, step)| step)
}

/// The place of a step in the order: its number, and the letter behind it.
type Order = (u32, Option<char>);

/// The step that a line of a file names, and its place in the order.
fn step(text: &str, file: &str, line: usize) -> Option<(Order, Step)> {
    let (before, after) = text.split_once("todo!(\"")?;
    if before.trim_start().starts_with("//") {
        return None;
    }
    let (words, _) = after.split_once("\")")?;
    let named = words.strip_prefix("step ")?;
    let digits = named.find(|character: char| !character.is_ascii_digit()).unwrap_or(named.len());
    let letter = named[digits..].chars().next().filter(char::is_ascii_lowercase);
    let order = (named[..digits].parse().ok()?, letter);
    Some((order, Step { words: words.to_owned(), file: file.to_owned(), line }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_of(files: &[&str]) -> Option<(String, String, usize)> {
        let root = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..files.len()).map(|number| format!("{number}.rs")).collect();
        for (name, text) in names.iter().zip(files) {
            std::fs::write(root.path().join(name), text).unwrap();
        }
        first(&names, root.path()).map(|step| (step.words, step.file, step.line))
    }

    #[test]
    fn the_first_step_is_that_with_the_least_number() {
        let found = first_of(&["\ntodo!(\"step 10: ten\")\ntodo!(\"step 2b: b\")\n", "x();\ntodo!(\"step 2a: a\")\n"]);
        assert_eq!(found, Some(("step 2a: a".to_owned(), "1.rs".to_owned(), 2)));
        let found = first_of(&["todo!(\"step 4: frames\")\ntodo!(\"step 4: too\")\n"]);
        assert_eq!(found, Some(("step 4: frames".to_owned(), "0.rs".to_owned(), 1)));
    }

    #[test]
    fn what_is_no_step_is_passed_over() {
        assert_eq!(first_of(&["// todo!(\"step 1: told\")\ntodo!()\ntodo!(\"later\")\ntodo!(\"step x: y\")\n"]), None);
        assert_eq!(first(&["none.rs".to_owned()], Path::new("/nowhere")), None);
    }
}
