//! The parts of a lab's `lab.toml` that the book shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::Problem;

/// The parts of a lab that the book shows.
#[derive(Debug)]
pub struct Lab {
    /// The folder's name, such as `01-pmm`.
    pub id: String,
    /// The title, such as `Frames`.
    pub title: String,
    /// The page that teaches it, such as `lab-01-frames.html`.
    pub chapter: String,
    /// The checks, in the order of the file.
    pub checks: Vec<Check>,
}

/// The parts of a check that the book shows.
#[derive(Debug)]
pub struct Check {
    /// The name, which is also the anchor in the chapter.
    pub name: String,
    /// Its points.
    pub points: u32,
    /// The memory sizes of its machines, such as `64M`.
    pub memory: Vec<String>,
    /// After how many million guest instructions it counts as hung.
    pub budget: u64,
    /// Whether it judges cost and not correctness.
    pub cost: bool,
    /// Whether its machine gets the programs of ring 3.
    pub programs: bool,
    /// The rule of the contract.
    pub rule: String,
    /// The hint: where to look.
    pub hint: String,
    /// The page of the book, with the anchor.
    pub chapter: String,
}

impl Lab {
    /// The sum of all checks' points.
    pub fn points(&self) -> u32 {
        self.checks.iter().map(|check| check.points).sum()
    }
}

/// `lab.toml` in its written form. The grader refuses unknown fields; the book only
/// reads those that it shows.
#[derive(Deserialize)]
struct File {
    title: Spanned<String>,
    chapter: Spanned<String>,
    #[serde(default)]
    check: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: Spanned<String>,
    points: Spanned<u32>,
    #[serde(default = "default_memory")]
    memory: Spanned<Vec<String>>,
    #[serde(default = "default_budget")]
    budget: u64,
    #[serde(default)]
    cost: bool,
    #[serde(default)]
    programs: bool,
    rule: Spanned<String>,
    hint: Spanned<String>,
    chapter: Spanned<String>,
}

fn default_memory() -> Spanned<Vec<String>> {
    Spanned::new(0..0, vec!["64M".to_owned()])
}

fn default_budget() -> u64 {
    500
}

