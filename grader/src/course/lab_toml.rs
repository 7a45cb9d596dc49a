//! A lab's `lab.toml`: its fields, and its errors with file and line.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::host::error::{Error, Result};

/// A check's budget in million guest instructions, if `lab.toml` names none.
pub const DEFAULT_BUDGET: u32 = 500;

/// The largest budget, in million guest instructions: 30 seconds of guest time. The watchdog cannot count more.
pub const MAX_BUDGET: u32 = 3750;

/// The contents of a `lab.toml`.
#[derive(Clone, Debug)]
pub struct LabToml {
    /// The lab's title.
    pub title: String,
    /// Its cargo package.
    pub package: String,
    /// The student's files, relative to the lab's folder.
    pub files: Vec<String>,
    /// Its page in the book.
    pub chapter: String,
    /// Whether its functions can be linked into the kernel as those that the compiler calls by name.
    pub symbols: bool,
    /// Its checks.
    pub checks: Vec<Check>,
}

/// One check as `lab.toml` describes it.
#[derive(Clone, Debug)]
pub struct Check {
    /// The name, unique in the course.
    pub name: String,
    /// What it counts.
    pub points: u32,
    /// One boot for each size.
    pub memory: Vec<Memory>,
    /// Million guest instructions before it counts as hung.
    pub budget: u32,
    /// Whether it judges cost, so that a correct implementation may fail it.
    pub cost: bool,
    /// How many times it stops so that its claims are compared with the machine's memory.
    pub checkpoints: usize,
    /// Whether it passes with a panic, which the student's code has to end in.
    pub panics: bool,
    /// Whether the machine gets the programs that run in ring 3.
    pub programs: bool,
    /// The rule of the contract, in one sentence.
    pub rule: String,
    /// Where to look: the first hint.
    pub hint: String,
    /// Further hints, each of which says more than those before it: what to think about.
    pub hints: Vec<String>,
    /// The place in the book.
    pub chapter: String,
    /// The line in `lab.toml` on which the name stands.
    pub line: usize,
}

/// How much memory a machine has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory {
    mebibytes: u32,
}

impl Memory {
    /// The size if `lab.toml` names none.
    pub const DEFAULT: Self = Self { mebibytes: 64 };
    /// Less than this holds no kernel.
    const LEAST: u32 = 8;
    /// More than this is more than many hosts have.
    const MOST: u32 = 8 << 10;

    /// Reads `64M` or `1G`.
    ///
    /// # Errors
    /// What is wrong with the text, and what it should look like.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a memory size; write a whole number from 8M to 8G, such as \"64M\" or \"1G\"");
        let (digits, scale) = match text.as_bytes().last() {
            Some(b'M') => (&text[..text.len() - 1], 1),
            Some(b'G') => (&text[..text.len() - 1], 1024),
            _ => return Err(wrong()),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        let mebibytes = number.checked_mul(scale).ok_or_else(wrong)?;
        if (Self::LEAST..=Self::MOST).contains(&mebibytes) { Ok(Self { mebibytes }) } else { Err(wrong()) }
    }

    /// The size in MiB.
    pub fn mebibytes(self) -> u32 {
        self.mebibytes
    }
}

