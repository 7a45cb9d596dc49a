//! The CD that a machine boots from, with GRUB, its configuration, and a kernel.
//!
//! Making a CD takes a moment, so it is made once for a kernel. Only GRUB's configuration
//! differs from boot to boot. It is a small file, which is overwritten in a copy of the CD.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::course::programs;
use crate::host::error::{Error, Result};
use crate::host::process;

/// The programs and files with which a CD is made.
#[derive(Clone, Debug)]
pub struct Grub {
    /// `grub-mkimage`.
    pub mkimage: PathBuf,
    /// The folder with GRUB's modules for a PC with a BIOS.
    pub modules: PathBuf,
    /// `xorriso`.
    pub xorriso: PathBuf,
}

/// Bytes in a sector of a CD.
const SECTOR: usize = 2048;

/// The size of the configuration file, in bytes. A file on a CD is in one piece.
const ROOM: usize = 2 * SECTOR;

/// The contents of the configuration file until a boot's own takes their place. No other file begins like this.
const BLANK: &str = "# Folio: what to boot is written over this line.\n";

/// GRUB's first commands. Its modules are on the CD, not in its image: an image
/// is compressed, and in Bochs, unpacking it takes longer than reading them.
const FIRST: &str = "insmod multiboot\nsource /boot/grub/grub.cfg\n";

/// A CD without a configuration.
#[derive(Debug)]
pub struct Disc {
    bytes: Vec<u8>,
    /// Where the configuration's sector is.
    configuration: usize,
}

impl Disc {
    /// Makes a CD with this kernel, and with these programs, whose files lie beside it.
    ///
    /// # Errors
    /// If a file cannot be read or written, or one of GRUB's programs fails.
    pub fn make(grub: &Grub, image: &Path, programs: &[String]) -> Result<Self> {
        let kernel = fs::read(image).map_err(|error| Error::io("cannot read", image, &error))?;
        let kernel =
            without_sections(kernel).ok_or_else(|| Error::new(format!("{} is no kernel for a PC", image.display())))?;
        let folder = tempfile::tempdir().map_err(|error| Error::new(format!("cannot make a folder: {error}")))?;
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, bytes: &[u8]| {
            fs::write(at(name), bytes).map_err(|error| Error::io("cannot write", &at(name), &error))
        };
        let modules = at("disc/boot/grub/i386-pc");
        fs::create_dir_all(&modules).map_err(|error| Error::io("cannot make", &modules, &error))?;
        write("disc/boot/kernel", &kernel)?;
        let mut blank = BLANK.as_bytes().to_vec();
        blank.resize(ROOM, b'\n');
        write("disc/boot/grub/grub.cfg", &blank)?;
        write("first.cfg", FIRST.as_bytes())?;
        if !programs.is_empty() {
            let (from, to) = (image.with_file_name(programs::FOLDER), at("disc/boot").join(programs::FOLDER));
            fs::create_dir(&to).map_err(|error| Error::io("cannot make", &to, &error))?;
            for name in programs {
                fs::copy(from.join(name), to.join(name))
                    .map_err(|error| Error::io("cannot read", &from.join(name), &error))?;
            }
        }
        for name in grub.needed(&["multiboot", "normal"])? {
            let file = grub.modules.join(format!("{name}.mod"));
            fs::copy(&file, modules.join(format!("{name}.mod")))
                .map_err(|error| Error::io("cannot read", &file, &error))?;
        }
        run(Command::new(&grub.mkimage)
            .args(["-O", "i386-pc-eltorito", "-p", "(cd)/boot/grub", "-d"])
            .arg(&grub.modules)
            .args(["-c", "first.cfg", "-o", "disc/boot/core.img", "biosdisk", "iso9660"])
            .current_dir(folder.path()))?;
        // The CD need not survive a power failure, so xorriso does not wait for the disk.
        run(Command::new(&grub.xorriso)
            .args(["-stdio_sync", "off", "-as", "mkisofs", "-quiet", "-o", "disc.iso", "-b", "boot/core.img"])
            .args(["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "disc"])
            .current_dir(folder.path()))?;
        let bytes = fs::read(at("disc.iso")).map_err(|error| Error::io("cannot read", &at("disc.iso"), &error))?;
        let is_configuration = |sector: &[u8]| sector.starts_with(BLANK.as_bytes());
        let sector = bytes.chunks(SECTOR).position(is_configuration);
        let configuration = sector.ok_or_else(|| Error::new("the CD for Bochs lacks GRUB's configuration"))? * SECTOR;
        Ok(Self { bytes, configuration })
    }

    /// The CD's bytes with the configuration for this boot.
    ///
    /// # Errors
    /// If the configuration does not fit.
    pub fn with(&self, words: &[String], programs: &[String]) -> Result<Vec<u8>> {
        let text = configuration(words, programs);
        if text.len() > ROOM {
            return Err(Error::new("the kernel's command line is too long for Bochs"));
        }
        let mut bytes = self.bytes.clone();
        let place = &mut bytes[self.configuration..][..ROOM];
        place.fill(b'\n');
        place[..text.len()].copy_from_slice(text.as_bytes());
        Ok(bytes)
    }
}

/// GRUB's configuration: boots the kernel with these words on its command line,
/// and with these programs as its modules.
fn configuration(words: &[String], programs: &[String]) -> String {
    let folder = programs::FOLDER;
    let mut text = format!("multiboot /boot/kernel {}\n", words.join(" "));
    for name in programs {
        // The text after the file's name is the module's own text, as QEMU passes it.
        text.push_str(&format!("module /boot/{folder}/{name} {folder}/{name}\n"));
    }
    text.push_str("boot\n");
    text
}

impl Grub {
    /// The names of these modules and of all modules that they need.
    fn needed(&self, wanted: &[&str]) -> Result<BTreeSet<String>> {
        let file = self.modules.join("moddep.lst");
        let text = fs::read_to_string(&file).map_err(|error| Error::io("cannot read", &file, &error))?;
        Ok(needed(&text, wanted))
    }
}

/// These modules and all that they need, by GRUB's list of dependencies: lines such as `net: boot bufio`.
fn needed(list: &str, wanted: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest: Vec<&str> = wanted.to_vec();
    while let Some(name) = rest.pop() {
        if found.insert(name.to_owned()) {
            let line = list.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            rest.extend(line.unwrap_or_default().split_ascii_whitespace());
        }
    }
    found
}

/// A kernel's image without the parts that no boot needs. GRUB would load the symbols
/// and line tables into the machine's memory.
///
/// `None` if it is no image of a program for a 32-bit machine. The offsets are
/// those of the ELF specification, "ELF Header" and "Program Header".
fn without_sections(mut image: Vec<u8>) -> Option<Vec<u8>> {
    const SECTIONS: usize = 32;
    const SECTION_COUNT: usize = 48;
    if !image.starts_with(b"\x7FELF\x01\x01") {
        return None;
    }
    let word = |at: usize| Some(u32::from_le_bytes(*image.get(at..)?.first_chunk()?) as usize);
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(*image.get(at..)?.first_chunk()?)));
    let (headers, size, count) = (word(28)?, half(42)?, half(44)?);
    let mut end = headers.checked_add(size.checked_mul(count)?)?;
    for number in 0..count {
        let header = headers + number * size;
        end = end.max(word(header + 4)?.checked_add(word(header + 16)?)?);
    }
    image.get_mut(SECTIONS..SECTIONS + 4)?.fill(0);
    // The number of sections, and the index of the section with their names.
    image.get_mut(SECTION_COUNT..SECTION_COUNT + 4)?.fill(0);
    image.truncate(end);
    Some(image)
}

