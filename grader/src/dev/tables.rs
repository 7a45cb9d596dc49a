//! `cargo grade dev tables`: the page tables of the operating system at its shell, as text.
//!
//! The book's picture of a page walk reads it, so that a reader walks through the tables of a
//! kernel that has really booted.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::course::lab_toml::Memory;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::judge::Engine;
use crate::machine::walk::{Snapshot, Words};

use super::shell::Shell;

/// The options of the text.
pub struct Options {
    /// The file for the text.
    pub file: PathBuf,
    /// How much memory the machine has.
    pub memory: Memory,
}

/// Boots the references, waits for the shell's prompt, and writes the contents of the page tables.
///
/// # Errors
/// If the kernel does not build, its shell does not come up, or the file cannot be written.
pub fn run(engine: &Engine, options: &Options, progress: &Progress) -> Result<bool> {
    let mut shell = Shell::start(engine, options.memory, progress)?;
    shell.wait_for_prompt()?;
    shell.control.stop();
    let snapshot = shell.control.snapshot(None);
    if snapshot.frames.is_empty() {
        return Err(Error::new("the emulator does not tell where the page directory is"));
    }
    write(&options.file, &text(&snapshot, options.memory))?;
    Ok(true)
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(|error| Error::io("cannot write", file, &error))
}

/// The tables, frame by frame. `INDEX ENTRY` is an entry that is not zero; `INDEX ENTRY COUNT`
/// is a run of `COUNT` entries from there on, each with the frame after that of the entry before.
fn text(snapshot: &Snapshot, memory: Memory) -> String {
    let mut text = format!(
        "# The page tables of the references' operating system, waiting at its shell's prompt, on a\n\
         # machine with {memory}. Taken by: cargo grade dev tables FILE --memory {memory}\n\
         # `INDEX ENTRY COUNT`: so many entries, each naming the frame after the one before.\n\
         cr3 {:#010x}\n",
        snapshot.cr3
    );
    for (number, words) in &snapshot.frames {
        let _ = writeln!(text, "frame {number:#x}");
        for (index, entry, count) in runs(words) {
            let _ = match count {
                1 => writeln!(text, "{index} {entry:#010x}"),
                _ => writeln!(text, "{index} {entry:#010x} {count}"),
            };
        }
    }
    text
}

/// Bytes in a page: the difference between the entries for two consecutive frames.
const PAGE: u32 = 4096;

/// The entries of a table that are not zero: the first of each run, and the length of the run.
fn runs(words: &Words) -> Vec<(usize, u32, u32)> {
    let mut runs: Vec<(usize, u32, u32)> = Vec::new();
    for (index, &entry) in words.iter().enumerate().filter(|(_, entry)| **entry != 0) {
        match runs.last_mut() {
            Some((first, start, count))
                if *first + *count as usize == index && start.checked_add(*count * PAGE) == Some(entry) =>
            {
                *count += 1;
            }
            _ => runs.push((index, entry, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_for_neighbouring_frames_are_one_line() {
        let mut words = [0; 1024];
        for (index, entry) in [(3, 0x1003), (4, 0x2003), (5, 0x3007), (7, 0x4007), (1023, 0xFFFF_F003)] {
            words[index] = entry;
        }
        assert_eq!(runs(&words), [(3, 0x1003, 2), (5, 0x3007, 1), (7, 0x4007, 1), (1023, 0xFFFF_F003, 1)]);
        let snapshot = Snapshot { cr3: 0x5000, frames: [(5, words)].into() };
        let text = text(&snapshot, Memory::DEFAULT);
        assert!(
            text.ends_with("cr3 0x00005000\nframe 0x5\n3 0x00001003 2\n5 0x00003007\n7 0x00004007\n1023 0xfffff003\n")
        );
    }
}
