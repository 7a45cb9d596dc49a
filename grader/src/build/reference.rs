//! A lab's reference as an object: compiled, without a trace of its source, and fit to be linked
//! with any kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol, build, elf};

use crate::host::error::{Error, Result};
use crate::host::process;

use super::cargo::{Builder, Target};
use super::toolchain::Toolchain;

/// The prefix of the functions by which a kernel finds a reference.
const EXPORTED: &str = "folio_reference_";

/// The crate that makes the objects, and its profile.
const PACKAGE: &str = "reference";

/// The kernel's target, but with every crate compiled into the whole program. Otherwise a crate
/// with `#![no_builtins]`, such as lab 00, stays an object of its own.
const TARGET: Target = Target { name: "i686-reference", file: "kernel/reference/i686-reference.json" };

/// Compiles the reference of a lab's package, with `folder` for build files. Returns an archive
/// with one object.
///
/// # Errors
/// If the reference does not compile, or the object has names or debug information that it must not have.
pub fn compile(builder: &Builder<'_>, package: &str, folder: &Path) -> Result<Vec<u8>> {
    let library = compiled(builder, package, folder)?;
    let bytes = fs::read(&library).map_err(|error| Error::io("cannot read", &library, &error))?;
    let object =
        member(&bytes).ok_or_else(|| Error::new(format!("the reference of `{package}` is not in its object")))?;
    let whole = folder.join(format!("{package}.whole.o"));
    fs::write(&whole, object).map_err(|error| Error::io("cannot write", &whole, &error))?;
    let object = strip(builder.toolchain, &whole)?;
    let object = private(&object)
        .map_err(|error| Error::new(format!("the object of the reference of `{package}` cannot be read: {error}")))?;
    let archived = archive(&object);
    complaint(&object).map_or(Ok(archived), |complaint| {
        Err(Error::new(format!("the object of the reference of `{package}` {complaint}"))
            .advise("see kernel/reference, and the profile `reference` in Cargo.toml"))
    })
}

/// Runs cargo. Returns the library with the reference and everything that it depends on.
fn compiled(builder: &Builder<'_>, package: &str, folder: &Path) -> Result<PathBuf> {
    let mut command = builder.bare_metal(&[PACKAGE], PACKAGE, TARGET);
    command.args(["--features", package, "--color=never", "--quiet", "--target-dir"]).arg(folder);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(builder));
    let cargo = &builder.toolchain.cargo;
    let output = process::output(&mut command).map_err(|error| Error::io("cannot start", cargo, &error))?;
    if !output.status.success() {
        return Err(Error::new(format!("the reference of `{package}` could not be compiled"))
            .advise("this is what cargo said:")
            .output(String::from_utf8_lossy(&output.stderr)));
    }
    Ok(folder.join(TARGET.name).join(PACKAGE).join(format!("lib{PACKAGE}.a")))
}

/// Flags that keep paths of this computer and the names of the reference's own functions out of the object.
fn flags(builder: &Builder<'_>) -> String {
    let library = builder.toolchain.sysroot.join("lib/rustlib/src/rust");
    let packages = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cargo"))
    });
    let renamed = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    // Of several flags that match, the last one counts.
    let mut flags: Vec<String> = packages.iter().map(|folder| renamed(folder, "cargo")).collect();
    flags.push(renamed(&library, "rust"));
    flags.push(renamed(builder.root, ""));
    // Sections would be named after functions.
    flags.push("-Zfunction-sections=no".to_owned());
    // The profile of a kernel has debug information for some packages. A hand-out's reference has none: it would
    // tell how the reference is written, and after the linker's `-r` gdb can no longer read the kernel's own.
    flags.push("-Cdebuginfo=0".to_owned());
    flags.join("\u{1f}")
}

/// The object in a library by which a kernel finds a reference.
fn member(library: &[u8]) -> Option<&[u8]> {
    let archive = ArchiveFile::parse(library).ok()?;
    archive.members().flatten().find_map(|member| {
        let object = member.data(library).ok()?;
        let file = object::File::parse(object).ok()?;
        file.symbols().any(|symbol| is_exported(&symbol)).then_some(object)
    })
}

