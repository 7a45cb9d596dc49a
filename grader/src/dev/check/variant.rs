//! The implementations that the course has for a lab: the skeleton,
//! the reference, the champion, known mistakes and alternatives.
//!
//! Each is put in the place of `solution/`, so that all of them are built in one
//! mix, and each may have any number of files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::path::is_hidden;

use super::files::{Files, read, read_all};
use super::patch::Mistake;

/// One implementation, and the result that it has to have.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The file that it comes from, relative to the lab's folder.
    pub origin: PathBuf,
    /// Its kind.
    pub kind: Kind,
    /// The files for `solution/`.
    pub files: Files,
}

/// The claim that a variant proves.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The skeleton: no check may pass.
    Skeleton,
    /// The reference: every check has to pass.
    Reference,
    /// The fastest known design: every check has to pass.
    Champion,
    /// A mistake: the check that it names has to fail.
    Mistake(Mistake),
    /// Correct, but unlike the reference: every check that does not judge cost has to pass.
    Alternative,
}

impl Kind {
    /// The kind, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Skeleton => "skeleton",
            Self::Reference => "reference",
            Self::Champion => "champion",
            Self::Mistake(_) => "mistake",
            Self::Alternative => "alternative",
        }
    }
}

/// The files that the switch names, relative to `src/`, `solution/` or `champion/`:
/// they have the names of the student's. All other files beside them are their modules.
pub fn roots(lab: &Lab) -> impl Iterator<Item = &str> {
    lab.toml.files.iter().map(|name| name.strip_prefix("src/").unwrap_or(name))
}

/// The reference.
///
/// # Errors
/// That of the first file that cannot be read.
pub fn reference(lab: &Lab) -> Result<Files> {
    read_all(&lab.folder.join("solution"))
}

/// All variants of a lab.
#[derive(Debug, Default)]
pub struct Variants {
    /// In the order: skeleton, reference, champions, mistakes, alternatives.
    pub all: Vec<Variant>,
    /// Patches that cannot be read, or do not apply to the reference, and why.
    pub unfit: Vec<String>,
}

/// All variants of a lab.
///
/// # Errors
/// That of the first file that cannot be read.
pub fn all(lab: &Lab) -> Result<Variants> {
    let reference = reference(lab)?;
    let mut variants = vec![
        Variant { origin: "src".into(), kind: Kind::Skeleton, files: skeleton(lab, &reference)? },
        Variant { origin: "solution".into(), kind: Kind::Reference, files: reference.clone() },
    ];
    if lab.has_champion() {
        variants.extend(champions(lab, &reference)?);
    }
    let mut unfit = Vec::new();
    for path in entries(&lab.folder.join("mistakes"), "patch")? {
        match mistake(lab, &reference, &path) {
            Ok(variant) => variants.push(variant),
            Err(error) => unfit.push(error.to_string()),
        }
    }
    for (index, root) in roots(lab).enumerate() {
        let below = alternatives_to(root, index);
        for path in entries(&lab.folder.join(&below), "rs")? {
            let mut files = reference.clone();
            files.insert(root.to_owned(), read(&path)?);
            variants.push(Variant { origin: origin(&path, &below), kind: Kind::Alternative, files });
        }
    }
    Ok(Variants { all: variants, unfit })
}

/// The student's files as they are handed out, among the reference's, which they do not use.
fn skeleton(lab: &Lab, reference: &Files) -> Result<Files> {
    let mut files = reference.clone();
    for root in roots(lab) {
        files.insert(root.to_owned(), read(&lab.folder.join("src").join(root))?);
    }
    Ok(files)
}

