//! Pages for people: one for the class, and one for each student that can be mailed.
//!
//! Each is one file that needs no server and no network. Only the class's page has a script, and shows everything
//! without it, too. All text that comes from a student passes through maud, which escapes it, and through [`shown`],
//! which removes characters that control terminals or the direction of writing.

mod chart;
mod class;
mod student;

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::host::style::printable;

use super::row::Standing;
use super::sheet::{Sheet, Student};

/// The style of all pages.
const STYLE: &str = include_str!("style.css");

/// The pages, by the names of their files.
pub fn files(sheet: &Sheet) -> Vec<(String, String)> {
    let students = sheet
        .students
        .iter()
        .map(|student| (format!("html/students/{}.html", student.key), student::page(sheet, student)));
    [("html/index.html".to_owned(), class::page(sheet))].into_iter().chain(students).collect()
}

/// A student's page.
pub fn of_student(sheet: &Sheet, student: &Student) -> String {
    student::page(sheet, student)
}

/// What a page may load: its own style, even if something got past the escaping.
const ALLOWED: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page with this title, and this in it. Nothing in it runs.
fn page(title: &str, body: &Markup) -> String {
    whole(title, ALLOWED, body)
}

/// A page with a script behind its content. The browser runs no other: the word that allows this one is a hash of the
/// content, and so nothing in the content can name it.
fn page_with_script(title: &str, body: &Markup, script: &str) -> String {
    let word = blake3::hash(body.0.as_bytes()).to_hex();
    let body = html! { (body) script nonce=(word.as_str()) { (PreEscaped(script)) } };
    whole(title, &format!("{ALLOWED}; script-src 'nonce-{word}'"), &body)
}

fn whole(title: &str, allowed: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(allowed);
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

/// Text from a student, without control characters.
fn shown(text: &str) -> String {
    printable(text)
}

/// A time for people, in UTC.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A sentence of the course, in which code stands between backticks.
fn prose(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A part that may be wider than a phone: it scrolls by itself, with the keyboard, too.
fn scrolled(label: &str, content: &Markup) -> Markup {
    html! { div class="scroll" role="region" aria-label=(label) tabindex="0" { (content) } }
}

/// A standing, as a word with a colour.
fn standing(status: Standing) -> Markup {
    let class = match status {
        Standing::Graded => "plain",
        Standing::Empty => "faint",
        Standing::CouldNotBuild | Standing::Hostile | Standing::Unreadable | Standing::NotGraded => "bad",
    };
    html! { span class=(class) { (status.words()) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::sheet::samples::{HOSTILE, sheet};
    use crate::host::style::is_printable;

    #[test]
    fn code_in_a_sentence_of_the_course_is_set_as_code() {
        assert_eq!(prose("`n` = 0 & `a<b`.").into_string(), "<code>n</code> = 0 &amp; <code>a&lt;b</code>.");
        assert_eq!(prose("Nothing.").into_string(), "Nothing.");
    }
    #[test]
    fn there_is_a_page_for_the_class_and_one_for_each_student() {
        let files = files(&sheet(""));
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["index.html", "students/alice.html", "students/bob.html", "students/carol.html"];
        assert_eq!(names[..4], expected.map(|name| format!("html/{name}")));
        assert_eq!(names.len(), 5);
    }

    #[test]
    fn nothing_of_a_student_s_gets_into_a_page_as_it_is() {
        let policy = "[show]\nlog = true\nhints = 9\n";
        let mut sheet = sheet(policy);
        let mallory = sheet.students.last_mut().unwrap();
        assert_eq!(mallory.name, HOSTILE);
        mallory.message = Some(HOSTILE.to_owned());
        mallory.labs[0].build_error = Some(HOSTILE.to_owned());
        for (name, text) in files(&sheet) {
            let own = usize::from(name == "html/index.html");
            assert_eq!(text.matches("<script").count(), own, "{name}");
            assert!(!text.contains("\" onload"), "{name}");
            assert!(text.chars().all(is_printable), "{name}");
            assert!(text.contains("&lt;script") || !name.contains("%3cscript"), "{name}");
            assert!(text.contains("default-src 'none'"), "{name}");
        }
    }

    #[test]
    fn the_word_that_allows_the_script_is_nobody_s_to_know() {
        let word_of = |sheet: &Sheet| {
            let text = class::page(sheet);
            let word = text.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
            assert_eq!(text.matches(&word).count(), 2, "in the policy, and at the script");
            assert!(text.contains(&format!("</footer><script nonce=\"{word}\">")), "{text}");
            word
        };
        let mut sheet = sheet("");
        let word = word_of(&sheet);
        sheet.students[0].message = Some(word.clone());
        sheet.students[0].status = Standing::Hostile;
        assert_ne!(word_of(&sheet), word);
    }

    #[test]
    fn a_page_needs_nothing_but_itself() {
        for (name, text) in files(&sheet("")) {
            for word in ["http:", "https:", "<script src", "<link", "<img", "@import", "url("] {
                // The namespace of SVG is a name, not an address.
                assert!(!text.replace("http://www.w3.org/2000/svg", "").contains(word), "{name}: {word}");
            }
            for part in ["<html lang=\"en\">", "<title>", "name=\"viewport\"", "<main", "<h1>"] {
                assert!(text.contains(part), "{name}: {part}");
            }
        }
    }

    #[test]
    fn every_link_of_the_class_s_page_leads_to_a_page_or_a_part() {
        let files = files(&sheet(""));
        let index = &files[0].1;
        let targets: Vec<&str> =
            index.match_indices("href=\"").map(|(at, _)| index[at + 6..].split('"').next().unwrap()).collect();
        assert!(targets.len() > 5);
        for target in targets {
            let is_there = match target.strip_prefix('#') {
                Some(id) => index.contains(&format!("id=\"{id}\"")),
                None => files.iter().any(|(name, _)| *name == format!("html/{}", target.replace("%25", "%"))),
            };
            assert!(is_there, "{target}");
        }
    }
}
