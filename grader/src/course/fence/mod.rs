//! The fence: it refuses code that a student's file must not contain, even if the code compiles.
//!
//! A lexer reads the file before anything is built. So comments and strings do not matter, and
//! macros hide nothing: all that a macro produces is in its definition or its call, as tokens.
//! The names of macros that read files are refused everywhere, since `use` and macros can give
//! those macros other names.

pub mod audit;
mod scan;

use proc_macro2::TokenStream;

/// The largest file that is read, in bytes: no person writes a larger one.
pub const LARGEST: usize = 4 << 20;

/// The code that a lab allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// Safe code only.
    Safe,
    /// Safe and unsafe code.
    Unsafe,
}

/// A kind of code that is not allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forbidden {
    /// `unsafe`, as a block, a function or an attribute.
    Unsafe,
    /// A macro that reads files of the computer that builds.
    File,
    /// A macro that reads the environment of the computer that builds.
    Environment,
    /// Assembly.
    Assembly,
    /// `#[path]`.
    Path,
    /// `#[link]`.
    Link,
    /// A symbol's name: a function that the compiler calls could have the same.
    Symbol,
    /// A section's name: the kernel's code or its Multiboot header could have the same.
    Section,
    /// A module in a file of its own, or one that a macro makes.
    Module,
    /// `extern crate`, or parts from which a macro can make it.
    ExternCrate,
    /// A block after `extern`, which declares functions that are defined elsewhere.
    ExternBlock,
    /// The module of implementations that are built beside the student's to be measured.
    Beside,
    /// A token that rustc takes for a broken one and this lexer for a sound one, in which a word could hide.
    Broken,
    /// Delimiters that are nested so deeply that the compiler may not survive it.
    Nesting,
}

impl Forbidden {
    /// Why the code is refused, and what to write instead.
    pub fn why(self) -> &'static str {
        match self {
            Self::Unsafe => {
                "this lab forbids unsafe code, in attributes and macros too: all it needs is in the contract"
            }
            Self::File => "it is the name of a macro that takes in files of the computer that builds the kernel",
            Self::Environment => "it is the name of a macro that takes in the environment of the build",
            Self::Assembly => "assembly takes in files of the computer that builds the kernel, and no lab needs any",
            Self::Path => "it takes in another file, and only the files that the lab's lab.toml lists are handed in",
            Self::Link => "it links the kernel with an archive of the computer that builds it, such as a reference",
            Self::Symbol => "no lab names symbols: it could put a function in the place of one that the kernel calls",
            Self::Section => "no lab names sections: it could put data among the kernel's code, or before its header",
            Self::Module => {
                "only the files that the lab's lab.toml lists are handed in: write `mod name { … }`, outside of macros"
            }
            Self::ExternCrate => {
                "a lab has the crates in its Cargo.toml without it: write `extern` before an ABI only, outside of macros"
            }
            Self::ExternBlock => "a block of it calls functions by their symbols, the kernel's own among them",
            Self::Beside => "other implementations are in that module, which are built beside yours to be measured",
            Self::Broken => "no number has such characters in it, and no word ends where a `#` follows",
            Self::Nesting => "it is nested so deeply that the compiler may not survive it",
        }
    }
}

/// A place with code that is not allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// The kind of code.
    pub what: Forbidden,
    /// The token.
    pub token: String,
    /// The byte of the text at which the token begins.
    pub at: usize,
}

/// The lexer's result for a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// The file can be read. These are the places that are not allowed, in the order of the text.
    Tokens(Vec<Breach>),
    /// From this byte on, the file is not made of Rust's tokens, or its delimiters do not match.
    Unreadable(usize),
}

/// Reads a student's file for a lab that allows this code.
pub fn read(text: &str, code: Code) -> Reading {
    match lex(text) {
        Ok(tokens) => Reading::Tokens(scan::breaches(tokens, code, mark_length(text))),
        Err(at) => Reading::Unreadable(at),
    }
}

