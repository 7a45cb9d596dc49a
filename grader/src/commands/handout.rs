//! `cargo grade handout`: writes the course as students get it, with the references compiled.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::build::site::Site;
use crate::build::{pictures, reference};
use crate::course::handout::{self, Content, Contents, MANIFEST, Manifest, Outcome};
use crate::course::workspace::{Lab, Workspace, archive};
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::host::style::plural;

use super::arguments::{CommonArgs, HandoutArgs};
use super::output::print;
use super::place::Place;

/// Writes a hand-out, or updates one.
///
/// # Errors
/// If the course cannot be handed out as it is, or the folder cannot take a hand-out.
pub fn handout(arguments: &HandoutArgs, common: &CommonArgs) -> Result<()> {
    let place = Place::find()?;
    // Mistakes are reported before anything is installed or compiled.
    let old = target(arguments, &place.workspace)?;
    ready(&place.workspace)?;
    let mut contents = handout::contents(&place.workspace)?;
    let site = place.engine(common)?.site;
    let without = add_references(&site, &mut contents)?;
    add_pictures(&site, &mut contents)?;
    let student: BTreeSet<String> = site.workspace.labs.iter().flat_map(Lab::files).collect();
    let outcome = handout::write(&contents, &site.toolchain.version, &student, &old, &arguments.folder)?;
    print(&told(arguments, &site, &outcome, &without))
}

/// The files that were handed out into the folder before: none, if it is new.
fn target(arguments: &HandoutArgs, workspace: &Workspace) -> Result<Manifest> {
    let folder = &arguments.folder;
    let shown = folder.display();
    let real = nearest_real(folder);
    if real.starts_with(&workspace.root) && !real.starts_with(workspace.root.join("target")) {
        return Err(Error::new(format!("{shown} is in the course itself"))
            .advise("name a folder outside of it, so that students do not get the references above theirs"));
    }
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(Error::io("cannot read", folder, &error)),
    };
    match (Manifest::read(folder)?, arguments.update) {
        (None, false) if is_empty => Ok(Manifest::default()),
        (None, false) => Err(Error::new(format!("{shown} is not empty")).advise("name a new folder")),
        (Some(_), false) => Err(Error::new(format!("{shown} is a hand-out already"))
            .advise("`--update` brings it up to date and leaves the student's files alone")),
        (Some(manifest), true) => Ok(manifest),
        (None, true) => Err(Error::new(format!("{shown} is no hand-out that could be updated: it has no {MANIFEST}"))
            .advise("leave out `--update` to write a new one")),
    }
}

/// The real path of a folder, whose last parts need not exist yet.
fn nearest_real(folder: &Path) -> PathBuf {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let there = whole.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match there {
        Some((above, real)) => whole.strip_prefix(above).map_or(real.clone(), |rest| real.join(rest)),
        None => whole,
    }
}

/// Refuses a course that cannot be handed out as it is.
///
/// # Errors
/// If it has no references, or an answer in a student's file.
pub fn ready(workspace: &Workspace) -> Result<()> {
    if let Some(lab) = workspace.labs.iter().find(|lab| !lab.has_solution()) {
        return Err(Error::new(format!("labs/{} has no reference here", lab.id))
            .advise("a hand-out is made from the whole course, not from what students get"));
    }
    match handout::unfinished(workspace).as_slice() {
        [] => Ok(()),
        files => {
            Err(Error::new(format!("{} not as committed, and the hand-out would contain the change", list(files)))
                .advise("`git stash` or commit the change, and try again"))
        }
    }
}

/// `a is`, or `a, b are`.
fn list(files: &[String]) -> String {
    format!("{} {}", files.join(", "), if files.len() == 1 { "is" } else { "are" })
}

/// Compiles the references, and adds them. Returns the labs that cannot have one.
///
/// # Errors
/// If one does not compile.
pub fn add_references<'a>(site: &'a Site, contents: &mut Contents) -> Result<Vec<&'a Lab>> {
    let folder = site.target_dir.with_file_name("reference");
    let progress = Progress::new();
    progress.start("Compiling the references");
    if !folder.exists() {
        progress.note("Compiling the references: the first time a minute or two …");
    }
    fs::create_dir_all(&folder).map_err(|error| Error::io("cannot create", &folder, &error))?;
    let mut without = Vec::new();
    for lab in &site.workspace.labs {
        if !can_be_compiled(lab)? {
            without.push(lab);
            continue;
        }
        progress.built(&lab.id);
        let package = &lab.toml.package;
        let bytes = reference::compile(&site.builder(), package, &folder)?;
        contents.insert(format!("labs/{}/compiled/{}", lab.id, archive(package)), Content::Made(bytes));
    }
    progress.finish();
    Ok(without)
}

/// Compiles the book's pictures that a reader can change, and adds them: they show the references at work.
///
/// # Errors
/// If they do not compile.
fn add_pictures(site: &Site, contents: &mut Contents) -> Result<()> {
    let file = pictures::compile(site, &Progress::new())?;
    let bytes = fs::read(&file).map_err(|error| Error::io("cannot read", &file, &error))?;
    contents.insert(pictures::CARRIED.to_owned(), Content::Made(bytes));
    Ok(())
}

/// Whether a lab's package has the feature that takes its compiled reference.
fn can_be_compiled(lab: &Lab) -> Result<bool> {
    let path = lab.folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| Error::io("cannot read", &path, &error))?;
    let manifest: toml::Table = toml::from_str(&text)
        .map_err(|error| Error::new(format!("{} cannot be read: {}", path.display(), error.message())))?;
    let features = manifest.get("features").and_then(toml::Value::as_table);
    Ok(features.is_some_and(|features| features.contains_key("compiled")))
}

/// The outcome, in words.
fn told(arguments: &HandoutArgs, site: &Site, outcome: &Outcome, without: &[&Lab]) -> String {
    let mut text = String::new();
    let labs = site.workspace.labs.len() - without.len();
    if arguments.update {
        for (what, names) in [
            ("kept     ", &outcome.kept),
            ("added    ", &outcome.added),
            ("updated  ", &outcome.updated),
            ("replaced ", &outcome.replaced),
            ("removed  ", &outcome.removed),
        ] {
            for name in names {
                // Writing to a `String` does not fail.
                let _ = writeln!(text, "{what} {name}");
            }
        }
        if !outcome.replaced.is_empty() {
            let _ = writeln!(text, "Replaced files that had been changed there are kept as FILE.yours.");
        }
        let _ = writeln!(
            text,
            "{} is up to date: {} kept, {} new, {} updated, {} removed.",
            arguments.folder.display(),
            outcome.kept.len(),
            outcome.added.len(),
            outcome.updated.len() + outcome.replaced.len(),
            outcome.removed.len(),
        );
    } else {
        let _ = writeln!(
            text,
            "{} has {} for students, and {} compiled with {}, which any compiler of theirs can link.",
            arguments.folder.display(),
            plural(outcome.added.len(), "file"),
            plural(labs, "reference"),
            site.toolchain.version,
        );
    }
    for lab in without {
        let _ = writeln!(
            text,
            "labs/{} has no feature `compiled`: beside other labs, the student's own files are used there.",
            lab.id
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_place_of_a_folder_that_is_not_there_yet() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("link")).unwrap();
        assert_eq!(nearest_real(&folder.path().join("link/a/b")), real.join("a/b"));
        assert_eq!(nearest_real(folder.path()), real);
    }
}
