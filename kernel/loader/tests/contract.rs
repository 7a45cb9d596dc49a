//! The loader's contract, rule by rule.

mod common;

use common::{File, LOAD, ProgramHeader, R, W, X};
use loader::{LoadError, Program};
use mm_api::VirtAddr;

const DYNAMIC: u32 = 2;
const INTERP: u32 = 3;
const TLS: u32 = 7;

/// The result for a right program after a change.
fn after(change: impl FnOnce(&mut File)) -> Result<(), LoadError> {
    let mut file = File::right();
    change(&mut file);
    Program::new(&file.bytes()).map(drop)
}

/// The result for a right program after a change to one of its headers.
fn after_segment(index: usize, change: impl FnOnce(&mut ProgramHeader)) -> Result<(), LoadError> {
    after(|file| change(&mut file.headers[index]))
}

#[test]
fn a_right_program_is_described() {
    let bytes = File::right().bytes();
    let program = Program::new(&bytes).unwrap();
    assert_eq!(program.entry(), VirtAddr::new(0x0804_8100));
    assert_eq!(program.program_headers(), Some(VirtAddr::new(0x0804_8034)));
    assert_eq!(program.program_header_count(), 3);
    assert_eq!(program.pages(), 2 + 1 + 4);
    assert_eq!(program.end().start(), VirtAddr::new(0x0804_F000));

    let segments: Vec<_> = program.segments().collect();
    assert_eq!(segments.len(), 3);
    let [code, constants, data] = segments[..] else { unreachable!() };
    assert_eq!((code.start(), code.size(), code.bytes()), (VirtAddr::new(0x0804_8000), 0x1100, &bytes[..0x1100]));
    assert!(code.is_executable() && !code.is_writable());
    assert_eq!((constants.pages().len(), constants.bytes()), (1, &bytes[0x1100..0x1180]));
    assert!(!constants.is_executable() && !constants.is_writable());
    assert_eq!((data.start(), data.size(), data.bytes()), (VirtAddr::new(0x0804_B180), 0x3000, &bytes[0x1180..0x1280]));
    assert_eq!((data.pages().first().start(), data.pages().len()), (VirtAddr::new(0x0804_B000), 4));
    assert!(!data.is_executable() && data.is_writable());
}

#[test]
fn a_file_that_ends_early_is_refused() {
    let bytes = File::right().bytes();
    assert_eq!(Program::new(&[]).unwrap_err(), LoadError::Truncated);
    for end in 0..bytes.len() {
        let error = Program::new(&bytes[..end]).unwrap_err();
        let expected = match end {
            0..52 => LoadError::Truncated,
            52..148 => LoadError::ProgramHeadersOutside,
            _ => LoadError::SegmentOutside,
        };
        assert_eq!(error, expected, "{end} bytes");
    }
}

#[test]
fn the_first_bytes_are_checked() {
    for (index, expected) in [
        (0, LoadError::BadMagic),
        (1, LoadError::BadMagic),
        (2, LoadError::BadMagic),
        (3, LoadError::BadMagic),
        (4, LoadError::NotElf32),
        (5, LoadError::NotLittleEndian),
        (6, LoadError::BadVersion),
        (7, LoadError::ForeignSystem),
        (8, LoadError::ForeignSystem),
    ] {
        let right = File::right().ident[index];
        for wrong in (0..=u8::MAX).filter(|&byte| byte != right && !(index == 7 && byte == 3)) {
            assert_eq!(after(|file| file.ident[index] = wrong), Err(expected), "byte {index} is {wrong}");
        }
    }
    // Linux is allowed, and readers are to ignore the padding.
    assert_eq!(after(|file| file.ident[7] = 3), Ok(()));
    assert_eq!(after(|file| file.ident[9..].fill(0xFF)), Ok(()));
}

#[test]
fn the_rest_of_the_file_header_is_checked() {
    for kind in [0, 1, 3, 4, 0xFFFF] {
        assert_eq!(after(|file| file.kind = kind), Err(LoadError::NotExecutable));
    }
    for machine in [0, 2, 4, 62, 0xFFFF] {
        assert_eq!(after(|file| file.machine = machine), Err(LoadError::WrongMachine));
    }
    for version in [0, 2, u32::MAX] {
        assert_eq!(after(|file| file.version = version), Err(LoadError::BadVersion));
    }
    for flags in [1, 0x8000_0000] {
        assert_eq!(after(|file| file.flags = flags), Err(LoadError::UnknownFlags));
    }
    for size in [0, 51, 53, 64, 0xFFFF] {
        assert_eq!(after(|file| file.header_size = size), Err(LoadError::BadHeaderSize));
    }
    for size in [0, 31, 33, 56, 0xFFFF] {
        assert_eq!(after(|file| file.program_header_size = size), Err(LoadError::BadProgramHeaderSize));
    }
}

