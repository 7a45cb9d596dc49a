//! One boot: the image to start, and the machine for it.

use std::path::Path;

use crate::course::lab_toml::Memory;

/// One boot.
#[derive(Clone, Debug)]
pub struct Boot<'a> {
    /// The kernel's image.
    pub image: &'a Path,
    /// How much memory the machine has.
    pub memory: Memory,
    /// The programs that the machine gets, built beside the image.
    pub programs: &'a [String],
    /// The kernel's command line.
    pub words: Vec<String>,
    /// How many million instructions it may execute.
    pub budget: u32,
    /// The text that the result has to carry. An emulator that [asks](super::Emulator::asks) tells it
    /// to the machine only at the check's end. `None` if the result carries the nonce.
    pub challenge: Option<String>,
    /// Whether all page tables are copied when the machine stops, not only those that
    /// a claim is about.
    pub look: bool,
}

impl Boot<'_> {
    /// The kernel's command line for an emulator that [asks](super::Emulator::asks).
    pub(super) fn kernel_words(&self) -> String {
        let mut words = self.words.join(" ");
        if self.challenge.is_some() {
            words.push_str(" ask");
        }
        words
    }
}
