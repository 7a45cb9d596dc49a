//! A workspace: the course on disk, with its labs.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::{fence, handed_in};
use crate::course::lab_toml::{Check, LabToml};
use crate::host::error::{Error, Result};
use crate::host::nearest;

/// Commands that a user may have meant by a lab's name that does not exist.
const COMMANDS: [&str; 11] =
    ["doctor", "setup", "run", "look", "watch", "contest", "explain", "audit", "batch", "handout", "help"];

/// A copy of the course.
#[derive(Debug)]
pub struct Workspace {
    /// The folder that holds `labs/` and `kernel/`.
    pub root: PathBuf,
    /// The labs, in the course's order.
    pub labs: Vec<Lab>,
}

/// One lab.
#[derive(Clone, Debug)]
pub struct Lab {
    /// The folder's name, such as `01-pmm`.
    pub id: String,
    /// The folder.
    pub folder: PathBuf,
    /// The contents of its `lab.toml`.
    pub toml: LabToml,
    /// The form in which its reference is here.
    pub reference: Reference,
}

/// The form in which a lab's reference is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference {
    /// There is none.
    Missing,
    /// An object, as in hand-outs: it can be linked, but not read.
    Compiled,
    /// Source files, in the folder `solution`.
    Source,
}

impl Reference {
    fn find(lab: &Path, package: &str) -> Self {
        // The folder may be empty, where the reference is kept out of reach.
        if fs::read_dir(lab.join("solution")).is_ok_and(|mut files| files.next().is_some()) {
            Self::Source
        } else if lab.join("compiled").join(archive(package)).is_file() {
            Self::Compiled
        } else {
            Self::Missing
        }
    }
}

/// The file with a teacher's decisions about a class, in the course's folder. No student gets it.
pub const POLICY: &str = "course.toml";

/// The file of a lab in a hand-out with its known mistakes in words.
pub const MISTAKES: &str = "mistakes.txt";

/// The file name of a package's compiled reference, in the lab's folder `compiled`.
pub fn archive(package: &str) -> String {
    format!("lib{package}.a")
}

impl Lab {
    /// The lab's number with two digits: `01`.
    pub fn number(&self) -> &str {
        self.id.split('-').next().unwrap_or(&self.id)
    }

    /// The student's files, relative to the workspace.
    pub fn files(&self) -> Vec<String> {
        self.toml.files.iter().map(|file| format!("labs/{}/{file}", self.id)).collect()
    }

    /// The code that a student may write in the lab: the frozen `src/lib.rs` says whether unsafe code is forbidden.
    pub fn code(&self) -> fence::Code {
        let frozen = fs::read_to_string(self.folder.join("src/lib.rs"));
        frozen.map_or(fence::Code::Safe, |text| fence::code_of(&text))
    }

    /// The mistakes that a check catches, in a sentence each: from the mistakes themselves, or from a hand-out's list.
    pub fn known_mistakes(&self, check: &str) -> Vec<String> {
        if let Ok(told) = fs::read_to_string(self.folder.join(MISTAKES)) {
            let of_check = |line: &str| line.strip_prefix(check)?.strip_prefix(": ").map(str::to_owned);
            return told.lines().filter_map(of_check).collect();
        }
        let patches = fs::read_dir(self.folder.join("mistakes")).into_iter().flatten().flatten();
        let texts = patches.filter_map(|entry| fs::read_to_string(entry.path()).ok());
        let mut sentences: Vec<String> = texts
            .filter_map(|text| {
                let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                (field("Caught-by:") == Some(check)).then(|| field("Mistake:").map(str::to_owned)).flatten()
            })
            .collect();
        sentences.sort();
        sentences
    }

    /// Whether the reference is here in some form, so that a kernel can be built with it.
    pub fn has_reference(&self) -> bool {
        self.reference != Reference::Missing
    }

    /// Whether the reference's source is here. In hand-outs it is not.
    pub fn has_solution(&self) -> bool {
        self.reference == Reference::Source
    }

    /// The folders of answers, relative to the lab's, that need not be in reach where the lab is graded: all
    /// but a champion that the kernel is linked with.
    pub fn answers(&self) -> Vec<&'static str> {
        let all = ["solution", "mistakes", "alternatives", "champion"];
        all.into_iter().filter(|folder| *folder != "champion" || !self.toml.symbols).collect()
    }

    /// Whether the lab's champion is here. In hand-outs it is not.
    pub fn has_champion(&self) -> bool {
        self.folder.join("champion").is_dir()
    }

    /// Whether `name` means this lab. Lab 01 is called `01`, `1`, `01-pmm` or `pmm`.
    pub fn is_called(&self, name: &str) -> bool {
        let (number, rest) = self.id.split_once('-').unwrap_or((&self.id, ""));
        let same_number = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_digit())
            && name.parse::<u32>().ok() == number.parse::<u32>().ok();
        same_number || name == self.id || name == rest || name == self.toml.package
    }
}

