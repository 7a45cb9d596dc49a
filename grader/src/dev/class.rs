//! Writes a class to try `cargo grade batch` on: references, known mistakes, alternatives, untouched skeletons,
//! files that do not compile, and labs that were not handed in. The same options give the same class.

use std::fs;
use std::path::{Path, PathBuf};

use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};

use super::check::files::Files;
use super::check::variant::{self, Kind, Variant, roots};

/// The options of a class.
pub struct Options {
    /// The destination: a folder that does not exist yet, or is empty.
    pub folder: PathBuf,
    /// Labs by name; all if empty.
    pub labs: Vec<String>,
    /// How many submissions.
    pub submissions: u32,
    /// What is in each.
    pub each: Each,
}

/// What is in a submission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Each {
    /// All labs.
    AllLabs,
    /// One lab, in turn.
    OneLab,
}

/// The kinds of a student's files for a lab, by turns: most contain a mistake.
const TURNS: [Turn; 10] = [
    Turn::Mistake,
    Turn::Reference,
    Turn::Mistake,
    Turn::Alternative,
    Turn::Broken,
    Turn::Mistake,
    Turn::Skeleton,
    Turn::Mistake,
    Turn::Nothing,
    Turn::Alternative,
];

/// The kind of a student's files for a lab.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    Reference,
    Mistake,
    Alternative,
    Skeleton,
    Broken,
    Nothing,
}

/// Writes the class, and returns how many files it has.
///
/// # Errors
/// If the folder is in use, or a file cannot be read or written.
pub fn write(workspace: &Workspace, options: &Options) -> Result<usize> {
    let folder = &options.folder;
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::new(format!("{} is not empty", folder.display())).advise("name a new folder"));
    }
    let mut files = 0;
    let labs = workspace.select_whole(&options.labs)?;
    for (place, lab) in labs.iter().enumerate() {
        let variants = variant::all(lab)?.all;
        for number in 0..options.submissions as usize {
            let turn = match options.each {
                Each::AllLabs => number + 3 * place,
                Each::OneLab if number % labs.len() == place => number / labs.len(),
                Each::OneLab => continue,
            };
            let student = folder.join(format!("student-{:03}", number + 1));
            fs::create_dir_all(&student).map_err(|error| Error::io("cannot create", &student, &error))?;
            for (name, text) in handed_in(lab, &variants, number, turn)? {
                files += 1;
                put(&student.join(format!("labs/{}/src/{name}", lab.id)), &text)?;
            }
        }
    }
    Ok(files)
}

fn put(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("cannot create", folder, &error))?;
    }
    fs::write(path, text).map_err(|error| Error::io("cannot write", path, &error))
}

/// A student's files for a lab at this turn: only the files that the lab takes, with their modules put into them.
fn handed_in(lab: &Lab, variants: &[Variant], number: usize, turn: usize) -> Result<Files> {
    let (round, turn) = (number / TURNS.len(), TURNS[turn % TURNS.len()]);
    let fits = |variant: &&Variant| match turn {
        Turn::Reference => matches!(variant.kind, Kind::Reference),
        Turn::Mistake => matches!(variant.kind, Kind::Mistake(_)),
        Turn::Alternative => matches!(variant.kind, Kind::Alternative),
        Turn::Skeleton | Turn::Broken => matches!(variant.kind, Kind::Skeleton),
        Turn::Nothing => false,
    };
    let all: Vec<&Variant> = variants.iter().filter(fits).collect();
    if all.is_empty() {
        return Ok(Files::new());
    }
    // Students with the same turn get different files of that kind.
    let variant = all[(number + round) % all.len()];
    let mut files = Files::new();
    for root in roots(lab) {
        let mut text = whole(root, &variant.files)?;
        if turn == Turn::Broken {
            text.push_str(&format!("\nconst STUDENT: u32 = \"{number}\";\n"));
        }
        files.insert(root.to_owned(), text);
    }
    Ok(files)
}

