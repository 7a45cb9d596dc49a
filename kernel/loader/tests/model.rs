//! The loader with files of every kind.

mod common;

use common::{File, LOAD, ProgramHeader, R, W, X, contents_offset};
use loader::Program;
use proptest::prelude::*;

/// Checks the promises of a program that is not refused, from its bytes alone.
fn check(file: &[u8], program: &Program<'_>) -> Result<(), TestCaseError> {
    let mut end = 0x0804_8000_u64;
    let mut entered = false;
    let entry = u64::from(program.entry().as_u32());
    let mut pages = 0;
    prop_assert!(program.segments().next().is_some());
    for segment in program.segments() {
        let (start, size) = (u64::from(segment.start().as_u32()), u64::from(segment.size()));
        prop_assert!(size > 0);
        prop_assert!(segment.bytes().len() as u64 <= size);
        prop_assert!(file.as_ptr_range().contains(&segment.bytes().as_ptr()) || segment.bytes().is_empty());
        let range = segment.pages();
        let (first, last) = (u64::from(range.first().number()) << 12, u64::from(range.end()) << 12);
        prop_assert!(first <= start && start < first + 4096);
        prop_assert!(last >= start + size && last < start + size + 4096);
        prop_assert!(first >= end && last <= 0x1000_0000);
        end = last;
        pages += range.len();
        entered |= segment.is_executable() && (start..start + size).contains(&entry);
    }
    prop_assert!(entered);
    prop_assert_eq!(pages, program.pages());
    prop_assert_eq!(end, u64::from(program.end().number()) << 12);
    Ok(())
}

/// Numbers that are near a limit more often than not.
fn number() -> impl Strategy<Value = u32> {
    let edges = [0_u32, 52, 0x1000, 0x1280, 0x0804_8000, 0x0804_A000, 0x1000_0000, 0xC000_0000, 0x8000_0000];
    prop_oneof![
        any::<u32>(),
        (prop::sample::select(edges.to_vec()), -2_i32..3).prop_map(|(edge, more)| edge.wrapping_add_signed(more)),
    ]
}

/// A right program with 1 to 11 segments, and for each its expected address, bytes and size.
fn program() -> impl Strategy<Value = (File, Vec<(u32, Vec<u8>, u32)>)> {
    let segment = (0_u32..4, 0_u32..4096, prop::collection::vec(any::<u8>(), 0..3000), 0_u32..9000, 0_u32..4);
    prop::collection::vec(segment, 1..12).prop_map(|segments| {
        let mut headers = Vec::new();
        let mut contents = Vec::new();
        let mut expected = Vec::new();
        let mut next = 0x0804_8000_u32;
        let begin = contents_offset(segments.len());
        for (index, (gap, start, bytes, zeros, flags)) in segments.into_iter().enumerate() {
            let address = next + gap * 4096 + start;
            let size = (bytes.len() as u32 + zeros).max(1);
            // The offset in the file and the address have to be equal modulo the page size.
            while (begin + contents.len() as u32) % 4096 != address % 4096 {
                contents.push(0xEE);
            }
            let flags = if index == 0 { R | X } else { R | flags & (W | X) };
            headers.push(ProgramHeader {
                kind: LOAD,
                offset: begin + contents.len() as u32,
                address,
                file_size: bytes.len() as u32,
                size,
                flags,
                align: 4096,
            });
            contents.extend(&bytes);
            next = (address + size).next_multiple_of(4096);
            expected.push((address, bytes, size));
        }
        let entry = headers[0].address;
        (File { contents, ..File::of(headers, entry) }, expected)
    })
}

proptest! {
    #[test]
    fn right_programs_are_read_as_they_were_written((file, expected) in program()) {
        let bytes = file.bytes();
        let program = Program::new(&bytes).unwrap();
        check(&bytes, &program)?;
        let seen: Vec<_> = program
            .segments()
            .map(|segment| (segment.start().as_u32(), segment.bytes().to_vec(), segment.size()))
            .collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn a_program_with_changed_words_is_refused_or_sound(
        changes in prop::collection::vec((0_usize..37, number()), 1..4),
    ) {
        let mut bytes = File::right().bytes();
        for (word, value) in changes {
            bytes[word * 4..word * 4 + 4].copy_from_slice(&value.to_le_bytes());
        }
        if let Ok(program) = Program::new(&bytes) {
            check(&bytes, &program)?;
        }
    }

    #[test]
    fn a_program_with_a_changed_header_is_refused_or_sound(
        index in 0_usize..3,
        (offset, address, file_size, size, align) in (number(), number(), number(), number(), number()),
        kept in 0_u32..32,
    ) {
        let mut file = File::right();
        let header = &mut file.headers[index];
        for (bit, (field, value)) in [
            (&mut header.offset, offset),
            (&mut header.address, address),
            (&mut header.file_size, file_size),
            (&mut header.size, size),
            (&mut header.align, align),
        ]
        .into_iter()
        .enumerate()
        {
            if kept & 1 << bit == 0 {
                *field = value;
            }
        }
        let bytes = file.bytes();
        if let Ok(program) = Program::new(&bytes) {
            check(&bytes, &program)?;
        }
    }

    #[test]
    fn any_bytes_are_refused_or_sound(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        has_header in any::<bool>(),
    ) {
        if has_header {
            // So that the reader gets past the first byte.
            let right = File::right().bytes();
            let length = bytes.len().min(52);
            bytes[..length].copy_from_slice(&right[..length]);
        }
        if let Ok(program) = Program::new(&bytes) {
            check(&bytes, &program)?;
        }
    }
}