/// The champion, and one for each folder in `champion/` that has a `mod.rs`, such as `thrifty/`: another
/// champion, which may use the first one's modules. Then all of them lie one folder deeper.
fn champions(lab: &Lab, reference: &Files) -> Result<Vec<Variant>> {
    let files = champion(lab, reference)?;
    let mut found = Vec::new();
    for name in files.keys().filter_map(|file| file.strip_suffix("/mod.rs")) {
        let Some(root) = roots(lab).next() else { break };
        let deeper = files.iter().map(|(file, text)| match file == root {
            true => ("champion/mod.rs".to_owned(), text.clone()),
            false => (format!("champion/{file}"), text.clone()),
        });
        let mut deeper: Files = deeper.collect();
        for other in roots(lab).skip(1) {
            deeper.extend(files.get(other).map(|text| (other.to_owned(), text.clone())));
        }
        let text = format!("#[allow(dead_code)]\nmod champion;\npub use champion::{name}::*;\n");
        deeper.insert(root.to_owned(), text);
        found.push(Variant { origin: format!("champion/{name}").into(), kind: Kind::Champion, files: deeper });
    }
    found.insert(0, Variant { origin: "champion".into(), kind: Kind::Champion, files });
    Ok(found)
}

/// The champion's files, and the reference's where the champion has no file of that name.
fn champion(lab: &Lab, reference: &Files) -> Result<Files> {
    let mut files = read_all(&lab.folder.join("champion"))?;
    if roots(lab).all(|root| files.contains_key(root)) {
        return Ok(files);
    }
    for (name, text) in reference {
        files.entry(name.clone()).or_insert_with(|| text.clone());
    }
    Ok(files)
}

fn mistake(lab: &Lab, reference: &Files, path: &Path) -> Result<Variant> {
    let shown = PathBuf::from(format!("labs/{}/mistakes", lab.id)).join(path.file_name().unwrap_or_default());
    let mistake = Mistake::parse(&read(path)?, &shown)?;
    if !lab.toml.checks.iter().any(|check| check.name == mistake.caught_by) {
        return Err(Error::new(format!("{}: there is no check `{}`", shown.display(), mistake.caught_by))
            .advise(format!("name one of labs/{}/lab.toml", lab.id)));
    }
    let files = mistake.apply(reference, &shown)?;
    Ok(Variant { origin: origin(path, "mistakes"), kind: Kind::Mistake(mistake), files })
}

/// Where the alternatives to a student's file are: those to the first file in
/// `alternatives` itself, those to another one in a folder there that is named after it.
fn alternatives_to(root: &str, index: usize) -> String {
    match index {
        0 => "alternatives".to_owned(),
        _ => format!("alternatives/{}", root.trim_end_matches(".rs")),
    }
}

