//! What the book is made from beside its pages.

use std::path::Path;

use crate::Problem;
use crate::c_names::CNames;
use crate::figures::Figures;
use crate::lab::{self, Lab};

/// What a page can ask for.
#[derive(Default, Debug)]
pub struct Sources {
    /// The labs, in the order of their names.
    pub labs: Vec<Lab>,
    /// What was measured.
    pub figures: Figures,
    /// The names in C.
    pub c_names: CNames,
}

impl Sources {
    /// Reads all of it below the course's top folder.
    ///
    /// # Errors
    /// The first file that cannot be read, or does not make sense.
    pub fn read(root: &Path) -> Result<Self, Problem> {
        Ok(Self {
            labs: lab::read_all(&root.join("labs"))?,
            figures: Figures::read(&root.join("kernel/bench/results.json"))?,
            c_names: CNames::read(&root.join("kernel/mm-api/src"))?,
        })
    }
}