/// As `lab.toml` writes it, and as QEMU takes it: `64M`, `1G`.
impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mebibytes {
            size if size.is_multiple_of(1024) => write!(f, "{}G", size / 1024),
            size => write!(f, "{size}M"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLab {
    title: Spanned<String>,
    package: Spanned<String>,
    files: Spanned<Vec<Spanned<String>>>,
    chapter: Spanned<String>,
    #[serde(default)]
    symbols: bool,
    #[serde(default)]
    check: Vec<Spanned<RawCheck>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    name: Spanned<String>,
    points: Spanned<u32>,
    memory: Option<Spanned<Vec<Spanned<String>>>>,
    budget: Option<Spanned<u32>>,
    #[serde(default)]
    cost: bool,
    #[serde(default)]
    checkpoints: u8,
    #[serde(default)]
    panics: bool,
    #[serde(default)]
    programs: bool,
    rule: Spanned<String>,
    hint: Spanned<String>,
    #[serde(default)]
    hints: Vec<Spanned<String>>,
    chapter: Spanned<String>,
}

impl Check {
    /// All hints, one after the other: where to look, what to think about, and how to go on without the kernel, by
    /// the tests of the lab's `package`.
    pub fn tiers(&self, package: &str) -> Vec<String> {
        let host = format!(
            "Leave the kernel out of it: `cargo test --package {package}` tries the same contract on your own computer, \
             where you can print, use a debugger, and write a test of your own that is as small as the failure."
        );
        [&self.hint].into_iter().chain(&self.hints).cloned().chain([host]).collect()
    }
}

impl LabToml {
    /// Reads a lab's description.
    ///
    /// # Errors
    /// `file:line: what is wrong, what to do`, for whatever is wrong first.
    pub fn parse(text: &str, file: &Path) -> Result<Self> {
        let source = Source { text, file };
        let raw: RawLab = toml::from_str(text).map_err(|error| {
            let message = error.message().replace('\n', ", ");
            source.error(&error.span().unwrap_or(0..0), &message)
        })?;
        source.check_text("title", &raw.title)?;
        if !is_name(raw.package.get_ref()) {
            return Err(source.error(
                &raw.package.span(),
                &format!("`{}` is not a package name: use a-z, 0-9 and `-`", raw.package.get_ref()),
            ));
        }
        source.check_text("chapter", &raw.chapter)?;
        let files = source.files(&raw.files)?;
        if raw.check.is_empty() {
            return Err(source.error(&(0..0), "the lab has no checks: add at least one [[check]]"));
        }
        let mut checks = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        for raw in &raw.check {
            let check = source.check(raw.get_ref())?;
            if let Some(first) = lines.insert(check.name.clone(), check.line) {
                return Err(source.error(
                    &raw.get_ref().name.span(),
                    &format!("there are two checks named `{}`, the other is on line {first}: rename one", check.name),
                ));
            }
            checks.push(check);
        }
        if checks.iter().try_fold(0_u32, |sum, check| sum.checked_add(check.points)).is_none() {
            return Err(source.error(&(0..0), "the points add up to more than a 32-bit number"));
        }
        Ok(Self {
            title: raw.title.into_inner(),
            package: raw.package.into_inner(),
            files,
            chapter: raw.chapter.into_inner(),
            symbols: raw.symbols,
            checks,
        })
    }
}

/// The text being read, to say where in it something is wrong.
struct Source<'a> {
    text: &'a str,
    file: &'a Path,
}

impl Source<'_> {
    /// The line, from 1, that a byte is on.
    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn error(&self, span: &Range<usize>, message: &str) -> Error {
        Error::new(format!("{}:{}: {message}", self.file.display(), self.line(span.start)))
    }

    fn check_text(&self, key: &str, value: &Spanned<String>) -> Result<String> {
        if value.get_ref().trim().is_empty() {
            return Err(self.error(&value.span(), &format!("`{key}` is empty: say it in a few words")));
        }
        Ok(value.get_ref().clone())
    }

    fn files(&self, raw: &Spanned<Vec<Spanned<String>>>) -> Result<Vec<String>> {
        if raw.get_ref().is_empty() {
            return Err(self.error(&raw.span(), "`files` is empty: name at least one file that the student edits"));
        }
        for file in raw.get_ref() {
            let name = file.get_ref();
            let parts_are_plain = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if !parts_are_plain || name.contains('\\') || !name.starts_with("src/") {
                return Err(self.error(
                    &file.span(),
                    &format!("`{name}` is not a file under src/: write it such as \"src/bitmap.rs\""),
                ));
            }
            if name == "src/lib.rs" {
                return Err(self.error(
                    &file.span(),
                    "`src/lib.rs` chooses between student and reference, so it cannot be the student's",
                ));
            }
        }
        Ok(raw.get_ref().iter().map(|file| file.get_ref().clone()).collect())
    }

    fn check(&self, raw: &RawCheck) -> Result<Check> {
        let name = raw.name.get_ref();
        if !is_name(name) {
            return Err(self.error(&raw.name.span(), &format!("`{name}` is not a check's name: use a-z, 0-9 and `-`")));
        }
        if *raw.points.get_ref() == 0 {
            return Err(self.error(&raw.points.span(), &format!("`{name}` counts nothing: give it at least 1 point")));
        }
        let memory = match &raw.memory {
            None => vec![Memory::DEFAULT],
            Some(sizes) if sizes.get_ref().is_empty() => {
                return Err(self.error(&sizes.span(), "`memory` is empty: name a size, or leave the line out for 64M"));
            }
            Some(sizes) => {
                let mut memory = Vec::new();
                for size in sizes.get_ref() {
                    let parsed = Memory::parse(size.get_ref()).map_err(|wrong| self.error(&size.span(), &wrong))?;
                    if memory.contains(&parsed) {
                        return Err(self.error(&size.span(), &format!("`{parsed}` is named twice: leave one out")));
                    }
                    memory.push(parsed);
                }
                memory
            }
        };
        let budget = match &raw.budget {
            None => DEFAULT_BUDGET,
            Some(budget) if (1..=MAX_BUDGET).contains(budget.get_ref()) => *budget.get_ref(),
            Some(budget) => {
                return Err(self.error(
                    &budget.span(),
                    &format!(
                        "a budget of {} million instructions is not possible: choose 1 to {MAX_BUDGET}",
                        budget.get_ref(),
                    ),
                ));
            }
        };
        Ok(Check {
            name: name.clone(),
            points: *raw.points.get_ref(),
            memory,
            budget,
            cost: raw.cost,
            checkpoints: usize::from(raw.checkpoints),
            panics: raw.panics,
            programs: raw.programs,
            rule: self.check_text("rule", &raw.rule)?,
            hint: self.check_text("hint", &raw.hint)?,
            hints: raw.hints.iter().map(|hint| self.check_text("hint", hint)).collect::<Result<_>>()?,
            chapter: self.check_text("chapter", &raw.chapter)?,
            line: self.line(raw.name.span().start),
        })
    }
}

