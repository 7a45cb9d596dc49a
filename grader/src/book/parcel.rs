//! The files beside the pages: the emulator and the terminal as their packages have them, and
//! the kernel with its programs.
//!
//! One file holds the kernel and then each program, and `machine.json` says where each begins. Files that have to
//! fit together have a part of their hash in their names, so that a browser never mixes cached files with
//! new ones. The files are compressed here, since many hosts would not compress them.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use object::elf::FileHeader32;
use object::endian::LittleEndian;
use object::read::elf::{FileHeader, ProgramHeader};
use serde::Serialize;

use crate::course::programs;
use crate::host::error::{Error, Result};

/// The terminal's files in the packages, and their names beside the pages. Hosts that do
/// not know `.mjs` know `.js`.
const TERMINAL: [(&str, &str); 3] = [
    ("@xterm/xterm/lib/xterm.mjs", "xterm.js"),
    ("@xterm/xterm/css/xterm.css", "xterm.css"),
    ("@xterm/addon-fit/lib/addon-fit.mjs", "addon-fit.js"),
];

/// The emulator: a script, and a program for WebAssembly.
const EMULATOR: [&str; 2] = ["v86/build/libv86.mjs", "v86/build/v86.wasm"];

/// The packages whose licences go with them.
const LICENSED: [&str; 3] = ["v86", "@xterm/xterm", "@xterm/addon-fit"];

/// A file in the parcel.
#[derive(Serialize, PartialEq, Eq, Debug)]
struct Part {
    name: String,
    offset: usize,
    size: usize,
}

/// The contents of the parcel.
#[derive(Serialize, PartialEq, Eq, Debug)]
struct Contents {
    /// The emulator's files.
    emulator: [String; 2],
    /// The file with the kernel and the programs.
    file: String,
    #[serde(flatten)]
    parts: Parts,
}

/// The contents of that file.
#[derive(Serialize, PartialEq, Eq, Debug)]
struct Parts {
    kernel: Part,
    /// The physical address at which the kernel's image ends in memory.
    end: u32,
    programs: Vec<Part>,
}

/// The parts of a kernel's file that a boot loader reads.
struct Loaded {
    bytes: Vec<u8>,
    end: u32,
}

/// Writes all files into the folder `built`, from a kernel's image, the programs of these names
/// beside it, and the packages' folder. Returns the size of all files, in bytes.
///
/// # Errors
/// If a file cannot be read or written, or the image is no kernel.
pub fn write(built: &Path, image: &Path, names: &[String], packages: &Path) -> Result<u64> {
    if built.exists() {
        fs::remove_dir_all(built).map_err(|error| Error::io("cannot remove", built, &error))?;
    }
    fs::create_dir_all(built).map_err(|error| Error::io("cannot create", built, &error))?;
    let mut total = 0;
    let mut put = |name: &str, bytes: &[u8]| {
        total += bytes.len() as u64;
        let path = built.join(name);
        fs::write(&path, bytes).map_err(|error| Error::io("cannot write", &path, &error))
    };
    for (from, to) in TERMINAL {
        put(to, without_source_map(&read(&packages.join(from))?))?;
    }
    put("licences.txt", &licences(packages)?)?;

    let [script, program] = EMULATOR.map(|name| read(&packages.join(name)));
    let (script, program) = (script?, compressed(&program?)?);
    let emulator = [named("v86", &script, "js"), named("v86", &program, "wasm.gz")];
    put(&emulator[0], without_source_map(&script))?;
    put(&emulator[1], &program)?;

    let elf = read(image)?;
    let kernel = loaded(&elf).ok_or_else(|| Error::new(format!("{} is no kernel", image.display())))?;
    let folder = programs::folder(image.parent().unwrap_or(Path::new("")));
    let programs = names.iter().map(|name| Ok((name.as_str(), read(&folder.join(name))?)));
    let (parts, bytes) = packed(&kernel, &programs.collect::<Result<Vec<_>>>()?);
    let bytes = compressed(&bytes)?;
    let contents = Contents { emulator, file: named("machine", &bytes, "bin.gz"), parts };
    put(&contents.file, &bytes)?;
    let json = serde_json::to_vec(&contents).map_err(|error| Error::new(format!("no JSON: {error}")))?;
    put("machine.json", &json)?;
    Ok(total)
}

/// A name with a part of the contents' hash in it.
fn named(name: &str, bytes: &[u8], end: &str) -> String {
    format!("{name}-{}.{end}", &blake3::hash(bytes).to_hex()[..8])
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::io("cannot read", path, &error))
}

/// A script without its last line, if that names a source map, which is not there.
fn without_source_map(script: &[u8]) -> &[u8] {
    let mark = b"\n//# sourceMappingURL=";
    let at = script.windows(mark.len()).rposition(|bytes| bytes == mark);
    at.map_or(script, |at| &script[..=at])
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    // The same bytes make the same file, since the file has no time stamp.
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    let result = encoder.write_all(bytes).and_then(|()| encoder.finish());
    result.map_err(|error| Error::new(format!("cannot compress: {error}")))
}