#[test]
fn the_program_headers_have_to_be_in_the_file() {
    assert_eq!(after(|file| file.count = Some(0)), Err(LoadError::NoSegments));
    assert_eq!(after(|file| file.count = Some(0xFFFF)), Err(LoadError::TooManyProgramHeaders));
    assert_eq!(after(|file| file.count = Some(0xFFFE)), Err(LoadError::ProgramHeadersOutside));
    let length = File::right().bytes().len() as u32;
    for offset in [length - 95, length, 0x8000_0000, u32::MAX - 95, u32::MAX] {
        assert_eq!(after(|file| file.table_offset = offset), Err(LoadError::ProgramHeadersOutside));
    }
}

#[test]
fn what_needs_more_than_loading_is_refused() {
    for (kind, expected) in [(DYNAMIC, LoadError::Dynamic), (INTERP, LoadError::Dynamic), (TLS, LoadError::ThreadLocal)]
    {
        assert_eq!(after_segment(1, |header| header.kind = kind), Err(expected));
    }
    // A note, the table itself, the stack's flags, a processor's own: nothing to be loaded.
    for kind in [0, 4, 6, 0x6474_E551, 0x7000_0000, u32::MAX] {
        assert_eq!(after_segment(1, |header| *header = ProgramHeader { kind, offset: u32::MAX, ..*header }), Ok(()));
    }
}

#[test]
fn a_program_has_to_have_something_to_load() {
    let empty = |header: &mut ProgramHeader| (header.file_size, header.size) = (0, 0);
    assert_eq!(after(|file| file.headers.iter_mut().for_each(empty)), Err(LoadError::NoSegments));
    assert_eq!(after(|file| file.headers.iter_mut().for_each(|header| header.kind = 4)), Err(LoadError::NoSegments));
    assert_eq!(after_segment(1, empty), Ok(()));
}

#[test]
fn an_empty_segment_is_nowhere() {
    // GNU ld writes such headers for discarded sections.
    let empty =
        |address| after_segment(1, |header| *header = ProgramHeader { address, size: 0, file_size: 0, ..*header });
    assert_eq!(empty(0x100), Ok(()));
    assert_eq!(empty(0xFFFF_F100), Ok(()));
}

#[test]
fn a_segment_s_bytes_have_to_be_in_the_file() {
    let offset = |offset| after_segment(1, |header| (header.offset, header.align) = (offset, 1));
    let length = File::right().bytes().len() as u32;
    assert_eq!(offset(length - 0x80), Ok(()));
    for wrong in [length - 0x7F, length, 0x8000_0000, u32::MAX - 0x7F, u32::MAX] {
        assert_eq!(offset(wrong), Err(LoadError::SegmentOutside));
    }
    assert_eq!(
        after_segment(2, |header| (header.file_size, header.size) = (u32::MAX, u32::MAX)),
        Err(LoadError::SegmentOutside)
    );
    assert_eq!(after_segment(1, |header| header.size = 0x7F), Err(LoadError::FileLargerThanMemory));
    assert_eq!(after_segment(1, |header| header.size = 0), Err(LoadError::FileLargerThanMemory));
}

#[test]
fn a_segment_lies_in_memory_as_in_the_file() {
    for align in [3, 5, 4095, 4097, 0xFFFF_FFFF] {
        assert_eq!(after_segment(1, |header| header.align = align), Err(LoadError::BadAlignment));
    }
    for align in [0, 1, 2, 64, 4096] {
        assert_eq!(after_segment(1, |header| header.align = align), Ok(()));
    }
    // 0x0804_A100 and 0x1100 differ from here on.
    for align in [0x2000, 0x4000_0000, 0x8000_0000] {
        let expected = if 0x0804_A100_u32 % align == 0x1100 % align { Ok(()) } else { Err(LoadError::Misaligned) };
        assert_eq!(after_segment(1, |header| header.align = align), expected);
    }
    assert_eq!(after_segment(1, |header| header.address += 4), Err(LoadError::Misaligned));
}