impl Workspace {
    /// Finds the course that the current folder is in, or else the course that
    /// cargo was started for, and reads its labs.
    ///
    /// # Errors
    /// If there is no course, or a lab's `lab.toml` is wrong.
    pub fn find() -> Result<Self> {
        let root = find_root()?;
        // Cargo names files by their real place.
        Self::open(&root.canonicalize().unwrap_or(root))
    }

    /// Reads the course in a folder.
    ///
    /// # Errors
    /// If a lab's `lab.toml` is wrong, or there are no labs.
    pub fn open(root: &Path) -> Result<Self> {
        let labs_folder = root.join("labs");
        let mut ids = Vec::new();
        let entries = fs::read_dir(&labs_folder).map_err(|error| Error::io("cannot read", &labs_folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("cannot read", &labs_folder, &error))?;
            if let Ok(name) = entry.file_name().into_string()
                && is_lab_id(&name)
                && entry.path().is_dir()
            {
                ids.push(name);
            }
        }
        ids.sort();
        let mut labs = Vec::new();
        for id in ids {
            labs.push(read_lab(&labs_folder, id)?);
        }
        if labs.is_empty() {
            return Err(Error::new(format!("there are no labs in {}", labs_folder.display()))
                .advise("a lab's folder is named like `01-pmm`"));
        }
        check_unique(&labs)?;
        Ok(Self { root: root.to_owned(), labs })
    }

    /// The labs with these names, in the course's order; all labs if `names` is empty.
    ///
    /// # Errors
    /// If there is no such lab: the message names the nearest one.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Lab>> {
        for name in names {
            if !self.labs.iter().any(|lab| lab.is_called(name)) {
                if let Some(command) = nearest::nearest(name, COMMANDS.into_iter()) {
                    return Err(Error::new(format!("there is no lab or command `{name}`"))
                        .advise(format!("did you mean `cargo grade {command}`?")));
                }
                if self.check(name).is_ok() {
                    return Err(Error::new(format!("`{name}` is a check, not a lab"))
                        .advise(format!("run it with `cargo grade --check {name}`")));
                }
                let ids = self.labs.iter().map(|lab| lab.id.as_str());
                return Err(
                    Error::new(format!("there is no lab `{name}`")).advise(nearest::suggestion(name, ids, "labs"))
                );
            }
        }
        let chosen = |lab: &&Lab| names.is_empty() || names.iter().any(|name| lab.is_called(name));
        Ok(self.labs.iter().filter(chosen).collect())
    }

    /// The same, where the source of each lab's reference is needed.
    ///
    /// # Errors
    /// As there, and if it is not in this copy of the course.
    pub fn select_whole(&self, names: &[String]) -> Result<Vec<&Lab>> {
        let labs = self.select(names)?;
        match labs.iter().find(|lab| !lab.has_solution()) {
            None => Ok(labs),
            Some(lab) => Err(Error::new(format!("labs/{} has no reference here", lab.id))
                .advise("that needs the whole course, not what students get")),
        }
    }

    /// The check of this name, and its lab.
    ///
    /// # Errors
    /// If there is no such check: the message names the nearest one.
    pub fn check(&self, name: &str) -> Result<(&Lab, &Check)> {
        let checks = || self.labs.iter().flat_map(|lab| lab.toml.checks.iter().map(move |check| (lab, check)));
        checks().find(|(_, check)| check.name == name).ok_or_else(|| {
            let names = checks().map(|(_, check)| check.name.as_str());
            Error::new(format!("there is no check `{name}`")).advise(nearest::suggestion(name, names, "checks"))
        })
    }
}

/// `01-pmm`: two digits, a hyphen, a name.
fn is_lab_id(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() > 3 && bytes[0].is_ascii_digit() && bytes[1].is_ascii_digit() && bytes[2] == b'-'
}

fn read_lab(labs_folder: &Path, id: String) -> Result<Lab> {
    let folder = labs_folder.join(&id);
    let path = folder.join("lab.toml");
    let shown = PathBuf::from("labs").join(&id).join("lab.toml");
    let text = fs::read_to_string(&path).map_err(|error| {
        Error::io("cannot read", &shown, &error)
            .advise(format!("every lab has one; if labs/{id} is none, move it away"))
    })?;
    let toml = LabToml::parse(&text, &shown)?;
    for file in &toml.files {
        if let Some(wrong) = handed_in::trouble(&folder, file) {
            return Err(Error::new(format!("labs/{id}/{wrong}")).advise("it is the file that you edit: restore it"));
        }
    }
    Ok(Lab { reference: Reference::find(&folder, &toml.package), id, folder, toml })
}

