//! Refusing student's files before anything is built, and the text of a refusal.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::course::fence::{self, Breach, Code, Forbidden, Reading};
use crate::course::mix::Mix;
use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::process;

use super::cargo::Builder;
use super::compiler;
use super::site::Site;

/// At most so many places of one file are shown.
const MOST_SHOWN: usize = 5;

/// Why a lab is not built.
#[derive(Debug)]
pub struct Refusal {
    /// The places, in the style of rustc's errors, with colour.
    pub text: String,
    /// The first place in a sentence: `FILE:LINE:COLUMN: what and why`. `None` if the text is rustc's own.
    pub sentence: Option<String>,
}

impl Site {
    /// The student's labs in a mix whose files are refused, each with its refusal.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn refused(&self, mix: &Mix) -> Result<Vec<(&Lab, Refusal)>> {
        let builder = self.builder();
        let mut refused = Vec::new();
        for lab in self.workspace.labs.iter().filter(|lab| !mix.solutions.contains(&lab.toml.package)) {
            refused.extend(refusal(lab, &builder)?.map(|refusal| (lab, refusal)));
        }
        Ok(refused)
    }
}

/// Why a lab is not built; `None` if it may be built.
fn refusal(lab: &Lab, builder: &Builder<'_>) -> Result<Option<Refusal>> {
    let code = lab.code();
    let mut whole: Option<Refusal> = None;
    for name in lab.files() {
        let path = builder.root.join(&name);
        let refusal = file_refusal(builder, &name, start(&path)?, code);
        match (&mut whole, refusal) {
            (Some(whole), Some(more)) => whole.text.push_str(&more.text),
            (None, refusal) => whole = refusal,
            (Some(_), None) => {}
        }
    }
    Ok(whole)
}

/// Why a file is refused; `None` if it is not.
fn file_refusal(builder: &Builder<'_>, name: &str, bytes: Vec<u8>, code: Code) -> Option<Refusal> {
    if bytes.len() > fence::LARGEST {
        return Some(alone(name, "is too large to have been written by a person"));
    }
    let Ok(text) = String::from_utf8(bytes) else { return Some(unreadable(builder, name, None)) };
    match fence::read(&text, code) {
        Reading::Tokens(breaches) => breached(name, &text, &breaches),
        Reading::Unreadable(at) => Some(unreadable(builder, name, Some((&text, at)))),
    }
}