/// The files of a folder that end in `extension`, sorted; none if there is no folder.
fn entries(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("cannot read", folder, &error)),
    };
    let mut paths = Vec::new();
    for entry in listing {
        let path = entry.map_err(|error| Error::io("cannot read", folder, &error))?.path();
        if path.extension().is_some_and(|found| found == extension) && !is_hidden(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn origin(path: &Path, folder: &str) -> PathBuf {
    Path::new(folder).join(path.file_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::lab_toml::LabToml;
    use crate::course::workspace::Reference;

    const TOML: &str = "title = \"t\"\npackage = \"heap\"\nfiles = [\"src/blocks.rs\", \"src/shared.rs\"]\nchapter = \"c\"\n\
                        [[check]]\nname = \"finds\"\npoints = 1\nrule = \"r\"\nhint = \"h\"\nchapter = \"c\"\n";

    fn lab(files: &[(&str, &str)]) -> (tempfile::TempDir, Lab) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let toml = LabToml::parse(TOML, Path::new("lab.toml")).unwrap();
        let lab =
            Lab { id: "03-heap".to_owned(), folder: folder.path().to_owned(), toml, reference: Reference::Source };
        (folder, lab)
    }

    const COURSE: [(&str, &str); 6] = [
        ("src/blocks.rs", "todo"),
        ("src/shared.rs", "todo"),
        ("solution/blocks.rs", "mod region;\n"),
        ("solution/region.rs", "good();\n"),
        ("solution/shared.rs", "lock();\n"),
        (
            "mistakes/bad.patch",
            "Mistake: bad\nCaught-by: finds\n\n--- a/solution/region.rs\n+++ b/solution/region.rs\n@@ -1 +1 @@\n\
             -good();\n+bad();\n",
        ),
    ];

    fn with(more: &[(&str, &str)]) -> Vec<Variant> {
        let (_folder, lab) = lab(&[&COURSE, more].concat());
        let found = all(&lab).unwrap();
        assert_eq!(found.unfit, [""; 0]);
        found.all
    }

    fn text<'a>(variant: &'a Variant, name: &str) -> Option<&'a str> {
        variant.files.get(name).map(String::as_str)
    }

    #[test]
    fn a_variant_has_as_many_files_as_it_likes() {
        let variants = with(&[("alternatives/list.rs", "list"), ("alternatives/shared/guard.rs", "guard")]);
        let words: Vec<&str> = variants.iter().map(|variant| variant.kind.word()).collect();
        assert_eq!(words, ["skeleton", "reference", "mistake", "alternative", "alternative"]);
        assert_eq!((text(&variants[0], "blocks.rs"), text(&variants[0], "shared.rs")), (Some("todo"), Some("todo")));
        assert_eq!(text(&variants[1], "region.rs"), Some("good();\n"));
        assert_eq!(text(&variants[2], "region.rs"), Some("bad();\n"));
        assert_eq!(
            (text(&variants[3], "blocks.rs"), text(&variants[3], "shared.rs")),
            (Some("list"), Some("lock();\n"))
        );
        assert_eq!(text(&variants[4], "shared.rs"), Some("guard"));
    }

    #[test]
    fn a_champion_takes_the_whole_place_of_the_reference() {
        let whole =
            with(&[("champion/blocks.rs", "fast"), ("champion/shared.rs", "lock"), ("champion/bins/wide.rs", "")]);
        assert_eq!(whole[2].kind.word(), "champion");
        assert_eq!(whole[2].files.keys().collect::<Vec<_>>(), ["bins/wide.rs", "blocks.rs", "shared.rs"]);
        // If it has no file of that name, the reference's is taken, with all modules.
        let part = with(&[("champion/blocks.rs", "fast")]);
        assert_eq!((text(&part[2], "blocks.rs"), text(&part[2], "shared.rs")), (Some("fast"), Some("lock();\n")));
        assert_eq!(text(&part[2], "region.rs"), Some("good();\n"));
    }

    #[test]
    fn a_folder_with_a_module_is_a_champion_of_its_own() {
        let variants = with(&[
            ("champion/blocks.rs", "mod region;"),
            ("champion/region.rs", "words"),
            ("champion/thrifty/mod.rs", "use super::region;"),
            ("champion/wide/bins.rs", ""),
        ]);
        let origins: Vec<&Path> = variants[2..4].iter().map(|variant| variant.origin.as_path()).collect();
        assert_eq!(origins, [Path::new("champion"), Path::new("champion/thrifty")]);
        let text_of = |name| text(&variants[3], name);
        let switch = "#[allow(dead_code)]\nmod champion;\npub use champion::thrifty::*;\n";
        assert_eq!((text_of("blocks.rs"), text_of("shared.rs")), (Some(switch), Some("lock();\n")));
        assert_eq!((text_of("champion/mod.rs"), text_of("champion/region.rs")), (Some("mod region;"), Some("words")));
        assert_eq!(variants[4].kind.word(), "mistake");
    }

    #[test]
    fn patches_that_do_not_fit_are_all_told() {
        let patch = |check, line| {
            format!(
                "Mistake: m\nCaught-by: {check}\n\n--- a/solution/region.rs\n+++ b/solution/region.rs\n\
                 @@ -1 +1 @@\n-{line}\n+bad();\n"
            )
        };
        let (stale, unknown) = (patch("finds", "old();"), patch("none", "good();"));
        let patches = [("mistakes/a.patch", stale.as_str()), ("mistakes/c.patch", unknown.as_str())];
        let (_folder, lab) = lab(&[&COURSE, &patches[..]].concat());
        let found = all(&lab).unwrap();
        assert_eq!(found.all.len(), 3);
        assert!(found.unfit[0].starts_with("labs/03-heap/mistakes/a.patch: does not fit"), "{:?}", found.unfit);
        assert!(found.unfit[1].starts_with("labs/03-heap/mistakes/c.patch: there is no check"), "{:?}", found.unfit);
    }

    #[test]
    fn each_of_a_labs_files_has_alternatives_of_its_own() {
        assert_eq!(alternatives_to("blocks.rs", 0), "alternatives");
        assert_eq!(alternatives_to("shared.rs", 1), "alternatives/shared");
    }
}
