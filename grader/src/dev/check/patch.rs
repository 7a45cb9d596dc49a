//! A wrong implementation as a lab keeps it: `mistakes/NAME.patch`.
//!
//! ```text
//! Mistake: the frame is marked after it is returned
//! Caught-by: never-twice
//!
//! --- a/solution/bitmap.rs
//! +++ b/solution/bitmap.rs
//! @@ …
//! ```

use std::path::Path;

use diffy::Patch;

use crate::host::error::{Error, Result};

/// A known mistake, and the check that has to catch it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// What is wrong, in a few words.
    pub title: String,
    /// The name of the check that must fail.
    pub caught_by: String,
    /// The base name of the reference file that is patched.
    pub file: String,
    /// The unified diff.
    diff: String,
}

impl Mistake {
    /// Reads a patch file; `path` is for messages.
    ///
    /// # Errors
    /// `path:line: what is wrong; what to do`.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let wrong = |line: usize, what: &str| Error::new(format!("{}:{line}: {what}", path.display()));
        let mut title = None;
        let mut caught_by = None;
        let mut lines = text.lines().enumerate();
        let file = loop {
            let Some((number, line)) = lines.next() else {
                return Err(wrong(1, "there is no diff in it").advise("make one with `diff -u`"));
            };
            if let Some(file) = line.strip_prefix("--- ") {
                break file;
            }
            for (key, value) in [("Mistake:", &mut title), ("Caught-by:", &mut caught_by)] {
                if let Some(text) = line.strip_prefix(key)
                    && value.replace(text.trim().to_owned()).is_some()
                {
                    return Err(wrong(number + 1, &format!("`{key}` stands there twice")));
                }
            }
        };
        let file = file.split('\t').next().unwrap_or(file).trim().rsplit('/').next().unwrap_or_default().to_owned();
        let missing = |key: &str| wrong(1, &format!("no line `{key} …` stands before the diff")).advise("add one");
        let title = title.filter(|title| !title.is_empty()).ok_or_else(|| missing("Mistake:"))?;
        let caught_by = caught_by.filter(|name| !name.is_empty()).ok_or_else(|| missing("Caught-by:"))?;
        let start = text.find("\n--- ").map_or(0, |at| at + 1);
        let mut diff = text[start..].to_owned();
        if diff.matches("\n--- ").count() > 0 {
            return Err(wrong(1, "it changes more than one file").advise("a mistake is in one place"));
        }
        if !diff.ends_with('\n') {
            diff.push('\n');
        }
        let parsed = Patch::from_str(&diff).map_err(|error| {
            wrong(1, &format!("its diff cannot be read: {error}")).advise("make it again with `diff -u`")
        })?;
        if parsed.hunks().is_empty() {
            return Err(wrong(1, "its diff changes nothing").advise("make it again with `diff -u`"));
        }
        Ok(Self { title, caught_by, file, diff })
    }

    /// The reference with the mistake in it; `path` is for messages.
    ///
    /// # Errors
    /// If the diff does not fit the reference any more.
    pub fn apply(&self, reference: &str, path: &Path) -> Result<String> {
        let stale = |why: String| {
            Error::new(format!("{}: does not fit solution/{} any more: {why}", path.display(), self.file))
                .advise("make it again with `diff -u`")
        };
        let patch = Patch::from_str(&self.diff).map_err(|error| stale(error.to_string()))?;
        diffy::apply(reference, &patch).map_err(|error| stale(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "fn f() {\n    mark();\n    give();\n}\n";
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

    fn parse(text: &str) -> Result<Mistake> {
        Mistake::parse(text, Path::new("mistakes/a.patch"))
    }

    #[test]
    fn a_mistake_is_read_and_applied() {
        let mistake = parse(GOOD).unwrap();
        assert_eq!(mistake.title, "the frame is given before it is marked");
        assert_eq!((mistake.caught_by.as_str(), mistake.file.as_str()), ("never-twice", "bitmap.rs"));
        let wrong = mistake.apply(REFERENCE, Path::new("a.patch")).unwrap();
        assert_eq!(wrong, "fn f() {\n    give();\n    mark();\n}\n");
    }

    #[test]
    fn a_diff_that_has_moved_still_fits() {
        let moved = format!("// one\n// two\n{REFERENCE}");
        assert!(parse(GOOD).unwrap().apply(&moved, Path::new("a.patch")).is_ok());
    }

    #[test]
    fn a_stale_diff_is_told() {
        let error = parse(GOOD).unwrap().apply("fn g() {}\n", Path::new("a.patch")).unwrap_err().to_string();
        assert!(error.starts_with("a.patch: does not fit solution/bitmap.rs any more"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (from, to, expected) in [
            ("Mistake:", "mistake", "no line `Mistake: …` stands before the diff"),
            ("Caught-by: never-twice", "Caught-by: ", "no line `Caught-by: …` stands before the diff"),
            ("Caught-by:", "Mistake: again\nCaught-by:", "a.patch:2: `Mistake:` stands there twice"),
            ("--- a", "a", "there is no diff in it"),
            ("@@ -1,4 +1,4 @@", "@@ nonsense @@", "its diff cannot be read"),
        ] {
            let error = parse(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