/// A file with its modules written into it, since only the student's own files are taken.
fn whole(name: &str, files: &Files) -> Result<String> {
    let missing = |name: &str| Error::new(format!("there is no {name}, which the implementation names"));
    let text = files.get(name).ok_or_else(|| missing(name))?;
    // The modules of `x.rs` are in `x/`, except those of a student's file, which is a crate's root for them.
    let below = match name.rsplit_once('/') {
        Some(_) => name.trim_end_matches(".rs").to_owned() + "/",
        None => String::new(),
    };
    let mut out = String::new();
    for line in text.lines() {
        match module(line) {
            Some(module) => {
                let beside = format!("{below}{module}.rs");
                let own = format!("{}/{module}.rs", name.trim_end_matches(".rs"));
                let place = if files.contains_key(&beside) { beside } else { own };
                out.push_str(&format!("{} {{\n{}}}\n", line.trim_end_matches(';'), whole(&place, files)?));
            }
            None => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    Ok(out)
}

/// The name in `mod name;`.
fn module(line: &str) -> Option<&str> {
    let words = line.strip_suffix(';')?;
    let (before, name) = words.rsplit_once("mod ")?;
    let is_declaration = before.is_empty() || before.starts_with("pub");
    (is_declaration && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn modules_are_put_where_they_are_named() {
        let files = Files::from([
            ("a.rs".to_owned(), "//! A.\nmod b;\npub(super) mod c;\nfn mod_d() {}\n".to_owned()),
            ("b.rs".to_owned(), "use super::c;\n".to_owned()),
            ("a/c.rs".to_owned(), "fn c() {}\n".to_owned()),
        ]);
        let text = whole("a.rs", &files).unwrap();
        let expected = "//! A.\nmod b {\nuse super::c;\n}\npub(super) mod c {\nfn c() {}\n}\nfn mod_d() {}\n";
        assert_eq!(text, expected);
        assert!(whole("x.rs", &files).is_err());
    }

    #[test]
    fn a_class_has_something_of_everything() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let workspace = Workspace::open(root).unwrap();
        if !workspace.labs.iter().all(Lab::has_solution) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let options = |name: &str, submissions| Options {
            folder: folder.path().join(name),
            labs: vec!["01".to_owned(), "03".to_owned()],
            submissions,
            each: Each::AllLabs,
        };
        write(&workspace, &options("class", 20)).unwrap();
        write(&workspace, &options("again", 20)).unwrap();
        assert!(write(&workspace, &options("class", 1)).unwrap_err().to_string().contains("is not empty"));
        let text = |class: &str, number: u32| {
            let file = format!("{class}/student-{number:03}/labs/01-pmm/src/bitmap.rs");
            fs::read_to_string(folder.path().join(file)).unwrap_or_default()
        };
        let texts: Vec<String> = (1..=20).map(|number| text("class", number)).collect();
        assert!((1..=20).all(|number| text("again", number) == texts[number as usize - 1]));
        assert_eq!(texts.iter().filter(|text| text.is_empty()).count(), 2, "some hand in nothing");
        assert_eq!(texts.iter().filter(|text| text.contains("const STUDENT")).count(), 2);
        assert!(texts.iter().collect::<BTreeSet<_>>().len() > 12, "most are unlike each other");
        assert!(
            texts.iter().any(|text| text.contains("mod runs {"))
                && !texts.iter().any(|text| text.contains("mod runs;"))
        );

        let of_one = Options { each: Each::OneLab, ..options("of-one", 40) };
        write(&workspace, &of_one).unwrap();
        let has =
            |number: u32, lab: &str| folder.path().join(format!("of-one/student-{number:03}/labs/{lab}/src")).is_dir();
        assert!((1..=40).all(|number| !(has(number, "01-pmm") && has(number, "03-heap"))));
        for lab in ["01-pmm", "03-heap"] {
            assert_eq!((1..=40).filter(|number| has(*number, lab)).count(), 18, "one in ten hands in nothing");
        }
    }
}
