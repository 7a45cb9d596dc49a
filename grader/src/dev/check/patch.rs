//! A known mistake of a lab, in a file of its own: `mistakes/NAME.patch`.
//!
//! ```text
//! Mistake: the frame is marked after it is returned
//! Caught-by: never-twice
//!
//! --- a/solution/bitmap.rs
//! +++ b/solution/bitmap.rs
//! @@ …
//! ```
//!
//! The diffs may change several files, and add some: then `---` names `/dev/null`.

use std::path::Path;

use diffy::patch_set::{FileOperation, FilePatch, ParseOptions, PatchSet};

use crate::host::error::{Error, Result};

use super::files::Files;

/// A known mistake, and the check that has to catch it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// The mistake, in a few words.
    pub title: String,
    /// The name of the check that must fail.
    pub caught_by: String,
    /// The unified diffs, one after the other.
    diff: String,
}

/// A diff's change of a file of the reference.
enum Change {
    Add(String),
    Modify(String),
}

impl Mistake {
    /// Parses a patch file; `path` is for messages.
    ///
    /// # Errors
    /// `path:line: what is wrong; what to do`.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let wrong = |line: usize, what: &str| Error::new(format!("{}:{line}: {what}", path.display()));
        let mut title = None;
        let mut caught_by = None;
        let mut lines = text.lines().enumerate();
        loop {
            let Some((number, line)) = lines.next() else {
                return Err(wrong(1, "there is no diff in it").advise("make one with `diff -u`"));
            };
            if line.starts_with("--- ") {
                break;
            }
            for (key, value) in [("Mistake:", &mut title), ("Caught-by:", &mut caught_by)] {
                if let Some(text) = line.strip_prefix(key)
                    && value.replace(text.trim().to_owned()).is_some()
                {
                    return Err(wrong(number + 1, &format!("`{key}` stands there twice")));
                }
            }
        }
        let missing = |key: &str| wrong(1, &format!("no line `{key} …` stands before the diff")).advise("add one");
        let title = title.filter(|title| !title.is_empty()).ok_or_else(|| missing("Mistake:"))?;
        let caught_by = caught_by.filter(|name| !name.is_empty()).ok_or_else(|| missing("Caught-by:"))?;
        let start = text.find("\n--- ").map_or(0, |at| at + 1);
        let mut diff = text[start..].to_owned();
        if !diff.ends_with('\n') {
            diff.push('\n');
        }
        let mistake = Self { title, caught_by, diff };
        mistake.changes().map_err(|what| wrong(1, &what).advise("make it again with `diff -u`"))?;
        Ok(mistake)
    }

    /// The reference with the mistake; `path` is for messages.
    ///
    /// # Errors
    /// If the diff does not apply to the reference any more.
    pub fn apply(&self, reference: &Files, path: &Path) -> Result<Files> {
        let wrong =
            |what: String| Error::new(format!("{}: {what}", path.display())).advise("make it again with `diff -u`");
        let mut files = reference.clone();
        for (change, diff) in self.changes().map_err(wrong)? {
            let (name, text) = match &change {
                Change::Add(name) if reference.contains_key(name) => {
                    return Err(wrong(format!("it adds solution/{name}, which is there already")));
                }
                Change::Add(name) => (name, ""),
                Change::Modify(name) => match files.get(name) {
                    Some(text) => (name, text.as_str()),
                    None => return Err(wrong(format!("there is no solution/{name} that it could change"))),
                },
            };
            let stale = |why: &dyn std::fmt::Display| wrong(format!("does not fit solution/{name} any more: {why}"));
            let patch = diff.patch().as_text().ok_or_else(|| stale(&"it is not a text"))?;
            let text = diffy::apply(text, patch).map_err(|error| stale(&error))?;
            files.insert(name.clone(), text);
        }
        Ok(files)
    }

    /// The diffs, and the change that each makes.
    fn changes(&self) -> Result<Vec<(Change, FilePatch<'_, str>)>, String> {
        let mut changes = Vec::new();
        for diff in PatchSet::parse(&self.diff, ParseOptions::unidiff()) {
            let diff = diff.map_err(|error| format!("its diff cannot be read: {error}"))?;
            if diff.patch().as_text().is_none_or(|patch| patch.hunks().is_empty()) {
                return Err("its diff changes nothing".to_owned());
            }
            let change = match diff.operation() {
                FileOperation::Create(name) => Change::Add(below_solution(name)?),
                FileOperation::Modify { original, modified } => {
                    let (name, same) = (below_solution(original)?, below_solution(modified)?);
                    if name != same {
                        return Err(format!("its diff calls a file both {name} and {same}"));
                    }
                    Change::Modify(name)
                }
                _ => return Err("its diff takes a file away, which no mistake has to".to_owned()),
            };
            changes.push((change, diff));
        }
        Ok(changes)
    }
}

