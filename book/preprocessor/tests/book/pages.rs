//! The pages of the book.

use std::collections::BTreeMap;
use std::fs;

use folio_book::Sources;

use crate::page::Page;
use crate::{report, root, sources};

fn made_from() -> Sources {
    Sources::read(&root()).unwrap_or_else(|problem| panic!("{problem}"))
}

fn pages() -> BTreeMap<String, Page> {
    let made_from = made_from();
    let files = fs::read_dir(sources()).unwrap().map(|entry| entry.unwrap().path());
    let pages = files.filter(|file| file.extension().is_some_and(|extension| extension == "md"));
    pages.map(|file| Page::read(&file, &made_from)).map(|page| (page.name.clone(), page)).collect()
}

/// The problem with `link` on the page `from`, if any.
fn problem_with(link: &str, from: &Page, pages: &BTreeMap<String, Page>) -> Option<String> {
    if link.starts_with("https://") {
        return None;
    }
    let (name, anchor) = link.split_once('#').map_or((link, None), |(name, anchor)| (name, Some(anchor)));
    let Some(page) = (if name.is_empty() { Some(from) } else { pages.get(name) }) else {
        return Some(format!("{}: there is no page {name}", from.name));
    };
    match anchor {
        Some(anchor) if !page.anchors.contains(anchor) => {
            Some(format!("{}: there is no #{anchor} on {}", from.name, page.name))
        }
        _ => None,
    }
}

#[test]
fn every_page_can_be_read() {
    let problems: Vec<String> = pages().into_values().flat_map(|page| page.problems).collect();
    report(&problems);
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let links = pages.values().flat_map(|page| page.links.iter().map(move |link| (page, link)));
    let problems: Vec<String> = links.filter_map(|(page, link)| problem_with(link, page, &pages)).collect();
    report(&problems);
}

#[test]
fn the_summary_lists_every_page_once() {
    let pages = pages();
    let listed = &pages["SUMMARY.md"].links;
    let mut problems = Vec::new();
    for name in pages.keys().filter(|name| *name != "SUMMARY.md") {
        let times = listed.iter().filter(|link| *link == name).count();
        if times != 1 {
            problems.push(format!("SUMMARY.md lists {name} {times} times"));
        }
    }
    report(&problems);
}

/// The grader prints these links with every verdict.
#[test]
fn every_chapter_that_a_lab_names_is_there() {
    let pages = pages();
    let mut problems = Vec::new();
    for lab in made_from().labs {
        let chapters = lab.checks.iter().map(|check| &check.chapter).chain([&lab.chapter]);
        for chapter in chapters {
            let link = chapter.replacen(".html", ".md", 1);
            if !chapter.contains(".html") {
                problems.push(format!("{}: {chapter} is no page of the book", lab.id));
            } else if let Some(problem) = problem_with(&link, &pages["SUMMARY.md"], &pages) {
                problems.push(format!("{}: {problem}", lab.id));
            }
        }
    }
    report(&problems);
}

#[test]
fn every_file_with_names_in_c_has_its_table() {
    let page = fs::read_to_string(sources().join("c-names.md")).unwrap();
    let made_from = made_from();
    let missing =
        made_from.c_names.files().into_iter().filter(|file| !page.contains(&format!("{{{{#c-names {file}}}}}")));
    let problems: Vec<String> = missing.map(|file| format!("c-names.md has no table of {file}.rs")).collect();
    report(&problems);
}

#[test]
fn the_kernel_boots_in_every_lab_s_chapter() {
    let mut problems = Vec::new();
    for lab in made_from().labs {
        let chapter = lab.chapter.replacen(".html", ".md", 1);
        let text = fs::read_to_string(sources().join(&chapter)).unwrap();
        let boxes: Vec<&str> = text.lines().filter(|line| line.contains("{{#live ")).collect();
        if boxes != [format!("{{{{#live {}}}}}", lab.id)] {
            problems.push(format!("{chapter}: write {{{{#live {}}}}} once, on a line of its own", lab.id));
        }
    }
    report(&problems);
}