#[test]
fn a_segment_has_to_be_where_programs_are() {
    let at = |address, size| {
        after_segment(2, |header| {
            *header = ProgramHeader { address, size, file_size: 0, align: 1, ..*header };
        })
    };
    for (address, size, expected) in [
        (0x0000_0000, 1, Err(LoadError::NullPage)),
        (0x0000_0FFF, 2, Err(LoadError::NullPage)),
        (0x0000_0004, 0xFFFF_FFF0, Err(LoadError::NullPage)),
        (0x0000_1000, 1, Err(LoadError::BelowImage)),
        (0x0804_7FFF, 1, Err(LoadError::BelowImage)),
        (0x0804_7FFF, 2, Err(LoadError::BelowImage)),
        (0x0FFF_FFFF, 1, Ok(())),
        (0x0FFF_FFFF, 2, Err(LoadError::AboveImage)),
        (0x1000_0000, 1, Err(LoadError::AboveImage)),
        (0xBFFF_FFFF, 1, Err(LoadError::AboveImage)),
        (0xBFFF_FFFF, 2, Err(LoadError::KernelHalf)),
        (0x0805_0000, 0xC000_0000, Err(LoadError::KernelHalf)),
        (0xC000_0000, 1, Err(LoadError::KernelHalf)),
        (0xFFFF_FFFF, 1, Err(LoadError::KernelHalf)),
        (0xFFFF_FFFF, 2, Err(LoadError::Wraps)),
        (0x0805_0000, 0xFFFF_FFFF, Err(LoadError::Wraps)),
        (0xFFFF_F000, 0x1001, Err(LoadError::Wraps)),
        (0xFFFF_F000, 0x1000, Err(LoadError::KernelHalf)),
    ] {
        assert_eq!(at(address, size), expected, "{size:#x} bytes at {address:#x}");
    }
}

#[test]
fn segments_follow_each_other_and_share_no_page() {
    let place = |address, size| {
        after_segment(1, |header| {
            *header = ProgramHeader { address, size, file_size: 0, align: 1, ..*header };
        })
    };
    // Between the code's two pages and the data.
    assert_eq!(place(0x0804_A000, 0x1000), Ok(()));
    assert_eq!(place(0x0804_A000, 0x1001), Err(LoadError::Overlap));
    assert_eq!(place(0x0804_AFFF, 2), Err(LoadError::Overlap));
    // Not the same bytes, but the same page.
    assert_eq!(place(0x0804_9200, 1), Err(LoadError::Overlap));
    assert_eq!(place(0x0804_8000, 1), Err(LoadError::Overlap));
    assert_eq!(place(0x0805_0000, 1), Err(LoadError::OutOfOrder));
    assert_eq!(after(|file| file.headers.swap(0, 1)), Err(LoadError::OutOfOrder));
}

#[test]
fn a_program_begins_in_its_code() {
    let entry = |entry| after(|file| file.entry = entry);
    for right in [0x0804_8000, 0x0804_90FF] {
        assert_eq!(entry(right), Ok(()));
    }
    for wrong in [0, 0x0804_7FFF, 0x0804_9100, 0x0804_A100, 0x0804_B180, 0xC000_0000, u32::MAX] {
        assert_eq!(entry(wrong), Err(LoadError::BadEntry), "{wrong:#x}");
    }
    assert_eq!(after_segment(0, |header| header.flags = R | W), Err(LoadError::BadEntry));
}

#[test]
fn program_headers_that_are_not_loaded_have_no_address() {
    let mut file = File::right();
    file.headers[0].offset = 0x80;
    file.headers[0].align = 1;
    assert_eq!(Program::new(&file.bytes()).unwrap().program_headers(), None);
    // All of them, or none.
    let mut file = File::right();
    (file.headers[0].file_size, file.entry) = (147, 0x0804_8000);
    assert_eq!(Program::new(&file.bytes()).unwrap().program_headers(), None);
    file.headers[0].file_size = 148;
    assert_eq!(Program::new(&file.bytes()).unwrap().program_headers(), Some(VirtAddr::new(0x0804_8034)));
}

#[test]
fn a_program_of_zeros_alone_is_one() {
    let zeros =
        ProgramHeader { kind: LOAD, offset: 0, address: 0x0804_8000, file_size: 0, size: 1, flags: R | X, align: 0 };
    let bytes = File::of(vec![zeros], 0x0804_8000).bytes();
    let program = Program::new(&bytes).unwrap();
    let segment = program.segments().next().unwrap();
    assert_eq!((segment.bytes(), segment.size(), segment.pages().len()), (&[][..], 1, 1));
}

#[test]
fn every_error_says_something_of_its_own() {
    let errors = [
        LoadError::Truncated,
        LoadError::BadMagic,
        LoadError::NotElf32,
        LoadError::NotLittleEndian,
        LoadError::BadVersion,
        LoadError::ForeignSystem,
        LoadError::NotExecutable,
        LoadError::WrongMachine,
        LoadError::UnknownFlags,
        LoadError::BadHeaderSize,
        LoadError::BadProgramHeaderSize,
        LoadError::TooManyProgramHeaders,
        LoadError::ProgramHeadersOutside,
        LoadError::Dynamic,
        LoadError::ThreadLocal,
        LoadError::NoSegments,
        LoadError::FileLargerThanMemory,
        LoadError::SegmentOutside,
        LoadError::BadAlignment,
        LoadError::Misaligned,
        LoadError::Wraps,
        LoadError::NullPage,
        LoadError::KernelHalf,
        LoadError::BelowImage,
        LoadError::AboveImage,
        LoadError::OutOfOrder,
        LoadError::Overlap,
        LoadError::BadEntry,
    ];
    let texts: std::collections::BTreeSet<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), errors.len());
}
