//! The first states, which readers without scripts see in the book's pages.
#![cfg(feature = "references")]

use std::fs;
use std::path::{Path, PathBuf};

use pictures_live::PICTURES;

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_pictures_of_the_book_are_the_first_states() {
    for picture in PICTURES {
        let file = book().join(format!("pictures/live-{}.svg", picture.name));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let shown = (picture.show)("").svg;
        let advice = "is another picture now: cargo run --package pictures-live --features references";
        assert!(text == shown, "{} {advice}", file.display());
    }
}

/// The script finds the figure by its name, and the page names the script.
#[test]
fn each_picture_has_its_figure_and_its_script() {
    let pages: Vec<String> = fs::read_dir(book().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for picture in PICTURES {
        let name = picture.name;
        let script = fs::read_to_string(book().join(format!("src/pictures-live/{name}.js"))).unwrap();
        assert!(script.contains(&format!("bringToLife(\"{name}\", ")), "{name}.js");
        let figure =
            format!("<figure class=\"picture\" id=\"live-{name}\">\n{{{{#include ../pictures/live-{name}.svg}}}}\n");
        let tag = format!("<script type=\"module\" src=\"pictures-live/{name}.js\"></script>");
        let with_both = pages.iter().filter(|page| page.contains(&figure) && page.contains(&tag)).count();
        assert_eq!(with_both, 1, "{name} needs {figure} and {tag} on one page");
    }
}
