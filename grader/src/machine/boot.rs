//! One boot: what to start, and with what.

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
    /// What the result has to carry, told only at the check's end: by an emulator that
    /// [asks](super::Emulator::asks). `None` where it carries the nonce.
    pub challenge: Option<String>,
    /// Whether all page tables are copied when it stops, not only those that a
    /// claim is about.
    pub look: bool,
}

impl Boot<'_> {
    /// The kernel's command line, where the emulator [asks](super::Emulator::asks).
    pub(super) fn kernel_words(&self) -> String {
        let mut words = self.words.join(" ");
        if self.challenge.is_some() {
            words.push_str(" ask");
        }
        words
    }
}