/// Runs a program that prints nothing of importance if it succeeds.
fn run(command: &mut Command) -> Result<()> {
    let program = PathBuf::from(command.get_program());
    let output = process::output(command).map_err(|error| Error::io("cannot start", &program, &error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::new(format!("{} could not make a CD for Bochs", program.display()))
        .advise("this is what it said:")
        .output(String::from_utf8_lossy(&output.stderr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_comes_with_all_that_it_needs() {
        let list = "multiboot: boot net\nnet: bufio boot\nboot:\nbufio:\nother: more\n";
        assert_eq!(needed(list, &["multiboot"]), ["boot", "bufio", "multiboot", "net"].map(str::to_owned).into());
        assert_eq!(needed("", &["alone"]), ["alone".to_owned()].into());
    }

    #[test]
    fn a_boot_s_configuration_takes_the_blank_one_s_place() {
        let mut bytes = vec![1; SECTOR];
        bytes.resize(SECTOR + ROOM, b'\n');
        bytes.push(2);
        let disc = Disc { bytes, configuration: SECTOR };
        let disc = disc.with(&["nonce=1".into(), "list".into()], &["shell".into()]).unwrap();
        let text = "multiboot /boot/kernel nonce=1 list\nmodule /boot/programs/shell programs/shell\nboot\n";
        assert!(disc[SECTOR..].starts_with(text.as_bytes()));
        assert_eq!((disc[SECTOR - 1], disc[SECTOR + ROOM], disc.len()), (1, 2, SECTOR + ROOM + 1));
    }

    #[test]
    fn a_command_line_that_is_too_long_is_refused() {
        let disc = Disc { bytes: vec![0; ROOM], configuration: 0 };
        assert!(disc.with(&["x".repeat(ROOM)], &[]).is_err());
    }

    #[test]
    fn a_kernel_loses_its_sections_and_nothing_else() {
        let mut image = vec![0; 0x2000];
        image[..6].copy_from_slice(b"\x7FELF\x01\x01");
        let mut put = |at: usize, value: u32| image[at..at + 4].copy_from_slice(&value.to_le_bytes());
        put(28, 52); // the program headers, one of 32 bytes
        put(42, 32 | 1 << 16);
        put(32, 0x1800); // the section headers, three of them
        put(46, 40 | 3 << 16);
        put(52 + 4, 0x1000); // its bytes, and how many
        put(52 + 16, 0x234);
        let stripped = without_sections(image.clone()).unwrap();
        assert_eq!(stripped.len(), 0x1234);
        assert_eq!((&stripped[32..36], &stripped[48..52]), (&[0; 4][..], &[0; 4][..]));
        assert_eq!((&stripped[..32], &stripped[52..]), (&image[..32], &image[52..0x1234]));
        assert_eq!(without_sections(b"no kernel".to_vec()), None);
        image.truncate(60);
        assert_eq!(without_sections(image), None);
    }
}