fn is_exported<'a>(symbol: &impl ObjectSymbol<'a>) -> bool {
    symbol.is_definition() && symbol.is_global() && symbol.name().is_ok_and(|name| name.starts_with(EXPORTED))
}

/// The object with no public names but those by which a kernel finds it. Otherwise a routine that the compiler adds
/// in assembly would stay public, and two references would both define it.
fn private(object: &[u8]) -> build::Result<Vec<u8>> {
    let mut builder = build::elf::Builder::read(object)?;
    for symbol in &mut builder.symbols {
        let is_own = symbol.section.is_some() && !symbol.name.starts_with(EXPORTED.as_bytes());
        if is_own && symbol.st_bind() != elf::STB_LOCAL {
            symbol.set_st_info(elf::STB_LOCAL, symbol.st_type());
        }
    }
    let mut bytes = Vec::new();
    builder.write(&mut bytes)?;
    Ok(bytes)
}

/// The object without its private names.
fn strip(toolchain: &Toolchain, object: &Path) -> Result<Vec<u8>> {
    let stripped = object.with_extension("stripped.o");
    let mut command = Command::new(&toolchain.linker);
    if toolchain.linker.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rust-lld")) {
        command.args(["-flavor", "gnu"]);
    }
    command.args(["-r", "--discard-all", "--strip-debug", "-o"]).arg(&stripped).arg(object);
    let output = process::output(&mut command).map_err(|error| Error::io("cannot start", &toolchain.linker, &error))?;
    if !output.status.success() {
        return Err(Error::new("the linker could not strip an object").output(String::from_utf8_lossy(&output.stderr)));
    }
    fs::read(&stripped).map_err(|error| Error::io("cannot read", &stripped, &error))
}

/// Why an object is refused; `None` if it is not. The reason is a name that could clash with a name
/// of a student's kernel, or that no kernel has; or debug information.
fn complaint(object: &[u8]) -> Option<String> {
    let Ok(file) = object::File::parse(object) else { return Some("cannot be read".to_owned()) };
    if let Some(name) =
        file.sections().filter_map(|section| section.name().ok()).find(|name| name.starts_with(".debug_"))
    {
        return Some(format!("has debug information, in `{name}`"));
    }
    for symbol in file.symbols() {
        let name = symbol.name().unwrap_or_default();
        if symbol.is_definition() && symbol.is_global() && !name.starts_with(EXPORTED) {
            return Some(format!("has a public name, `{name}`, that is none of `{EXPORTED}…`"));
        }
        // The compiler's own: every kernel has them.
        let is_the_compiler_s = name.starts_with("mem") || name.starts_with("__") || name == "bcmp";
        if symbol.is_undefined() && !name.is_empty() && !is_the_compiler_s {
            return Some(format!("lacks `{name}`"));
        }
    }
    None
}

/// An archive, in the format that all linkers read, with this object.
fn archive(object: &[u8]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    // Name, time, owner, group, mode, size: the same whoever makes it, and when.
    let header = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "reference.o/", 0, 0, 0, 644, object.len());
    bytes.extend(header.bytes());
    bytes.extend(object);
    if object.len() % 2 == 1 {
        bytes.push(b'\n');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_archived_is_found_again() {
        for object in [&b"one"[..], b"even"] {
            let bytes = archive(object);
            let parsed = ArchiveFile::parse(bytes.as_slice()).unwrap();
            let members: Vec<_> = parsed.members().map(Result::unwrap).collect();
            assert_eq!(members.len(), 1);
            assert_eq!(members[0].name(), b"reference.o");
            assert_eq!(members[0].data(bytes.as_slice()).unwrap(), object);
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(member(&archive(b"text")), None);
        assert!(complaint(b"text").is_some());
    }

    #[test]
    fn an_object_with_debug_information_is_refused() {
        use object::write::Object;
        use object::{Architecture, BinaryFormat, Endianness, SectionKind};

        for (section, kind, refused) in [(".debug_info", SectionKind::Debug, true), (".text", SectionKind::Text, false)]
        {
            let mut written = Object::new(BinaryFormat::Elf, Architecture::I386, Endianness::Little);
            written.add_section(Vec::new(), section.as_bytes().to_vec(), kind);
            let complaint = complaint(&written.write().unwrap());
            assert_eq!(complaint.is_some(), refused, "{section}: {complaint:?}");
        }
    }
}