/// The code that a lab allows, by its frozen `lib.rs`. Safe code only, if that cannot be read.
pub fn code_of(frozen: &str) -> Code {
    if lex(frozen).is_ok_and(|tokens| !scan::forbids_unsafe(tokens)) { Code::Unsafe } else { Code::Safe }
}

/// The line and the column of a byte, both from 1; columns count characters, as rustc's do.
pub fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[line_start..].chars().filter(|c| *c != BYTE_ORDER_MARK).count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// Some editors begin a file with this character, and compilers do not count it.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

fn mark_length(text: &str) -> usize {
    if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 }
}

/// The tokens of a file, or the byte from which on there are none.
fn lex(text: &str) -> Result<TokenStream, usize> {
    // The tokens of earlier files are not needed any more.
    proc_macro2::extra::invalidate_current_thread_spans();
    let mark = mark_length(text);
    if begins_with_what_only_rustc_knows(&text[mark..]) {
        return Err(mark);
    }
    text[mark..].parse().map_err(|error: proc_macro2::LexError| mark + error.span().byte_range().start)
}

/// Whether rustc may skip the first lines: a line such as `#!/bin/sh`, or lines for cargo between
/// two lines `---`. The lexer does not skip them, and could take code for a comment.
fn begins_with_what_only_rustc_knows(text: &str) -> bool {
    let is_attribute = |rest: &str| rest.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('[');
    text.strip_prefix("#!").is_some_and(|rest| !is_attribute(rest)) || text.trim_start().starts_with("---")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_as_rustc_counts() {
        let text = "\u{FEFF}fn ä() {}\r\n  äunsafe\n";
        assert_eq!(place(text, text.find("fn").unwrap()), (1, 1));
        assert_eq!(place(text, text.find("unsafe").unwrap()), (2, 4));
        assert_eq!(place(text, 500), (3, 1));
    }

    #[test]
    fn what_no_lexer_can_read_has_a_place() {
        for (text, token) in [("fn f() { (] }", "] }"), ("fn f() {", ""), ("let x = \"open;\n", "\"open")] {
            let Reading::Unreadable(at) = read(text, Code::Safe) else { panic!("{text}") };
            assert!(at <= text.len() && text[at..].starts_with(token), "{text}: {at}");
        }
    }

    #[test]
    fn nothing_hides_behind_a_first_line_that_rustc_passes_over() {
        for text in [
            "#!/*\nfn f() { unsafe {} }\n// */",
            "#!/bin/sh\nfn f() {}",
            "#!\u{A0}[/*\nfn f() { unsafe {} }\n// */ ]",
            "---/*\n---\nfn f() { unsafe {} }\n// */",
            "\u{FEFF}\n\n---cargo\n---\n",
        ] {
            assert!(matches!(read(text, Code::Safe), Reading::Unreadable(_)), "{text}");
        }
        for text in ["#![allow(unused)]\n", "#!\n [allow(unused)]", "#[cfg(any())] mod x {}"] {
            assert_eq!(read(text, Code::Safe), Reading::Tokens(vec![]), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_read_without_recursion() {
        let text = format!("{}unsafe{}", "(".repeat(200_000), ")".repeat(200_000));
        let Reading::Tokens(breaches) = read(&text, Code::Safe) else { panic!("it was not read") };
        let found: Vec<Forbidden> = breaches.into_iter().map(|breach| breach.what).collect();
        assert_eq!(found, [Forbidden::Nesting, Forbidden::Unsafe]);
        let text = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(read(&text, Code::Safe), Reading::Tokens(vec![]));
    }

    #[test]
    fn the_frozen_file_says_whether_unsafe_code_is_allowed() {
        for (text, code) in [
            ("//! A lab.\n#![no_std]\n#![forbid(unsafe_code)]\nmod a;", Code::Safe),
            ("#![forbid(missing_docs, unsafe_code)]", Code::Safe),
            ("#![no_std]\n// #![forbid(unsafe_code)]\nmod a;", Code::Unsafe),
            ("#![warn(unsafe_code)]", Code::Unsafe),
            ("(", Code::Safe),
        ] {
            assert_eq!(code_of(text), code, "{text}");
        }
    }
}
