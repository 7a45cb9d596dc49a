//! Inspecting a machine that stands at the end of a check, before it is told the text that its
//! result has to carry.

use std::env;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::machine::intact::Intact;
use crate::machine::outcome::Found;

use super::qmp::Control;

/// The folder for files that never reach a disk, if the system has it.
const MEMORY_FILES: &str = "/dev/shm";

/// Inspects one emulator's machine, which has the same kernel all the time.
pub struct Inspector {
    image: PathBuf,
    /// Read at the first inspection, since the emulator may be started before the kernel is built.
    intact: Option<Intact>,
    /// The file to which the emulator writes the machine's memory.
    file: Option<NamedTempFile>,
    /// The bytes of that file, kept so that the buffer is used again.
    memory: Vec<u8>,
}

impl Inspector {
    /// An inspector of machines that boot this kernel.
    pub fn new(image: &Path) -> Self {
        Self { image: image.to_owned(), intact: None, file: None, memory: Vec::new() }
    }

    /// Inspects the machine.
    pub fn look(&mut self, control: &mut Control) -> Found {
        match self.flaw(control) {
            Ok(None) => Found::Sound,
            Ok(Some(flaw)) => Found::Flaw(flaw),
            Err(error) => Found::Nothing(error.to_string()),
        }
    }

    fn flaw(&mut self, control: &mut Control) -> io::Result<Option<String>> {
        let intact = match &mut self.intact {
            Some(intact) => intact,
            none => none.insert(Intact::of(&self.image).ok_or_else(|| io::Error::other("the kernel cannot be read"))?),
        };
        let (start, bytes) = intact.span().ok_or_else(|| io::Error::other("the kernel has no code"))?;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(new_file()?),
        };
        let standing = control.standing()?;
        // The kernel itself never unmaps these pages, so a missing page is a flaw.
        self.memory.clear();
        if control.save_memory(start, bytes, file.path()).is_ok() {
            file.rewind()?;
            file.read_to_end(&mut self.memory)?;
        }
        Ok(intact.flaw(&self.memory, standing))
    }
}

/// An empty file that never reaches a disk, if the system has a place for such files.
///
/// # Errors
/// If there is no place for it.
pub fn new_file() -> io::Result<NamedTempFile> {
    NamedTempFile::new_in(MEMORY_FILES).or_else(|_| NamedTempFile::new_in(env::temp_dir()))
}
