//! The memory that a student's statics take.
//!
//! Points are for little memory, and that is what an allocator borrows or has in its own `struct`. Records in a
//! `static` would be for nothing, so an allocator with more than a few variables there does not compete.

use std::fs;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};

/// The most bytes: enough for switches and counters, and for no records.
const MOST: u64 = 1024;

/// Refuses an image in which the lab's own files have more statics than that.
///
/// # Errors
/// If they have, or if the image cannot be read.
pub fn refuse_records(lab: &Lab, image: &Path) -> Result<()> {
    let bytes = fs::read(image).map_err(|error| Error::io("cannot read", image, &error))?;
    let modules = modules(&lab.toml.package, &lab.toml.files);
    let taken =
        bytes_of(&bytes, &modules).map_err(|error| Error::new(format!("{} is no image: {error}", image.display())))?;
    if taken <= MOST {
        return Ok(());
    }
    Err(Error::new(format!(
        "the contest was not held: the statics of labs/{} take {taken} bytes, and at most {MOST} are free",
        lab.id
    ))
    .advise("points are for little memory: keep the records in what the allocator borrows"))
}

/// The paths of the modules that a student's files are: `pmm::bitmap` for `src/bitmap.rs`.
fn modules(package: &str, files: &[String]) -> Vec<String> {
    let stems = files.iter().filter_map(|file| Path::new(file).file_stem()?.to_str());
    stems.map(|stem| format!("{}::{stem}::", package.replace('-', "_"))).collect()
}

/// Bytes of the variables of these modules, and of functions in them.
fn bytes_of(image: &[u8], modules: &[String]) -> object::Result<u64> {
    let file = object::File::parse(image)?;
    let is_variable = |symbol: &object::Symbol<'_, '_>| {
        let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
        section.is_some_and(|section| matches!(section.kind(), SectionKind::Data | SectionKind::UninitializedData))
    };
    let is_theirs = |symbol: &object::Symbol<'_, '_>| {
        let name = symbol.name().map(|name| format!("{:#}", rustc_demangle::demangle(name))).unwrap_or_default();
        modules.iter().any(|module| name.contains(module.as_str()))
    };
    Ok(file.symbols().filter(is_variable).filter(is_theirs).map(|symbol| symbol.size()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::{Object as Written, Symbol, SymbolSection};
    use object::{
        Architecture, BinaryFormat, Endianness, SymbolFlags, SymbolKind, SymbolScope, write::StandardSection,
    };

    fn image(symbols: &[(&str, StandardSection, u64)]) -> Vec<u8> {
        let mut image = Written::new(BinaryFormat::Elf, Architecture::I386, Endianness::Little);
        for (name, section, size) in symbols {
            let section = image.section_id(*section);
            image.add_symbol(Symbol {
                name: name.as_bytes().to_vec(),
                value: 0,
                size: *size,
                kind: SymbolKind::Data,
                scope: SymbolScope::Compilation,
                weak: false,
                section: SymbolSection::Section(section),
                flags: SymbolFlags::None,
            });
        }
        image.write().unwrap()
    }

    #[test]
    fn variables_of_the_students_files_are_counted_and_no_others() {
        let theirs = modules("pmm", &["src/bitmap.rs".to_owned()]);
        assert_eq!(theirs, ["pmm::bitmap::"]);
        let (zero, data, constant) =
            (StandardSection::UninitializedData, StandardSection::Data, StandardSection::ReadOnlyData);
        let image = image(&[
            ("_RNvNtCs1234_3pmm6bitmap7MANAGED", zero, 4000),
            ("_ZN3pmm6bitmap5FIRST17h0123456789abcdefE", data, 20),
            ("_RNvNtCs1234_3pmm6bitmap5TABLE", constant, 512),
            ("_RNvNtNtCs1234_3pmm15measured_beside8champion5WORDS", zero, 8),
            ("_RNvNtCs1234_4heap6blocks5NOTED", zero, 16),
        ]);
        assert_eq!(bytes_of(&image, &theirs).unwrap(), 4020);
    }
}