fn check_unique(labs: &[Lab]) -> Result<()> {
    let mut seen: HashMap<&str, &Lab> = HashMap::new();
    for lab in labs {
        for check in &lab.toml.checks {
            if let Some(other) = seen.insert(&check.name, lab) {
                return Err(Error::new(format!(
                    "labs/{}/lab.toml:{}: the check `{}` is also in labs/{}/lab.toml",
                    lab.id, check.line, check.name, other.id,
                ))
                .advise("rename one; if one of the folders is a copy, move it out of labs/"));
            }
        }
    }
    Ok(())
}

/// The course's folder: the current folder or one above it, or else the folder that cargo was started for.
fn find_root() -> Result<PathBuf> {
    let here = env::current_dir().map_err(|error| {
        Error::new(format!("cannot tell what the current folder is: {error}")).advise("`cd` to the course")
    })?;
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    [Some(here), manifest]
        .into_iter()
        .flatten()
        .find_map(|start| start.ancestors().find(|folder| is_root(folder)).map(Path::to_owned))
        .ok_or_else(|| {
            Error::new("this folder is not in a copy of the course")
                .advise("`cd` to where you cloned it, and try again")
        })
}

fn is_root(folder: &Path) -> bool {
    folder.join("labs").is_dir()
        && folder.join("kernel/image/Cargo.toml").is_file()
        && folder.join("Cargo.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(labs: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (id, check) in labs {
            let src = root.path().join("labs").join(id).join("src");
            fs::create_dir_all(&src).unwrap();
            fs::write(src.join("part.rs"), "").unwrap();
            let package = id.split_once('-').unwrap().1;
            fs::write(
                src.join("../lab.toml"),
                format!(
                    "title = \"t\"\npackage = \"{package}\"\nfiles = [\"src/part.rs\"]\nchapter = \"c\"\n\
                     [[check]]\nname = \"{check}\"\npoints = 1\nrule = \"r\"\nhint = \"h\"\nchapter = \"c\"\n"
                ),
            )
            .unwrap();
        }
        root
    }

    fn ids(labs: &[&Lab]) -> Vec<String> {
        labs.iter().map(|lab| lab.id.clone()).collect()
    }

    #[test]
    fn a_lab_is_found_by_any_of_its_names() {
        let root = course(&[("01-pmm", "a"), ("02-vmm", "b"), ("10-end", "c")]);
        let course = Workspace::open(root.path()).unwrap();
        for name in ["01", "1", "01-pmm", "pmm"] {
            assert_eq!(ids(&course.select(&[name.into()]).unwrap()), ["01-pmm"], "{name}");
        }
        assert_eq!(ids(&course.select(&[]).unwrap()), ["01-pmm", "02-vmm", "10-end"]);
        assert_eq!(ids(&course.select(&["vmm".into(), "1".into()]).unwrap()), ["01-pmm", "02-vmm"]);
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one() {
        let root = course(&[("01-pmm", "never-twice"), ("02-vmm", "b")]);
        let course = Workspace::open(root.path()).unwrap();
        let error = course.select(&["pnm".into()]).unwrap_err().to_string();
        assert!(error.contains("did you mean `01-pmm`"), "{error}");
        let error = course.check("never-twise").unwrap_err().to_string();
        assert!(error.contains("did you mean `never-twice`"), "{error}");
        let error = course.select(&["never-twice".into()]).unwrap_err().to_string();
        assert!(error.contains("cargo grade --check never-twice"), "{error}");
        assert!(course.select(&["".into()]).is_err());
    }

    #[test]
    fn a_copied_lab_is_explained() {
        let root = course(&[("01-pmm", "a"), ("01-pmm-old", "a")]);
        let error = Workspace::open(root.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("labs/01-pmm-old/lab.toml:6: the check `a` is also in labs/01-pmm/lab.toml"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_student_file_is_named() {
        let root = course(&[("01-pmm", "a")]);
        fs::remove_file(root.path().join("labs/01-pmm/src/part.rs")).unwrap();
        let error = Workspace::open(root.path()).unwrap_err().to_string();
        assert!(error.starts_with("labs/01-pmm/src/part.rs is missing"), "{error}");
    }
}