/// The contents of a file, or if it is too large, as much as shows that it is.
fn start(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io("cannot read", path, &error);
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(fence::LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The refusal of a file with code that is not allowed; `None` if there is no such code.
fn breached(name: &str, text: &str, breaches: &[Breach]) -> Option<Refusal> {
    let first = breaches.first()?;
    let mut shown = String::new();
    for breach in breaches.iter().take(MOST_SHOWN) {
        shown.push_str(&snippet(name, text, breach));
    }
    if breaches.len() > MOST_SHOWN {
        shown.push_str(&format!("… and {} more in {name}\n\n", breaches.len() - MOST_SHOWN));
    }
    let (line, column) = fence::place(text, first.at);
    let sentence = format!("{name}:{line}:{column}: {} is refused, for {}", title(first), first.what.why());
    Some(Refusal { text: shown, sentence: Some(sentence) })
}

fn title(breach: &Breach) -> String {
    match breach.what {
        Forbidden::Path => "`#[path]`".to_owned(),
        Forbidden::Link => "`#[link]`".to_owned(),
        _ => format!("`{}`", breach.token),
    }
}

/// A place in the source, as rustc shows it.
fn snippet(name: &str, text: &str, breach: &Breach) -> String {
    // A line may be as long as the file, so only this many characters around the place are shown.
    const AROUND: usize = 200;
    let (line, column) = fence::place(text, breach.at);
    let line_start = text[..breach.at].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[breach.at..].find('\n').map_or(text.len(), |length| breach.at + length);
    let title = format!("{} is refused", title(breach));
    let title = Level::ERROR.primary_title(title.as_str());
    let why = Level::NOTE.message(breach.what.why());
    let group = if line_end - line_start <= AROUND {
        let at = breach.at - line_start;
        let shown = Snippet::source(&text[line_start..line_end])
            .path(name)
            .line_start(line)
            .annotation(AnnotationKind::Primary.span(at..at + breach.token.len()));
        title.element(shown).element(why)
    } else {
        let place = format!("{name}:{line}:{column}");
        return format!("{}\n\n", Renderer::styled().render(&[title.element(Level::NOTE.message(place)).element(why)]));
    };
    format!("{}\n\n", Renderer::styled().render(&[group]))
}

/// A refusal that names a file but no place in it.
fn alone(name: &str, what: &str) -> Refusal {
    let sentence = format!("{name} {what}");
    let group = Group::with_title(Level::ERROR.primary_title(sentence.as_str()));
    Refusal { text: format!("{}\n\n", Renderer::styled().render(&[group])), sentence: Some(sentence) }
}

/// The refusal of a file that the fence's lexer cannot read, in rustc's own words. For that, rustc
/// reads only the tokens: it expands no macros, so it reads no other files.
fn unreadable(builder: &Builder<'_>, name: &str, place: Option<(&str, usize)>) -> Refusal {
    match rustc_s_words(builder, name) {
        Ok(Some(text)) => Refusal { text, sentence: None },
        // rustc finds the file correct, or has no message about it.
        Ok(None) | Err(_) => {
            let place = place.map_or_else(String::new, |(text, at)| {
                let (line, column) = fence::place(text, at);
                format!(":{line}:{column}")
            });
            alone(&format!("{name}{place}:"), "is not text that can be read as Rust's tokens")
        }
    }
}

/// The message of rustc about a file's syntax, if it has one and ends because of it.
fn rustc_s_words(builder: &Builder<'_>, name: &str) -> io::Result<Option<String>> {
    const SYNTAX_ERROR: i32 = 1;
    let mut command = builder.limited_program(&builder.toolchain.rustc, compiler::FOR_LAB);
    command.args(["--edition=2024", "--crate-type=lib", "-Zparse-crate-root-only", "--color=always"]);
    command.arg(Path::new(name));
    let output = process::output(&mut command)?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    // A later compiler could complain about an unknown option instead.
    let is_about_it = output.status.code() == Some(SYNTAX_ERROR) && words.contains(name);
    Ok(is_about_it.then_some(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, code: Code) -> Refusal {
        let Reading::Tokens(breaches) = fence::read(text, code) else { panic!("it was not read") };
        breached("labs/01-pmm/src/bitmap.rs", text, &breaches).unwrap()
    }

    fn plain(refusal: &Refusal) -> String {
        anstream::adapter::strip_str(&refusal.text).to_string()
    }

    #[test]
    fn a_refusal_names_the_place_the_token_and_why() {
        let refused = refusal("fn f() {\n    unsafe { g() }\n}\n", Code::Safe);
        let sentence = refused.sentence.as_deref().unwrap();
        assert!(
            sentence.starts_with("labs/01-pmm/src/bitmap.rs:2:5: `unsafe` is refused, for this lab forbids"),
            "{sentence}"
        );
        let text = plain(&refused);
        for part in ["error: `unsafe` is refused", "labs/01-pmm/src/bitmap.rs:2:5", "unsafe { g() }", "^^^^^^", "note"]
        {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn of_many_places_the_first_are_shown() {
        let text = plain(&refusal(&"unsafe {}\n".repeat(12), Code::Safe));
        assert_eq!(text.matches("error").count(), MOST_SHOWN, "{text}");
        assert!(text.contains("and 7 more in labs/01-pmm/src/bitmap.rs"), "{text}");
    }

    #[test]
    fn a_long_line_and_hidden_characters_are_not_shown_as_they_are() {
        let long = format!("/*{}*/ unsafe {{}}", "x".repeat(100_000));
        let text = plain(&refusal(&long, Code::Safe));
        assert!(text.len() < 1000 && text.contains("bitmap.rs:1:100006"), "{text}");
        let hidden = plain(&refusal("/* \u{202E}\u{1b}[2J */ unsafe {}\n", Code::Safe));
        assert!(!hidden.contains('\u{202E}') && !hidden.contains('\u{1b}'), "{hidden:?}");
    }
}
