//! The pictures: SVG that becomes part of a page.

use std::fs;

use crate::{report, root, sources};

#[test]
fn every_picture_can_stand_in_a_page() {
    let mut problems = Vec::new();
    let pages: String = fs::read_dir(sources())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for entry in fs::read_dir(root().join("book/pictures")).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let mut demand = |holds: bool, what: &str| {
            if !holds {
                problems.push(format!("{}: {what}", file.display()));
            }
        };
        // A second time would clash with the first on the page that prints the whole book.
        let shown = pages.matches(&format!("{{{{#include ../pictures/{name}.svg}}}}")).count();
        demand(shown == 1, "is not shown exactly once");
        demand(text.contains(&format!("<title id=\"{name}-title\">")), "has no title to be read out");
        demand(text.contains(&format!("<desc id=\"{name}-desc\">")), "has no description to be read out");
        demand(
            text.contains(&format!("aria-labelledby=\"{name}-title {name}-desc\"")),
            "does not point at its title and description",
        );
        demand(!text.contains("\n\n"), "has an empty line, which would end the HTML in Markdown");
        demand(
            text.matches(" id=\"").count() == text.matches(&format!(" id=\"{name}-")).count(),
            "has an id that does not begin with its name, so two pictures on a page could clash",
        );
        demand(
            !text.contains("style=") && !text.contains("#00"),
            "has colours of its own: use the classes of style.css",
        );
    }
    report(&problems);
}
