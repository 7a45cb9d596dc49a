//! mdBook runs this program on the whole book before it renders the book. The library says what the program
//! does, and `book.toml` how mdBook calls it.
#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::io;
use std::process::ExitCode;

use folio_book::{Sources, chapter};
use mdbook_preprocessor::book::{Book, BookItem};
use mdbook_preprocessor::{PreprocessorContext, parse_input};

fn main() -> ExitCode {
    // mdBook first asks `supports RENDERER`. The output is Markdown, which suits all renderers.
    if env::args().nth(1).as_deref() == Some("supports") {
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the book from standard input, in mdBook's form, and writes it back.
fn run() -> Result<(), Box<dyn Error>> {
    let (context, book) = parse_input(io::stdin().lock())
        .map_err(|error| format!("mdBook runs this program, and gives it the book as JSON ({error:#})"))?;
    let book = processed(&context, book)?;
    serde_json::to_writer(io::stdout().lock(), &book)?;
    Ok(())
}

fn processed(context: &PreprocessorContext, mut book: Book) -> Result<Book, Box<dyn Error>> {
    let sources = Sources::read(&context.root.join(".."))?;
    let pages = context.root.join(&context.config.book.src);
    let mut first_problem = None;
    book.for_each_mut(|item| {
        let BookItem::Chapter(it) = item else { return };
        let Some(path) = &it.source_path else { return };
        match chapter::expanded(&it.content, &pages.join(path), &sources) {
            Ok(text) => it.content = text,
            Err(problem) => {
                first_problem.get_or_insert(problem);
            }
        }
    });
    match first_problem {
        Some(problem) => Err(problem.into()),
        None => Ok(book),
    }
}
