//! The book's pictures that a reader can change.
//!
//! A picture is a function: from what the reader has chosen, as text, to a drawing and a sentence
//! about it. It remembers nothing, so a page that goes back a step only asks again. What it shows
//! is computed by the crates that the kernel is made of. The page calls it as WebAssembly;
//! the program in `main.rs` writes each picture's first state into `book/pictures/`, where it
//! stays for those who read without scripts.
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
    /// Its name, and that of its file: `book/pictures/live-NAME.svg`.
    pub name: &'static str,
    /// Draws it, with lines of what was chosen: a key, a space and a value. What is not there is
    /// as in the first state.
    pub show: fn(&str) -> Shown,
    /// What a reader may want to choose, a line each: the key, what it is called, and the value, with tabs between.
    pub choices: &'static str,
}

/// What a picture shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// In a sentence, also of what was chosen and makes no sense.
    pub says: String,
    /// What the page shows beside it: an address, or how many steps of how many were made.
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
