use std::path::Path;

use super::super::variant;
use super::*;
use crate::course::workspace::{Reference, Workspace};

const SOURCE: &str = "\
/// Counts. A count is exact.
pub trait Counter {
    /// One more.
    fn up(&mut self);
}
";

const PAGE_TEXT: &str = "\
## [`counter.rs`](counter.rs)

| Of | The contract says | What fails | With |
|:---|:---|:---|:---|
| `Counter` | A count is exact. | `right` | `off` |
| `Counter::up` | One more. | `right` | `off` |

- `Counter`: Counts. → that is its name
";

const LAB: &str = "title = \"t\"\npackage = \"pmm\"\nfiles = [\"src/a.rs\"]\nchapter = \"c\"\n";

const PATCH: &str = "Mistake: m\nCaught-by: right\n\n--- a/solution/a.rs\n+++ b/solution/a.rs\n@@ -1 +1 @@\n-a\n+b\n";

/// The mistakes of a page of a lab with the checks `right` and `cheap`, and the mistake `off`.
fn wrong(page: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, cost: bool| {
        format!(
            "[[check]]\nname = \"{name}\"\npoints = 1\ncost = {cost}\nrule = \"r\"\nhint = \"h\"\nchapter = \"c\"\n"
        )
    };
    let toml = format!("{LAB}{}{}", check("right", false), check("cheap", true));
    for (name, text) in [("lab.toml", toml.as_str()), ("counter.rs", SOURCE), (PAGE, page)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let toml = crate::course::lab_toml::LabToml::parse(&toml, Path::new("lab.toml")).unwrap();
    let lab = Lab { id: "01-pmm".to_owned(), folder: folder.path().to_owned(), toml, reference: Reference::Source };
    let off = Kind::Mistake(Mistake::parse(PATCH, Path::new("off.patch")).unwrap());
    let off = Variant { origin: "mistakes/off.patch".into(), kind: off, files: super::super::files::Files::new() };
    complaints(&lab, &[off])
}

#[test]
fn a_page_that_has_all_sentences_is_right() {
    assert_eq!(wrong(PAGE_TEXT), Vec::<String>::new());
}

#[test]
fn what_is_wrong_with_a_page_is_told() {
    for (from, to, expected) in [
        ("A count is exact.", "A count is about right.", "the contract does not say of `Counter`"),
        ("A count is exact.", "A count is about right.", "no row for `Counter`: \"A count is exact.\""),
        ("- `Counter`: Counts.", "", "no row for `Counter`: \"Counts.\""),
        ("| `Counter::up` | One more.", "| `Counter` | A count is exact.", "stands there twice"),
        ("`right` | `off`", "`right` | `on`", "there is no mistake `on`"),
        ("`right` | `off`", "`left` | `off`", "there is no check `left`"),
        ("`right` | `off`", "`cheap` | `off`", "the mistake `off` is caught by `right`"),
        ("`right` | `off`", "`right`, `cheap` | `off`", "no mistake of this row shows that `cheap` fails"),
        ("`right` | `off`", " | ", "no check is named"),
        ("`right` | `off`", "`cheap` | `off`", "`right` stands on no sentence of the contract"),
        ("(counter.rs)", "(gone.rs)", "gone.rs cannot be read"),
    ] {
        let found = wrong(&PAGE_TEXT.replace(from, to));
        assert!(found.iter().any(|found| found.contains(expected)), "{expected}: {found:?}");
    }
}

/// In a unit test, since it takes only a moment for all labs.
#[test]
fn the_pages_of_this_course_are_right_and_leave_no_contract_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let course = Workspace::open(root).unwrap();
    let mut named = Vec::new();
    for lab in &course.labs {
        // Students get the pages, but not the mistakes that these name.
        if lab.has_solution() {
            let variants = variant::all(lab).unwrap();
            assert_eq!(complaints(lab, &variants.all), Vec::<String>::new());
        }
        let page = fs::read_to_string(lab.folder.join(PAGE)).unwrap();
        named.extend(page::read(&page).into_iter().map(|section| section.file));
        let readme = fs::read_to_string(lab.folder.join("README.md")).unwrap();
        assert!(readme.contains(&format!("({PAGE})")), "labs/{}/README.md does not lead to {PAGE}", lab.id);
    }
    for entry in fs::read_dir(root.join("kernel/mm-api/src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if fs::read_to_string(&path).unwrap().lines().any(|line| line.starts_with("pub trait ")) {
            let pages = named.iter().filter(|file| file.ends_with(&format!("/{name}"))).count();
            assert_eq!(pages, 1, "{name} has to be in the page of one lab");
        }
    }
}