/// Whether a text is a name as checks and packages have them.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"title = "Frames"
package = "pmm"
files = ["src/bitmap.rs"]
chapter = "lab-01.html"

[[check]]
name = "never-twice"
points = 5
memory = ["16M", "1G"]
rule = "A frame is handed out once."
hint = "Look at allocate."
chapter = "lab-01.html#never-twice"
"#;

    fn parse(text: &str) -> Result<LabToml> {
        LabToml::parse(text, Path::new("labs/01-pmm/lab.toml"))
    }

    /// The error that `GOOD` gives with `from` replaced by `to`.
    fn error(from: &str, to: &str) -> String {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "`{from}` is not in the text");
        parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_is_read() {
        let lab = parse(GOOD).unwrap();
        assert_eq!((lab.title.as_str(), lab.package.as_str()), ("Frames", "pmm"));
        let check = &lab.checks[0];
        assert_eq!((check.points, check.budget, check.cost, check.line), (5, DEFAULT_BUDGET, false, 7));
        assert_eq!(check.memory.iter().map(ToString::to_string).collect::<Vec<_>>(), ["16M", "1G"]);
    }

    #[test]
    fn a_check_may_ask_for_the_programs() {
        assert!(!parse(GOOD).unwrap().checks[0].programs);
        assert!(parse(&GOOD.replace("points = 5", "points = 5\nprograms = true")).unwrap().checks[0].programs);
    }

    #[test]
    fn memory_has_a_default() {
        let lab = parse(&GOOD.replace("memory = [\"16M\", \"1G\"]\n", "")).unwrap();
        assert_eq!(lab.checks[0].memory, [Memory::DEFAULT]);
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        for (from, to, expected) in [
            ("points = 5", "points = 0", "labs/01-pmm/lab.toml:8: `never-twice` counts nothing"),
            ("points = 5", "points = -5", "labs/01-pmm/lab.toml:8: "),
            ("points = 5", "points = ", "labs/01-pmm/lab.toml:8: "),
            ("points = 5", "pionts = 5", "labs/01-pmm/lab.toml:8: unknown field `pionts`"),
            ("\"16M\"", "\"16\"", "labs/01-pmm/lab.toml:9: `16` is not a memory size"),
            ("\"16M\"", "\"1M\"", "labs/01-pmm/lab.toml:9: `1M` is not a memory size"),
            ("\"16M\"", "\"1024M\"", "labs/01-pmm/lab.toml:9: `1G` is named twice"),
            ("\"16M\"", "\"é\"", "labs/01-pmm/lab.toml:9: `é` is not a memory size"),
            ("[\"16M\", \"1G\"]", "[]", "labs/01-pmm/lab.toml:9: `memory` is empty"),
            ("never-twice\"\n", "Never Twice\"\n", "labs/01-pmm/lab.toml:7: `Never Twice` is not a check's name"),
            ("\"src/bitmap.rs\"", "\"../../kernel/x.rs\"", "labs/01-pmm/lab.toml:3: `../../kernel/x.rs` is not a file"),
            ("\"src/bitmap.rs\"", "\"src/lib.rs\"", "labs/01-pmm/lab.toml:3: `src/lib.rs` chooses"),
            ("[\"src/bitmap.rs\"]", "[]", "labs/01-pmm/lab.toml:3: `files` is empty"),
            ("Look at allocate.", " ", "labs/01-pmm/lab.toml:11: `hint` is empty"),
            ("memory = ", "budget = 99999\nmemory = ", "labs/01-pmm/lab.toml:9: a budget of 99999"),
        ] {
            let message = error(from, to);
            assert!(message.starts_with(expected), "{from} -> {to}: {message}");
        }
    }

    #[test]
    fn a_lab_without_checks_is_refused() {
        let text = &GOOD[..GOOD.find("[[check]]").unwrap()];
        assert!(parse(text).unwrap_err().to_string().contains("no checks"));
    }

    #[test]
    fn two_checks_of_one_name_are_refused() {
        let twice = format!("{GOOD}\n{}", &GOOD[GOOD.find("[[check]]").unwrap()..]);
        let message = parse(&twice).unwrap_err().to_string();
        assert_eq!(
            message,
            "labs/01-pmm/lab.toml:15: there are two checks named `never-twice`, the other is on line 7: rename one"
        );
    }

    #[test]
    fn a_missing_key_is_named() {
        let message = error("title = \"Frames\"\n", "");
        assert!(message.contains("missing field `title`"), "{message}");
    }
}
