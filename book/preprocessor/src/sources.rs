//! The sources of the book besides its pages.

use std::path::Path;

use crate::Problem;
use crate::c_names::CNames;
use crate::figures::Figures;
use crate::lab::{self, Lab};

/// The sources that a page can request.
#[derive(Default, Debug)]
pub struct Sources {
    /// The labs, in the order of their names.
    pub labs: Vec<Lab>,
    /// The measurements.
    pub figures: Figures,
    /// The names in C.
    pub c_names: CNames,
}

impl Sources {
    /// Reads all sources below the course's top folder.
    ///
    /// # Errors
    /// That of the first file that cannot be read, or is wrong.
    pub fn read(root: &Path) -> Result<Self, Problem> {
        Ok(Self {
            labs: lab::read_all(&root.join("labs"))?,
            figures: Figures::read(&root.join("kernel/bench/results.json"))?,
            c_names: CNames::read(&root.join("kernel/mm-api/src"))?,
        })
    }
}