fn licences(packages: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for package in LICENSED {
        text.extend(format!("{package}\n\n").bytes());
        text.extend(read(&packages.join(package).join("LICENSE"))?);
        text.extend(b"\n\n");
    }
    Ok(text)
}

/// The headers and the segments of an image, without the line tables and symbols at its end, which are
/// four fifths of the file.
fn loaded(elf: &[u8]) -> Option<Loaded> {
    /// Where the header has the offset of the section table, the number of sections, and the index of
    /// the one with their names (System V ABI, chapter 4, "ELF header").
    const SECTION_FIELDS: [std::ops::Range<usize>; 3] = [32..36, 48..50, 50..52];

    let header = FileHeader32::<LittleEndian>::parse(elf).ok()?;
    let segments = header.program_headers(LittleEndian, elf).ok()?;
    let (mut file_end, mut end) = (0, 0);
    for segment in segments {
        file_end = file_end.max(segment.p_offset(LittleEndian).checked_add(segment.p_filesz(LittleEndian))?);
        end = end.max(segment.p_paddr(LittleEndian).checked_add(segment.p_memsz(LittleEndian))?);
    }
    let mut bytes = elf.get(..usize::try_from(file_end).ok()?)?.to_vec();
    for field in SECTION_FIELDS {
        bytes.get_mut(field)?.fill(0);
    }
    Some(Loaded { bytes, end })
}

/// All files one after the other, and the offset of each.
fn packed(kernel: &Loaded, programs: &[(&str, Vec<u8>)]) -> (Parts, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut add = |name: &str, file: &[u8]| {
        let part = Part { name: name.to_owned(), offset: bytes.len(), size: file.len() };
        bytes.extend(file);
        part
    };
    let part = add("kernel", &kernel.bytes);
    let programs = programs.iter().map(|(name, file)| add(name, file)).collect();
    (Parts { kernel: part, end: kernel.end, programs }, bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    /// An ELF file with one segment of 8 bytes at offset 0x60, and something behind it.
    fn elf() -> Vec<u8> {
        let mut elf = vec![0; 0x60];
        elf[..7].copy_from_slice(b"\x7FELF\x01\x01\x01");
        let words = [(18, 3_u16), (40, 52), (42, 32), (44, 1), (46, 40), (48, 3), (50, 2)];
        elf[16] = 2;
        for (at, word) in words {
            elf[at..at + 2].copy_from_slice(&word.to_le_bytes());
        }
        elf[20] = 1;
        elf[28] = 52;
        elf[32] = 0x68;
        for (at, word) in [(52, 1_u32), (56, 0x60), (64, 0x10_0000), (68, 8), (72, 0x20)] {
            elf[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        elf.extend(b"segment.and what debuggers read");
        elf
    }

    #[test]
    fn the_segments_stay_and_what_is_behind_them_goes() {
        let elf = elf();
        let Loaded { bytes, end } = loaded(&elf).unwrap();
        assert_eq!(bytes[0x60..], *b"segment.");
        assert_eq!(end, 0x10_0020);
        let header = FileHeader32::<LittleEndian>::parse(&*bytes).unwrap();
        assert_eq!((header.e_shnum.get(LittleEndian), header.e_shoff.get(LittleEndian)), (0, 0));
        assert_eq!(header.e_phnum.get(LittleEndian), 1);
        assert!(loaded(&elf[..0x62]).is_none(), "its segment is cut off");
        assert!(loaded(b"no kernel").is_none());
    }

    #[test]
    fn a_parcel_says_where_each_file_is() {
        let kernel = Loaded { bytes: b"kernel!".to_vec(), end: 7 };
        let (parts, bytes) = packed(&kernel, &[("cat", b"meow".to_vec()), ("hello", b"Hello".to_vec())]);
        let part = |part: &Part| bytes[part.offset..part.offset + part.size].to_vec();
        assert_eq!(part(&parts.kernel), b"kernel!");
        let programs: Vec<_> = parts.programs.iter().map(|it| (it.name.as_str(), part(it))).collect();
        assert_eq!(programs, [("cat", b"meow".to_vec()), ("hello", b"Hello".to_vec())]);
    }

    #[test]
    fn what_is_compressed_is_the_same_every_time() {
        let once = compressed(b"some bytes").unwrap();
        assert_eq!(once, compressed(b"some bytes").unwrap());
        let mut read = Vec::new();
        GzDecoder::new(&*once).read_to_end(&mut read).unwrap();
        assert_eq!(read, b"some bytes");
    }

    #[test]
    fn another_content_has_another_name() {
        let name = named("v86", b"one", "js");
        assert!(name.starts_with("v86-") && name.ends_with(".js") && name.len() == "v86-01234567.js".len(), "{name}");
        assert_ne!(name, named("v86", b"two", "js"));
    }

    #[test]
    fn a_script_names_no_file_that_is_not_there() {
        assert_eq!(without_source_map(b"let x;\n//# sourceMappingURL=x.js.map\n"), b"let x;\n");
        assert_eq!(without_source_map(b"let x;\n"), b"let x;\n");
    }
}