/// All labs in the folder `labs`, in the order of their names. Folders without
/// a `lab.toml` are no labs.
///
/// # Errors
/// The first file that cannot be read or that is wrong, and the line. A check's name
/// that two labs use is wrong, too, since a name is unique in the course.
pub fn read_all(labs: &Path) -> Result<Vec<Lab>, Problem> {
    let unreadable = |error: std::io::Error| Problem::in_file(labs, format!("cannot be read: {error}"));
    let mut folders = Vec::new();
    for entry in fs::read_dir(labs).map_err(unreadable)? {
        let folder = entry.map_err(unreadable)?.path();
        if folder.join("lab.toml").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();

    let mut owners: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut all = Vec::new();
    for folder in folders {
        let lab = read(&folder)?;
        let file = folder.join("lab.toml");
        for check in &lab.checks {
            if let Some(other) = owners.insert(check.name.clone(), file.clone()) {
                return Err(Problem::in_file(
                    &file,
                    format!(
                        "the check `{}` is also in {}, and names are unique in the course",
                        check.name,
                        other.display()
                    ),
                ));
            }
        }
        all.push(lab);
    }
    Ok(all)
}

/// The lab in `folder`.
///
/// # Errors
/// The first mistake in its `lab.toml`, with the line.
pub fn read(folder: &Path) -> Result<Lab, Problem> {
    let file = folder.join("lab.toml");
    let text =
        fs::read_to_string(&file).map_err(|error| Problem::in_file(&file, format!("cannot be read: {error}")))?;
    let id = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    parse(id, &file, &text)
}

fn parse(id: String, file: &Path, text: &str) -> Result<Lab, Problem> {
    let parsed: File = toml::from_str(text).map_err(|error| match error.span() {
        Some(span) => Problem::at(file, text, span.start, error.message()),
        None => Problem::in_file(file, error.message()),
    })?;

    let mut checks: Vec<Check> = Vec::new();
    for entry in parsed.check {
        let at = |offset: usize, what: String| Problem::at(file, text, offset, what);
        let name = entry.name.get_ref();
        let start = entry.name.span().start;
        let is_ours = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(is_ours) {
            return Err(at(start, format!("`{name}` is no check's name: use a-z, 0-9 and -")));
        }
        if checks.iter().any(|check| &check.name == name) {
            return Err(at(start, format!("there is a check `{name}` already")));
        }
        if *entry.points.get_ref() == 0 {
            return Err(at(entry.points.span().start, format!("`{name}` has no points")));
        }
        if let Some(size) = entry.memory.get_ref().iter().find(|size| !is_memory_size(size)) {
            return Err(at(
                entry.memory.span().start,
                format!("`{size}` is no memory size: use a form such as 64M or 2G"),
            ));
        }
        for (field, value) in [("rule", &entry.rule), ("hint", &entry.hint)] {
            if value.get_ref().trim().is_empty() {
                return Err(at(value.span().start, format!("the {field} of `{name}` is empty")));
            }
        }
        let anchor = entry.chapter.get_ref().split_once('#').map(|(_, anchor)| anchor);
        if anchor != Some(name) {
            return Err(at(
                entry.chapter.span().start,
                format!("the chapter of `{name}` has to end in `#{name}`, which is where the book explains it"),
            ));
        }
        checks.push(Check {
            name: name.clone(),
            points: *entry.points.get_ref(),
            memory: entry.memory.into_inner(),
            budget: entry.budget,
            cost: entry.cost,
            programs: entry.programs,
            rule: entry.rule.into_inner(),
            hint: entry.hint.into_inner(),
            chapter: entry.chapter.into_inner(),
        });
    }
    if parsed.title.get_ref().trim().is_empty() {
        return Err(Problem::at(file, text, parsed.title.span().start, "the title is empty"));
    }
    Ok(Lab { id, title: parsed.title.into_inner(), chapter: parsed.chapter.into_inner(), checks })
}

/// Whether QEMU would accept `size` as a number of mebibytes or gibibytes.
fn is_memory_size(size: &str) -> bool {
    let digits = size.strip_suffix('M').or_else(|| size.strip_suffix('G'));
    digits.is_some_and(|digits| digits.parse::<u32>().is_ok_and(|number| number > 0) && !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "title = \"Frames\"\npackage = \"pmm\"\nfiles = [\"src/bitmap.rs\"]\nchapter = \"one.html\"\n";

    fn check(name: &str, more: &str) -> String {
        format!(
            "\n[[check]]\nname = \"{name}\"\npoints = 5\nrule = \"A rule.\"\nhint = \"A hint.\"\n\
             chapter = \"one.html#{name}\"\n{more}"
        )
    }

    fn parsed(text: &str) -> Result<Lab, String> {
        parse("01-pmm".to_owned(), Path::new("lab.toml"), text).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_lab_is_read_with_its_defaults() {
        let lab = parsed(&format!("{HEAD}{}{}", check("a", ""), check("b", "memory = [\"16M\", \"1G\"]\n"))).unwrap();
        assert_eq!((lab.id.as_str(), lab.title.as_str(), lab.points()), ("01-pmm", "Frames", 10));
        assert_eq!(lab.checks[0].memory, ["64M"]);
        assert_eq!(lab.checks[0].budget, 500);
        assert_eq!(lab.checks[1].memory, ["16M", "1G"]);
        assert!(!lab.checks[1].cost);
    }

    #[test]
    fn what_is_not_toml_is_named_with_its_line() {
        let problem = parsed(&format!("{HEAD}[[check]\n")).unwrap_err();
        assert!(problem.starts_with("lab.toml:5: "), "{problem}");
    }

    #[test]
    fn a_missing_field_is_named() {
        let problem = parsed("title = \"Frames\"\n").unwrap_err();
        assert!(problem.contains("chapter"), "{problem}");
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_line() {
        let twice = parsed(&format!("{HEAD}{}{}", check("a", ""), check("a", ""))).unwrap_err();
        assert_eq!(twice, "lab.toml:14: there is a check `a` already");

        let name = parsed(&format!("{HEAD}{}", check("A b", ""))).unwrap_err();
        assert_eq!(name, "lab.toml:7: `A b` is no check's name: use a-z, 0-9 and -");

        let memory = parsed(&format!("{HEAD}{}", check("a", "memory = [\"64MB\"]\n"))).unwrap_err();
        assert_eq!(memory, "lab.toml:12: `64MB` is no memory size: use a form such as 64M or 2G");

        let points = parsed(&format!("{HEAD}{}", check("a", "").replace("points = 5", "points = 0"))).unwrap_err();
        assert_eq!(points, "lab.toml:8: `a` has no points");

        let rule = parsed(&format!("{HEAD}{}", check("a", "").replace("A rule.", " "))).unwrap_err();
        assert_eq!(rule, "lab.toml:9: the rule of `a` is empty");

        let chapter = parsed(&format!("{HEAD}{}", check("a", "").replace("#a", "#b"))).unwrap_err();
        assert!(chapter.starts_with("lab.toml:11: the chapter of `a` has to end in `#a`"), "{chapter}");
    }

    #[test]
    fn a_name_is_unique_in_the_course() {
        let labs = tempfile::tempdir().unwrap();
        for lab in ["01-pmm", "02-vmm"] {
            fs::create_dir(labs.path().join(lab)).unwrap();
            fs::write(labs.path().join(lab).join("lab.toml"), format!("{HEAD}{}", check("a", ""))).unwrap();
        }
        fs::create_dir(labs.path().join("notes")).unwrap();
        let problem = read_all(labs.path()).unwrap_err().to_string();
        assert!(problem.contains("the check `a` is also in"), "{problem}");
    }
}