/// A file's name relative to `solution/`, from its name in a diff: `a/solution/FILE`, or
/// with more folders before it.
fn below_solution(name: &str) -> Result<String, String> {
    let name = name.split('\t').next().unwrap_or(name).trim();
    let below = name.split_once("solution/").filter(|(before, _)| before.is_empty() || before.ends_with('/'));
    match below {
        Some((_, name))
            if !name.is_empty() && !name.split('/').any(|part| part.is_empty() || part.starts_with('.')) =>
        {
            Ok(name.to_owned())
        }
        _ => Err(format!("{name} is not a file of the reference: it has to be called a/solution/FILE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
Mistake: the frame is given before it is marked
Caught-by: never-twice

--- a/solution/bitmap.rs\t2026-01-01
+++ b/solution/bitmap.rs
@@ -1,4 +1,4 @@
 fn f() {
-    mark();
     give();
+    mark();
 }
";

    fn reference() -> Files {
        [("bitmap.rs", "fn f() {\n    mark();\n    give();\n}\n"), ("rooms/runs.rs", "fn g() {}\n")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into()
    }

    fn parse(text: &str) -> Result<Mistake> {
        Mistake::parse(text, Path::new("a.patch"))
    }

    fn applied(text: &str) -> Result<Files> {
        parse(text)?.apply(&reference(), Path::new("a.patch"))
    }

    #[test]
    fn a_mistake_is_read_and_applied() {
        let mistake = parse(GOOD).unwrap();
        assert_eq!(mistake.title, "the frame is given before it is marked");
        assert_eq!(mistake.caught_by, "never-twice");
        let wrong = applied(GOOD).unwrap();
        assert_eq!(wrong["bitmap.rs"], "fn f() {\n    give();\n    mark();\n}\n");
        assert_eq!(wrong["rooms/runs.rs"], reference()["rooms/runs.rs"]);
    }

    #[test]
    fn a_mistake_may_be_in_any_file_and_add_one() {
        let more = "\
--- a/labs/01-pmm/solution/rooms/runs.rs
+++ b/labs/01-pmm/solution/rooms/runs.rs
@@ -1 +1,2 @@
+mod wrong;
 fn g() {}
--- /dev/null
+++ b/labs/01-pmm/solution/rooms/wrong.rs
@@ -0,0 +1 @@
+fn h() {}
";
        let wrong = applied(&format!("{GOOD}{more}")).unwrap();
        assert_eq!(wrong["bitmap.rs"], "fn f() {\n    give();\n    mark();\n}\n");
        assert_eq!(wrong["rooms/runs.rs"], "mod wrong;\nfn g() {}\n");
        assert_eq!(wrong["rooms/wrong.rs"], "fn h() {}\n");
    }

    #[test]
    fn a_diff_that_has_moved_still_fits() {
        let mut moved = reference();
        moved.insert("bitmap.rs".to_owned(), format!("// one\n// two\n{}", reference()["bitmap.rs"]));
        assert!(parse(GOOD).unwrap().apply(&moved, Path::new("a.patch")).is_ok());
    }

    #[test]
    fn a_diff_that_does_not_fit_is_told() {
        for (from, to, expected) in [
            ("     give", "     keep", "a.patch: does not fit solution/bitmap.rs any more"),
            ("solution/bitmap.rs", "solution/tree.rs", "there is no solution/tree.rs that it could change"),
            (
                "--- a/solution/bitmap.rs\t2026-01-01",
                "--- /dev/null",
                "it adds solution/bitmap.rs, which is there already",
            ),
        ] {
            let error = applied(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (from, to, expected) in [
            ("Mistake:", "mistake", "no line `Mistake: …` stands before the diff"),
            ("Caught-by: never-twice", "Caught-by: ", "no line `Caught-by: …` stands before the diff"),
            ("Caught-by:", "Mistake: again\nCaught-by:", "a.patch:2: `Mistake:` stands there twice"),
            ("--- a", "a", "there is no diff in it"),
            ("@@ -1,4 +1,4 @@", "@@ nonsense @@", "its diff cannot be read"),
            ("/solution/", "/src/", "is not a file of the reference"),
            ("b/solution/bitmap.rs", "b/solution/tree.rs", "calls a file both bitmap.rs and tree.rs"),
            ("b/solution/bitmap.rs", "/dev/null", "takes a file away"),
            ("a/solution/bitmap.rs", "a/solution/../lib.rs", "is not a file of the reference"),
        ] {
            let error = parse(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
