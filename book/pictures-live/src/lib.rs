//! The book's pictures that a reader can change.
//!
//! A picture is a function: from the reader's choices, as text, to a drawing and a sentence
//! about it. It has no state, so a page that goes back a step only calls it again. The crates of the
//! kernel compute what it shows. The page calls it as WebAssembly; the program in `main.rs` writes
//! each picture's first state into `book/pictures/`, which a reader without scripts
//! sees.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod drawing;
mod fork;
mod frames;
mod heap;
mod input;
mod stack;
mod tables;
mod translator;
#[cfg(target_arch = "wasm32")]
mod wasm;

use alloc::string::String;

/// A picture.
#[derive(Debug)]
pub struct Picture {
    /// Its name, which is part of the name of its file: `book/pictures/live-NAME.svg`.
    pub name: &'static str,
    /// Draws it for some choices, one per line: a key, a space and a value. For a missing key it
    /// takes the value of the first state.
    pub show: fn(&str) -> Shown,
    /// Suggestions for the reader, one per line: the key, the label and the value, with tabs between them.
    pub choices: &'static str,
}

/// The output of a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// A sentence about it, or about choices that make no sense.
    pub says: String,
    /// A state for the page to show beside it: an address, or the number of the step and of all steps.
    pub state: String,
    /// The SVG.
    pub svg: String,
}

/// All pictures.
pub const PICTURES: &[Picture] = &[
    Picture { name: "translator", show: translator::show, choices: translator::CHOICES },
    Picture { name: "fork", show: fork::show, choices: fork::CHOICES },
    Picture { name: "frames", show: frames::show, choices: frames::CHOICES },
    Picture { name: "heap", show: heap::show, choices: heap::CHOICES },
    Picture { name: "stack", show: stack::show, choices: stack::CHOICES },
];

/// The picture of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Picture> {
    PICTURES.iter().find(|picture| picture.name == name)
}
