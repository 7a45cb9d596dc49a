//! Whether a lab's folder has the files that it should, and no others.

use crate::course::workspace::Lab;
use crate::host::error::Result;

use super::contract;
use super::files;
use super::variant::roots;

/// The files that every lab has besides the student's.
const REQUIRED: [&str; 5] = ["README.md", contract::PAGE, "lab.toml", "Cargo.toml", "src/lib.rs"];

/// Stray and missing files of the lab's folder: one sentence each.
///
/// # Errors
/// If the folder cannot be read.
pub fn complaints(lab: &Lab) -> Result<Vec<String>> {
    let found = files::names(&lab.folder)?;
    let mut complaints = Vec::new();
    for file in &found {
        if !belongs(file, &lab.toml.files) {
            complaints.push(format!("labs/{}/{file} does not belong there: remove it", lab.id));
        }
    }
    for needed in REQUIRED {
        if !found.iter().any(|file| file == needed) {
            complaints.push(format!("labs/{}/{needed} is missing: write it", lab.id));
        }
    }
    let has = |folder: &str| found.iter().any(|file| file.starts_with(folder));
    for root in roots(lab) {
        if has("solution/") && !found.contains(&format!("solution/{root}")) {
            complaints.push(format!("labs/{}/solution/{root} is missing: the switch names it", lab.id));
        }
    }
    if has("champion/") && !roots(lab).any(|root| found.contains(&format!("champion/{root}"))) {
        complaints.push(format!("labs/{}/champion has none of the files that the switch names: add one", lab.id));
    }
    if !has("tests/") {
        complaints.push(format!("labs/{}/tests is missing: write host tests", lab.id));
    }
    Ok(complaints)
}

/// Whether a lab has a file of this name, relative to its folder.
fn belongs(file: &str, student: &[String]) -> bool {
    if REQUIRED.contains(&file) || student.iter().any(|name| name == file) {
        return true;
    }
    let Some((folder, rest)) = file.split_once('/') else { return false };
    match folder {
        // These may have several files: those that the switch names, and their modules.
        "solution" | "champion" => rest.ends_with(".rs"),
        "mistakes" => !rest.contains('/') && rest.ends_with(".patch"),
        "alternatives" => {
            // Alternatives to a lab's second file are in a folder with its name, and so on.
            let others = student.iter().skip(1).filter_map(|name| name.strip_prefix("src/")?.strip_suffix(".rs"));
            let rest = match rest.split_once('/') {
                Some((folder, name)) if others.clone().any(|other| other == folder) => name,
                _ => rest,
            };
            !rest.contains('/') && rest.ends_with(".rs")
        }
        "tests" => rest.ends_with(".rs"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_file_has_its_place_everywhere() {
        let student = ["src/blocks.rs".to_owned(), "src/shared.rs".to_owned()];
        for good in ["src/shared.rs", "solution/shared.rs", "alternatives/first_fit.rs", "alternatives/shared/guard.rs"]
        {
            assert!(belongs(good, &student), "{good}");
        }
        for stray in ["alternatives/blocks/first_fit.rs", "alternatives/shared/old/guard.rs", "alternatives/other/x.rs"]
        {
            assert!(!belongs(stray, &student), "{stray}");
        }
    }

    #[test]
    fn the_known_layout_and_nothing_else() {
        let student = ["src/bitmap.rs".to_owned()];
        for good in [
            "README.md",
            "CONTRACT.md",
            "lab.toml",
            "Cargo.toml",
            "src/lib.rs",
            "src/bitmap.rs",
            "solution/bitmap.rs",
            "solution/summary.rs",
            "solution/runs/search.rs",
            "champion/bitmap.rs",
            "champion/tree.rs",
            "mistakes/double-free.patch",
            "alternatives/buddy.rs",
            "tests/contract.rs",
            "tests/common/mod.rs",
        ] {
            assert!(belongs(good, &student), "{good}");
        }
        for stray in [
            "src/bitmap.rs.orig",
            "src/notes.txt",
            "src/other.rs",
            "solution/bitmap.rs.orig",
            "solution/notes.txt",
            "champion/figures.json",
            "mistakes/a.rs",
            "mistakes/old/a.patch",
            "tests/contract.proptest-regressions",
            "target/x",
            "Cargo.lock",
        ] {
            assert!(!belongs(stray, &student), "{stray}");
        }
    }
}
